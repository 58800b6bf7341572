/* SPDX-License-Identifier: MIT
 *
 * The registers of a channel: task file, status, device control; resets, signatures, the interrupt
 * (ATA/ATAPI-6 §7, §9.2). What a command means is not known here.
 *
 *              command written                  data moved, or the medium was
 *     idle ────────────────────▶ job (BSY, DRQ) ─────────────────────────────▶ idle, INTRQ
 *      ▲                           │
 *      └──── SRST, DEVICE RESET ◀──┘   the request in flight is waited for
 */
#include <string.h>
#include <sys/eventfd.h>

#include "dev/ide_internal.h"

#define DIAGNOSTIC_PASSED 0x01
#define COMMAND_DEVICE_RESET 0x08
#define COMMAND_DIAGNOSTIC 0x90
#define DEVICE_ALWAYS_ONE 0xa0 /* bits 7 and 5, of old */

struct ide_drive *ide_selected(struct ide_channel *ch)
{
	/* Both drives have the same device register: each write goes to both. */
	return &ch->drive[ch->drive[0].file[0][IDE_DEVICE] & IDE_DEVICE_SLAVE ? 1 : 0];
}

/* The line is INTRQ of the drive that is selected, unless nIEN is set; its rise is latched by the bus
 * master. An eventfd pulses the IOAPIC's input: nothing to do when it falls. */
void ide_update_irq(struct ide_channel *ch)
{
	bool level = ide_selected(ch)->intrq && !(ch->control & IDE_CONTROL_NIEN);

	if (level == ch->line_level)
		return;
	ch->line_level = level;
	ch->counters.interrupts += level;
	if (level)
		ch->bm.status |= BM_STATUS_INTERRUPT;
	if (ch->irq_fd < 0)
		irq_line_set(&ch->irq, level);
	else if (level)
		eventfd_write(ch->irq_fd, 1);
}

void ide_raise(struct ide_drive *drive)
{
	drive->intrq = true;
	ide_update_irq(drive->channel);
}

void ide_begin(struct ide_drive *drive)
{
	drive->channel->job = (struct ide_job){.drive = drive};
	drive->channel->counters.kicks++;
	drive->status = IDE_STATUS_BSY;
}

void ide_end(struct ide_drive *drive, uint8_t error, bool interrupt)
{
	drive->channel->job = (struct ide_job){0};
	drive->error = error;
	drive->status = IDE_STATUS_DRDY | (drive->cdrom ? 0 : IDE_STATUS_DSC);
	if (error)
		drive->status |= IDE_STATUS_ERR;
	if (interrupt)
		ide_raise(drive);
}

void ide_cancel(struct ide_channel *ch)
{
	ch->work = NULL;
	if (ch->in_flight) {
		ch->cancelled = true;
		ide_work_drain(ch);
		ch->cancelled = false;
	}
	ch->job = (struct ide_job){0};
}

/* --- reset ------------------------------------------------------------------------------------- */

/* ATA/ATAPI-6 §9.12: which kind of device this is. */
void ide_set_signature(struct ide_drive *drive)
{
	memset(drive->file, 0, sizeof(drive->file));
	drive->file[0][IDE_COUNT] = 0x01;
	drive->file[0][IDE_LBA_LOW] = 0x01;
	drive->file[0][IDE_LBA_MID] = drive->cdrom ? 0x14 : 0x00;
	drive->file[0][IDE_LBA_HIGH] = drive->cdrom ? 0xeb : 0x00;
}

/* Modes that SET FEATURES and SET MULTIPLE chose stay over a reset by software (§9.2). */
void ide_drive_reset(struct ide_drive *drive)
{
	ide_set_signature(drive);
	drive->error = DIAGNOSTIC_PASSED;
	drive->status = drive->cdrom ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC;
	drive->intrq = false;
	drive->unit_attention = drive->cdrom;
	drive->sense = (struct ide_sense){0};
}

