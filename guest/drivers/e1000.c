/* SPDX-License-Identifier: MIT
 *
 * Two rings of descriptors; the device writes "done" into each. The tail is where the device stops,
 * so one descriptor always stays empty.
 */
#include "guest/drivers/e1000.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/drivers/net.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/dma.h"
#include "guest/mm/mmio.h"
#include "guest/time/clock.h"

#define VENDOR_INTEL 0x8086
#define PRODUCT_82540EM 0x100e
#define REGISTERS_BYTES 0x20000
#define NICS_MAX 4
#define RING 64 /* descriptors; a multiple of 8 */
#define BUFFER_BYTES 2048
#define RESET_NS 100000000ull

enum e1000_register {
	CTRL = 0x0000,
	ICR = 0x00c0,
	IMS = 0x00d0,
	IMC = 0x00d8,
	RCTL = 0x0100,
	TCTL = 0x0400,
	TIPG = 0x0410,
	RDBAL = 0x2800,
	RDBAH = 0x2804,
	RDLEN = 0x2808,
	RDH = 0x2810,
	RDT = 0x2818,
	TDBAL = 0x3800,
	TDBAH = 0x3804,
	TDLEN = 0x3808,
	TDH = 0x3810,
	TDT = 0x3818,
	MTA = 0x5200,
	RAL = 0x5400,
	RAH = 0x5404
};
#define MTA_WORDS 128
#define CTRL_AUTO_SPEED 0x20
#define CTRL_LINK_UP 0x40
#define CTRL_RESET 0x04000000
#define INTERRUPT_RECEIVED 0x80 /* RXT0 */
#define RCTL_ENABLE 0x02
#define RCTL_BROADCAST 0x8000
#define RCTL_STRIP_CRC 0x04000000
#define TCTL_ENABLE 0x02
#define TCTL_PAD 0x08
#define TCTL_COLLISIONS 0x400f0 /* §13.4.33: the values for full duplex */
#define TIPG_COPPER 0x00602008	/* §13.4.34: the values for copper */

struct receive_descriptor {
	uint64_t gpa;
	uint16_t bytes, checksum;
	uint8_t status, errors;
	uint16_t special;
};

struct send_descriptor {
	uint64_t gpa;
	uint16_t bytes;
	uint8_t checksum_offset, command, status, checksum_start;
	uint16_t special;
};
#define DONE 1
#define COMMAND_END_OF_PACKET 1
#define COMMAND_CRC 2
#define COMMAND_REPORT 8

struct e1000 {
	struct net_device nic;
	volatile uint8_t *registers;
	struct dma receive_ring, send_ring, receive_buffers, send_buffers;
	unsigned receive_at, send_at, send_told;
	uint64_t interrupts;
	struct interrupt interrupt;
};

static struct e1000 all[NICS_MAX];
static unsigned count;

static uint32_t get(const struct e1000 *e, enum e1000_register at)
{
	return mmio_read32(e->registers + at);
}

static void set(const struct e1000 *e, enum e1000_register at, uint32_t value)
{
	mmio_write32(e->registers + at, value);
}

static volatile struct send_descriptor *send_descriptor(const struct e1000 *e, unsigned i)
{
	return (volatile struct send_descriptor *)e->send_ring.at + i;
}

static volatile struct receive_descriptor *receive_descriptor(const struct e1000 *e, unsigned i)
{
	return (volatile struct receive_descriptor *)e->receive_ring.at + i;
}

static bool send(struct net_device *nic, const void *frame, unsigned bytes)
{
	struct e1000 *e = nic->context;
	const unsigned next = (e->send_at + 1) % RING;
	volatile struct send_descriptor *d = send_descriptor(e, e->send_at);

	if (!(send_descriptor(e, next)->status & DONE))
		return false;
	memcpy((char *)e->send_buffers.at + e->send_at * BUFFER_BYTES, frame, bytes);
	d->gpa = e->send_buffers.gpa + e->send_at * BUFFER_BYTES;
	d->bytes = bytes;
	d->command = COMMAND_END_OF_PACKET | COMMAND_CRC | COMMAND_REPORT;
	d->status = 0;
	e->send_at = next;
	return true;
}

static bool all_sent(struct net_device *nic)
{
	struct e1000 *e = nic->context;

	if (e->send_told != e->send_at) {
		memory_order(); /* descriptors before the tail */
		set(e, TDT, e->send_at);
		e->send_told = e->send_at;
	}
	return send_descriptor(e, (e->send_at + RING - 1) % RING)->status & DONE;
}

