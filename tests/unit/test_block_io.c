/* SPDX-License-Identifier: MIT
 *
 * Disk back end: all operations in each cache mode over io_uring and over a thread, against a model in
 * memory; pieces, odd memory, drain, snapshots, several queues.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "block_rig.h"

#define IMAGE_BYTES (1u << 20)
#define STEPS 400

/* Random, and the same each time. */
static uint32_t random_number(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Random cuts of memory into three parts; odd ones make O_DIRECT bounce. */
static unsigned cut(uint8_t *memory, size_t len, bool odd, uint32_t *seed, struct iovec iov[3])
{
	size_t first = random_number(seed) % (len + 1);
	size_t second = random_number(seed) % (len - first + 1);

	if (!odd) {
		first -= first % 512;
		second -= second % 512;
	}
	iov[0] = (struct iovec){memory, first};
	iov[1] = (struct iovec){memory + first, second};
	iov[2] = (struct iovec){memory + first + second, len - first - second};
	return 3;
}

struct machine {
	struct block_rig rig;
	uint8_t *model;
	uint8_t *memory;
	uint32_t seed;
};

static void step(struct machine *machine)
{
	uint32_t choice = random_number(&machine->seed) % 16;
	uint64_t offset = random_number(&machine->seed) % (IMAGE_BYTES / 512) * 512;
	size_t len = (random_number(&machine->seed) % 300 + 1) * 512;
	uint8_t *memory = machine->memory + (choice & 1 ? 0 : 24);
	struct iovec iov[3];
	unsigned count;

	if (offset + len > IMAGE_BYTES)
		len = IMAGE_BYTES - offset;
	count = cut(memory, len, choice & 2, &machine->seed, iov);
	if (choice < 6) {
		memset(memory, 0xee, len);
		assert_int_equal(block_rig_run(&machine->rig, BLOCK_READ, offset, iov, count, len),
				 0);
		assert_memory_equal(memory, machine->model + offset, len);
	} else if (choice < 12) {
		for (size_t i = 0; i < len; i++)
			memory[i] = (uint8_t)(random_number(&machine->seed) | 1);
		memcpy(machine->model + offset, memory, len);
		assert_int_equal(block_rig_run(&machine->rig, BLOCK_WRITE, offset, iov, count, len),
				 0);
	} else if (choice < 14) {
		memset(machine->model + offset, 0, len);
		assert_int_equal(
			block_rig_run(&machine->rig, BLOCK_WRITE_ZEROES, offset, NULL, 0, len), 0);
	} else if (choice == 14) {
		/* What a discard leaves is anybody's guess: zeros make it known again. */
		memset(machine->model + offset, 0, len);
		assert_int_equal(block_rig_run(&machine->rig, BLOCK_DISCARD, offset, NULL, 0, len),
				 0);
		assert_int_equal(
			block_rig_run(&machine->rig, BLOCK_WRITE_ZEROES, offset, NULL, 0, len), 0);
	} else {
		assert_int_equal(block_rig_run(&machine->rig, BLOCK_FLUSH, 0, NULL, 0, 0), 0);
	}
}

static void read_image(const char *path, uint8_t *bytes)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, IMAGE_BYTES, 0), IMAGE_BYTES);
	close(fd);
}

static void run_mode(struct block_options options)
{
	struct machine machine = {.seed = 7};
	uint8_t *found = malloc(IMAGE_BYTES);

	machine.model = calloc(1, IMAGE_BYTES);
	machine.memory = aligned_alloc(4096, IMAGE_BYTES);
	assert_true(found && machine.model && machine.memory);
	block_rig_image(&machine.rig, IMAGE_BYTES);
	block_rig_open(&machine.rig, options);
	for (int i = 0; i < STEPS; i++)
		step(&machine);
	assert_int_equal(block_rig_move(&machine.rig, BLOCK_READ, 0, machine.memory, IMAGE_BYTES),
			 0);
	assert_memory_equal(machine.memory, machine.model, IMAGE_BYTES);
	assert_int_equal(block_get_counters(machine.rig.block).errors, 0);
	block_rig_close(&machine.rig);
	read_image(machine.rig.path, found);
	if (options.snapshot)
		memset(machine.model, 0, IMAGE_BYTES);
	assert_memory_equal(found, machine.model, IMAGE_BYTES);
	unlink(machine.rig.path);
	free(machine.model);
	free(machine.memory);
	free(found);
}