static void reset_drives(struct ide_channel *ch)
{
	ide_drive_reset(&ch->drive[0]);
	ide_drive_reset(&ch->drive[1]);
	ide_update_irq(ch);
}

void ide_channel_power_on(struct ide_channel *ch)
{
	for (unsigned i = 0; i < 2; i++) {
		struct ide_drive *drive = &ch->drive[i];

		drive->heads = 16;
		drive->sectors_per_track = 63;
		drive->multiple = IDE_MULTIPLE_MAX;
		drive->write_cache = true;
	}
	reset_drives(ch);
}

static void diagnose(struct ide_channel *ch)
{
	reset_drives(ch);
	ide_raise(&ch->drive[ch->drive[0].present ? 0 : 1]);
}

void ide_channel_write_control(struct ide_channel *ch, uint8_t value)
{
	bool was_reset = ch->control & IDE_CONTROL_SRST;
	bool is_reset = value & IDE_CONTROL_SRST;

	if (!ch->populated)
		return;
	ch->control = value & (IDE_CONTROL_HOB | IDE_CONTROL_SRST | IDE_CONTROL_NIEN);
	if (is_reset && !was_reset) {
		ide_cancel(ch);
		reset_drives(ch);
	}
	ide_update_irq(ch);
}

/* --- registers --------------------------------------------------------------------------------- */

uint8_t ide_channel_status(struct ide_channel *ch)
{
	if (!ch->populated)
		return 0xff; /* nobody drives the bus */
	if (!ide_selected(ch)->present)
		return 0; /* the other drive answers for it (ATA/ATAPI-6 §9.16.1) */
	if (ch->control & IDE_CONTROL_SRST)
		return IDE_STATUS_BSY;
	return ide_selected(ch)->status;
}

uint8_t ide_channel_read(struct ide_channel *ch, unsigned reg)
{
	struct ide_drive *drive = ide_selected(ch);

	if (!ch->populated)
		return 0xff;
	if (!drive->present)
		return 0;
	switch (reg) {
	case IDE_FEATURES: return drive->error;
	case IDE_DEVICE: return drive->file[0][reg] | DEVICE_ALWAYS_ONE;
	case IDE_COMMAND:
		drive->intrq = false;
		ide_update_irq(ch);
		return ide_channel_status(ch);
	default: return drive->file[ch->control & IDE_CONTROL_HOB ? 1 : 0][reg];
	}
}

static void command(struct ide_channel *ch, uint8_t code)
{
	struct ide_drive *drive = ide_selected(ch);

	if (ch->job.drive) { /* the one command that may interrupt another (§8.7) */
		if (code == COMMAND_DEVICE_RESET && drive->cdrom && ch->job.drive == drive) {
			ide_cancel(ch);
			ide_atapi_reset(drive);
		}
		return;
	}
	if (code == COMMAND_DIAGNOSTIC) { /* both drives execute it, whichever is selected (§8.9) */
		diagnose(ch);
		return;
	}
	if (!drive->present)
		return;
	drive->intrq = false;
	ide_update_irq(ch);
	if (drive->cdrom)
		ide_atapi_command(drive, code);
	else
		ide_ata_command(drive, code);
}

void ide_channel_write(struct ide_channel *ch, unsigned reg, uint8_t value)
{
	if (!ch->populated || ch->control & IDE_CONTROL_SRST)
		return;
	ch->control &= (uint8_t)~IDE_CONTROL_HOB;
	if (reg == IDE_COMMAND) {
		command(ch, value);
		return;
	}
	if (ch->job.drive)
		return; /* while BSY or DRQ is set registers stay as they are */
	for (unsigned i = 0; i < 2; i++) {
		ch->drive[i].file[1][reg] = ch->drive[i].file[0][reg];
		ch->drive[i].file[0][reg] = value;
	}
	if (reg == IDE_DEVICE)
		ide_update_irq(ch);
}
