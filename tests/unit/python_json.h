/* SPDX-License-Identifier: MIT
 *
 * Asks another implementation whether a text is JSON and what it says: python3's.
 */
#ifndef VITRINE_TESTS_PYTHON_JSON_H
#define VITRINE_TESTS_PYTHON_JSON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parses text (which must be JSON in UTF-8 without duplicate keys, NaN or Infinity) into d and prints
 * str() of a Python expression over it into answer. 0, or the program's exit status. */
static inline int python_json(const char *text, size_t size, const char *expression, char *answer,
			      size_t answer_size)
{
	char path[] = "/tmp/vitrine-test-XXXXXX", command[1024];
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		return -1;
	close(fd);
	snprintf(command, sizeof(command),
		 "python3 -c '\n"
		 "import json, sys\n"
		 "def pairs(p):\n"
		 "    assert len(dict(p)) == len(p), \"duplicate key\"\n"
		 "    return dict(p)\n"
		 "def no(c): raise ValueError(c)\n"
		 "d = json.loads(open(\"%s\", \"rb\").read().decode(), object_pairs_hook=pairs,"
		 " parse_constant=no)\n"
		 "sys.stdout.write(str((%s)))\n'",
		 path, expression);
	FILE *python = popen(command, "r");
	if (!python)
		return -1;
	size_t n = fread(answer, 1, answer_size - 1, python);
	answer[n] = '\0';
	int status = pclose(python);
	unlink(path);
	return status;
}

#endif
