/* SPDX-License-Identifier: MIT
 *
 * Small text files of /proc and /sys (proc(5), sysfs(5)) and the shapes that facts have in them.
 */
#include "kvm/probe_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 1024

int files_join(const char *root, const char *path, const char *name, char *full, size_t size_bytes)
{
	int len = snprintf(full, size_bytes, "%s%s%s%s", root, path, *name ? "/" : "", name);

	return len < 0 || (size_t)len >= size_bytes ? -ENAMETOOLONG : 0;
}

static bool is_accessible(const char *root, const char *path, int mode)
{
	char full[PATH_BYTES];

	return files_join(root, path, "", full, sizeof(full)) == 0 && access(full, mode) == 0;
}

bool files_exist(const char *root, const char *path)
{
	return is_accessible(root, path, F_OK);
}

bool files_are_writable(const char *root, const char *path)
{
	return is_accessible(root, path, R_OK | W_OK);
}

int files_read_text(const char *root, const char *path, char *text, size_t size_bytes)
{
	char full[PATH_BYTES];
	size_t len = 0;
	ssize_t got = 0;
	int fd;

	text[0] = '\0';
	if (files_join(root, path, "", full, sizeof(full)))
		return -ENAMETOOLONG;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size_bytes - 1 && (got = read(fd, text + len, size_bytes - 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	text[len] = '\0';
	return got < 0 ? -EIO : 0;
}

int64_t files_read_number(const char *root, const char *path, int64_t otherwise)
{
	char text[64], *end;
	int64_t value;

	if (files_read_text(root, path, text, sizeof(text)))
		return otherwise;
	value = strtoll(text, &end, 10);
	return end == text ? otherwise : value;
}

int files_read_flag(const char *root, const char *path)
{
	char text[16];

	if (files_read_text(root, path, text, sizeof(text)))
		return -1;
	switch (text[0]) {
	case 'Y':
	case '1': return 1;
	case 'N':
	case '0': return 0;
	default: return -1;
	}
}

void files_read_choice(const char *root, const char *path, char *word, size_t size_bytes)
{
	char text[128], *start;

	word[0] = '\0';
	if (files_read_text(root, path, text, sizeof(text)))
		return;
	start = strchr(text, '[');
	if (start)
		snprintf(word, size_bytes, "%.*s", (int)strcspn(start + 1, "]"), start + 1);
}

const char *files_find_field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, len) == 0 && line[len] && strchr(" \t:", line[len]))
			return line + len + strspn(line + len, " \t:");
	}
	return NULL;
}

bool files_have_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list && *list != '\n') {
		size_t span = strcspn(list, " \n");

		if (span == len && memcmp(list, word, len) == 0)
			return true;
		list += span;
		list += strspn(list, " ");
	}
	return false;
}

void files_copy_line(char *dst, size_t size_bytes, const char *src)
{
	snprintf(dst, size_bytes, "%.*s", (int)strcspn(src, "\n"), src);
}
