/* SPDX-License-Identifier: MIT
 *
 * The formatter behind print().
 */
#include "guest/lib/print.h"

#include <stdbool.h>
#include <stdint.h>

#include "guest/drivers/console.h"
#include "guest/lib/string.h"

enum log_level print_console_level = LOG_INFO;

struct output {
	char *at, *end; /* *end is for the NUL */
};

struct spec {
	bool left, zero, prefix, is_long;
	unsigned width;
};

static void put(struct output *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_padded(struct output *out, const struct spec *spec, const char *s, size_t length)
{
	size_t pad = spec->width > length ? spec->width - length : 0;

	for (; pad && !spec->left; pad--)
		put(out, spec->zero ? '0' : ' ');
	for (size_t i = 0; i < length; i++)
		put(out, s[i]);
	for (; pad; pad--)
		put(out, ' ');
}

static void put_number(struct output *out, struct spec *spec, uint64_t value, unsigned base,
		       bool negative)
{
	char digit[24];
	char *at = digit + sizeof(digit);

	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (spec->prefix && base == 16) {
		put(out, '0');
		put(out, 'x');
		spec->width = spec->width > 2 ? spec->width - 2 : 0;
	}
	if (negative)
		*--at = '-';
	put_padded(out, spec, at, digit + sizeof(digit) - at);
}

static const char *parse_spec(const char *format, struct spec *spec)
{
	for (;; format++) {
		if (*format == '-')
			spec->left = true;
		else if (*format == '0')
			spec->zero = true;
		else if (*format == '#')
			spec->prefix = true;
		else
			break;
	}
	while (*format >= '0' && *format <= '9')
		spec->width = spec->width * 10 + (*format++ - '0');
	while (*format == 'l' || *format == 'z') {
		spec->is_long = true;
		format++;
	}
	return format;
}

size_t print_args_to(char *buf, size_t size, const char *format, va_list args)
{
	struct output out = {buf, buf + size - 1};

	for (; *format; format++) {
		struct spec spec = {0};
		const char *s;
		int64_t value;
		char c;

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format = parse_spec(format + 1, &spec);
		switch (*format) {
		case 'd':
		case 'i':
			value = spec.is_long ? va_arg(args, int64_t) : va_arg(args, int);
			put_number(&out, &spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10,
				   value < 0);
			break;
		case 'u':
		case 'x':
			put_number(&out, &spec,
				   spec.is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned),
				   *format == 'u' ? 10 : 16, false);
			break;
		case 'p':
			spec.prefix = true;
			put_number(&out, &spec, (uint64_t)va_arg(args, void *), 16, false);
			break;
		case 's':
			s = va_arg(args, const char *);
			put_padded(&out, &spec, s, strlen(s));
			break;
		case 'c':
			c = (char)va_arg(args, int);
			put_padded(&out, &spec, &c, 1);
			break;
		default: put(&out, *format); break;
		}
	}
	*out.at = 0;
	return out.at - buf;
}

size_t print_to(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = print_args_to(buf, size, format, args);
	va_end(args);
	return length;
}

static void write_out(enum log_level level, const char *format, va_list args)
{
	char buf[PRINT_MAX];
	const size_t length = print_args_to(buf, sizeof(buf), format, args);

	log_add(level, buf, length);
	if (level <= print_console_level)
		console_write(buf, length);
}

void print_args(const char *format, va_list args)
{
	write_out(LOG_NOTICE, format, args);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_out(LOG_NOTICE, format, args);
	va_end(args);
}

void print_level(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_out(level, format, args);
	va_end(args);
}
