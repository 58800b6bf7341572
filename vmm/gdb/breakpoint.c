/* SPDX-License-Identifier: MIT
 *
 * The table of breakpoints. A software breakpoint is keyed by the virtual address that gdb gave, and
 * lies at the physical address that this meant at the time: it is found there even when the guest has
 * changed its page tables since.
 */
#include "gdb/breakpoint.h"

#include <errno.h>
#include <string.h>

#define INT3 0xcc
#define PAGE_BYTES 4096
#define DR6_HIT_MASK 0xf

static bool is_software(const struct gdb_breakpoint *breakpoint)
{
	return breakpoint->used && breakpoint->slot < 0;
}

static struct gdb_breakpoint *find(struct gdb_breakpoints *all, enum gdb_breakpoint_type type,
				   uint64_t gva)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++) {
		struct gdb_breakpoint *entry = &all->entry[i];

		if (entry->used && entry->type == type && entry->gva == gva)
			return entry;
	}
	return NULL;
}

static struct gdb_breakpoint *find_free(struct gdb_breakpoints *all)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		if (!all->entry[i].used)
			return &all->entry[i];
	return NULL;
}

static int free_slot(const struct gdb_breakpoints *all)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		if (all->entry[i].used && all->entry[i].slot >= 0)
			taken |= 1u << all->entry[i].slot;
	for (int slot = 0; slot < VCPU_HW_BREAKPOINT_MAX; slot++)
		if (!(taken & 1u << slot))
			return slot;
	return -ENOSPC;
}

static int write_int3(const struct gdb_breakpoints *all, const struct gdb_target *target,
		      unsigned cpu, struct gdb_breakpoint *breakpoint)
{
	uint8_t int3 = INT3;
	int err = target->ops->translate(target->ctx, cpu, breakpoint->gva, &breakpoint->gpa);

	/* Through gdb's eyes: another breakpoint may lie at the same physical address. */
	if (err || gdb_memory_read(all, target, cpu, breakpoint->gva, &breakpoint->saved, 1) != 1)
		return -EFAULT;
	return target->ops->write(target->ctx, breakpoint->gpa, &int3, 1);
}

static bool is_watchable(uint64_t gva, uint64_t len_bytes)
{
	bool is_size = len_bytes == 1 || len_bytes == 2 || len_bytes == 4 || len_bytes == 8;

	return is_size && gva % len_bytes == 0;
}

int gdb_breakpoint_insert(struct gdb_breakpoints *all, const struct gdb_target *target,
			  unsigned cpu, enum gdb_breakpoint_type type, uint64_t gva,
			  uint64_t len_bytes)
{
	struct gdb_breakpoint *entry = find(all, type, gva);
	struct gdb_breakpoint new = {.used = true, .type = type, .gva = gva, .slot = -1};
	int err = -EROFS;

	if (entry)
		return 0;
	entry = find_free(all);
	if (!entry)
		return -ENOSPC;
	new.len_bytes = 1;
	if (type >= GDB_WATCH_WRITE) {
		if (!is_watchable(gva, len_bytes))
			return -EINVAL;
		new.len_bytes = (unsigned)len_bytes;
	}
	if (type == GDB_BREAK_SOFTWARE && !target->ops->is_deprivileged(target->ctx))
		err = write_int3(all, target, cpu, &new);
	if (err == -EROFS) {
		new.slot = free_slot(all);
		err = new.slot < 0 ? new.slot : 0;
	}
	if (!err)
		*entry = new;
	return err;
}

/* The guest may have put something else there in the meantime; that is left alone. */
static void restore_byte(const struct gdb_target *target, const struct gdb_breakpoint *breakpoint)
{
	uint8_t byte;

	if (target->ops->read(target->ctx, breakpoint->gpa, &byte, 1) == 0 && byte == INT3)
		target->ops->write(target->ctx, breakpoint->gpa, &breakpoint->saved, 1);
}

static bool is_shared(const struct gdb_breakpoints *all, const struct gdb_breakpoint *breakpoint)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		if (is_software(&all->entry[i]) && &all->entry[i] != breakpoint &&
		    all->entry[i].gpa == breakpoint->gpa)
			return true;
	return false;
}

static void remove_entry(struct gdb_breakpoints *all, const struct gdb_target *target,
			 struct gdb_breakpoint *entry)
{
	if (is_software(entry) && !is_shared(all, entry))
		restore_byte(target, entry);
	entry->used = false;
}

void gdb_breakpoint_remove(struct gdb_breakpoints *all, const struct gdb_target *target,
			   enum gdb_breakpoint_type type, uint64_t gva)
{
	struct gdb_breakpoint *entry = find(all, type, gva);

	if (entry)
		remove_entry(all, target, entry);
}

