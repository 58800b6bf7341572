/* SPDX-License-Identifier: MIT
 *
 * The data port: DRQ blocks of a transfer between the guest and the channel's buffer, and what disks do with
 * a full or an empty buffer.
 *
 * A block ends with an interrupt when the next one is ready, which it is at once as long as the buffer lasts.
 */
#include <string.h>

#include "dev/ide_internal.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Packet commands say how much is in each block (ATA/ATAPI-6 §9.9). */
static void begin_block(struct ide_channel *ch)
{
	struct ide_job *job = &ch->job;
	struct ide_drive *drive = job->drive;

	if (!job->data_in)
		ide_shortcuts_expect_write(ch->ide);
	job->block_end_bytes = smaller(job->at_bytes + job->block_bytes, job->end_bytes);
	drive->status = IDE_STATUS_DRDY | IDE_STATUS_DRQ | (drive->cdrom ? 0 : IDE_STATUS_DSC);
	if (drive->cdrom) {
		uint32_t bytes = job->block_end_bytes - job->at_bytes;

		drive->file[0][IDE_COUNT] = job->data_in ? IDE_REASON_TO_HOST : 0;
		drive->file[0][IDE_LBA_MID] = (uint8_t)bytes;
		drive->file[0][IDE_LBA_HIGH] = (uint8_t)(bytes >> 8);
	}
}

void ide_pio_start(struct ide_channel *ch, bool data_in, uint32_t bytes, bool interrupt,
		   void (*done)(struct ide_channel *ch))
{
	ch->job.data_in = data_in;
	ch->job.at_bytes = 0;
	ch->job.end_bytes = bytes;
	ch->job.data_done = done;
	begin_block(ch);
	if (interrupt)
		ide_raise(ch->job.drive);
}

/* Bytes that the port may move now in this direction without a look at the state machine. */
static uint32_t ready_bytes(struct ide_channel *ch, bool data_in, uint32_t wanted)
{
	struct ide_job *job = &ch->job;

	if (!job->drive || job->drive != ide_selected(ch) || job->data_in != data_in ||
	    !(job->drive->status & IDE_STATUS_DRQ))
		return 0;
	return smaller(wanted, job->block_end_bytes - job->at_bytes);
}

static void advance(struct ide_channel *ch, uint32_t bytes)
{
	struct ide_job *job = &ch->job;

	job->at_bytes += bytes;
	if (job->at_bytes < job->block_end_bytes)
		return;
	if (job->at_bytes < job->end_bytes) {
		begin_block(ch);
		ide_raise(job->drive);
		return;
	}
	job->drive->status = IDE_STATUS_BSY;
	job->data_done(ch);
}

void ide_pio_read(struct ide_channel *ch, uint8_t *data, uint32_t bytes)
{
	uint32_t ready;

	while ((ready = ready_bytes(ch, true, bytes)) > 0) {
		memcpy(data, ch->buffer + ch->job.at_bytes, ready);
		data += ready;
		bytes -= ready;
		advance(ch, ready);
	}
	memset(data, 0xff, bytes);
}

void ide_pio_write(struct ide_channel *ch, const uint8_t *data, uint32_t bytes)
{
	uint32_t ready;

	while ((ready = ready_bytes(ch, false, bytes)) > 0) {
		memcpy(ch->buffer + ch->job.at_bytes, data, ready);
		data += ready;
		bytes -= ready;
		advance(ch, ready);
	}
}

/* --- disks: the buffer and the back end ---------------------------------------------------------- */

static void submit_buffer(struct ide_channel *ch, enum block_op op,
			  void (*completed)(struct ide_channel *ch, int error))
{
	struct ide_job *job = &ch->job;

	job->step_bytes = job->left_bytes < IDE_BUFFER_BYTES ? (uint32_t)job->left_bytes
							     : IDE_BUFFER_BYTES;
	ch->iov[0] = (struct iovec){.iov_base = ch->buffer, .iov_len = job->step_bytes};
	ide_work_submit(ch, op, 1, completed);
}

static void took_step(struct ide_job *job)
{
	job->offset_bytes += job->step_bytes;
	job->left_bytes -= job->step_bytes;
}

/* The guest has read the buffer. Behind a disk's last block comes no interrupt (§9.7). */
static void buffer_sent(struct ide_channel *ch)
{
	if (ch->job.left_bytes)
		ide_work_queue(ch, ide_pio_fill);
	else if (ch->job.drive->cdrom)
		ide_transfer_done(ch);
	else
		ide_end(ch->job.drive, 0, false);
}

static void buffer_filled(struct ide_channel *ch, int error)
{
	if (error) {
		ide_transfer_failed(ch);
		return;
	}
	took_step(&ch->job);
	ide_pio_start(ch, true, ch->job.step_bytes, true, buffer_sent);
}

void ide_pio_fill(struct ide_channel *ch)
{
	submit_buffer(ch, BLOCK_READ, buffer_filled);
}

static void buffer_written(struct ide_channel *ch, int error)
{
	if (error) {
		ide_transfer_failed(ch);
		return;
	}
	took_step(&ch->job);
	if (ch->job.left_bytes)
		ide_pio_receive(ch, true);
	else
		ide_transfer_done(ch);
}

static void write_buffer(struct ide_channel *ch)
{
	submit_buffer(ch, BLOCK_WRITE, buffer_written);
}

static void buffer_received(struct ide_channel *ch)
{
	ide_work_queue(ch, write_buffer);
}

void ide_pio_receive(struct ide_channel *ch, bool interrupt)
{
	uint64_t left = ch->job.left_bytes;

	ide_pio_start(ch, false, left < IDE_BUFFER_BYTES ? (uint32_t)left : IDE_BUFFER_BYTES,
		      interrupt, buffer_received);
}
