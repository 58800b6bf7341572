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
		cmocka_unit_test_setup_teardown(test_unknown_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_end_wins, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