static void test_modes(void **state)
{
	static const enum block_aio aio[] = {BLOCK_AIO_AUTO, BLOCK_AIO_THREADS};
	static const enum block_cache cache[] = {BLOCK_CACHE_WRITEBACK, BLOCK_CACHE_NONE,
						 BLOCK_CACHE_WRITETHROUGH, BLOCK_CACHE_UNSAFE};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 4; j++)
			run_mode((struct block_options){.aio = aio[i], .cache = cache[j]});
}

static void test_snapshot(void **state)
{
	(void)state;
	run_mode((struct block_options){.snapshot = true});
	run_mode((struct block_options){.snapshot = true, .cache = BLOCK_CACHE_NONE});
}

static void test_paced(void **state)
{
	(void)state;
	run_mode((struct block_options){.iops = 100000, .bytes_per_s = 4ULL << 30});
}

/* The base has content, which partial clusters keep. */
static void test_snapshot_copies(void **state)
{
	uint8_t base[IMAGE_BYTES / 4], seen[sizeof(base)], part[512];
	struct block_rig rig;

	(void)state;
	block_rig_image(&rig, sizeof(base));
	for (size_t i = 0; i < sizeof(base); i++)
		base[i] = (uint8_t)(i >> 9);
	int fd = open(rig.path, O_WRONLY);
	assert_int_equal(write(fd, base, sizeof(base)), sizeof(base));
	close(fd);
	block_rig_open(&rig, (struct block_options){.snapshot = true});
	memset(part, 0xaa, sizeof(part));
	memcpy(base + 70144, part, sizeof(part)); /* inside the second cluster */
	assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 70144, part, sizeof(part)), 0);
	memset(base + 130560, 0, 1024); /* from the second into the third */
	assert_int_equal(block_rig_run(&rig, BLOCK_WRITE_ZEROES, 130560, NULL, 0, 1024), 0);
	assert_int_equal(block_rig_move(&rig, BLOCK_READ, 0, seen, sizeof(seen)), 0);
	assert_memory_equal(seen, base, sizeof(seen));
	/* Never written: a discard leaves the base visible. */
	assert_int_equal(block_rig_run(&rig, BLOCK_DISCARD, 0, NULL, 0, 65536), 0);
	assert_int_equal(block_rig_move(&rig, BLOCK_READ, 0, seen, 65536), 0);
	assert_memory_equal(seen, base, 65536);
	block_rig_close(&rig);
	unlink(rig.path);
}

/* --- the fast path */

static void test_cached_read_is_inline(void **state)
{
	uint8_t sector[4096];
	struct block_rig rig;

	(void)state;
	block_rig_image(&rig, IMAGE_BYTES);
	block_rig_open(&rig, (struct block_options){.cache = BLOCK_CACHE_WRITEBACK});
	memset(sector, 5, sizeof(sector));
	assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 8192, sector, sizeof(sector)), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(block_rig_move(&rig, BLOCK_READ, 8192, sector, sizeof(sector)), 0);
	struct block_counters counters = block_get_counters(rig.block);
	assert_true(counters.inline_requests >= 10);
	assert_true(counters.queued_requests <= 1);
	block_rig_close(&rig);
	unlink(rig.path);
}

/* --- drain */

#define JOBS 600 /* more than a ring takes at a time */

struct drain_test {
	struct block_rig rig;
	struct block_job job[JOBS];
	struct iovec iov[JOBS];
	uint8_t *memory;
};

