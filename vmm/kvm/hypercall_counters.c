/* SPDX-License-Identifier: MIT
 *
 * HYPERCALL_COUNTERS: why this VM was left, and how often, for the guest itself to read. First what KVM
 * counts, where it does, then the VMM's own counters of exits that came to userspace. The call is an exit
 * too and counts itself the next time.
 */
#include <errno.h>
#include <stdio.h>

#include "hypercall.h"
#include "kvm/stats_fd.h"
#include "kvm/vm_internal.h"

struct table {
	struct hypercall_counter row[HYPERCALL_COUNTERS_MAX];
	unsigned count;
};

/* KVM's names, and the guest's. */
static const struct {
	const char *kvm, *name;
} known[] = {
	{"exits", "total"},
	{"io_exits", "io"},
	{"mmio_exits", "mmio"},
	{"halt_exits", "halt"},
	{"irq_exits", "irq"},
	{"irq_window_exits", "irq-window"},
	{"nmi_window_exits", "nmi-window"},
	{"signal_exits", "signal"},
	{"pf_taken", "page-fault"},
	{"invlpg", "invlpg"},
	{"insn_emulation", "emulated"},
	{"hypercalls", "kvm-hypercall"},
	{"irq_injections", "injected"},
	{"halt_wakeup", "halt-wakeup"},
};
_Static_assert(sizeof(known) / sizeof(*known) + EXIT_REASON_COUNT + 2 <= HYPERCALL_COUNTERS_MAX,
	       "a row for each");

static void add(struct table *table, const char *name, uint64_t value)
{
	struct hypercall_counter *row = &table->row[table->count++];

	snprintf(row->name, sizeof(row->name), "%s", name);
	row->value = value;
}

static void add_kvm(struct table *table, struct vm *vm)
{
	struct kvm_stats stats;

	if (vm_collect_stats(vm, &stats) < 0)
		return;
	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct kvm_stat *stat = kvm_stats_find(&stats, known[i].kvm);

		if (stat)
			add(table, known[i].name, stat->value);
	}
	kvm_stats_free(&stats);
}

/* Other vCPUs may be counting: each figure is whole, the sum a moment's. */
static void add_userspace(struct table *table, const struct vm *vm)
{
	uint64_t sum[EXIT_REASON_COUNT] = {0}, all = 0;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
			sum[r] += __atomic_load_n(&vm->vcpu[i].counters.exits[r], __ATOMIC_RELAXED);
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		all += sum[r];
	add(table, "userspace", all);
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		add(table, exit_reason_name((enum exit_reason)r), sum[r]);
}

int64_t hypercall_counters(struct vm *vm, uint64_t gpa, uint64_t room)
{
	struct table table = {.count = 0};
	uint64_t doorbells = 0;

	if (room > HYPERCALL_COUNTERS_MAX)
		return -EINVAL;
	if (room && !gmem_slice(vm->setup.mem, gpa, room * sizeof(*table.row)))
		return -EFAULT; /* before the work */
	add_kvm(&table, vm);
	add_userspace(&table, vm);
	for (unsigned i = 0; i < HYPERCALL_DOORBELL_MAX; i++)
		doorbells += hypercall_doorbell_rings(vm, i);
	add(&table, "doorbell", doorbells);
	if (room > table.count)
		room = table.count;
	if (gmem_write(vm->setup.mem, gpa, table.row, room * sizeof(*table.row)) < 0)
		return -EFAULT;
	return table.count;
}
