/* SPDX-License-Identifier: MIT
 *
 * Archives: good ones, several behind one another, hard links, replaced members; and 2,000 damaged ones, whose
 * whole trees are walked. Each is at the end of its memory, so that a sanitizer sees a byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/fs/initramfs.c"
#include "tests/kernel/vfs_rig.h"

#define ARCHIVE_MAX 20000
#define DAMAGED 20000
#define DEPTH_MAX 6

static char archive[ARCHIVE_MAX];
static size_t archive_bytes;

static void put(const void *data, size_t bytes)
{
	assert_true(archive_bytes + bytes + 3 < ARCHIVE_MAX);
	if (bytes)
		memcpy(archive + archive_bytes, data, bytes);
	archive_bytes += bytes;
	while (archive_bytes % 4)
		archive[archive_bytes++] = 0;
}

static void member(const char *name, unsigned mode, unsigned ino, unsigned links, const char *data)
{
	const size_t bytes = data ? strlen(data) : 0;
	char head[HEADER_BYTES + 256];

	snprintf(head, sizeof(head),
		 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", ino, mode, 7u,
		 8u, links, 1000u, bytes, 1u, 2u, 0u, 0u, strlen(name) + 1, 0u, name);
	put(head, strlen(head) + 1);
	put(data, bytes);
}

static void forget_index(void)
{
	memset(table, 0, sizeof(table));
	while (first_chunk) {
		struct chunk *next = first_chunk->next;

		page_put(page_of((uint64_t)first_chunk - DIRECT_BASE));
		first_chunk = next;
	}
	last_chunk = NULL;
	in_last_chunk = entry_count = 0;
}

/* A copy in memory of exactly that size, as the tree. */
static char *open_archive(const char *data, size_t bytes)
{
	char *copy = malloc(bytes ? bytes : 1);
	struct super *super = rig_start("");

	memcpy(copy, data, bytes);
	initramfs_open(super, copy, bytes);
	return copy;
}

static void close_archive(char *copy)
{
	rig_end();
	forget_index();
	free(copy);
}

static void make_good(void)
{
	archive_bytes = 0;
	member(".", S_IFDIR | 0755, 1, 2, NULL);
	member("./bin", S_IFDIR | 0755, 2, 2, NULL);
	member("bin/sh", S_IFLNK | 0777, 3, 1, "busybox");
	member("bin/busybox", S_IFREG | 0755, 4, 1, "an ELF file, say");
	member("/etc", S_IFDIR | 0700, 5, 2, NULL);
	member("etc/passwd", S_IFREG | 0644, 6, 1, "old");
	member("etc/one", S_IFREG | 0644, 9, 3, NULL);
	member("etc/two", S_IFREG | 0644, 9, 3, NULL);
	member("etc/three", S_IFREG | 0644, 9, 3, "shared");
	member("dev", S_IFDIR | 0755, 10, 2, NULL);
	member("fifo", S_IFIFO | 0600, 11, 1, NULL);
	member("nowhere/file", S_IFREG | 0600, 12, 1, "its directory is missing");
	member("TRAILER!!!", 0, 0, 1, NULL);
	put("\0\0\0\0\0\0\0\0\0\0\0", 11);
	member("etc/passwd", S_IFREG | 0600, 6, 1, "new");
	member("etc/two", S_IFREG | 0600, 9, 1, "no longer the same file");
	member("TRAILER!!!", 0, 0, 1, NULL);
}

static void expect_text(const char *name, const char *text)
{
	char buffer[64];
	struct file *file;
	int64_t bytes;

	assert_int_equal(file_open(AT_FDCWD, name, O_RDONLY, 0, &file), 0);
	bytes = file_read_at(file, buffer, sizeof(buffer), 0);
	assert_int_equal(bytes, strlen(text));
	assert_memory_equal(buffer, text, strlen(text));
	file_put(file);
}

static void test_good(void **state)
{
	struct path path, other;
	int error;
	char *copy;

	(void)state;
	make_good();
	copy = open_archive(archive, archive_bytes);
	expect_text("bin/sh", "an ELF file, say");
	expect_text("etc/passwd", "new");
	expect_text("etc/two", "no longer the same file");
	expect_text("etc/one", "shared");
	assert_int_equal(rig_mode("etc", 0, &error), S_IFDIR | 0700);
	assert_int_equal(rig_mode("etc/passwd", 0, &error), S_IFREG | 0600);
	assert_int_equal(rig_mode("fifo", 0, &error), S_IFIFO | 0600);
	assert_int_equal(path_find(AT_FDCWD, "nowhere/file", 0, &path), -ENOENT);
	assert_int_equal(path_find(AT_FDCWD, "etc/one", 0, &path), 0);
	assert_int_equal(path_find(AT_FDCWD, "etc/three", 0, &other), 0);
	assert_ptr_equal(path.dentry->inode, other.dentry->inode);
	assert_int_equal(path.dentry->inode->uid, 7);
	assert_int_equal(path.dentry->inode->gid, 8);
	path_put(&path);
	path_put(&other);
	close_archive(copy);
}

