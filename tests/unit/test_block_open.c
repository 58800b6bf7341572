/* SPDX-License-Identifier: MIT
 *
 * Opening disk images: what is refused, in words that say what to do; locks; size and geometry; growing.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "block_rig.h"

/* What opening says; "" if it went well. */
static int open_and_close(struct block_options options, char *err, size_t err_size)
{
	struct block *block = NULL;
	int error;

	err[0] = '\0';
	error = block_open(&options, &block, err, err_size);
	if (!error)
		block_close(block);
	return error;
}

static void test_refused(void **state)
{
	static const struct {
		const char *path;
		long size_bytes; /* -1: as it is */
		int error;
		const char *says;
	} row[] = {
		{"/var/tmp/no/such/image", -1, -ENOENT, "truncate -s 1G"},
		{"/var/tmp", -1, -EISDIR, "is a directory"},
		{"/dev/null", -1, -EINVAL, "neither a file nor a block device"},
		{NULL, 0, -EINVAL, "is empty"},
		{NULL, 1000, -EINVAL,
		 "odd size of 1000 bytes; a disk consists of sectors of 512: "
		 "'truncate -s 1024 FILE'"},
		{NULL, 511, -EINVAL, "odd size"},
		{NULL, 513, -EINVAL, "odd size"},
		{NULL, 512, 0, ""},
	};
	char err[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct block_rig rig = {.path = ""};
		struct block_options options = {.path = row[i].path};

		if (!row[i].path) {
			block_rig_image(&rig, (uint64_t)row[i].size_bytes);
			options.path = rig.path;
		}
		assert_int_equal(open_and_close(options, err, sizeof(err)), row[i].error);
		if (!strstr(err, row[i].says) || strchr(err, '\n'))
			fail_msg("row %u: %s", i, err);
		if (!row[i].path)
			unlink(rig.path);
	}
}

/* Root may do anything: another user tries. */
static void test_permissions(void **state)
{
	struct block_rig rig;
	char err[256];
	int status;

	(void)state;
	block_rig_image(&rig, 4096);
	chmod(rig.path, 0444);
	if (fork() == 0) {
		struct block_options options = {.path = rig.path};

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(1);
		if (open_and_close(options, err, sizeof(err)) != -EACCES ||
		    !strstr(err, "add ,ro or ,snapshot"))
			_exit(2);
		options.read_only = true;
		if (open_and_close(options, err, sizeof(err)) != 0)
			_exit(3);
		options = (struct block_options){.path = rig.path, .snapshot = true};
		_exit(open_and_close(options, err, sizeof(err)) == 0 ? 0 : 4);
	}
	wait(&status);
	assert_int_equal(status, 0);
	unlink(rig.path);
}

/* --- locks */

