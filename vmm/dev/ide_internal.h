/* SPDX-License-Identifier: MIT
 *
 * What the files of the IDE controller share. Nobody else includes it.
 *
 *     ide.c            the function: windows, identity, life
 *     ide_channel.c    registers of a channel, its drives, resets, interrupt
 *     ide_ata.c        commands of disks             ide_identify.c  what drives say they are
 *     ide_atapi.c      commands of CD-ROM drives     ide_packet.c    the packets behind them
 *     ide_pio.c        the data port                 ide_dma.c       the bus master
 *     ide_work.c       the thread that does the I/O  ide_shortcuts.c  register writes without an exit
 *
 * Everything is guarded by ide->fn.dev.lock. vCPU threads only change registers and leave work for the
 * controller's thread; one command at a time runs on a channel, as on the cable.
 */
#ifndef VITRINE_DEV_IDE_INTERNAL_H
#define VITRINE_DEV_IDE_INTERNAL_H

#include "backend/block.h"
#include "bus/pci.h"
#include "dev/ide.h"
#include "kvm/gmem.h"
#include "observe/counters.h"

#define IDE_CHANNELS 2
#define IDE_SECTOR_BYTES 512
#define IDE_BUFFER_BYTES 65536 /* of a channel: what PIO takes from the back end at once */
#define IDE_MULTIPLE_MAX 16
#define IDE_IOV_MAX 128
#define IDE_CD_SECTOR_BYTES 2048
#define IDE_PACKET_BYTES 12
#define IDE_SERIAL_BYTES 20

/* Command block registers, ATA/ATAPI-6 §7 */
enum ide_register {
	IDE_DATA,
	IDE_FEATURES, /* read: error */
	IDE_COUNT,    /* packet commands: interrupt reason */
	IDE_LBA_LOW,
	IDE_LBA_MID, /* packet commands: byte count */
	IDE_LBA_HIGH,
	IDE_DEVICE,
	IDE_COMMAND, /* read: status */
	IDE_REGISTERS
};

enum {
	IDE_STATUS_BSY = 0x80,
	IDE_STATUS_DRDY = 0x40,
	IDE_STATUS_DF = 0x20,
	IDE_STATUS_DSC = 0x10,
	IDE_STATUS_DRQ = 0x08,
	IDE_STATUS_ERR = 0x01, /* packet commands: CHK */

	IDE_ERROR_UNC = 0x40,
	IDE_ERROR_IDNF = 0x10,
	IDE_ERROR_ABRT = 0x04,

	IDE_CONTROL_HOB = 0x80,
	IDE_CONTROL_SRST = 0x04,
	IDE_CONTROL_NIEN = 0x02,

	IDE_DEVICE_LBA = 0x40,
	IDE_DEVICE_SLAVE = 0x10,

	IDE_REASON_COMMAND = 0x01, /* C/D */
	IDE_REASON_TO_HOST = 0x02  /* I/O */
};

/* Bus master registers of a channel */
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_PRD_TABLE = 4, BM_CHANNEL_BYTES = 8 };
enum {
	BM_COMMAND_START = 0x01,
	BM_COMMAND_TO_MEMORY = 0x08,
	BM_STATUS_ACTIVE = 0x01,
	BM_STATUS_ERROR = 0x02,
	BM_STATUS_INTERRUPT = 0x04,
	BM_STATUS_CAPABLE = 0x60 /* drive 0, drive 1: the guest's own notes */
};

struct ide;
struct ide_channel;
struct loop;
struct loop_thread;
struct loop_timer;

struct ide_sense {
	uint8_t key, asc, ascq;
};

struct ide_drive {
	struct ide_channel *channel;
	unsigned index; /* 0: master, 1: slave */
	bool present;
	bool cdrom;
	bool dma;
	struct block *block;
	struct block_info info;
	struct block_queue *queue;
	uint64_t sector_count; /* of 512 bytes */
	char serial[IDE_SERIAL_BYTES + 1];

	/* Two bytes deep (ATA/ATAPI-6 §6.20): [0] was written last, [1] before that. */
	uint8_t file[2][IDE_REGISTERS];
	uint8_t error;
	uint8_t status;
	bool intrq;

	uint8_t heads; /* CHS translation in use */
	uint8_t sectors_per_track;
	uint8_t multiple; /* sectors in a DRQ block of READ and WRITE MULTIPLE */
	uint8_t transfer_mode;
	bool write_cache;
	struct ide_sense sense;
	bool unit_attention;
	bool packet_dma; /* of the packet command that runs */
	uint32_t packet_limit_bytes;
};

