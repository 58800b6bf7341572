/* SPDX-License-Identifier: MIT
 *
 * A RAM disk out of a folder's modules. See root_initrd.h.
 */
#include "boot/root_initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "boot/cpio.h"

#define MODULES_MAX 64
#define MODULE_BYTES_MAX (64 << 20)
#define RELEASE_BYTES 128
#define LINE_BYTES 16384
#define BZIMAGE_VERSION 0x20e /* Linux Documentation/arch/x86/boot.rst: kernel_version */

extern const uint8_t root_init[]; /* root_init.S */
extern const uint32_t root_init_bytes;

static const char *const wanted[] = {"virtio_pci", "virtio_mmio", "virtiofs"};

/* Modules in the order in which they can be loaded. */
struct modules {
	char folder[PATH_MAX]; /* …/lib/modules/RELEASE */
	char *path[MODULES_MAX];
	unsigned count;
};

/* --- which kernel */

int root_find_kernel(const char *folder, char *path, char *err, size_t err_size)
{
	char pattern[PATH_MAX];
	const char *best = NULL;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/boot/vmlinuz-*", folder);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (!best || strverscmp(found.gl_pathv[i], best) > 0)
				best = found.gl_pathv[i];
	if (best)
		snprintf(path, PATH_MAX, "%s", best);
	else
		snprintf(path, PATH_MAX, "%s/vmlinuz", folder);
	globfree(&found);
	if (access(path, R_OK) == 0)
		return 0;
	snprintf(err, err_size,
		 "--root %s: no readable kernel in boot/vmlinuz-* or vmlinuz; name an IMAGE",
		 folder);
	return -ENOENT;
}

/* "6.1.0-56-cloud-amd64" of a bzImage; empty: another format. */
static void read_release(const char *image_path, char release[RELEASE_BYTES])
{
	int fd = open(image_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[4] = "";
	uint16_t offset = 0;

	release[0] = '\0';
	if (fd < 0)
		return;
	if (pread(fd, magic, 4, 0x202) == 4 && memcmp(magic, "HdrS", 4) == 0 &&
	    pread(fd, &offset, 2, BZIMAGE_VERSION) == 2 && offset) {
		ssize_t got = pread(fd, release, RELEASE_BYTES - 1, offset + 0x200);

		release[got > 0 ? got : 0] = '\0';
		release[strcspn(release, " ")] = '\0';
	}
	close(fd);
	if (strchr(release, '/'))
		release[0] = '\0';
}

/* The modules of this release, or, where the image does not tell its own, the only ones there are. */
static int find_modules(const char *folder, const char *release, struct modules *modules)
{
	static const char *const places[] = {"usr/lib/modules", "lib/modules"};
	char pattern[PATH_MAX];
	glob_t found;
	bool one;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(pattern, sizeof(pattern), "%s/%s/%s/modules.dep", folder, places[i],
			 release[0] ? release : "*");
		one = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1;
		if (one)
			snprintf(modules->folder, sizeof(modules->folder), "%.*s",
				 (int)(strlen(found.gl_pathv[0]) - strlen("/modules.dep")),
				 found.gl_pathv[0]);
		globfree(&found);
		if (one)
			return 0;
	}
	return -ENOENT;
}

/* --- which modules */

/* Whether "kernel/fs/fuse/virtiofs.ko.xz" is the module of that name; files may have dashes. */
static bool is_module(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	while (*name && (*base == *name || (*base == '-' && *name == '_'))) {
		base++;
		name++;
	}
	return !*name && strncmp(base, ".ko", 3) == 0;
}

static void add(struct modules *modules, const char *path)
{
	for (unsigned i = 0; i < modules->count; i++)
		if (!strcmp(modules->path[i], path))
			return;
	if (modules->count < MODULES_MAX && (modules->path[modules->count] = strdup(path)))
		modules->count++;
}

