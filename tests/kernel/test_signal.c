/* SPDX-License-Identifier: MIT
 *
 * Signals without anybody to run: what is queued, dropped, coalesced and chosen; who is orphaned; and frames of
 * handlers, which come back as a program may have them, whatever it wrote there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/proc/signal.h"

#include "guest/arch/segments.h"
#include "guest/arch/trap.h"
#include "guest/lib/errno.h"
#include "guest/mm/layout.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"
#include "tests/kernel/host.h"

#include "guest/proc/job.c"
#include "guest/proc/signal.c"
#include "guest/proc/signal_frame.c"

#define STACK_GVA 0x7fff00000000ull
#define STACK_BYTES_HERE 0x4000

static uint8_t stack[STACK_BYTES_HERE]; /* user memory at STACK_GVA */
static struct fpu_state loaded;
static unsigned ended, reported;

int user_read(void *to, uint64_t from_gva, size_t bytes)
{
	if (from_gva < STACK_GVA || from_gva + bytes > STACK_GVA + sizeof stack)
		return -EFAULT;
	memcpy(to, stack + (from_gva - STACK_GVA), bytes);
	return 0;
}

int user_write(uint64_t to_gva, const void *from, size_t bytes)
{
	if (to_gva < STACK_GVA || to_gva + bytes > STACK_GVA + sizeof stack)
		return -EFAULT;
	memcpy(stack + (to_gva - STACK_GVA), from, bytes);
	return 0;
}

void fpu_save(struct fpu_state *state)
{
	memset(state, 0x5a, sizeof *state);
}

void fpu_load(struct fpu_state *state)
{
	loaded = *state;
}

/* Here is a host whose vector registers fxsave has all of. */
const void *xstate_of_running(uint32_t *bytes)
{
	*bytes = 0;
	return NULL;
}

bool xstate_read_user(uint64_t from_gva, uint32_t bytes)
{
	(void)from_gva, (void)bytes;
	return false;
}

void xstate_reset(void)
{
}

void fpu_reset(void)
{
	memset(&loaded, 0, sizeof loaded);
}

bool task_wake_from(struct task *task, unsigned mask)
{
	(void)task, (void)mask;
	return true;
}

void process_begin_exit(struct process *process, int32_t status)
{
	process->exiting = true;
	process->exit_status = status;
	ended++;
}

void process_report_to_parent(struct process *process, int code, int status)
{
	(void)process, (void)code, (void)status;
	reported++;
}

static struct signal_action actions[SIGNAL_MAX];
static struct process parent, process, other;
static struct task task;

static void init_process(struct process *p, int32_t pid, int32_t group, struct process *above)
{
	memset(p, 0, sizeof *p);
	p->pid = pid;
	p->group = group;
	p->session = 1;
	p->parent = above;
	p->actions = actions;
	p->limits[RLIMIT_SIGPENDING].soft = 8;
	list_init(&p->threads);
	list_init(&p->children);
	waitq_init(&p->signal_arrived);
	list_add_last(&process_all, &p->in_all);
}

