/* SPDX-License-Identifier: MIT
 *
 * See keyvals.h.
 */
#include "cmd/keyvals.h"

#include <stddef.h>
#include <string.h>

int keyvals_next(char **rest, char **key, char **value)
{
	char *equals;

	if (!*rest)
		return 0;
	*key = strsep(rest, ",");
	equals = strchr(*key, '=');
	*value = equals ? equals + 1 : NULL;
	if (equals)
		*equals = '\0';
	return 1;
}

int keyvals_choose(const char *value, const char *const *choices)
{
	for (int i = 0; value && choices[i]; i++)
		if (strcmp(value, choices[i]) == 0)
			return i;
	return -1;
}
