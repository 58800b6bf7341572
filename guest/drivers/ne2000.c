/* SPDX-License-Identifier: MIT
 *
 * The card's memory, in pages of 256 bytes:
 *
 *   0x40          0x46                                    0x80
 *    | frame to send | ring of received frames, each behind 4 bytes of header |
 *                       BNRY: last page read      CURR: next page that the card writes
 */
#include "guest/drivers/ne2000.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/drivers/net.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/time/clock.h"

#define VENDOR_REALTEK 0x10ec
#define PRODUCT_8029 0x8029
#define NICS_MAX 4
#define ANSWER_NS 1000000000ull

#define PAGE_SEND 0x40
#define PAGE_RING 0x46
#define PAGE_END 0x80
#define HEADER_BYTES 4

/* Registers of page 0, and those of page 1 that stand at the same places. */
enum {
	COMMAND = 0x00,
	RING_START = 0x01,
	RING_END = 0x02,
	BOUNDARY = 0x03,
	SEND_PAGE = 0x04,
	SEND_BYTES = 0x05,
	INTERRUPT_STATUS = 0x07,
	DMA_ADDRESS = 0x08,
	DMA_BYTES = 0x0a,
	RECEIVE_CONFIG = 0x0c,
	SEND_CONFIG = 0x0d,
	DATA_CONFIG = 0x0e,
	INTERRUPT_MASK = 0x0f,
	PAGE1_MAC = 0x01,
	PAGE1_CURRENT = 0x07,
	PAGE1_MULTICAST = 0x08,
	DATA = 0x10,
	RESET = 0x1f
};
#define COMMAND_STOP 0x21 /* and no remote DMA, page 0 */
#define COMMAND_RUN 0x22
#define COMMAND_PAGE1 0x40
#define COMMAND_READ 0x0a
#define COMMAND_WRITE 0x12
#define COMMAND_SEND 0x26
#define STATUS_RECEIVED 0x01
#define STATUS_SENT 0x02
#define STATUS_SEND_ERROR 0x08
#define STATUS_OVERFLOW 0x10
#define STATUS_DMA_DONE 0x40
#define STATUS_RESET 0x80
#define DATA_WORDS 0x49
#define RECEIVE_BROADCAST 0x04
#define RECEIVE_MONITOR 0x20
#define SEND_LOOPBACK 0x02
#define PROM_BYTES 32

struct ne2000 {
	struct net_device nic;
	uint16_t port;
	uint8_t next_page; /* where the next received frame will start */
	uint64_t interrupts;
	struct interrupt interrupt;
};

static struct ne2000 all[NICS_MAX];
static unsigned count;

static void set(const struct ne2000 *n, unsigned at, uint8_t value)
{
	io_write8(n->port + at, value);
}

static uint8_t get(const struct ne2000 *n, unsigned at)
{
	return io_read8(n->port + at);
}

/* Until one of these interrupt status bits is set, which is then cleared. */
static bool await(const struct ne2000 *n, uint8_t bits)
{
	const uint64_t start = clock_ns();

	while (!(get(n, INTERRUPT_STATUS) & bits))
		if (clock_ns() - start > ANSWER_NS)
			return false;
	set(n, INTERRUPT_STATUS, bits);
	return true;
}

static void start_dma(const struct ne2000 *n, uint16_t at, uint16_t bytes, uint8_t command)
{
	set(n, INTERRUPT_STATUS, STATUS_DMA_DONE);
	set(n, DMA_ADDRESS, at & 0xff);
	set(n, DMA_ADDRESS + 1, at >> 8);
	set(n, DMA_BYTES, bytes & 0xff);
	set(n, DMA_BYTES + 1, bytes >> 8);
	set(n, COMMAND, command);
}

/* bytes is even. */
static void read_card(const struct ne2000 *n, uint16_t at, void *to, uint16_t bytes)
{
	start_dma(n, at, bytes, COMMAND_READ);
	io_read16_row(n->port + DATA, to, bytes / 2);
	await(n, STATUS_DMA_DONE);
}