/* Like a vCPU that resets the device while its loop waits for the lock. */
static void drain_mode(struct block_options options)
{
	struct drain_test *test = calloc(1, sizeof(*test));

	assert_non_null(test);
	test->memory = aligned_alloc(4096, JOBS * 4096);
	assert_non_null(test->memory);
	memset(test->memory, 3, JOBS * 4096);
	block_rig_image(&test->rig, JOBS * 4096);
	block_rig_open(&test->rig, options);
	pthread_mutex_lock(&test->rig.lock);
	for (unsigned i = 0; i < JOBS; i++) {
		struct block_job *job = &test->job[i];

		test->iov[i] = (struct iovec){test->memory + i * 4096, 4096};
		*job = (struct block_job){.rig = &test->rig,
					  .request = {.op = i % 2 ? BLOCK_READ : BLOCK_WRITE,
						      .offset_bytes = i * 4096,
						      .len_bytes = 4096,
						      .iov = &test->iov[i],
						      .iov_count = 1,
						      .done = block_job_done}};
		block_submit(test->rig.queue, &job->request);
	}
	block_drain(test->rig.queue); /* also what no block_flush_batch() handed over */
	for (unsigned i = 0; i < JOBS; i++) {
		assert_true(test->job[i].is_done);
		assert_int_equal(test->job[i].error, 0);
	}
	pthread_mutex_unlock(&test->rig.lock);
	block_rig_close(&test->rig);
	unlink(test->rig.path);
	free(test->memory);
	free(test);
}

static void test_drain(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		drain_mode((struct block_options){.cache = BLOCK_CACHE_NONE});
		drain_mode((struct block_options){.cache = BLOCK_CACHE_NONE,
						  .aio = BLOCK_AIO_THREADS});
		drain_mode((struct block_options){.cache = BLOCK_CACHE_WRITETHROUGH});
		drain_mode((struct block_options){.snapshot = true});
		drain_mode((struct block_options){.iops = 1}); /* five minutes' worth */
		drain_mode((struct block_options){.seek_hdd = true});
	}
}

/* Chains of requests: each done() starts the next one, in the loop's thread, while another thread drains. */
#define CHAINS 40

struct chain {
	struct block_job job; /* first: done() casts back */
	struct iovec iov;
	bool *stop;
	unsigned length;
	bool resting;
};

static void go_on(struct block_request *request, int error)
{
	struct chain *chain = (struct chain *)request;

	assert_int_equal(error, 0);
	chain->length++;
	chain->resting = *chain->stop;
	if (chain->resting)
		return;
	request->op = request->op == BLOCK_READ ? BLOCK_WRITE : BLOCK_READ;
	block_submit(chain->job.rig->queue, request);
}

static void start_chains(struct block_rig *rig, struct chain *chain, uint8_t *memory, bool *stop)
{
	for (unsigned i = 0; i < CHAINS; i++, chain++) {
		chain->iov = (struct iovec){memory + i * 4096, 4096};
		chain->stop = stop;
		chain->job.rig = rig;
		chain->job.request = (struct block_request){.op = BLOCK_READ,
							    .offset_bytes = i * 4096,
							    .len_bytes = 4096,
							    .iov = &chain->iov,
							    .iov_count = 1,
							    .done = go_on};
		block_submit(rig->queue, &chain->job.request);
	}
	block_flush_batch(rig->queue);
}

static void drain_running(struct block_options options)
{
	struct chain *chain = calloc(CHAINS, sizeof(*chain));
	uint8_t *memory = aligned_alloc(4096, CHAINS * 4096);
	struct block_rig rig;
	unsigned total = 0;

	assert_true(chain && memory);
	memset(memory, 0, CHAINS * 4096);
	block_rig_image(&rig, CHAINS * 4096);
	block_rig_open(&rig, options);
	for (int round = 0; round < 10; round++) {
		bool stop = false;

		pthread_mutex_lock(&rig.lock);
		start_chains(&rig, chain, memory, &stop);
		pthread_mutex_unlock(&rig.lock);
		usleep(3000);
		pthread_mutex_lock(&rig.lock);
		stop = true;
		block_drain(rig.queue);
		for (unsigned i = 0; i < CHAINS; i++) {
			assert_true(chain[i].resting);
			total += chain[i].length;
		}
		pthread_mutex_unlock(&rig.lock);
	}
	assert_true(total >= 10 * CHAINS);
	block_rig_close(&rig);
	unlink(rig.path);
	free(memory);
	free(chain);
}