/* What a command is doing. */
struct ide_job {
	struct ide_drive *drive; /* NULL: the channel is idle */
	bool write;		 /* to the medium */
	bool waits_for_master;	 /* DMA: for the guest to start the bus master */
	bool flush_after;	 /* write cache off */
	bool from_buffer;	 /* DMA of what is in the channel's buffer */
	uint64_t offset_bytes;	 /* of the medium, what comes next */
	uint64_t left_bytes;
	uint32_t step_bytes;  /* of the request in flight */
	uint32_t block_bytes; /* of data between two interrupts */

	/* The data port: from the channel's buffer, or into it */
	uint32_t at_bytes;
	uint32_t block_end_bytes;
	uint32_t end_bytes;
	bool data_in;				   /* DRQ is for reading */
	void (*data_done)(struct ide_channel *ch); /* end_bytes were transferred */
};

/* Where the bus master stands in the guest's list (Physical Region Descriptors). */
struct ide_prd {
	uint32_t entry_gpa; /* of the next one */
	uint32_t region_gpa;
	uint32_t region_bytes; /* left */
	bool last;
};

/* The guest's write of START with this direction, without an exit. */
struct ide_doorbell {
	struct ide_channel *channel;
	uint8_t command;
	int fd; /* -1: comes as an exit */
};

struct ide_bus_master {
	uint8_t command;
	uint8_t status;
	uint32_t table_gpa;
	struct ide_prd prd;
	struct ide_doorbell doorbell[2]; /* [1]: to memory */
	uint16_t port;			 /* where it is now, for those; 0: nowhere */
};

typedef void ide_work_fn(struct ide_channel *ch);

struct ide_channel {
	struct ide *ide;
	unsigned index;
	struct ide_drive drive[2];
	bool populated; /* at least one drive */
	uint8_t control;
	bool line_level;
	struct irq_line irq;
	int irq_fd; /* -1: by irq */
	struct ide_bus_master bm;
	struct ide_job job;
	uint8_t *buffer; /* IDE_BUFFER_BYTES */

	/* For --stats: back-end requests, by their time; commands as kicks. */
	struct queue_counters counters;
	uint64_t submitted_tsc;

	/* ide_work.c */
	ide_work_fn *work; /* to be called in the controller's thread */
	bool in_flight;
	bool cancelled; /* the request in flight belongs to nobody any more */
	void (*completed)(struct ide_channel *ch, int error);
	struct block_request request;
	struct iovec iov[IDE_IOV_MAX];
};

struct ide {
	struct pci_function fn;
	const struct gmem *mem;
	const struct wiring *wiring;
	struct ide_channel channel[IDE_CHANNELS];
	struct loop_thread *thread;
	struct loop *loop;
	int work_fd;
	bool deferring; /* writes of data and parameters come late (bus/wiring.h) */
	struct loop_timer *flush_timer;
	uint64_t flush_delay_ns; /* 0: not armed */
	bool in_thread;		 /* the lock's holder is the controller's thread */
};

/* --- ide_channel.c */

void ide_channel_power_on(struct ide_channel *ch);
uint8_t ide_channel_read(struct ide_channel *ch, unsigned reg);
void ide_channel_write(struct ide_channel *ch, unsigned reg, uint8_t value);
void ide_channel_write_control(struct ide_channel *ch, uint8_t value);
struct ide_drive *ide_selected(struct ide_channel *ch);
/* Status as the alternate status register shows it: no side effect. */
uint8_t ide_channel_status(struct ide_channel *ch);
/* The reset state: signature, diagnostic code, idle. The job was cancelled. */
void ide_drive_reset(struct ide_drive *drive);
void ide_set_signature(struct ide_drive *drive);
/* Forgets the command that runs; waits for its request. */
void ide_cancel(struct ide_channel *ch);
void ide_update_irq(struct ide_channel *ch);

/* The channel's command is this drive's from now on; BSY. */
void ide_begin(struct ide_drive *drive);
/* Ends it. error 0: none. Raises the interrupt if interrupt. */
void ide_end(struct ide_drive *drive, uint8_t error, bool interrupt);
void ide_raise(struct ide_drive *drive);