/* The card sends one frame at a time, and is done when all_sent() says so. */
static bool send(struct net_device *nic, const void *frame, unsigned bytes)
{
	struct ne2000 *n = nic->context;
	const unsigned wire_bytes = bytes < NET_FRAME_MIN ? NET_FRAME_MIN : bytes;
	char copy[NET_FRAME_MAX];

	if (!nic->all_sent(nic))
		return false;
	memset(copy, 0, NET_FRAME_MIN);
	memcpy(copy, frame, bytes);
	start_dma(n, PAGE_SEND << 8, (wire_bytes + 1) & ~1u, COMMAND_WRITE);
	io_write16_row(n->port + DATA, copy, (wire_bytes + 1) / 2);
	if (!await(n, STATUS_DMA_DONE))
		return false;
	set(n, INTERRUPT_STATUS, STATUS_SENT | STATUS_SEND_ERROR);
	set(n, SEND_PAGE, PAGE_SEND);
	set(n, SEND_BYTES, wire_bytes & 0xff);
	set(n, SEND_BYTES + 1, wire_bytes >> 8);
	set(n, COMMAND, COMMAND_SEND);
	return true;
}

/* The transmit bit of the command register falls when the frame has left. */
static bool all_sent(struct net_device *nic)
{
	return !(get(nic->context, COMMAND) & COMMAND_SEND & ~COMMAND_RUN);
}

static uint8_t current_page(const struct ne2000 *n)
{
	uint8_t page;

	set(n, COMMAND, COMMAND_RUN | COMMAND_PAGE1);
	page = get(n, PAGE1_CURRENT);
	set(n, COMMAND, COMMAND_RUN);
	return page;
}

/* Empties the ring, after an overflow or a header that can't be. */
static void restart_ring(struct ne2000 *n)
{
	set(n, COMMAND, COMMAND_STOP);
	await(n, STATUS_RESET);
	set(n, BOUNDARY, PAGE_RING);
	set(n, COMMAND, COMMAND_STOP | COMMAND_PAGE1);
	set(n, PAGE1_CURRENT, PAGE_RING + 1);
	set(n, COMMAND, COMMAND_STOP);
	set(n, INTERRUPT_STATUS, STATUS_OVERFLOW | STATUS_RECEIVED);
	set(n, COMMAND, COMMAND_RUN);
	n->next_page = PAGE_RING + 1;
}

/* Data may go round the ring's end. */
static void read_ring(const struct ne2000 *n, uint16_t at, void *to, uint16_t bytes)
{
	const uint16_t room = (PAGE_END << 8) - at, even = (bytes + 1) & ~1;

	if (even <= room) {
		read_card(n, at, to, even);
		return;
	}
	read_card(n, at, to, room);
	read_card(n, PAGE_RING << 8, (char *)to + room, even - room);
}

static unsigned receive(struct net_device *nic, void *frame)
{
	struct ne2000 *n = nic->context;
	uint8_t header[HEADER_BYTES]; /* status, next page, length with header */
	char copy[NET_FRAME_MAX + 1];
	uint16_t bytes, data;

	if (get(n, INTERRUPT_STATUS) & STATUS_OVERFLOW)
		restart_ring(n);
	if (current_page(n) == n->next_page)
		return 0;
	read_card(n, n->next_page << 8, header, HEADER_BYTES);
	bytes = (header[2] | header[3] << 8) - HEADER_BYTES;
	if (header[1] < PAGE_RING || header[1] >= PAGE_END || bytes > NET_FRAME_MAX + 4) {
		restart_ring(n);
		return 0;
	}
	if (bytes > NET_FRAME_MAX)
		bytes = NET_FRAME_MAX; /* the frame's checksum, on cards that keep it */
	data = (n->next_page << 8) + HEADER_BYTES;
	read_ring(n, data, copy, bytes);
	memcpy(frame, copy, bytes);
	n->next_page = header[1];
	set(n, BOUNDARY, header[1] == PAGE_RING ? PAGE_END - 1 : header[1] - 1);
	set(n, INTERRUPT_STATUS, STATUS_RECEIVED);
	return bytes;
}