static pid_t hold(const char *path, bool read_only, bool snapshot)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct block_options options = {
			.path = path, .read_only = read_only, .snapshot = snapshot};
		struct block *block;
		char err[256];

		if (block_open(&options, &block, err, sizeof(err)) == 0 &&
		    write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_locks(void **state)
{
	static const struct block_options way[] = {
		{.cache = BLOCK_CACHE_WRITEBACK}, {.read_only = true}, {.snapshot = true}};
	struct block_rig rig;
	char err[256];

	(void)state;
	block_rig_image(&rig, 4096);
	for (unsigned held = 0; held < 3; held++) {
		pid_t pid = hold(rig.path, way[held].read_only, way[held].snapshot);

		for (unsigned asked = 0; asked < 3; asked++) {
			struct block_options options = way[asked];
			bool shared = held > 0 && asked > 0;

			options.path = rig.path;
			assert_int_equal(open_and_close(options, err, sizeof(err)),
					 shared ? 0 : -EBUSY);
			if (!shared && !strstr(err, "in use by another VM"))
				fail_msg("%s", err);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		struct block_options options = {.path = rig.path};
		assert_int_equal(open_and_close(options, err, sizeof(err)), 0);
	}
	unlink(rig.path);
}

/* The same image twice in one process is two writers, too. */
static void test_twice(void **state)
{
	struct block_rig rig;
	struct block *block;
	char err[256];

	(void)state;
	block_rig_image(&rig, 4096);
	struct block_options options = {.path = rig.path};
	assert_int_equal(block_open(&options, &block, err, sizeof(err)), 0);
	assert_int_equal(open_and_close(options, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "given twice"));
	block_close(block);
	block_close(NULL);
	unlink(rig.path);
}

/* --- what it is */

static void test_info(void **state)
{
	struct block_rig rig;
	struct block *block;
	char err[256];

	(void)state;
	block_rig_image(&rig, 5 * 512);
	static const struct {
		struct block_options options;
		bool volatile_cache, rotational;
	} row[] = {
		{{.cache = BLOCK_CACHE_WRITEBACK}, true, false},
		{{.cache = BLOCK_CACHE_NONE, .seek_hdd = true}, true, true},
		{{.cache = BLOCK_CACHE_WRITETHROUGH}, false, false},
		{{.cache = BLOCK_CACHE_UNSAFE}, false, false},
		{{.read_only = true}, false, false},
	};
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct block_options options = row[i].options;

		options.path = rig.path;
		assert_int_equal(block_open(&options, &block, err, sizeof(err)), 0);
		struct block_info info = block_get_info(block);
		assert_string_equal(info.name, rig.path);
		assert_int_equal(info.size_bytes, 5 * 512);
		assert_int_equal(info.read_only, options.read_only);
		assert_int_equal(info.volatile_cache, row[i].volatile_cache);
		assert_int_equal(info.rotational, row[i].rotational);
		assert_true(info.physical_sector_bytes == 512 ||
			    info.physical_sector_bytes == 4096);
		block_close(block);
	}
	unlink(rig.path);
}

/* --- the parts beside the image */

static void test_parts_refused(void **state)
{
	struct block_rig rig, other;
	struct stat status;
	char err[256];

	(void)state;
	block_rig_image(&rig, 4096);
	block_rig_image(&other, 4096);
	struct block_options options = {.path = rig.path, .record = "/var/tmp/no/such/folder/log"};
	assert_int_equal(open_and_close(options, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "record=/var/tmp/no/such/folder/log"));
	/* Neither another disk nor the image itself is overwritten. */
	options.record = other.path;
	assert_int_equal(open_and_close(options, err, sizeof(err)), -EEXIST);
	options.record = rig.path;
	assert_int_equal(open_and_close(options, err, sizeof(err)), -EEXIST);
	assert_int_equal(stat(rig.path, &status), 0);
	assert_int_equal(status.st_size, 4096);
	setenv("TMPDIR", "/var/tmp/no/such/folder", 1);
	options = (struct block_options){.path = rig.path, .snapshot = true};
	assert_int_equal(open_and_close(options, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "set TMPDIR"));
	unsetenv("TMPDIR");
	unlink(other.path);
	unlink(rig.path);
}

/* --- growing */

struct growth {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned calls;
};

static void grown(void *ctx)
{
	struct growth *growth = ctx;

	pthread_mutex_lock(&growth->lock);
	growth->calls++;
	pthread_cond_signal(&growth->changed);
	pthread_mutex_unlock(&growth->lock);
}

static void test_resize(void **state)
{
	struct growth growth = {.lock = PTHREAD_MUTEX_INITIALIZER,
				.changed = PTHREAD_COND_INITIALIZER};
	struct loop_thread *watcher;
	struct block_rig rig;
	char command[128];

	(void)state;
	block_rig_image(&rig, 4096);
	block_rig_open(&rig, (struct block_options){.cache = BLOCK_CACHE_WRITEBACK});
	block_on_resize(rig.block, grown, &growth);
	block_check_size(rig.block);
	assert_int_equal(growth.calls, 0);
	assert_int_equal(truncate(rig.path, 8192), 0);
	block_check_size(rig.block);
	assert_int_equal(growth.calls, 1);
	assert_int_equal(block_get_info(rig.block).size_bytes, 8192);

	assert_int_equal(loop_thread_create("watcher", &watcher), 0);
	assert_int_equal(block_watch_size(rig.block, loop_thread_loop(watcher)), 0);
	assert_int_equal(block_watch_size(rig.block, loop_thread_loop(watcher)), -EEXIST);
	assert_int_equal(loop_thread_start(watcher), 0);
	snprintf(command, sizeof(command), "truncate -s 16900 %s", rig.path);
	assert_int_equal(system(command), 0);
	pthread_mutex_lock(&growth.lock);
	while (growth.calls < 2)
		pthread_cond_wait(&growth.changed, &growth.lock);
	pthread_mutex_unlock(&growth.lock);
	assert_int_equal(block_get_info(rig.block).size_bytes, 16896); /* whole sectors */
	loop_thread_stop(watcher);
	block_on_resize(rig.block, NULL, NULL);
	block_rig_close(&rig);
	loop_thread_destroy(watcher);
	unlink(rig.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_locks),	cmocka_unit_test(test_twice),
		cmocka_unit_test(test_info),	cmocka_unit_test(test_parts_refused),
		cmocka_unit_test(test_resize),
	};

	return cmocka_run_group_tests_name("block open", tests, NULL, NULL);
}