void gdb_breakpoints_remove_all(struct gdb_breakpoints *all, const struct gdb_target *target)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		if (all->entry[i].used)
			remove_entry(all, target, &all->entry[i]);
}

void gdb_breakpoints_forget_software(struct gdb_breakpoints *all)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		all->entry[i].used &= !is_software(&all->entry[i]);
}

static enum vcpu_watch watch_kind(enum gdb_breakpoint_type type)
{
	switch (type) {
	case GDB_WATCH_WRITE: return VCPU_WATCH_WRITE;
	case GDB_WATCH_READ:
	case GDB_WATCH_ACCESS: return VCPU_WATCH_ACCESS;
	default: return VCPU_WATCH_EXECUTE;
	}
}

void gdb_breakpoints_fill_debug(const struct gdb_breakpoints *all, struct vcpu_debug *debug)
{
	memset(debug, 0, sizeof(*debug));
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++) {
		const struct gdb_breakpoint *entry = &all->entry[i];

		if (!entry->used)
			continue;
		debug->enabled = true;
		if (is_software(entry))
			debug->software_breakpoints = true;
		else
			debug->hw[entry->slot] = (struct vcpu_hw_breakpoint){
				.used = true,
				.kind = watch_kind(entry->type),
				.gva = entry->gva,
				.len_bytes = entry->len_bytes};
	}
}

static bool caused(const struct gdb_breakpoint *entry, const struct vcpu_debug_stop *stop,
		   bool is_mapped, uint64_t rip_gpa)
{
	if (!entry->used)
		return false;
	if (is_software(entry))
		return stop->exception == 3 &&
		       (entry->gva == stop->rip || (is_mapped && entry->gpa == rip_gpa));
	if (stop->exception != 1 || !(stop->dr6 & DR6_HIT_MASK & 1u << entry->slot))
		return false;
	/* A processor may set the bit of a breakpoint that is merely near. */
	return entry->type >= GDB_WATCH_WRITE || entry->gva == stop->rip;
}

const struct gdb_breakpoint *gdb_breakpoint_of_stop(const struct gdb_breakpoints *all,
						    const struct gdb_target *target, unsigned cpu,
						    const struct vcpu_debug_stop *stop)
{
	uint64_t gpa = 0;
	bool is_mapped = target->ops->translate(target->ctx, cpu, stop->rip, &gpa) == 0;

	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++)
		if (caused(&all->entry[i], stop, is_mapped, gpa))
			return &all->entry[i];
	return NULL;
}

/* Length of the part of [gva, gva + length) that lies in gva's page. */
static size_t within_page(uint64_t gva, size_t length)
{
	size_t left = PAGE_BYTES - gva % PAGE_BYTES;

	return length < left ? length : left;
}

static void hide_int3(const struct gdb_breakpoints *all, uint64_t gpa, uint8_t *bytes,
		      size_t length)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++) {
		const struct gdb_breakpoint *entry = &all->entry[i];
		uint64_t offset = entry->gpa - gpa;

		if (is_software(entry) && offset < length && bytes[offset] == INT3)
			bytes[offset] = entry->saved;
	}
}

size_t gdb_memory_read(const struct gdb_breakpoints *all, const struct gdb_target *target,
		       unsigned cpu, uint64_t gva, void *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t part = within_page(gva + done, length - done);
		uint8_t *to = (uint8_t *)bytes + done;
		uint64_t gpa;

		if (target->ops->translate(target->ctx, cpu, gva + done, &gpa) ||
		    target->ops->read(target->ctx, gpa, to, part))
			break;
		hide_int3(all, gpa, to, part);
		done += part;
	}
	return done;
}

/* What gdb writes under an int3 becomes the byte that comes back when the breakpoint goes. */
static void keep_int3(struct gdb_breakpoints *all, const struct gdb_target *target, uint64_t gpa,
		      const uint8_t *bytes, size_t length)
{
	uint8_t int3 = INT3;

	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++) {
		struct gdb_breakpoint *entry = &all->entry[i];
		uint64_t offset = entry->gpa - gpa;

		if (!is_software(entry) || offset >= length)
			continue;
		entry->saved = bytes[offset];
		target->ops->write(target->ctx, entry->gpa, &int3, 1);
	}
}

size_t gdb_memory_write(struct gdb_breakpoints *all, const struct gdb_target *target, unsigned cpu,
			uint64_t gva, const void *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t part = within_page(gva + done, length - done);
		const uint8_t *from = (const uint8_t *)bytes + done;
		uint64_t gpa;

		if (target->ops->translate(target->ctx, cpu, gva + done, &gpa) ||
		    target->ops->write(target->ctx, gpa, from, part))
			break;
		keep_int3(all, target, gpa, from, part);
		done += part;
	}
	return done;
}
