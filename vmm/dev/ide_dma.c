/* SPDX-License-Identifier: MIT
 *
 * The bus master of a channel: its registers, and transfers along the guest's list of regions ("Programming
 * Interface for Bus Master IDE Controller" 1.0, §1.2, §2).
 *
 *     command that wants DMA, and START ──▶ request along the regions ──▶ … ──▶ INTRQ, INTERRUPT
 *                  ▲                              │         │
 *                  └── START cleared, or the ◀────┘         └─▶ ERROR, command aborted: a region that is
 *                      list was too short: waits                no RAM, or that crosses a 64 KiB boundary
 *
 * Each entry of the list is read once, when the transfer comes to it. Regions need not end with a sector:
 * one request takes as many as end with one; where none does, data goes through the channel's buffer.
 */
#include <errno.h>
#include <string.h>

#include "dev/ide_internal.h"

#define PRD_LAST (1u << 31)
#define PRD_BOUNDARY 0x10000u /* neither the table nor a region crosses a multiple of it */
#define PRD_ENTRY_BYTES 8

/* Makes sure that the current region has bytes left. -ENODATA: the list ended. -EFAULT: it is wrong. */
static int fetch_region(struct ide_channel *ch)
{
	struct ide_prd *prd = &ch->bm.prd;
	uint32_t entry[2];
	uint32_t table_room = PRD_BOUNDARY - ch->bm.table_gpa % PRD_BOUNDARY;

	if (prd->region_bytes)
		return 0;
	if (prd->last)
		return -ENODATA;
	if (prd->entry_gpa - ch->bm.table_gpa + PRD_ENTRY_BYTES > table_room ||
	    gmem_read(ch->ide->mem, prd->entry_gpa, entry, sizeof(entry)))
		return -EFAULT;
	prd->entry_gpa += PRD_ENTRY_BYTES;
	prd->last = entry[1] & PRD_LAST;
	prd->region_gpa = entry[0] & ~1u;
	prd->region_bytes = entry[1] & 0xfffe;
	if (!prd->region_bytes)
		prd->region_bytes = PRD_BOUNDARY;
	return prd->region_gpa % PRD_BOUNDARY + prd->region_bytes > PRD_BOUNDARY ? -EFAULT : 0;
}

/* The next piece of guest memory, at most max_bytes of it. */
static int next_piece(struct ide_channel *ch, uint64_t max_bytes, struct iovec *piece)
{
	struct ide_prd *prd = &ch->bm.prd;
	int err = fetch_region(ch);

	if (err)
		return err;
	piece->iov_len = prd->region_bytes < max_bytes ? prd->region_bytes : max_bytes;
	piece->iov_base = gmem_slice(ch->ide->mem, prd->region_gpa, piece->iov_len);
	if (!piece->iov_base)
		return -EFAULT;
	prd->region_gpa += (uint32_t)piece->iov_len;
	prd->region_bytes -= (uint32_t)piece->iov_len;
	return 0;
}

/* Fills ch->iov with whole sectors of guest memory and sets job.step_bytes; returns how many pieces. 0: not
 * even one sector, *err says why; 0 there: its pieces are too many. */
static unsigned gather(struct ide_channel *ch, int *err)
{
	struct ide_prd whole = ch->bm.prd;
	uint64_t bytes = 0;
	unsigned whole_count = 0;

	ch->job.step_bytes = 0;
	*err = 0;
	for (unsigned i = 0; i < IDE_IOV_MAX && bytes < ch->job.left_bytes; i++) {
		*err = next_piece(ch, ch->job.left_bytes - bytes, &ch->iov[i]);
		if (*err)
			break;
		bytes += ch->iov[i].iov_len;
		if (bytes % IDE_SECTOR_BYTES)
			continue;
		whole = ch->bm.prd;
		whole_count = i + 1;
		ch->job.step_bytes = (uint32_t)bytes;
	}
	ch->bm.prd = whole;
	return whole_count;
}

/* Between the channel's buffer and guest memory. */
static int copy_buffer(struct ide_channel *ch, uint32_t bytes, bool to_memory)
{
	struct iovec piece;

	for (uint32_t at = 0; at < bytes; at += (uint32_t)piece.iov_len) {
		int err = next_piece(ch, bytes - at, &piece);

		if (err)
			return err;
		if (to_memory)
			memcpy(piece.iov_base, ch->buffer + at, piece.iov_len);
		else
			memcpy(ch->buffer + at, piece.iov_base, piece.iov_len);
	}
	return 0;
}

/* The list gave no more. Too short: the drive goes on waiting, for a new list or for a reset. */
static void stop_master(struct ide_channel *ch, int err)
{
	ch->bm.status &= (uint8_t)~BM_STATUS_ACTIVE;
	if (err == -ENODATA) {
		ch->job.waits_for_master = true;
		return;
	}
	ch->bm.status |= BM_STATUS_ERROR;
	ide_transfer_failed(ch);
}

static void step_done(struct ide_channel *ch, int error)
{
	struct ide_job *job = &ch->job;

	if (error) {
		ide_transfer_failed(ch);
		return;
	}
	job->offset_bytes += job->step_bytes;
	job->left_bytes -= job->step_bytes;
	if (job->left_bytes) {
		ide_dma_start(ch);
		return;
	}
	if (ch->bm.prd.last && !ch->bm.prd.region_bytes)
		ch->bm.status &= (uint8_t)~BM_STATUS_ACTIVE;
	ide_transfer_done(ch);
}

