/* SPDX-License-Identifier: MIT
 *
 * Running a user program, and what its exceptions mean. The kernel never uses a user address: it
 * looks pages up and goes through the direct map, so SMAP needs no exceptions.
 */
#include "guest/proc/user_program.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/frame.h"
#include "guest/mm/paging.h"
#include "guest/proc/embedded_elf.h"

#define USER_FLAGS 0x240dd5 /* ID AC OF DF TF SF ZF AF PF CF */
#define FLAGS_ALWAYS (RFLAGS_IF | 2)

extern const uint8_t user_image[], user_image_end[];
extern const char syscall_stub[], syscall_stub_ud[];

/* In trap_entry.S. */
int64_t user_enter(struct cpu *cpu, const struct trap_frame *frame);
_Noreturn void user_leave(struct cpu *cpu, int64_t result);

/* What syscall does on this host; unknown until the first one. */
static enum { SYSCALL_UNKNOWN, SYSCALL_ENTERS_KERNEL, SYSCALL_STAYS_IN_USER } syscall_kind;
static uint32_t last_pid;

bool process_syscall_stays_in_user(void)
{
	return syscall_kind == SYSCALL_STAYS_IN_USER;
}

static bool map_stack_page(const struct user_program *process, uint64_t gva)
{
	const uint64_t frame = frame_alloc_zeroed();

	if (!frame)
		return false;
	if (paging_map(process->pml4, gva & ~(uint64_t)(PAGE_BYTES - 1), frame,
		       PTE_USER | PTE_WRITE | PTE_NX | PTE_OWNED))
		return true;
	frame_free(frame);
	return false;
}

static int64_t run(struct user_program *process, uint64_t entry, uint64_t argument)
{
	struct cpu *cpu = cpu_this();
	const struct trap_frame frame = {.rip = entry,
					 .cs = USER_CS,
					 .rflags = FLAGS_ALWAYS,
					 .rsp = USER_STACK_TOP,
					 .ss = USER_DS,
					 .rdi = argument};
	int64_t result;

	irq_disable(); /* until iretq: an interrupt's frame would land on what user_enter saved */
	cpu->process = process;
	cr3_write(paging_root(process->pml4));
	result = user_enter(cpu, &frame);
	cr3_write(paging_root(kernel_pml4));
	cpu->process = NULL;
	cpu_set_kernel_stack(cpu, cpu_stack_top(cpu));
	irq_enable();
	return result;
}

int64_t process_run(uint64_t argument)
{
	struct user_program process = {.pml4 = paging_create_space(), .pid = ++last_pid};
	int64_t result = PROCESS_NO_MEMORY;
	uint64_t entry;

	if (!process.pml4)
		return result;
	entry = embedded_elf_load(process.pml4, user_image, user_image_end - user_image);
	if (entry == 0)
		result = PROCESS_BAD_IMAGE;
	else if (entry != 1 && map_stack_page(&process, USER_STACK_TOP - 1))
		result = run(&process, entry, argument);
	paging_free_space(process.pml4, USER_BASE, USER_STACK_TOP);
	return result;
}

void process_end(int64_t result)
{
	user_leave(cpu_this(), result);
}

bool process_copy_in(const struct user_program *process, void *to, uint64_t user_gva, size_t bytes)
{
	uint8_t *out = to;

	if (user_gva >= USER_END || bytes > USER_END - user_gva)
		return false;
	while (bytes) {
		const uint64_t entry = paging_lookup(process->pml4, user_gva);
		const size_t in_page = user_gva % PAGE_BYTES;
		size_t part = PAGE_BYTES - in_page;

		if (!(entry & PTE_PRESENT) || !(entry & PTE_USER))
			return false;
		if (part > bytes)
			part = bytes;
		memcpy(out, (uint8_t *)direct(entry & 0xffffffffff000) + in_page, part);
		out += part;
		user_gva += part;
		bytes -= part;
	}
	return true;
}

/* The system call stub found itself in ring 3, or could not even be fetched there: either way the
 * registers are as syscall left them, but for the flags, which the stub has moved up in r11. */
static void syscall_from_ring3(struct trap_frame *frame, uint64_t rflags)
{
	frame->rip = frame->rcx;
	frame->r11 = rflags;
	frame->rflags = rflags;
	process_syscall(frame);
}

static bool is_stack_growth(const struct trap_frame *frame)
{
	const uint64_t at = cr2_read();

	return frame->vector == EXCEPTION_PF && !(frame->error & (PF_PRESENT | PF_FETCH)) &&
	       at < USER_STACK_TOP && at >= USER_STACK_TOP - USER_STACK_BYTES;
}

void process_exception(struct trap_frame *frame)
{
	struct cpu *cpu = cpu_this();
	const uint64_t stub = (uint64_t)cpu + CPU_AREA_STUB;

	if (frame->vector == EXCEPTION_UD && syscall_kind == SYSCALL_STAYS_IN_USER &&
	    frame->rip == stub + (syscall_stub_ud - syscall_stub)) {
		syscall_from_ring3(frame, frame->r11 >> 16);
		return;
	}
	if (frame->vector == EXCEPTION_PF && frame->rip == stub &&
	    syscall_kind == SYSCALL_UNKNOWN) {
		/* The very first system call, of the embedded program: now we know this host. */
		syscall_kind = SYSCALL_STAYS_IN_USER;
		cpu_syscall_stays_in_user();
		syscall_from_ring3(frame, frame->r11);
		return;
	}
	if (is_stack_growth(frame) && map_stack_page(cpu->process, cr2_read()))
		return;
	cpu->process->fault_gva = cr2_read();
	process_end(-(int64_t)frame->vector);
}

/* In syscall.c. */
int64_t syscall_dispatch(struct user_program *process, const struct trap_frame *frame);

void process_syscall(struct trap_frame *frame)
{
	struct cpu *cpu = cpu_this();

	if (syscall_kind == SYSCALL_UNKNOWN)
		syscall_kind = SYSCALL_ENTERS_KERNEL;
	if (frame->rip >= USER_END) /* iretq must not fault */
		process_end(-EXCEPTION_GP);
	frame->rflags = (frame->rflags & USER_FLAGS) | FLAGS_ALWAYS;
	frame->rax = (uint64_t)syscall_dispatch(cpu->process, frame);
}
