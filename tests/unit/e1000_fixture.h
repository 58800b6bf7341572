/* SPDX-License-Identifier: MIT
 *
 * An e1000 on a fake wire, with what a driver has: rings, buffers, register accesses.
 */
#ifndef VITRINE_TESTS_E1000_FIXTURE_H
#define VITRINE_TESTS_E1000_FIXTURE_H

#include "nic_fake.h"

#include "bus/pci.h"
#include "dev/e1000.h"
#include "dev/e1000_regs.h"
#include "kvm/gmem.h"
#include "observe/counters.h"

#define RAM_BYTES 0x400000u
#define TX_RING 0x10000u
#define RX_RING 0x20000u
#define TX_BUFFERS 0x100000u
#define RX_BUFFERS 0x200000u
#define RING_COUNT 256u

static struct gmem ram;
static struct device *card;

static inline uint32_t reg_get(unsigned offset)
{
	return (uint32_t)dev_read_wide(card, 0, offset, 4);
}

static inline void reg_set(unsigned offset, uint32_t value)
{
	dev_write_wide(card, 0, offset, 4, value);
}

/* What --stats would say. */
static inline struct queue_counters card_queue(unsigned index)
{
	struct queue_counters counters = {0};

	card->ops->queue(card, index, &counters);
	return counters;
}

static inline uint64_t card_figure(const char *name)
{
	struct device_figure figure;

	for (unsigned i = 0; card->ops->figure(card, i, &figure); i++)
		if (!strcmp(figure.name, name))
			return figure.value;
	return UINT64_MAX;
}

static inline bool line_is_up(void)
{
	return ((struct pci_function *)(void *)card)->intx_level;
}

static inline void make_master(bool on)
{
	pthread_mutex_lock(&card->lock);
	pci_config_write((struct pci_function *)(void *)card, PCI_COMMAND, 2,
			 on ? PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY : 0);
	pthread_mutex_unlock(&card->lock);
}

static inline int card_create(unsigned offloads)
{
	static struct nic_options options;
	static struct device_setup setup;

	wire_init(offloads);
	options.net = &wire;
	if (gmem_create(&ram, RAM_BYTES, GMEM_ANONYMOUS))
		return -1;
	setup = (struct device_setup){.loop = fake_loop(), .mem = &ram, .options = &options};
	if (device_create(&e1000_ops, "net0", &setup, &card))
		return -1;
	make_master(true);
	return 0;
}

static inline int card_destroy(void)
{
	device_destroy(card);
	gmem_destroy(&ram);
	wire_clear();
	return 0;
}

static inline void tx_start(unsigned count)
{
	reg_set(E1000_TDBAL, TX_RING);
	reg_set(E1000_TDBAH, 0);
	reg_set(E1000_TDLEN, count * 16);
	reg_set(E1000_TDH, 0);
	reg_set(E1000_TDT, 0);
	reg_set(E1000_TCTL, TCTL_EN | TCTL_PSP);
}

static inline void tx_desc(unsigned index, struct e1000_tx_desc desc)
{
	gmem_write(&ram, TX_RING + 16 * index, &desc, sizeof(desc));
}

static inline struct e1000_tx_desc tx_desc_get(unsigned index)
{
	struct e1000_tx_desc desc;

	gmem_read(&ram, TX_RING + 16 * index, &desc, sizeof(desc));
	return desc;
}

static inline void tx_go(unsigned tail)
{
	reg_set(E1000_TDT, tail);
	fake_thread_run();
}

/* All descriptors get a buffer of their own, all but one belong to the card. */
static inline void rx_start(unsigned count, uint32_t rctl)
{
	for (unsigned i = 0; i < count; i++) {
		struct e1000_rx_desc desc = {.address = RX_BUFFERS + 0x1000 * i};

		gmem_write(&ram, RX_RING + 16 * i, &desc, sizeof(desc));
	}
	reg_set(E1000_RDBAL, RX_RING);
	reg_set(E1000_RDBAH, 0);
	reg_set(E1000_RDLEN, count * 16);
	reg_set(E1000_RDH, 0);
	reg_set(E1000_RDT, count - 1);
	reg_set(E1000_RCTL, RCTL_EN | rctl);
	fake_thread_run();
}

static inline struct e1000_rx_desc rx_desc_get(unsigned index)
{
	struct e1000_rx_desc desc;

	gmem_read(&ram, RX_RING + 16 * index, &desc, sizeof(desc));
	return desc;
}

static inline const uint8_t *rx_buffer(unsigned index)
{
	return gmem_slice(&ram, rx_desc_get(index).address, 2048);
}

#endif
