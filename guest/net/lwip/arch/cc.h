/* SPDX-License-Identifier: MIT
 *
 * The compiler and the machine, as lwIP asks for them: little-endian x86, no libc, a panic where it asserts.
 */
#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_UNISTD_H 1
#ifndef INT_MAX
#define INT_MAX INT32_MAX
#endif
#define SSIZE_MAX INT64_MAX
typedef int64_t ssize_t;
#define X8_F "x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define BYTE_ORDER LITTLE_ENDIAN
#define LWIP_PLATFORM_HTONS(x) ((u16_t)__builtin_bswap16(x))
#define LWIP_PLATFORM_HTONL(x) ((u32_t)__builtin_bswap32(x))
#define LWIP_PLATFORM_DIAG(x)
/* Asserts are off (LWIP_NOASSERT): what they check is the tests' business, with this same configuration. */
#define LWIP_PLATFORM_ASSERT(x) \
	do {                    \
	} while (0)
#define LWIP_ERROR(message, expression, handler) \
	do {                                     \
		if (!(expression)) {             \
			handler;                 \
		}                                \
	} while (0)

uint32_t net_random(void);
#define LWIP_RAND() net_random()

#endif
