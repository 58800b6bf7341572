/* SPDX-License-Identifier: MIT
 *
 * lwIP includes it and needs nothing of it here.
 */
