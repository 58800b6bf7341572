/* SPDX-License-Identifier: MIT
 *
 * See places.h.
 */
#include "lab/places.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/paths.h"

#define OPEN_FOLDERS_MAX 16

static void find(const char *file, char path[PATH_MAX])
{
	char found[PATH_MAX];

	if (path_find_data(file, found, sizeof(found)) < 0 || !realpath(found, path))
		path[0] = '\0';
}

void places_find(struct places *places, const char *kernel)
{
	const ssize_t length = readlink("/proc/self/exe", places->vitrine, PATH_MAX - 1);

	places->vitrine[length > 0 ? length : 0] = '\0';
	find("guest/vitrine-guest", places->guest);
	if (kernel && !realpath(kernel, places->guest))
		places->guest[0] = '\0';
	find("guest/labs.cpio", places->initrd);
	find("labs", places->labs);
	find("linux/vmlinuz", places->linux_kernel);
	find("linux/initramfs", places->linux_system);
	find("guest/labs-programs.cpio", places->linux_programs);
	find("docs/labs", places->sheets);
	find("guest/labs", places->files);
	places->scratch[0] = places->linux_initrd[0] = '\0';
}

static int append_file(int to_fd, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = fd < 0 ? -1 : 1;

	while (count > 0)
		count = sendfile(to_fd, fd, NULL, 1 << 20);
	const int err = count < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Archives begin at multiples of 4; ours end there. */
static int make_linux_initrd(struct places *places)
{
	int fd, err;

	if (!places->linux_system[0] || !places->linux_programs[0])
		return 0;
	if (snprintf(places->linux_initrd, PATH_MAX, "%s/linux-initrd", places->scratch) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(places->linux_initrd, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = append_file(fd, places->linux_system);
	if (!err)
		err = append_file(fd, places->linux_programs);
	close(fd);
	return err;
}

int places_make_scratch(struct places *places)
{
	const char *base = getenv("TMPDIR");
	int err;

	if (!base || base[0] != '/')
		base = "/tmp";
	if (snprintf(places->scratch, PATH_MAX, "%s/vitrine-lab-XXXXXX", base) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!mkdtemp(places->scratch)) {
		err = -errno;
		places->scratch[0] = '\0';
		return err;
	}
	err = make_linux_initrd(places);
	if (err)
		places_remove_scratch(places);
	return err;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *ftw)
{
	(void)about;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void places_remove_scratch(struct places *places)
{
	if (places->scratch[0])
		nftw(places->scratch, remove_one, OPEN_FOLDERS_MAX,
		     FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	places->scratch[0] = '\0';
}

struct word {
	char name[16];
	size_t offset; /* in places */
};

static const struct word words[] = {
	{"{vitrine}", offsetof(struct places, vitrine)},
	{"{guest}", offsetof(struct places, guest)},
	{"{initrd}", offsetof(struct places, initrd)},
	{"{labs}", offsetof(struct places, labs)},
	{"{linux}", offsetof(struct places, linux_kernel)},
	{"{linux-initrd}", offsetof(struct places, linux_initrd)},
	{"{scratch}", offsetof(struct places, scratch)},
};

#define WORD_COUNT (sizeof(words) / sizeof(*words))

static const char *place(const struct places *places, const struct word *word)
{
	return (const char *)places + word->offset;
}

void places_set_environment(const struct places *places)
{
	const char *path = getenv("PATH");
	char name[16], *both = NULL;

	for (size_t i = 0; i < WORD_COUNT; i++) {
		size_t length = 0;

		for (const char *c = words[i].name + 1; *c != '}'; c++)
			name[length++] = (char)(*c == '-' ? '_' : *c - 'a' + 'A');
		name[length] = '\0';
		setenv(name, place(places, &words[i]), 1);
	}
	if (asprintf(&both, "%s:%s", places->labs, path ? path : "/usr/bin:/bin") >= 0)
		setenv("PATH", both, 1);
	free(both);
	setenv("LC_ALL", "C.UTF-8", 1); /* numbers have points */
}

static const struct word *word_at(const char *text)
{
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (strncmp(text, words[i].name, strlen(words[i].name)) == 0)
			return &words[i];
	return NULL;
}

char *places_fill(const struct places *places, const char *text)
{
	char *filled = NULL;
	size_t size;
	FILE *out = open_memstream(&filled, &size);

	if (!out)
		return NULL;
	while (*text) {
		const struct word *word = word_at(text);

		if (word) {
			fputs(place(places, word), out);
			text += strlen(word->name);
		} else {
			putc(*text++, out);
		}
	}
	return fclose(out) == 0 ? filled : NULL;
}
