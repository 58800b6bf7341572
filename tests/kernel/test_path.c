/* SPDX-License-Identifier: MIT
 *
 * Paths: links, circles of them, .., mounts, names that are too long, places that are gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/kernel/vfs_rig.h"

static const struct {
	const char *name;
	unsigned flags;
	int error;
	const char *text; /* where it leads */
} cases[] = {
	{"", 0, -ENOENT, NULL},
	{"", PATH_EMPTY_OK, 0, "/"},
	{"/", 0, 0, "/"},
	{"////", 0, 0, "/"},
	{".", 0, 0, "/"},
	{"..", 0, 0, "/"},
	{"/../../a/../a/b", 0, 0, "/a/b"},
	{"a/b/file", 0, 0, "/a/b/file"},
	{"a//b///file", 0, 0, "/a/b/file"},
	{"a/b/file/", 0, -ENOTDIR, NULL},
	{"a/b/file/.", 0, -ENOTDIR, NULL},
	{"a/b/file/..", 0, -ENOTDIR, NULL},
	{"a/b/", PATH_DIRECTORY, 0, "/a/b"},
	{"a/b/file", PATH_DIRECTORY, -ENOTDIR, NULL},
	{"a/none", 0, -ENOENT, NULL},
	{"a/none/x", 0, -ENOENT, NULL},
	{"link", 0, 0, "/link"},
	{"link", PATH_FOLLOW, 0, "/a/b/file"},
	{"dirlink", 0, 0, "/dirlink"},
	{"dirlink/", 0, 0, "/a/b"},
	{"dirlink/file", 0, 0, "/a/b/file"},
	{"dirlink/../b/file", 0, 0, "/a/b/file"},
	{"a/up", PATH_FOLLOW, 0, "/"},
	{"a/up/a/up/a/up/a/b", 0, 0, "/a/b"},
	{"absolute/file", 0, 0, "/a/b/file"},
	{"chain39", PATH_FOLLOW, 0, "/a/b/file"},
	{"chain40", PATH_FOLLOW, -ELOOP, NULL},
	{"self", PATH_FOLLOW, -ELOOP, NULL},
	{"self", 0, 0, "/self"},
	{"ping", PATH_FOLLOW, -ELOOP, NULL},
	{"deep/x", PATH_FOLLOW, -ELOOP, NULL},
	{"dangling", PATH_FOLLOW, -ENOENT, NULL},
	{"filelink/", PATH_FOLLOW, -ENOTDIR, NULL},
	{"here/file", 0, 0, "/mnt/file"},
	{"mnt/..", 0, 0, "/"},
	{"mnt/../mnt/../a", 0, 0, "/a"},
	{"mnt/inner/../..", 0, 0, "/"},
};

static void must(int error)
{
	assert_int_equal(error, 0);
}

static void mount_here(const char *on)
{
	struct super *super;
	struct mount *mount;
	struct path at;

	must(super_create("tmpfs", "none", "", false, &super));
	mount = mount_of_new(super, "none", 0);
	assert_non_null(mount);
	must(path_find(AT_FDCWD, on, PATH_FOLLOW, &at));
	mount_attach(mount, &at);
	path_put(&at);
}

static void make_tree(void)
{
	char name[16], target[16];

	must(rig_make("a", S_IFDIR | 0755));
	must(rig_make("a/b", S_IFDIR | 0755));
	must(rig_make("a/b/file", S_IFREG | 0644));
	must(rig_make("mnt", S_IFDIR | 0755));
	must(rig_make("mnt/file", S_IFREG | 0644)); /* hidden by the mount */
	must(rig_symlink("a/b/file", "link"));
	must(rig_symlink("a/b/file", "filelink"));
	must(rig_symlink("a/b", "dirlink"));
	must(rig_symlink("..", "a/up"));
	must(rig_symlink("///a/./b", "absolute"));
	must(rig_symlink("self", "self"));
	must(rig_symlink("pong", "ping"));
	must(rig_symlink("ping", "pong"));
	must(rig_symlink("deep/x", "deep"));
	must(rig_symlink("nowhere/at/all", "dangling"));
	must(rig_symlink("mnt", "here"));
	must(rig_symlink("a/b/file", "chain0"));
	for (int i = 1; i <= 40; i++) {
		snprintf(name, sizeof(name), "chain%d", i);
		snprintf(target, sizeof(target), "chain%d", i - 1);
		must(rig_symlink(target, name));
	}
	mount_here("mnt");
	must(rig_make("mnt/file", S_IFREG | 0644));
	must(rig_make("mnt/inner", S_IFDIR | 0755));
	mount_here("mnt/inner");
}

