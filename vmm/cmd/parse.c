/* SPDX-License-Identifier: MIT
 *
 * Numbers with units, as people write them on a command line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/run_options.h"

#define DURATION_MAX_MS (30u * 24 * 3600 * 1000) /* a month */

static const struct {
	const char *name;
	unsigned shift;
} size_units[] = {
	{"", 0},     {"B", 0},	{"K", 10},  {"KB", 10},	 {"KiB", 10}, {"M", 20},  {"MB", 20},
	{"MiB", 20}, {"G", 30}, {"GB", 30}, {"GiB", 30}, {"T", 40},   {"TB", 40}, {"TiB", 40},
};

int parse_size(const char *text, uint64_t *bytes)
{
	char *unit;
	unsigned long long number;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &unit, 10);
	if (errno)
		return -ERANGE;
	for (unsigned i = 0; i < sizeof(size_units) / sizeof(*size_units); i++) {
		if (strcasecmp(unit, size_units[i].name) != 0)
			continue;
		if (number > UINT64_MAX >> size_units[i].shift)
			return -ERANGE;
		*bytes = (uint64_t)number << size_units[i].shift;
		return 0;
	}
	return -EINVAL;
}

int parse_duration(const char *text, unsigned *ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"", 1000},   {"s", 1000},	   {"ms", 1},
		     {"m", 60000}, {"min", 60000}, {"h", 3600000}};
	char *unit;
	double number;

	if (!strchr("0123456789.", text[0]) || !text[0])
		return -EINVAL;
	number = strtod(text, &unit);
	if (unit == text)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		if (number * units[i].ms > DURATION_MAX_MS)
			return -ERANGE;
		*ms = (unsigned)(number * units[i].ms);
		return 0;
	}
	return -EINVAL;
}