static int start(void **state)
{
	(void)state;
	list_init(&process_all);
	memset(actions, 0, sizeof actions);
	memset(&task, 0, sizeof task);
	init_process(&parent, 1, 1, &kernel_process);
	init_process(&process, 10, 10, &parent);
	init_process(&other, 11, 10, &process);
	task.process = &process;
	list_add_last(&process.threads, &task.in_process);
	process.thread_count = 1;
	host_task = &task;
	ended = reported = 0;
	host_ram_start(16 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	signal_discard(&process.signals, ~0ull, &process);
	signal_discard(&task.signals.queue, ~0ull, &process);
	return 0;
}

static void send(int number, int code, uint64_t value)
{
	const struct signal_info info = {.number = number, .code = code, .value = value};

	assert_int_equal(signal_send(&process, &info), 0);
}

static void handle(int number)
{
	actions[number - 1] = (struct signal_action){.handler_gva = 0x401000, .flags = SA_RESTORER};
}

static void test_ignored(void **state)
{
	struct signal_info info;

	(void)state;
	send(SIGCHLD, SI_USER, 0); /* ignored as long as nobody blocks it */
	assert_false(signal_is_pending());
	task.signals.blocked = SIGNAL_BIT(SIGCHLD);
	send(SIGCHLD, SI_USER, 0);
	assert_false(signal_is_pending());
	assert_true(signal_take(SIGNAL_BIT(SIGCHLD), &info));
	assert_false(signal_take(SIGNAL_BIT(SIGCHLD), &info));
}

static void test_queue(void **state)
{
	struct signal_info info;

	(void)state;
	handle(SIGUSR1);
	handle(SIGRTMIN);
	send(SIGUSR1, SI_QUEUE, 1);
	send(SIGUSR1, SI_QUEUE, 2); /* one is as good as two */
	for (uint64_t i = 0; i < 5; i++)
		send(SIGRTMIN, SI_QUEUE, i); /* but not of these */
	assert_true(signal_is_pending());
	assert_true(signal_take(~0ull, &info));
	assert_int_equal(info.number, SIGUSR1);
	assert_int_equal(info.value, 1);
	for (uint64_t i = 0; i < 5; i++) {
		assert_true(signal_take(~0ull, &info));
		assert_int_equal(info.number, SIGRTMIN);
		assert_int_equal(info.value, i);
	}
	assert_false(signal_take(~0ull, &info));
	assert_int_equal(process.queued_count, 0);
	assert_false(signal_is_pending());
}

static void test_limit(void **state)
{
	const struct signal_info info = {.number = SIGRTMIN, .code = SI_QUEUE};
	const struct signal_info plain = {.number = SIGRTMIN, .code = SI_USER};
	unsigned queued = 0;

	(void)state;
	handle(SIGRTMIN);
	while (signal_send(&process, &info) == 0 && queued < 100)
		queued++;
	assert_int_equal(queued, 8);
	assert_int_equal(signal_send(&process, &info), -EAGAIN);
	assert_int_equal(signal_send(&process, &plain), 0); /* kill() never fails for that */
	signal_discard(&process.signals, ~0ull, &process);
	assert_int_equal(process.queued_count, 0);
	assert_null(process.signals.first);
}

static void test_faults_first(void **state)
{
	struct signal_info info;

	(void)state;
	handle(SIGHUP);
	handle(SIGSEGV);
	send(SIGHUP, SI_USER, 0);
	signal_force(SIGSEGV, SEGV_MAPERR, 0x1234);
	assert_true(signal_take(~0ull, &info));
	assert_int_equal(info.number, SIGSEGV);
	assert_int_equal(info.address_gva, 0x1234);
	task.signals.blocked = SIGNAL_BIT(SIGSEGV); /* a blocked fault can't wait: it is the end */
	signal_force(SIGSEGV, SEGV_MAPERR, 0);
	assert_int_equal(actions[SIGSEGV - 1].handler_gva, SIG_DFL);
	assert_int_equal(task.signals.blocked, 0);
}

static void test_job_control(void **state)
{
	struct signal_info info;

	(void)state;
	handle(SIGTSTP);
	handle(SIGCONT);
	send(SIGTSTP, SI_USER, 0);
	send(SIGCONT, SI_USER, 0); /* annuls it */
	assert_int_equal(process.signals.set, SIGNAL_BIT(SIGCONT));
	send(SIGTSTP, SI_USER, 0); /* and the reverse */
	assert_int_equal(process.signals.set, SIGNAL_BIT(SIGTSTP));
	assert_true(signal_take(~0ull, &info));
	process.state = PROCESS_STOPPED;
	process.stop_unreported = true;
	send(SIGCONT, SI_USER, 0);
	assert_int_equal(process.state, PROCESS_ALIVE);
	assert_true(process.continue_unreported && !process.stop_unreported && reported == 1);
	process.state = PROCESS_STOPPED;
	send(SIGKILL, SI_USER, 0);
	assert_true(ended == 1 && process.exit_status == SIGKILL);
}

static void test_mask(void **state)
{
	(void)state;
	signal_set_blocked(~0ull);
	assert_int_equal(task.signals.blocked, ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)));
	handle(SIGUSR1);
	send(SIGUSR1, SI_USER, 0);
	assert_false(signal_is_pending());
	signal_block_for_wait(0);
	assert_true(signal_is_pending());
	signal_unblock_after_wait();
	assert_false(signal_is_pending());
}

static void test_orphans(void **state)
{
	(void)state;
	assert_false(process_group_is_orphaned(
		10, NULL)); /* parent 1 is in the session, not the group */
	assert_true(process_group_is_orphaned(10, &process));
	parent.session = 2;
	assert_true(process_group_is_orphaned(10, NULL));
}