static void bounced_read_done(struct ide_channel *ch, int error)
{
	int err = error ? 0 : copy_buffer(ch, ch->job.step_bytes, true);

	if (err)
		stop_master(ch, err);
	else
		step_done(ch, error);
}

static void bounce(struct ide_channel *ch)
{
	struct ide_job *job = &ch->job;
	int err;

	job->step_bytes = IDE_SECTOR_BYTES;
	ch->iov[0] = (struct iovec){.iov_base = ch->buffer, .iov_len = job->step_bytes};
	if (!job->write) {
		ide_work_submit(ch, BLOCK_READ, 1, bounced_read_done);
		return;
	}
	err = copy_buffer(ch, job->step_bytes, false);
	if (err)
		stop_master(ch, err);
	else
		ide_work_submit(ch, BLOCK_WRITE, 1, step_done);
}

/* In the controller's thread. */
static void transfer_step(struct ide_channel *ch)
{
	struct ide_job *job = &ch->job;
	bool to_memory = ch->bm.command & BM_COMMAND_TO_MEMORY;
	unsigned count;
	int err;

	if (!(ch->bm.command & BM_COMMAND_START)) {
		job->waits_for_master = true;
		return;
	}
	if (to_memory == job->write || !pci_is_master(&ch->ide->fn)) {
		stop_master(ch, -EFAULT);
		return;
	}
	count = gather(ch, &err);
	if (count)
		ide_work_submit(ch, job->write ? BLOCK_WRITE : BLOCK_READ, count, step_done);
	else if (err)
		stop_master(ch, err);
	else
		bounce(ch);
}

/* Data that is in the buffer already: answers to packet commands. */
static void send_buffer(struct ide_channel *ch)
{
	int err = -EFAULT;

	if (!(ch->bm.command & BM_COMMAND_START)) {
		ch->job.waits_for_master = true;
		return;
	}
	if (ch->bm.command & BM_COMMAND_TO_MEMORY && pci_is_master(&ch->ide->fn))
		err = copy_buffer(ch, ch->job.step_bytes, true);
	if (err)
		stop_master(ch, err);
	else
		step_done(ch, 0);
}

void ide_dma_start(struct ide_channel *ch)
{
	ch->job.waits_for_master = !(ch->bm.command & BM_COMMAND_START);
	if (ch->job.waits_for_master)
		ide_shortcuts_expect_write(ch->ide);
	else
		ide_work_queue(ch, ch->job.from_buffer ? send_buffer : transfer_step);
}

void ide_dma_send(struct ide_channel *ch, uint32_t bytes)
{
	ch->job.from_buffer = true;
	ch->job.step_bytes = bytes;
	ch->job.left_bytes = bytes;
	ide_dma_start(ch);
}

/* --- registers --------------------------------------------------------------------------------- */

uint8_t ide_bm_read(struct ide_channel *ch, unsigned offset)
{
	if (ch->job.waits_for_master)
		ide_shortcuts_catch_up(ch);
	switch (offset) {
	case BM_COMMAND: return ch->bm.command;
	case BM_STATUS: return ch->bm.status;
	case BM_PRD_TABLE:
	case BM_PRD_TABLE + 1:
	case BM_PRD_TABLE + 2:
	case BM_PRD_TABLE + 3: return (uint8_t)(ch->bm.table_gpa >> (offset - BM_PRD_TABLE) * 8);
	default: return 0;
	}
}

/* START begins at the head of the list. When it is cleared under a transfer the guest may use its memory
 * for something else at once: so what is in flight must be over by then. */
void ide_bm_write_command(struct ide_channel *ch, uint8_t value)
{
	bool was_started = ch->bm.command & BM_COMMAND_START;
	bool is_started = value & BM_COMMAND_START;

	ch->bm.command = value & (BM_COMMAND_START | BM_COMMAND_TO_MEMORY);
	if (is_started && !was_started) {
		ch->bm.status |= BM_STATUS_ACTIVE;
		ch->bm.prd = (struct ide_prd){.entry_gpa = ch->bm.table_gpa};
		if (ch->job.waits_for_master)
			ide_dma_start(ch);
	} else if (!is_started && was_started) {
		if (ch->in_flight)
			ide_work_drain(ch);
		ch->bm.status &= (uint8_t)~BM_STATUS_ACTIVE;
	}
}

void ide_bm_write(struct ide_channel *ch, unsigned offset, uint8_t value)
{
	unsigned shift = (offset - BM_PRD_TABLE) * 8;

	switch (offset) {
	case BM_COMMAND:
		ide_shortcuts_catch_up(ch); /* what was written before comes before */
		ide_bm_write_command(ch, value);
		break;
	case BM_STATUS: /* write ones to clear, but for the guest's notes */
		ch->bm.status &= (uint8_t) ~(value & (BM_STATUS_ERROR | BM_STATUS_INTERRUPT));
		ch->bm.status = (ch->bm.status & (uint8_t)~BM_STATUS_CAPABLE) |
				(value & BM_STATUS_CAPABLE);
		break;
	case BM_PRD_TABLE:
	case BM_PRD_TABLE + 1:
	case BM_PRD_TABLE + 2:
	case BM_PRD_TABLE + 3:
		ch->bm.table_gpa &= ~(0xffu << shift);
		ch->bm.table_gpa |= (uint32_t)value << shift & ~3u;
		break;
	default: break;
	}
}
