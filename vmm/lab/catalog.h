/* SPDX-License-Identifier: MIT
 *
 * Which labs there are, by chapter.
 */
#ifndef VITRINE_LAB_CATALOG_H
#define VITRINE_LAB_CATALOG_H

#include "lab/file.h"
#include "lab/places.h"

#define CATALOG_CHAPTER_MAX 64

struct catalog_entry {
	struct lab lab;
	unsigned chapter; /* index into catalog's */
};

struct catalog {
	struct catalog_entry *entry; /* by chapter, then by name */
	unsigned count;
	char *chapters_text;
	const char *chapter[CATALOG_CHAPTER_MAX];
	unsigned chapter_count;
	unsigned bad_count; /* files that can't be read */
};

/* Reads all NAME.lab, and the chapters' order. What is wrong with a file is told, a line each, by complain. 0 or
 * -errno: there is no folder of labs. catalog_free() in any case. */
int catalog_read(const struct places *places, struct catalog *catalog,
		 void (*complain)(const char *line));
void catalog_free(struct catalog *catalog);

/* The name of a lab that the user may have meant, or NULL. */
const char *catalog_suggest(const struct catalog *catalog, const char *name);

#endif