/* A line of modules.dep: "a.ko: b.ko c.ko": c has to be there before b, and b before a. */
static void add_line(struct modules *modules, char *line)
{
	char *last;

	line[strcspn(line, "\n")] = '\0';
	while ((last = strrchr(line, ' '))) {
		*last = '\0';
		if (last[1])
			add(modules, last + 1);
	}
	line[strcspn(line, ":")] = '\0';
	add(modules, line);
}

static bool look_up(struct modules *modules, const char *table, const char *name, bool take)
{
	char path[PATH_MAX + 32];
	char line[LINE_BYTES];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", modules->folder, table);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		char head[PATH_MAX];

		snprintf(head, sizeof(head), "%.*s", (int)strcspn(line, ":\n"), line);
		found = is_module(head, name);
	}
	if (file)
		fclose(file);
	if (found && take)
		add_line(modules, line);
	return found;
}

static int choose(struct modules *modules, char *err, size_t err_size)
{
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (look_up(modules, "modules.dep", wanted[i], true) ||
		    look_up(modules, "modules.builtin", wanted[i], false))
			continue;
		if (strcmp(wanted[i], "virtio_mmio") == 0)
			continue; /* for transport=mmio only */
		snprintf(err, err_size, "--root: the kernel of %s has no module %s",
			 modules->folder, wanted[i]);
		return -ENOENT;
	}
	return 0;
}

/* --- the archive */

static int add_file(struct cpio *cpio, const struct modules *modules, unsigned index, char *err,
		    size_t err_size)
{
	char path[2 * PATH_MAX];
	char name[16];
	struct stat st;
	void *bytes = MAP_FAILED;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", modules->folder, modules->path[index]);
	snprintf(name, sizeof(name), "m/%02u", index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < MODULE_BYTES_MAX)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (bytes == MAP_FAILED) {
		snprintf(err, err_size, "--root: can't read %s", path);
		return -EIO;
	}
	cpio_add(cpio, name, S_IFREG | 0444, 0, bytes, (uint32_t)st.st_size);
	munmap(bytes, (size_t)st.st_size);
	return 0;
}

static int write_archive(FILE *file, const struct modules *modules, char *err, size_t err_size)
{
	struct cpio cpio = {.file = file};
	int error = 0;

	cpio_add(&cpio, "dev", S_IFDIR | 0755, 0, NULL, 0);
	cpio_add(&cpio, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
	cpio_add(&cpio, "proc", S_IFDIR | 0755, 0, NULL, 0);
	cpio_add(&cpio, "root", S_IFDIR | 0755, 0, NULL, 0);
	cpio_add(&cpio, "m", S_IFDIR | 0755, 0, NULL, 0);
	cpio_add(&cpio, "init", S_IFREG | 0755, 0, root_init, root_init_bytes);
	for (unsigned i = 0; !error && i < modules->count; i++)
		error = add_file(&cpio, modules, i, err, err_size);
	cpio_end(&cpio);
	if (!error && (fflush(file) || ferror(file))) {
		snprintf(err, err_size, "--root: no memory for the initial RAM disk");
		error = -ENOMEM;
	}
	return error;
}

static int write_to_memory(const struct modules *modules, char *err, size_t err_size)
{
	int fd = memfd_create("root-initrd", MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "we");
	int error = -ENOMEM;

	if (file) {
		error = write_archive(file, modules, err, err_size);
		fclose(file);
	} else {
		snprintf(err, err_size, "--root: no memory for the initial RAM disk");
	}
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

/* A folder without modules has a kernel with all of it built in, or none that works: then /init says so. */
int root_make_initrd(const char *folder, const char *image_path, char *err, size_t err_size)
{
	struct modules modules = {.count = 0};
	char release[RELEASE_BYTES];
	int error = 0;

	read_release(image_path, release);
	if (find_modules(folder, release, &modules) == 0)
		error = choose(&modules, err, err_size);
	if (!error)
		error = write_to_memory(&modules, err, err_size);
	for (unsigned i = 0; i < modules.count; i++)
		free(modules.path[i]);
	return error;
}
