/* SPDX-License-Identifier: MIT
 *
 * See catalog.h.
 */
#include "lab/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".lab"
#define CHAPTERS_MAX_BYTES 4096
#define DISTANCE_MAX 3

/* One chapter in each line of the file "chapters". */
static int read_chapters(const struct places *places, struct catalog *catalog)
{
	char path[PATH_MAX + LAB_NAME_MAX], *rest, *line;
	FILE *file;

	snprintf(path, sizeof(path), "%s/chapters", places->files);
	catalog->chapters_text = rest = calloc(1, CHAPTERS_MAX_BYTES);
	file = rest ? fopen(path, "re") : NULL;
	if (!file)
		return -errno;
	rest[fread(rest, 1, CHAPTERS_MAX_BYTES - 1, file)] = '\0';
	fclose(file);
	while ((line = strsep(&rest, "\n")))
		if (*line && catalog->chapter_count < CATALOG_CHAPTER_MAX)
			catalog->chapter[catalog->chapter_count++] = line;
	return 0;
}

static int is_lab(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name);

	return length > strlen(SUFFIX) && length < LAB_NAME_MAX && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int find_chapter(const struct catalog *catalog, struct catalog_entry *entry)
{
	while (entry->chapter < catalog->chapter_count &&
	       strcmp(catalog->chapter[entry->chapter], entry->lab.chapter) != 0)
		entry->chapter++;
	return entry->chapter < catalog->chapter_count ? 0 : -ENOENT;
}

static void read_lab(const struct places *places, struct catalog *catalog, const char *file,
		     void (*complain)(const char *line))
{
	struct catalog_entry *entry = &catalog->entry[catalog->count];
	char path[2 * PATH_MAX], error[LAB_ERROR_MAX];

	snprintf(path, sizeof(path), "%s/%s", places->files, file);
	entry->chapter = 0;
	if (lab_file_read(path, &entry->lab, error) == 0) {
		if (find_chapter(catalog, entry) == 0) {
			catalog->count++;
			return;
		}
		snprintf(error, sizeof(error),
			 "%.300s: there is no chapter '%.60s' in %.300s/chapters", path,
			 entry->lab.chapter, places->files);
		lab_file_free(&entry->lab);
	}
	complain(error);
	catalog->bad_count++;
}

static int by_chapter(const void *a, const void *b)
{
	const struct catalog_entry *left = a, *right = b;

	if (left->chapter != right->chapter)
		return left->chapter < right->chapter ? -1 : 1;
	return strcmp(left->lab.name, right->lab.name);
}

int catalog_read(const struct places *places, struct catalog *catalog,
		 void (*complain)(const char *line))
{
	struct dirent **file = NULL;
	int count = -1, err;

	*catalog = (struct catalog){0};
	err = read_chapters(places, catalog);
	if (!err)
		count = scandir(places->files, &file, is_lab, alphasort);
	if (count < 0)
		return err ? err : -errno;
	catalog->entry = calloc((size_t)count + 1, sizeof(*catalog->entry));
	for (int i = 0; i < count; i++) {
		if (catalog->entry)
			read_lab(places, catalog, file[i]->d_name, complain);
		free(file[i]);
	}
	free(file);
	if (!catalog->entry)
		return -ENOMEM;
	qsort(catalog->entry, catalog->count, sizeof(*catalog->entry), by_chapter);
	return 0;
}

void catalog_free(struct catalog *catalog)
{
	for (unsigned i = 0; i < catalog->count; i++)
		lab_file_free(&catalog->entry[i].lab);
	free(catalog->entry);
	free(catalog->chapters_text);
	*catalog = (struct catalog){0};
}

/* Letters to put in, take out or change to make b of a. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[LAB_NAME_MAX + 1];
	const size_t length = strnlen(b, LAB_NAME_MAX);

	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned above_left = row[0];

		row[0] = i + 1;
		for (unsigned j = 1; j <= length; j++) {
			const unsigned above = row[j], changed = above_left + (a[i] != b[j - 1]);
			const unsigned least = above < row[j - 1] ? above : row[j - 1];

			row[j] = changed < least + 1 ? changed : least + 1;
			above_left = above;
		}
	}
	return row[length];
}

const char *catalog_suggest(const struct catalog *catalog, const char *name)
{
	const char *best = NULL;
	unsigned best_distance = DISTANCE_MAX + 1;

	for (unsigned i = 0; i < catalog->count; i++) {
		const char *lab = catalog->entry[i].lab.name;
		unsigned away = distance(name, lab);

		if (away > DISTANCE_MAX && *name && strstr(lab, name))
			away = DISTANCE_MAX; /* a part of it */
		if (away < best_distance) {
			best_distance = away;
			best = lab;
		}
	}
	return best;
}