static inline void ide_abort(struct ide_drive *drive)
{
	ide_end(drive, IDE_ERROR_ABRT, true);
}

/* --- ide_ata.c, ide_atapi.c, ide_packet.c, ide_identify.c */

void ide_ata_command(struct ide_drive *drive, uint8_t command);
/* All data of the job is where it should be; or the back end failed at job.offset_bytes. */
void ide_transfer_done(struct ide_channel *ch);
void ide_transfer_failed(struct ide_channel *ch);
void ide_atapi_command(struct ide_drive *drive, uint8_t command);
void ide_atapi_reset(struct ide_drive *drive);
/* Runs the packet; it ends the command, or lets data be transferred. */
void ide_packet_execute(struct ide_drive *drive, const uint8_t packet[IDE_PACKET_BYTES]);
/* So many bytes of an answer are in the channel's buffer. */
void ide_atapi_send(struct ide_drive *drive, uint32_t bytes);
/* Sectors of 2,048 bytes, all on the medium. */
void ide_atapi_read(struct ide_drive *drive, uint32_t sector, uint32_t sector_count);
/* Ends a packet command: key 0 is success. */
void ide_atapi_end(struct ide_drive *drive, struct ide_sense sense);
#define IDE_SENSE_READ_ERROR ((struct ide_sense){.key = 0x3, .asc = 0x11})
/* SET FEATURES 03h; false: there is no such mode. */
bool ide_set_transfer_mode(struct ide_drive *drive, uint8_t mode);
/* IDENTIFY (PACKET) DEVICE: begins the command. */
void ide_identify(struct ide_drive *drive);

/* --- ide_pio.c */

/* The host may now read, or has to write, the first `bytes` of the channel's buffer, in blocks of
 * job.block_bytes; done is called behind the last one. interrupt: for the first block, too. */
void ide_pio_start(struct ide_channel *ch, bool data_in, uint32_t bytes, bool interrupt,
		   void (*done)(struct ide_channel *ch));
/* Whole accesses to the data port. What comes outside a transfer is ignored, and reads all ones. */
void ide_pio_read(struct ide_channel *ch, uint8_t *data, uint32_t bytes);
void ide_pio_write(struct ide_channel *ch, const uint8_t *data, uint32_t bytes);
/* The job's next bytes, up to a buffer full: from the back end to the host (in the controller's thread), and
 * from the host to the back end. */
void ide_pio_fill(struct ide_channel *ch);
void ide_pio_receive(struct ide_channel *ch, bool interrupt);

/* --- ide_dma.c */

uint8_t ide_bm_read(struct ide_channel *ch, unsigned offset);
void ide_bm_write(struct ide_channel *ch, unsigned offset, uint8_t value);
void ide_bm_write_command(struct ide_channel *ch, uint8_t value);
/* The command needs the bus master: runs as soon as the guest has started it. */
void ide_dma_start(struct ide_channel *ch);
/* Copies the first bytes of the buffer into the guest's memory when the bus master runs. */
void ide_dma_send(struct ide_channel *ch, uint32_t bytes);

/* --- ide_work.c */

int ide_work_create(struct ide *ide);
void ide_work_destroy(struct ide *ide);
/* The bus master's registers moved; lock held. */
void ide_shortcuts_move(struct ide_channel *ch, uint16_t port);
/* Takes over a START that the thread has not seen yet: a register that shows it is looked at. */
void ide_shortcuts_catch_up(struct ide_channel *ch);
/* The guest was asked for data, or for START: these must not wait for its next exit for ever. */
void ide_shortcuts_expect_write(struct ide *ide);
int ide_shortcuts_create(struct ide *ide);
void ide_shortcuts_destroy(struct ide *ide); /* the thread has stopped, or never started */
/* Runs what is queued, in the controller's thread; lock held. */
void ide_work_run(struct ide *ide);
/* fn is called in the controller's thread, lock held. Any thread. */
void ide_work_queue(struct ide_channel *ch, ide_work_fn *fn);
/* In the controller's thread: one request of the job's drive; completed() follows there. */
void ide_work_submit(struct ide_channel *ch, enum block_op op, unsigned iov_count,
		     void (*completed)(struct ide_channel *ch, int error));
/* Takes what was signalled to an eventfd; false: nothing. */
bool ide_work_take_signal(int fd);
/* Waits for the request in flight: completed() is called before this returns, unless cancelled. */
void ide_work_drain(struct ide_channel *ch);

#endif