static void test_cases(void **state)
{
	char buffer[PATH_MAX];

	(void)state;
	rig_start("");
	make_tree();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path path;
		const int error = path_find(AT_FDCWD, cases[i].name, cases[i].flags, &path);

		if (error != cases[i].error)
			fail_msg("%s: %d", cases[i].name, error);
		if (error)
			continue;
		assert_string_equal(path_text(&path, buffer, sizeof(buffer)), cases[i].text);
		path_put(&path);
	}
}

static void test_long_names(void **state)
{
	static char name[3 * PATH_MAX], target[PATH_MAX];
	struct path path;

	(void)state;
	rig_start("");
	memset(name, 'x', NAME_MAX);
	must(rig_make(name, S_IFREG | 0600));
	must(path_find(AT_FDCWD, name, 0, &path));
	assert_null(path_text(&path, target, NAME_MAX));
	assert_non_null(path_text(&path, target, NAME_MAX + 2));
	path_put(&path);
	must(rig_remove(name, false));
	name[NAME_MAX] = 'x';
	assert_int_equal(rig_make(name, S_IFREG | 0600), -ENAMETOOLONG);
	assert_int_equal(path_find(AT_FDCWD, name, 0, &path), -ENAMETOOLONG);

	/* A link whose text and what follows it are too long together. */
	must(rig_make("d", S_IFDIR | 0700));
	for (unsigned i = 0; i + 2 < sizeof(target); i += 2)
		memcpy(target + i, "./", 2);
	target[PATH_MAX - 2] = 0;
	must(rig_symlink(target, "long"));
	assert_int_equal(path_find(AT_FDCWD, "long/d", PATH_FOLLOW, &path), -ENAMETOOLONG);
	target[PATH_MAX - 101] = 0;
	must(rig_symlink(target, "shorter"));
	must(path_find(AT_FDCWD, "shorter/d", PATH_FOLLOW, &path));
	path_put(&path);
	rig_end();
}

static void test_gone(void **state)
{
	char buffer[64];
	struct path path;
	struct file *file;

	(void)state;
	rig_start("");
	must(rig_make("d", S_IFDIR | 0700));
	must(path_find(AT_FDCWD, "d", 0, &path));
	must(rig_remove("d", true));
	assert_string_equal(path_text(&path, buffer, sizeof(buffer)), "/d (deleted)");
	const struct path_last last = {.name = "x", .length = 1};

	assert_int_equal(name_make_dir(&path, &last, 0700), -ENOENT);
	assert_int_equal(name_create(&path, &last, S_IFREG, 0, NULL), -ENOENT);
	path_put(&path);

	must(file_open(AT_FDCWD, "f", O_CREAT | O_RDWR, 0600, &file));
	must(rig_remove("f", false));
	assert_int_equal(file_write_at(file, "still", 5, 0), 5);
	assert_int_equal(file_read_at(file, buffer, 64, 0), 5);
	file_put(file);
	rig_end();
}

static void test_mount_points_stay(void **state)
{
	(void)state;
	rig_start("");
	must(rig_make("m", S_IFDIR | 0700));
	mount_here("m");
	assert_int_equal(rig_remove("m", true), -EBUSY);
	assert_int_equal(rig_rename("m", "n", 0), -EBUSY);
	must(rig_make("m/x", S_IFREG | 0600));
	must(rig_make("x", S_IFREG | 0600));
	assert_int_equal(rig_link("x", "m/y"), -EXDEV);
	assert_int_equal(rig_rename("x", "m/y", 0), -EXDEV);
}

/* Opening with O_CREAT follows dangling links, and doesn't with O_EXCL or O_NOFOLLOW. */
static void test_create_through_links(void **state)
{
	struct file *file;
	int error;

	(void)state;
	rig_start("");
	must(rig_make("d", S_IFDIR | 0700));
	must(rig_symlink("d/new", "to"));
	must(rig_symlink("round", "round"));
	assert_int_equal(file_open(AT_FDCWD, "to", O_CREAT | O_EXCL | O_RDWR, 0600, &file),
			 -EEXIST);
	assert_int_equal(file_open(AT_FDCWD, "to", O_CREAT | O_NOFOLLOW | O_RDWR, 0600, &file),
			 -ELOOP);
	must(file_open(AT_FDCWD, "to", O_CREAT | O_RDWR, 0600, &file));
	file_put(file);
	assert_int_equal(rig_mode("d/new", 0, &error) & S_IFMT, S_IFREG);
	assert_int_equal(file_open(AT_FDCWD, "round", O_CREAT | O_RDWR, 0600, &file), -ELOOP);
	assert_int_equal(file_open(AT_FDCWD, "d", O_CREAT | O_RDWR, 0600, &file), -EISDIR);
	assert_int_equal(file_open(AT_FDCWD, "x/", O_CREAT | O_RDWR, 0600, &file), -EISDIR);
	assert_int_equal(file_open(AT_FDCWD, "/", O_CREAT | O_RDWR, 0600, &file), -EISDIR);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_mount_points_stay),
		cmocka_unit_test(test_create_through_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