static bool count_entry(struct dir_sink *sink, const char *name, size_t length, uint64_t number,
			uint32_t mode, uint64_t next);

struct counter {
	struct dir_sink sink;
	unsigned count;
};

static bool count_entry(struct dir_sink *sink, const char *name, size_t length, uint64_t number,
			uint32_t mode, uint64_t next)
{
	(void)number, (void)mode, (void)next;
	assert_true(length > 0 && length <= NAME_MAX && name[0]);
	container_of(sink, struct counter, sink)->count++;
	return true;
}

static unsigned list(const char *name)
{
	struct counter counter = {.sink = {count_entry}};
	struct file *file;

	assert_int_equal(file_open(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0, &file), 0);
	mutex_lock(&file->inode->lock);
	file->operations->read_dir(file, &counter.sink);
	mutex_unlock(&file->inode->lock);
	file_put(file);
	return counter.count;
}

/* What was removed stays so, what is new stays, although the archive says otherwise. */
static void test_changes(void **state)
{
	struct file *file;
	int error;
	char *copy;

	(void)state;
	make_good();
	copy = open_archive(archive, archive_bytes);
	assert_int_equal(list("/"), 6); /* bin etc dev fifo, and the dots */
	assert_int_equal(list("etc"), 6);
	assert_int_equal(rig_remove("etc/passwd", false), 0);
	rig_mode("etc/passwd", 0, &error);
	assert_int_equal(error, -ENOENT);
	assert_int_equal(rig_make("bin/new", S_IFREG | 0600), 0);
	assert_int_equal(list("bin"), 5);
	assert_int_equal(rig_remove("bin", true), -ENOTEMPTY);
	assert_int_equal(rig_rename("bin", "etc/bin", 0), 0);
	expect_text("etc/bin/sh", "an ELF file, say");
	assert_int_equal(file_open(AT_FDCWD, "etc/one", O_RDWR, 0, &file), 0);
	assert_int_equal(inode_truncate(file->inode, 2), 0);
	assert_int_equal(inode_truncate(file->inode, 4), 0);
	file_put(file);
	assert_int_equal(rig_remove("etc/one", false), 0);
	assert_int_equal(file_open(AT_FDCWD, "etc/three", O_RDWR, 0, &file), 0);
	char text[8];

	assert_int_equal(file_read_at(file, text, sizeof(text), 0), 4);
	assert_memory_equal(text, "sh\0\0", 4);
	file_put(file);
	assert_int_equal(rig_remove("dev", true), 0);
	close_archive(copy);
}

/* Reads everything below path. */
static void walk_all(struct path *at, unsigned depth)
{
	char buffer[64];
	struct file *file;

	if (depth > DEPTH_MAX || file_open_path(at, O_RDONLY | O_NONBLOCK, &file))
		return;
	if ((at->dentry->inode->mode & S_IFMT) == S_IFDIR) {
		struct counter counter = {.sink = {count_entry}};

		mutex_lock(&file->inode->lock);
		file->operations->read_dir(file, &counter.sink);
		mutex_unlock(&file->inode->lock);
		list_for_each(link, &at->dentry->children)
		{
			struct path child = {at->mount, container_of(link, struct dentry, sibling)};

			walk_all(&child, depth + 1);
		}
	} else if ((at->dentry->inode->mode & S_IFMT) == S_IFREG) {
		file_read_at(file, buffer, sizeof(buffer), 0);
		if (file->inode->size > PAGE_BYTES)
			file_read_at(file, buffer, sizeof(buffer), file->inode->size - 10);
	}
	file_put(file);
}

static void look_around(void)
{
	static const char *const names[] = {"bin/sh", "etc/two", "dev/x", "etc/one/y", "fifo"};
	int error;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rig_mode(names[i], PATH_FOLLOW, &error);
	walk_all(&vfs_root, 0);
	rig_rename("bin", "etc/bin", 0);
	rig_remove("etc/three", false);
}

static void test_damaged(void **state)
{
	static const char likely[] = "0178fF/.\0\377";
	char damaged[ARCHIVE_MAX];

	(void)state;
	make_good();
	srand(1);
	for (unsigned round = 0; round < DAMAGED; round++) {
		size_t bytes = archive_bytes;
		char *copy;

		memcpy(damaged, archive, archive_bytes);
		for (int changes = rand() % 6; changes >= 0; changes--)
			damaged[(size_t)rand() % archive_bytes] =
				rand() % 2 ? likely[rand() % (int)sizeof(likely)] : (char)rand();
		if (rand() % 4 == 0)
			bytes = (size_t)rand() % (archive_bytes + 1);
		copy = open_archive(damaged, bytes);
		look_around();
		close_archive(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
