/* SPDX-License-Identifier: MIT
 *
 * lwIP includes it for netif_find(), which nobody calls.
 */
#define atoi(text) 0
