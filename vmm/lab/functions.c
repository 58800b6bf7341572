/* SPDX-License-Identifier: MIT
 *
 * See functions.h.
 */
#include "lab/functions.h"

#include <math.h>
#include <string.h>

static double count(const struct series *s, double tolerance)
{
	(void)tolerance;
	return s->count;
}

static double sum(const struct series *s, double tolerance)
{
	double total = 0;

	(void)tolerance;
	for (unsigned i = 0; i < s->count; i++)
		total += s->number[i];
	return total;
}

static double min(const struct series *s, double tolerance)
{
	double least = s->number[0];

	(void)tolerance;
	for (unsigned i = 1; i < s->count; i++)
		least = s->number[i] < least ? s->number[i] : least;
	return least;
}

static double max(const struct series *s, double tolerance)
{
	double most = s->number[0];

	(void)tolerance;
	for (unsigned i = 1; i < s->count; i++)
		most = s->number[i] > most ? s->number[i] : most;
	return most;
}

static double mean(const struct series *s, double tolerance)
{
	return sum(s, tolerance) / s->count;
}

static double first(const struct series *s, double tolerance)
{
	(void)tolerance;
	return s->number[0];
}

static double last(const struct series *s, double tolerance)
{
	(void)tolerance;
	return s->number[s->count - 1];
}

/* Without a tolerance each is truly above the one before it; with one, not below that by more. */
static double rising(const struct series *s, double tolerance)
{
	for (unsigned i = 1; i < s->count; i++) {
		const double before = s->number[i - 1], now = s->number[i];

		if (isnan(tolerance) ? now <= before
				     : now < before - fabs(before) * tolerance / 100)
			return 0;
	}
	return 1;
}

static double falling(const struct series *s, double tolerance)
{
	for (unsigned i = 1; i < s->count; i++) {
		const double before = s->number[i - 1], now = s->number[i];

		if (isnan(tolerance) ? now >= before
				     : now > before + fabs(before) * tolerance / 100)
			return 0;
	}
	return 1;
}

const struct function *function_find(const char *name, size_t length)
{
	static const struct function functions[] = {
		{"count", true, false, 0, count},     {"sum", false, false, 1, sum},
		{"min", false, false, 1, min},	      {"max", false, false, 1, max},
		{"mean", false, false, 1, mean},      {"first", false, false, 1, first},
		{"last", false, false, 1, last},      {"rising", false, true, 2, rising},
		{"falling", false, true, 2, falling},
	};

	for (unsigned i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (strlen(functions[i].name) == length &&
		    memcmp(functions[i].name, name, length) == 0)
			return &functions[i];
	return NULL;
}