static unsigned receive(struct net_device *nic, void *frame)
{
	struct e1000 *e = nic->context;
	volatile struct receive_descriptor *d = receive_descriptor(e, e->receive_at);
	unsigned bytes;

	if (!(d->status & DONE))
		return 0;
	memory_order(); /* "done" before the rest */
	bytes = d->bytes < NET_FRAME_MAX ? d->bytes : NET_FRAME_MAX;
	memcpy(frame, (char *)e->receive_buffers.at + e->receive_at * BUFFER_BYTES, bytes);
	d->status = 0;
	set(e, RDT, e->receive_at);
	e->receive_at = (e->receive_at + 1) % RING;
	return bytes;
}

static void on_interrupt(void *context)
{
	struct e1000 *e = context;

	if (!get(e, ICR)) /* reading clears */
		return;
	e->interrupts++;
	if (e->nic.arrived) {
		set(e, IMC, INTERRUPT_RECEIVED);
		e->nic.arrived(&e->nic);
	}
}

static bool listen(struct net_device *nic, bool on)
{
	struct e1000 *e = nic->context;

	set(e, on ? IMS : IMC, INTERRUPT_RECEIVED);
	return on && receive_descriptor(e, e->receive_at)->status & DONE;
}

static void wait(struct net_device *nic)
{
	struct e1000 *e = nic->context;

	irq_disable();
	set(e, IMS, INTERRUPT_RECEIVED);
	if (!(receive_descriptor(e, e->receive_at)->status & DONE))
		cpu_sleep();
	set(e, IMC, INTERRUPT_RECEIVED);
	irq_enable();
}

static void describe(const struct net_device *nic, char *text, unsigned size)
{
	const struct e1000 *e = nic->context;

	print_to(text, size, "%lu interrupts", e->interrupts);
}

static bool reset(struct e1000 *e)
{
	const uint64_t start = clock_ns();

	set(e, IMC, UINT32_MAX);
	set(e, CTRL, get(e, CTRL) | CTRL_RESET);
	while (get(e, CTRL) & CTRL_RESET)
		if (clock_ns() - start > RESET_NS)
			return false;
	set(e, IMC, UINT32_MAX);
	set(e, CTRL, get(e, CTRL) | CTRL_LINK_UP | CTRL_AUTO_SPEED);
	for (unsigned i = 0; i < MTA_WORDS; i++)
		set(e, MTA + 4 * i, 0);
	return true;
}

static bool open_rings(struct e1000 *e)
{
	if (!dma_alloc(&e->receive_ring, RING * sizeof(struct receive_descriptor)) ||
	    !dma_alloc(&e->send_ring, RING * sizeof(struct send_descriptor)) ||
	    !dma_alloc(&e->receive_buffers, RING * BUFFER_BYTES) ||
	    !dma_alloc(&e->send_buffers, RING * BUFFER_BYTES))
		return false;
	for (unsigned i = 0; i < RING; i++) {
		receive_descriptor(e, i)->gpa = e->receive_buffers.gpa + i * BUFFER_BYTES;
		send_descriptor(e, i)->status = DONE;
	}
	set(e, RDBAL, e->receive_ring.gpa);
	set(e, RDBAH, 0);
	set(e, RDLEN, RING * sizeof(struct receive_descriptor));
	set(e, RDH, 0);
	set(e, RDT, RING - 1);
	set(e, TDBAL, e->send_ring.gpa);
	set(e, TDBAH, 0);
	set(e, TDLEN, RING * sizeof(struct send_descriptor));
	set(e, TDH, 0);
	set(e, TDT, 0);
	set(e, TIPG, TIPG_COPPER);
	set(e, TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS);
	set(e, RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_STRIP_CRC);
	return true;
}

static void read_mac(const struct e1000 *e, uint8_t *mac)
{
	const uint64_t address = (uint64_t)get(e, RAH) << 32 | get(e, RAL);

	for (unsigned i = 0; i < 6; i++)
		mac[i] = address >> 8 * i;
}

void e1000_probe(const struct pci_function *function)
{
	struct e1000 *e = &all[count];

	if (function->vendor != VENDOR_INTEL || function->product != PRODUCT_82540EM ||
	    count == NICS_MAX)
		return;
	e->registers = mmio_map(pci_bar_gpa(function, 0), REGISTERS_BYTES);
	if (!e->registers)
		return;
	pci_enable(function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!reset(e) || !open_rings(e)) {
		print("e1000: no answer to reset, or no memory for its rings\n");
		return;
	}
	e->nic = (struct net_device){
		.driver = "e1000",
		.mtu = NET_FRAME_MAX - NET_HEADER_BYTES,
		.send = send,
		.all_sent = all_sent,
		.receive = receive,
		.listen = listen,
		.describe = describe,
		.context = e,
	};
	e->interrupt = (struct interrupt){on_interrupt, e, NULL};
	if (pci_listen_line(function, &e->interrupt))
		e->nic.wait = wait;
	read_mac(e, e->nic.mac);
	net_add(&e->nic);
	count++;
}
