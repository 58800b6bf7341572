/* SPDX-License-Identifier: MIT
 *
 * System calls about the system as a whole and about a process's own ways: names, power, prctl(), and where
 * thread-local storage is.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/switch.h"
#include "guest/drivers/power.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/proc/system_name.h"
#include "guest/syscall/calls.h"

#define NAME_BYTES SYSTEM_NAME_BYTES
#define RELEASE "6.1.0-vitrine" /* the interface that programs may expect */

static struct spinlock name_lock;
static struct system_name name = {.system = "Linux",
				  .node = "vitrine",
				  .release = RELEASE,
				  .version = "#1 SMP " VITRINE_VERSION,
				  .machine = "x86_64",
				  .domain = "(none)"};

struct system_name system_name_read(void)
{
	const uint64_t flags = spin_lock(&name_lock);
	const struct system_name copy = name;

	spin_unlock(&name_lock, flags);
	return copy;
}

int64_t sys_uname(uint64_t name_gva)
{
	const struct system_name copy = system_name_read();

	return user_write(name_gva, &copy, sizeof(copy)) ? -EFAULT : 0;
}

/* copy is filled up with zeroes. */
static int store_name(char to[NAME_BYTES], const char copy[NAME_BYTES])
{
	const uint64_t flags = spin_lock(&name_lock);

	memcpy(to, copy, NAME_BYTES);
	spin_unlock(&name_lock, flags);
	return 0;
}

int system_name_set_node(const char *node)
{
	const size_t length = strlen(node);
	char copy[NAME_BYTES] = "";

	if (!process_is_root())
		return -EPERM;
	if (length >= NAME_BYTES)
		return -EINVAL;
	memcpy(copy, node, length);
	return store_name(name.node, copy);
}

static int set_name(char to[NAME_BYTES], uint64_t name_gva, int length)
{
	char copy[NAME_BYTES] = "";

	if (!process_is_root())
		return -EPERM;
	if (length < 0 || length >= NAME_BYTES)
		return -EINVAL;
	if (user_read(copy, name_gva, (size_t)length))
		return -EFAULT;
	return store_name(to, copy);
}

int64_t sys_sethostname(uint64_t name_gva, int length)
{
	return set_name(name.node, name_gva, length);
}

int64_t sys_setdomainname(uint64_t name_gva, int length)
{
	return set_name(name.domain, name_gva, length);
}

int64_t sys_reboot(uint32_t magic, uint32_t magic_too, uint32_t command, uint64_t argument_gva)
{
	enum { MAGIC = 0xfee1dead, MAGIC2 = 672274793, MAGIC2A = 85072278, MAGIC2B = 369367448 };
	enum {
		RESTART = 0x01234567,
		HALT = 0xcdef0123,
		CAD_ON = 0x89abcdef,
		CAD_OFF = 0,
		POWER_OFF = 0x4321fedc,
		RESTART2 = 0xa1b2c3d4
	};

	(void)argument_gva;
	if (!process_is_root())
		return -EPERM;
	if (magic != MAGIC || (magic_too != MAGIC2 && magic_too != MAGIC2A && magic_too != MAGIC2B))
		return -EINVAL;
	switch (command) {
	case RESTART:
	case RESTART2: print("restarting\n"); power_reboot();
	case HALT:
	case POWER_OFF: print("switching off\n"); power_off();
	case CAD_ON:
	case CAD_OFF: return 0; /* there is no such keyboard */
	default: return -EINVAL;
	}
}

int64_t sys_personality(uint32_t personality)
{
	struct process *process = process_this();
	const uint32_t old = process->personality;

	if (personality != UINT32_MAX)
		process->personality = personality;
	return old;
}

static int set_task_name(uint64_t name_gva)
{
	char copy[TASK_NAME_BYTES] = "";
	const int64_t length = user_read_string(copy, name_gva, sizeof(copy));

	if (length < 0 && length != -ENAMETOOLONG)
		return (int)length;
	copy[TASK_NAME_BYTES - 1] = 0;
	memcpy(task_this()->name, copy, sizeof(copy));
	return 0;
}

/* prctl()'s two kinds of answers: an int at an address, or the result. */
static int answer(uint64_t gva, int32_t value)
{
	return user_write(gva, &value, sizeof(value)) ? -EFAULT : 0;
}

int64_t sys_prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	enum {
		PR_SET_PDEATHSIG = 1,
		PR_GET_PDEATHSIG = 2,
		PR_GET_DUMPABLE = 3,
		PR_SET_DUMPABLE = 4,
		PR_SET_NAME = 15,
		PR_GET_NAME = 16,
		PR_CAPBSET_READ = 23,
		PR_SET_CHILD_SUBREAPER = 36,
		PR_GET_CHILD_SUBREAPER = 37,
		PR_SET_NO_NEW_PRIVS = 38,
		PR_GET_NO_NEW_PRIVS = 39,
		CAPABILITY_LAST = 40
	};
	struct process *process = process_this();

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (a > SIGNAL_MAX)
			return -EINVAL;
		process->parent_death_signal = (int32_t)a;
		return 0;
	case PR_GET_PDEATHSIG: return answer(a, process->parent_death_signal);
	case PR_GET_DUMPABLE: return !process->dumps_reset;
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		process->dumps_reset = !a;
		return 0;
	case PR_SET_NAME: return set_task_name(a);
	case PR_GET_NAME: return user_write(a, task_this()->name, TASK_NAME_BYTES) ? -EFAULT : 0;
	case PR_CAPBSET_READ: return a <= CAPABILITY_LAST ? 1 : -EINVAL;
	case PR_SET_CHILD_SUBREAPER: process->is_subreaper = a; return 0;
	case PR_GET_CHILD_SUBREAPER: return answer(a, process->is_subreaper);
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c || d)
			return -EINVAL;
		process->no_new_privileges = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS: return process->no_new_privileges;
	default: return -EINVAL;
	}
}

int64_t sys_arch_prctl(int code, uint64_t address)
{
	enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };
	struct task *task = task_this();

	switch (code) {
	case ARCH_SET_GS:
	case ARCH_SET_FS:
		if (address >= USER_END)
			return -EPERM;
		*(code == ARCH_SET_FS ? &task->fs_base : &task->gs_base) = address;
		irq_disable();
		switch_load_segment_bases();
		irq_enable();
		return 0;
	case ARCH_GET_FS:
		return user_write(address, &task->fs_base, sizeof(task->fs_base)) ? -EFAULT : 0;
	case ARCH_GET_GS:
		return user_write(address, &task->gs_base, sizeof(task->gs_base)) ? -EFAULT : 0;
	default: return -EINVAL;
	}
}

int64_t sys_set_tid_address(uint64_t tid_gva)
{
	task_this()->clear_tid_gva = tid_gva;
	return task_this()->tid;
}