static void test_drain_running(void **state)
{
	(void)state;
	drain_running((struct block_options){.cache = BLOCK_CACHE_NONE});
	drain_running((struct block_options){.cache = BLOCK_CACHE_NONE, .aio = BLOCK_AIO_THREADS});
	drain_running((struct block_options){.cache = BLOCK_CACHE_NONE, .iops = 2000});
}

/* --- no io_uring, as in many containers */

static int forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static void run_without_io_uring(void)
{
	struct block_rig rig;
	struct block *block;
	char err[256];

	assert_int_equal(forbid_io_uring(), 0);
	run_mode((struct block_options){.cache = BLOCK_CACHE_NONE});
	drain_mode((struct block_options){.cache = BLOCK_CACHE_NONE});
	block_rig_image(&rig, 4096);
	struct block_options options = {.path = rig.path, .aio = BLOCK_AIO_URING};
	assert_int_equal(block_open(&options, &block, err, sizeof(err)), -ENOSYS);
	assert_non_null(strstr(err, "use aio=auto"));
	unlink(rig.path);
}

static void test_without_io_uring(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		run_without_io_uring();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- two queues on one disk: clusters that both write to lose nothing */

static void *write_odd_sectors(void *ctx)
{
	struct block_rig *rig = ctx;
	uint8_t sector[512];

	memset(sector, 2, sizeof(sector));
	for (uint64_t at = 512; at < IMAGE_BYTES; at += 1024)
		assert_int_equal(block_rig_move(rig, BLOCK_WRITE, at, sector, sizeof(sector)), 0);
	return NULL;
}

static void test_two_queues(void **state)
{
	struct block_rig first, second;
	uint8_t sector[512], *seen = malloc(IMAGE_BYTES);
	pthread_t thread;

	(void)state;
	assert_non_null(seen);
	block_rig_image(&first, IMAGE_BYTES);
	block_rig_open(&first, (struct block_options){.snapshot = true});
	second = first;
	pthread_mutex_init(&second.lock, NULL);
	pthread_cond_init(&second.done, NULL);
	assert_int_equal(loop_thread_create("disk", &second.thread), 0);
	assert_int_equal(block_queue_create(second.block, loop_thread_loop(second.thread),
					    &second.lock, &second.queue),
			 0);
	assert_int_equal(block_queue_listen(second.queue), 0);
	assert_int_equal(loop_thread_start(second.thread), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_odd_sectors, &second), 0);
	memset(sector, 1, sizeof(sector));
	for (uint64_t at = 0; at < IMAGE_BYTES; at += 1024)
		assert_int_equal(block_rig_move(&first, BLOCK_WRITE, at, sector, sizeof(sector)),
				 0);
	pthread_join(thread, NULL);
	assert_int_equal(block_rig_move(&first, BLOCK_READ, 0, seen, IMAGE_BYTES), 0);
	for (uint64_t at = 0; at < IMAGE_BYTES; at++)
		assert_int_equal(seen[at], 1 + at / 512 % 2);
	loop_thread_stop(second.thread);
	block_queue_destroy(second.queue);
	loop_thread_destroy(second.thread);
	/* What a queue did still counts when it is gone. */
	assert_true(block_get_counters(first.block).inline_requests +
			    block_get_counters(first.block).queued_requests >
		    IMAGE_BYTES / 512);
	block_rig_close(&first);
	unlink(first.path);
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_paced),
		cmocka_unit_test(test_snapshot_copies),
		cmocka_unit_test(test_cached_read_is_inline),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_running),
		cmocka_unit_test(test_without_io_uring),
		cmocka_unit_test(test_two_queues),
	};

	return cmocka_run_group_tests_name("block io", tests, NULL, NULL);
}
