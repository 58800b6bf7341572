/* SPDX-License-Identifier: MIT
 *
 * VMM hypercalls with what a hostile guest may have in its registers. No KVM: the vCPU is a shared page
 * of our own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypercall.h"
#include "kvm/vm_internal.h"
#include "memory_map.h"

#define RAM_BYTES (64ull << 20)

struct fixture {
	struct gmem mem;
	struct vm_control control;
	struct kvm_run run;
	struct vm *vm;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->vm = calloc(1, sizeof(*f->vm) + sizeof(struct vcpu));
	if (gmem_create(&f->mem, RAM_BYTES, GMEM_ANONYMOUS) < 0)
		return -1;
	f->vm->setup.mem = &f->mem;
	f->vm->setup.control = &f->control;
	f->vm->vcpu[0].vm = f->vm;
	f->vm->vcpu[0].run = &f->run;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	gmem_destroy(&f->mem);
	free(f->vm);
	free(f);
	return 0;
}

static int64_t call(struct fixture *f, uint64_t number, uint64_t arg0, uint64_t arg1)
{
	struct kvm_regs *regs = &f->run.s.regs.regs;

	regs->rax = number;
	regs->rdi = arg0;
	regs->rsi = arg1;
	hypercall_handle(&f->vm->vcpu[0]);
	return (int64_t)regs->rax;
}

/* Without a console what is written vanishes, but is read from guest memory all the same. */
static void test_console_write(void **state)
{
	static const struct {
		uint64_t gpa, len_bytes;
		int64_t result;
	} cases[] = {
		{0x1000, 0, 0},
		{0x1000, 1, 1},
		{0x1000, HYPERCALL_CONSOLE_MAX, HYPERCALL_CONSOLE_MAX},
		{0x1000, HYPERCALL_CONSOLE_MAX + 1, -EINVAL},
		{0x1000, UINT64_MAX, -EINVAL},
		{0x1000, 1ull << 63, -EINVAL},
		{0x1000, 1ull << 32, -EINVAL},
		{RAM_BYTES - 1, 1, 1},
		{RAM_BYTES - 1, 2, -EFAULT},
		{RAM_BYTES - 256, 512, 256}, /* as far as RAM goes, in chunks of 256 */
		{RAM_BYTES, 1, -EFAULT},
		{RAM_BYTES, 0, 0},
		{GPA_HOLE_START, 1, -EFAULT},
		{UINT64_MAX, 1, -EFAULT},
		{UINT64_MAX, 2, -EFAULT},
		{UINT64_MAX - 15, 16, -EFAULT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(
			call(*state, HYPERCALL_CONSOLE_WRITE, cases[i].gpa, cases[i].len_bytes),
			cases[i].result);
}

static void test_doorbell_count(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++)
		f->vm->doorbell_fd[i] = -1;
	f->vm->doorbell_count[HYPERCALL_DOORBELL_MAX - 1] = UINT64_MAX;
	assert_int_equal(call(f, HYPERCALL_DOORBELL_COUNT, HYPERCALL_DOORBELL_MAX - 1, 0),
			 INT64_MAX); /* not taken for an error */
	assert_int_equal(call(f, HYPERCALL_DOORBELL_COUNT, HYPERCALL_DOORBELL_MAX, 0), -EINVAL);
	assert_int_equal(call(f, HYPERCALL_DOORBELL_COUNT, 1ull << 32, 0), -EINVAL);
	assert_int_equal(call(f, HYPERCALL_DOORBELL_COUNT, UINT64_MAX, 0), -EINVAL);
}

static int64_t batch(struct fixture *f, uint64_t gpa, struct hypercall_call *calls, unsigned count)
{
	assert_int_equal(gmem_write(&f->mem, gpa, calls, count * sizeof(*calls)), 0);
	const int64_t result = call(f, HYPERCALL_MULTICALL, gpa, count);

	assert_int_equal(gmem_read(&f->mem, gpa, calls, count * sizeof(*calls)), 0);
	return result;
}

static void test_multicall(void **state)
{
	struct fixture *f = *state;
	struct hypercall_call calls[HYPERCALL_MULTICALL_MAX];

	for (unsigned i = 0; i < HYPERCALL_MULTICALL_MAX; i++)
		calls[i] = (struct hypercall_call){.number = HYPERCALL_CONSOLE_WRITE,
						   .argument = {0x1000, i}};
	assert_int_equal(batch(f, RAM_BYTES - sizeof(calls), calls, HYPERCALL_MULTICALL_MAX),
			 HYPERCALL_MULTICALL_MAX); /* ends where RAM does */
	for (unsigned i = 0; i < HYPERCALL_MULTICALL_MAX; i++)
		assert_int_equal(calls[i].result, i);
	assert_int_equal(call(f, HYPERCALL_MULTICALL, UINT64_MAX, 0), 0);
}

static void test_multicall_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t gpa, count;
		int64_t result;
	} cases[] = {
		{0x1000, HYPERCALL_MULTICALL_MAX + 1, -EINVAL},
		{0x1000, 1ull << 32, -EINVAL},
		{0x1000, UINT64_MAX, -EINVAL},
		{0x1000, UINT64_MAX / sizeof(struct hypercall_call) + 2, -EINVAL},
		{RAM_BYTES, 1, -EFAULT},
		{RAM_BYTES - sizeof(struct hypercall_call) + 1, 1, -EFAULT},
		{GPA_HOLE_START, 1, -EFAULT},
		{UINT64_MAX, 1, -EFAULT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(call(f, HYPERCALL_MULTICALL, cases[i].gpa, cases[i].count),
				 cases[i].result);
}

/* A bad call inside spoils none of its neighbours; a batch in a batch would let one exit run for ever. */
static void test_multicall_bad_calls(void **state)
{
	struct fixture *f = *state;
	struct hypercall_call calls[] = {
		{.number = HYPERCALL_MULTICALL, .argument = {0x2000, 5}},
		{.number = HYPERCALL_COUNTERS, .argument = {0x3000, 1}},
		{.number = UINT64_MAX},
		{.number = HYPERCALL_CONSOLE_WRITE, .argument = {RAM_BYTES, 1}},
		{.number = HYPERCALL_CONSOLE_WRITE, .argument = {0x1000, 7}},
	};

	assert_int_equal(batch(f, 0x2000, calls, 5), 5);
	assert_int_equal(calls[0].result, -ENOSYS);
	assert_int_equal(calls[1].result, -ENOSYS);
	assert_int_equal(calls[2].result, -ENOSYS);
	assert_int_equal(calls[3].result, -EFAULT);
	assert_int_equal(calls[4].result, 7);
}

static uint64_t counter(const struct hypercall_counter *row, int64_t count, const char *name)
{
	for (int64_t i = 0; i < count; i++)
		if (!strcmp(row[i].name, name))
			return row[i].value;
	fail_msg("no counter %s", name);
	return 0;
}

static void test_counters(void **state)
{
	struct fixture *f = *state;
	struct hypercall_counter row[HYPERCALL_COUNTERS_MAX];
	int64_t count;

	f->vm->stats_fd = -ENOTSUP;
	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++)
		f->vm->doorbell_fd[i] = -1;
	f->vm->doorbell_count[1] = 3;
	f->vm->vcpu_count = 1;
	f->vm->vcpu[0].counters.exits[EXIT_PIO_WRITE] = 5;
	f->vm->vcpu[0].counters.exits[EXIT_HYPERCALL] = 7;
	count = call(f, HYPERCALL_COUNTERS, 0x1000, HYPERCALL_COUNTERS_MAX);
	assert_in_range(count, 4, HYPERCALL_COUNTERS_MAX);
	assert_int_equal(gmem_read(&f->mem, 0x1000, row, sizeof(row)), 0);
	assert_int_equal(counter(row, count, "userspace"), 12);
	assert_int_equal(counter(row, count, "pio-write"), 5);
	assert_int_equal(counter(row, count, "hypercall"), 7);
	assert_int_equal(counter(row, count, "doorbell"), 3);
	/* only as many as there is room for; without room, how many there are */
	assert_int_equal(gmem_zero(&f->mem, 0x1000, sizeof(row)), 0);
	assert_int_equal(call(f, HYPERCALL_COUNTERS, 0x1000, 1), count);
	assert_int_equal(gmem_read(&f->mem, 0x1000, row, sizeof(row)), 0);
	assert_string_equal(row[0].name, "userspace");
	assert_string_equal(row[1].name, "");
	assert_int_equal(call(f, HYPERCALL_COUNTERS, UINT64_MAX, 0), count);
	assert_int_equal(call(f, HYPERCALL_COUNTERS, RAM_BYTES - 32, 2), -EFAULT);
	assert_int_equal(call(f, HYPERCALL_COUNTERS, 0x1000, HYPERCALL_COUNTERS_MAX + 1), -EINVAL);
}

static void test_unknown_numbers(void **state)
{
	static const uint64_t number[] = {HYPERCALL_COUNT, 0x80000000, 1ull << 32,
					  (1ull << 32) | HYPERCALL_POWEROFF, UINT64_MAX};

	for (size_t i = 0; i < sizeof(number) / sizeof(*number); i++)
		assert_int_equal(call(*state, number[i], 0, 0), -ENOSYS);
	assert_int_equal(vm_control_pending(&((struct fixture *)*state)->control, NULL),
			 VM_END_NONE);
}

static void test_first_end_wins(void **state)
{
	struct fixture *f = *state;
	uint32_t value;

	assert_int_equal(call(f, HYPERCALL_EXIT, 21, 0), 0);
	assert_int_equal(call(f, HYPERCALL_POWEROFF, 0, 0), 0);
	assert_int_equal(call(f, HYPERCALL_PANIC, 0, 0), 0);
	assert_int_equal(vm_control_pending(&f->control, &value), VM_END_DEBUG_EXIT);
	assert_int_equal(value, 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_console_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_doorbell_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_multicall, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_multicall_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_multicall_bad_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unknown_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_end_wins, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
