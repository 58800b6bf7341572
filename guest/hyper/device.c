/* SPDX-License-Identifier: MIT
 *
 * The loops behind /dev/hyper, each a function that goes round count times. They run in pieces, between which
 * a signal is noticed; only the pieces are timed.
 */
#include "guest/hyper/device.h"

#include "abi/memory_map.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/board/machine.h"
#include "guest/fs/vfs.h"
#include "guest/hyper/hypercall.h"
#include "guest/labs/hyper.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/mmio.h"
#include "guest/mm/page.h"
#include "guest/mm/user.h"
#include "guest/proc/signal.h"
#include "guest/time/clock.h"

#define MISC_MAJOR 10
#define HYPER_MINOR 200
#define UART_SCRATCH 7
#define PIECE 64

_Static_assert(sizeof(struct hyper_loop) == 0x38, "HYPER_LOOP has this size in it");
_Static_assert(HYPER_BATCH_MAX == HYPERCALL_MULTICALL_MAX, "a batch is one exit");

/* What the loops work on. */
struct arena {
	volatile uint8_t *mmio;
	struct hypercall_call *call;
};

static volatile uint8_t *config_space; /* mapped when first asked for, for good */

static void nothing(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		memory_order();
}

static void call_vmm(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		hypercall(HYPERCALL_FEATURES, 0, 0);
}

static void call_in_a_batch(const struct arena *arena, unsigned count)
{
	hypercall_batch(arena->call, count);
}

static void call_kvm(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		hypercall_kvm(KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0);
}

static void ring(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		hypercall_doorbell(0);
}

static void write_port(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		io_write8(machine.serial_port + UART_SCRATCH, 0);
}

static void read_port(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		io_read8(machine.serial_port + UART_SCRATCH);
}

static void write_mmio(const struct arena *arena, unsigned count)
{
	while (count--)
		mmio_write32(arena->mmio, 0); /* vendor and device ID: read-only */
}

static void read_mmio(const struct arena *arena, unsigned count)
{
	while (count--)
		mmio_read32(arena->mmio);
}

static void read_lapic(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		lapic_id();
}

static void read_cpuid(const struct arena *arena, unsigned count)
{
	(void)arena;
	while (count--)
		cpuid_read(0, 0);
}

static void (*const body[HYPER_KINDS])(const struct arena *arena, unsigned count) = {
	[HYPER_NOTHING] = nothing,	 [HYPER_CALL] = call_vmm,
	[HYPER_BATCH] = call_in_a_batch, [HYPER_KVM_CALL] = call_kvm,
	[HYPER_DOORBELL] = ring,	 [HYPER_PORT_WRITE] = write_port,
	[HYPER_PORT_READ] = read_port,	 [HYPER_MMIO_WRITE] = write_mmio,
	[HYPER_MMIO_READ] = read_mmio,	 [HYPER_LAPIC_READ] = read_lapic,
	[HYPER_CPUID] = read_cpuid,
};

static bool has(uint32_t kind)
{
	const uint32_t features = hypercall_features();

	switch (kind) {
	case HYPER_CALL: return hypercall_available();
	case HYPER_BATCH: return features & HYPERCALL_FEATURE_MULTICALL;
	case HYPER_KVM_CALL: return features & HYPERCALL_FEATURE_KVM_ENTRY;
	case HYPER_DOORBELL: return features & HYPERCALL_FEATURE_DOORBELL;
	case HYPER_PORT_WRITE:
	case HYPER_PORT_READ: return machine.serial_port;
	case HYPER_MMIO_WRITE:
	case HYPER_MMIO_READ: return machine.fdt; /* then it's Vitrine's memory map */
	default: return true;
	}
}

/* Rows "total" and "userspace" of the VMM's counters, less the exit that asking for them is. */
static void read_exits(struct page *page, uint64_t *total, uint64_t *userspace)
{
	const struct hypercall_counter *row = page_data(page);
	const int64_t count = hypercall(HYPERCALL_COUNTERS, page_gpa(page), HYPERCALL_COUNTERS_MAX);

	*total = *userspace = 0;
	for (int64_t i = 0; i < count; i++)
		if (!strcmp(row[i].name, "total"))
			*total = row[i].value;
		else if (!strcmp(row[i].name, "userspace"))
			*userspace = row[i].value;
}

static void go_round(struct hyper_loop *loop, const struct arena *arena)
{
	const unsigned most = loop->kind == HYPER_BATCH ? loop->batch : PIECE;

	loop->done = loop->tsc = 0;
	while (loop->done < loop->count && !signal_is_pending()) {
		const uint64_t left = loop->count - loop->done;
		const unsigned piece = left < most ? (unsigned)left : most;
		const uint64_t start = tsc_read();

		body[loop->kind](arena, piece);
		loop->tsc += tsc_read() - start;
		loop->done += piece;
	}
	loop->ns = clock_tsc_to_ns(loop->tsc);
}

static void run_counted(struct hyper_loop *loop, struct page *page)
{
	const struct arena arena = {.mmio = config_space, .call = page_data(page)};
	uint64_t total[2], userspace[2];

	read_exits(page, &total[0], &userspace[0]);
	for (unsigned i = 0; i < HYPERCALL_MULTICALL_MAX; i++)
		arena.call[i] = (struct hypercall_call){.number = HYPERCALL_FEATURES};
	go_round(loop, &arena);
	read_exits(page, &total[1], &userspace[1]);
	loop->exits = total[0] ? total[1] - total[0] - 1 : HYPER_NO_EXITS;
	loop->userspace = userspace[0] ? userspace[1] - userspace[0] - 1 : HYPER_NO_EXITS;
}

static int run(struct hyper_loop *loop)
{
	struct page *page;

	if (loop->kind >= HYPER_KINDS || loop->count > HYPER_COUNT_MAX ||
	    loop->batch > HYPER_BATCH_MAX || (loop->kind == HYPER_BATCH) != !!loop->batch)
		return -EINVAL;
	if (!has(loop->kind))
		return -ENODEV;
	if ((loop->kind == HYPER_MMIO_READ || loop->kind == HYPER_MMIO_WRITE) && !config_space)
		config_space = mmio_map(GPA_PCI_CONFIG, PAGE_BYTES);
	page = page_alloc(0, 0);
	if (!page)
		return -ENOMEM;
	run_counted(loop, page);
	page_put(page);
	return 0;
}

static int64_t control(struct file *file, unsigned command, uint64_t argument)
{
	struct hyper_loop loop;
	int error;

	(void)file;
	if (command != HYPER_LOOP)
		return -ENOTTY;
	if (user_read(&loop, argument, sizeof(loop)))
		return -EFAULT;
	if (!loop.count && loop.kind == HYPER_NOTHING)
		return 0;
	error = run(&loop);
	return error ? error : user_write(argument, &loop, sizeof(loop));
}

void hyper_device_register(void)
{
	static const struct file_operations operations = {.ioctl = control};

	device_register(S_IFCHR, MISC_MAJOR, HYPER_MINOR, "hyper", 0600, &operations, NULL);
}