static struct trap_frame user_frame(void)
{
	return (struct trap_frame){.rip = 0x401234,
				   .cs = USER_CS,
				   .ss = USER_DS,
				   .rflags = 0x202,
				   .rsp = STACK_GVA + STACK_BYTES_HERE - 1001,
				   .rax = 7,
				   .r15 = 15,
				   .vector = 14};
}

static void test_frame(void **state)
{
	const struct signal_action action = {
		.handler_gva = 0x402000, .flags = SA_RESTORER, .restorer_gva = 0x403000};
	const struct signal_info info = {.number = SIGUSR1};
	const struct trap_frame before = user_frame();
	struct trap_frame frame = before;
	signal_set mask;

	(void)state;
	assert_true(signal_frame_push(&frame, &action, &info, 0x55));
	assert_int_equal(frame.rip, 0x402000);
	assert_int_equal(frame.rdi, SIGUSR1);
	assert_int_equal((frame.rsp + 8) % 16, 0);
	assert_true(frame.rsp + sizeof(struct signal_frame) <= before.rsp - RED_ZONE_BYTES);
	frame.rsp += 8; /* ret */
	assert_true(signal_frame_pop(&frame, &mask));
	assert_int_equal(mask, 0x55);
	assert_int_equal(frame.rip, before.rip);
	assert_int_equal(frame.rsp, before.rsp);
	assert_int_equal(frame.rax, 7);
	assert_int_equal(frame.r15, 15);
	assert_int_equal(frame.error, NO_RESTART);
	assert_int_equal(loaded.bytes[100], 0x5a);
}

static void test_no_room(void **state)
{
	struct signal_action action = {.handler_gva = 0x402000, .flags = SA_RESTORER};
	const struct signal_info info = {.number = SIGUSR1};
	struct trap_frame frame = user_frame();

	(void)state;
	frame.rsp = STACK_GVA + 64;
	assert_false(signal_frame_push(&frame, &action, &info, 0));
	frame.rsp = 8; /* below it addresses wrap */
	assert_false(signal_frame_push(&frame, &action, &info, 0));
	frame = user_frame();
	action.handler_gva = USER_END;
	assert_false(signal_frame_push(&frame, &action, &info, 0));
	frame = user_frame();
	action = (struct signal_action){.handler_gva = 0x402000}; /* no restorer */
	assert_false(signal_frame_push(&frame, &action, &info, 0));
}

static void test_other_stack(void **state)
{
	const struct signal_action action = {.handler_gva = 0x402000,
					     .flags = SA_RESTORER | SA_ONSTACK};
	const struct signal_info info = {.number = SIGUSR1};
	struct trap_frame frame = user_frame();
	uint64_t first;

	(void)state;
	task.signals.stack_gva = STACK_GVA;
	task.signals.stack_bytes = 0x2000;
	assert_true(signal_frame_push(&frame, &action, &info, 0));
	assert_true(signal_is_on_stack(frame.rsp));
	first = frame.rsp;
	assert_true(signal_frame_push(&frame, &action, &info, 0)); /* nested: below the first */
	assert_true(frame.rsp < first && signal_is_on_stack(frame.rsp));
}

/* What a program writes into the frame it can't use to get more than user mode has. */
static void test_hostile_frames(void **state)
{
	(void)state;
	srand(3);
	for (unsigned i = 0; i < 20000; i++) {
		struct trap_frame frame = user_frame();
		struct user_context *context = (void *)(stack + 0x100);
		signal_set mask;
		bool good;

		for (size_t at = 0; at < sizeof *context; at++)
			((uint8_t *)context)[at] = (uint8_t)rand();
		if (i % 2)
			context->registers.fpu_gva = i % 4 == 1 ? 0 : STACK_GVA + 0x1000;
		if (i % 3 == 0)
			context->registers.rip &= 0x3fffffffffff;
		frame.rsp = STACK_GVA + 0x100;
		good = signal_frame_pop(&frame, &mask);
		assert_int_equal(frame.cs, USER_CS);
		assert_int_equal(frame.ss, USER_DS);
		assert_int_equal(frame.rflags & ~(uint64_t)FLAGS_OF_USER, 0x202);
		assert_true(!good || frame.rip < USER_END);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_ignored),	 TEST(test_queue),	    TEST(test_limit),
		TEST(test_faults_first), TEST(test_job_control),    TEST(test_mask),
		TEST(test_orphans),	 TEST(test_frame),	    TEST(test_no_room),
		TEST(test_other_stack),	 TEST(test_hostile_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
