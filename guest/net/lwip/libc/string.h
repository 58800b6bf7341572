/* SPDX-License-Identifier: MIT
 *
 * lwIP includes the C library's headers by name: these are the kernel's.
 */
#include "guest/lib/string.h"