/* The mask goes back to none in the handler: the line falls, and wait() goes on. */
static void on_interrupt(void *context)
{
	struct ne2000 *n = context;

	set(n, INTERRUPT_MASK, 0);
	n->interrupts++;
	if (n->nic.arrived)
		n->nic.arrived(&n->nic);
}

/* What comes between the look at the ring and the mask has set its status bit, and interrupts. */
static bool listen(struct net_device *nic, bool on)
{
	struct ne2000 *n = nic->context;

	if (!on) {
		set(n, INTERRUPT_MASK, 0);
		return false;
	}
	set(n, INTERRUPT_STATUS, STATUS_RECEIVED);
	if (current_page(n) != n->next_page)
		return true;
	set(n, INTERRUPT_MASK, STATUS_RECEIVED | STATUS_OVERFLOW);
	return false;
}

static void wait(struct net_device *nic)
{
	struct ne2000 *n = nic->context;

	irq_disable();
	set(n, INTERRUPT_MASK, STATUS_RECEIVED | STATUS_OVERFLOW);
	cpu_sleep();
	set(n, INTERRUPT_MASK, 0);
	irq_enable();
}

static void describe(const struct net_device *nic, char *text, unsigned size)
{
	const struct ne2000 *n = nic->context;

	print_to(text, size, "port %#x, %lu interrupts", n->port, n->interrupts);
}

/* The address PROM: with a 16-bit data port each of its bytes comes twice. */
static void read_mac(struct ne2000 *n)
{
	uint8_t prom[PROM_BYTES];

	read_card(n, 0, prom, PROM_BYTES);
	for (unsigned i = 0; i < 6; i++)
		n->nic.mac[i] = prom[2 * i];
}

/* DP8390D, "Initialization Sequence". */
static bool start(struct ne2000 *n)
{
	set(n, RESET, get(n, RESET));
	if (!await(n, STATUS_RESET))
		return false;
	set(n, COMMAND, COMMAND_STOP);
	set(n, DATA_CONFIG, DATA_WORDS);
	set(n, DMA_BYTES, 0);
	set(n, DMA_BYTES + 1, 0);
	set(n, RECEIVE_CONFIG, RECEIVE_MONITOR);
	set(n, SEND_CONFIG, SEND_LOOPBACK);
	read_mac(n);
	set(n, COMMAND, COMMAND_STOP);
	set(n, RING_START, PAGE_RING);
	set(n, RING_END, PAGE_END);
	set(n, INTERRUPT_MASK, 0);
	set(n, INTERRUPT_STATUS, 0xff);
	set(n, COMMAND, COMMAND_STOP | COMMAND_PAGE1);
	for (unsigned i = 0; i < 6; i++)
		set(n, PAGE1_MAC + i, n->nic.mac[i]);
	for (unsigned i = 0; i < 8; i++)
		set(n, PAGE1_MULTICAST + i, 0);
	set(n, PAGE1_CURRENT, PAGE_RING + 1);
	set(n, COMMAND, COMMAND_STOP);
	set(n, BOUNDARY, PAGE_RING);
	n->next_page = PAGE_RING + 1;
	set(n, COMMAND, COMMAND_RUN);
	set(n, SEND_CONFIG, 0);
	set(n, RECEIVE_CONFIG, RECEIVE_BROADCAST);
	return true;
}

void ne2000_probe(const struct pci_function *function)
{
	struct ne2000 *n = &all[count];

	if (function->vendor != VENDOR_REALTEK || function->product != PRODUCT_8029 ||
	    count == NICS_MAX)
		return;
	n->port = pci_bar_port(function, 0);
	if (!n->port)
		return;
	pci_enable(function, PCI_COMMAND_IO);
	n->nic = (struct net_device){
		.driver = "ne2000",
		.mtu = NET_FRAME_MAX - NET_HEADER_BYTES,
		.send = send,
		.all_sent = all_sent,
		.receive = receive,
		.listen = listen,
		.describe = describe,
		.context = n,
	};
	if (!start(n)) {
		print("ne2000: no answer to reset\n");
		return;
	}
	n->interrupt = (struct interrupt){on_interrupt, n, NULL};
	if (pci_listen_line(function, &n->interrupt))
		n->nic.wait = wait;
	net_add(&n->nic);
	count++;
}
