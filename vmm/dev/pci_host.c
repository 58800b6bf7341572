/* SPDX-License-Identifier: MIT
 *
 * Where accesses to PCI go: to a function's configuration space or to one of its BARs. See pci_host.h.
 *
 * Functions never come or go while vCPUs run. The bridge's own lock guards the address register and the
 * interrupt counts only: an access holds the lock of the function that it reaches.
 */
#include "dev/pci_host.h"

#include <errno.h>
#include <string.h>

#include "bus/pci.h"
#include "bus/pci_map.h"

#define ADDRESS_ENABLE (1u << 31)
#define ADDRESS_DEFINED 0x80fffffcu /* enable, bus, device, function, register */

static const struct pci_function_ops bridge_ops = {
	.vendor = 0x1b36, /* Red Hat, and its generic host bridge */
	.device = 0x0008,
	.class_revision = 0x06000000,
};

struct pci_host {
	struct device dev;
	uint32_t address;
	struct pci_function bridge; /* 00:00.0 */
	struct pci_function *slot[PCI_SLOT_MAX];
	uint64_t next_base[BUS_SPACE_COUNT]; /* where the next BAR may go */
	struct irq_line line[PCI_HOST_GSI_COUNT];
	unsigned asserted[PCI_HOST_GSI_COUNT]; /* functions that hold it */
	pthread_mutex_t irq_lock;
};

static int pci_host_realize(struct device *dev, const struct device_setup *setup)
{
	struct pci_host *host = (struct pci_host *)dev;

	(void)setup;
	pci_function_init(&host->bridge, &bridge_ops);
	host->bridge.config[PCI_INTERRUPT_PIN] = 0;
	pthread_mutex_init(&host->bridge.dev.lock, NULL);
	pthread_mutex_init(&host->irq_lock, NULL);
	host->slot[0] = &host->bridge;
	host->next_base[BUS_PIO] = PORT_PCI_WINDOW;
	host->next_base[BUS_MMIO] = GPA_PCI_WINDOW;
	return 0;
}

static void pci_host_destroy(struct device *dev)
{
	struct pci_host *host = (struct pci_host *)dev;

	pthread_mutex_destroy(&host->bridge.dev.lock);
	pthread_mutex_destroy(&host->irq_lock);
}

void pci_host_connect(struct device *dev, unsigned index, struct irq_line line)
{
	((struct pci_host *)dev)->line[index] = line;
}

/* Gives a BAR the next free address of its window. */
static int place_bar(struct pci_host *host, struct pci_function *fn, unsigned bar)
{
	struct pci_bar *b = &fn->bar[bar];
	uint64_t size = b->size_bytes;
	uint64_t base = (host->next_base[b->space] + size - 1) & ~(size - 1);

	if (!pci_map_contains(b->space, base, size))
		return -ENOSPC;
	host->next_base[b->space] = base + size;
	pci_put32(fn, PCI_BAR0 + bar * 4, pci_get32(fn, PCI_BAR0 + bar * 4) | (uint32_t)base);
	return 0;
}

int pci_host_attach(struct device *dev, struct pci_function *fn, unsigned slot)
{
	struct pci_host *host = (struct pci_host *)dev;
	int err = 0;

	if (slot >= PCI_SLOT_MAX || host->slot[slot])
		return -EBUSY;
	for (unsigned i = 0; !err && i < PCI_BAR_COUNT; i++)
		if (fn->bar[i].size_bytes)
			err = place_bar(host, fn, i);
	if (err)
		return err;
	fn->host = host;
	fn->slot = slot;
	fn->config[PCI_INTERRUPT_LINE] = (uint8_t)(PCI_HOST_FIRST_GSI + slot % PCI_HOST_GSI_COUNT);
	host->slot[slot] = fn;
	return 0;
}

struct pci_function *pci_host_function(struct device *dev, unsigned slot)
{
	return slot < PCI_SLOT_MAX ? ((struct pci_host *)dev)->slot[slot] : NULL;
}

void pci_host_set_intx(struct pci_host *host, unsigned slot, bool level)
{
	unsigned index = slot % PCI_HOST_GSI_COUNT;
	unsigned before;

	pthread_mutex_lock(&host->irq_lock);
	before = host->asserted[index];
	host->asserted[index] += level ? 1 : -1u;
	if (!before != !host->asserted[index])
		irq_line_set(&host->line[index], level);
	pthread_mutex_unlock(&host->irq_lock);
}

/* device: bus, device and function as both mechanisms have them, bus << 8 | device << 3 | function. */
static struct pci_function *find_function(struct pci_host *host, unsigned device)
{
	return device % 8 || device >= PCI_SLOT_MAX * 8 ? NULL : host->slot[device / 8];
}

/* Registers behind the first 256 bytes are there in MMCONFIG and read as zero: no extended capabilities. */
static uint64_t config_read(struct pci_host *host, unsigned device, unsigned offset, unsigned width)
{
	struct pci_function *fn = find_function(host, device);
	uint64_t value = 0;

	if (!fn)
		return UINT64_MAX;
	if (width > 4 || offset % width || offset + width > PCI_CONFIG_BYTES)
		return 0;
	pthread_mutex_lock(&fn->dev.lock);
	value = pci_config_read(fn, offset, width);
	pthread_mutex_unlock(&fn->dev.lock);
	return value;
}

static void config_write(struct pci_host *host, unsigned device, unsigned offset, unsigned width,
			 uint64_t value)
{
	struct pci_function *fn = find_function(host, device);

	if (!fn || width > 4 || offset % width || offset + width > PCI_CONFIG_BYTES)
		return;
	pthread_mutex_lock(&fn->dev.lock);
	pci_config_write(fn, offset, width, (uint32_t)value);
	pthread_mutex_unlock(&fn->dev.lock);
}

/* The BAR that answers at addr; *bar is its number. The guest moves BARs at its own risk: a BAR that moves
 * under an access of another vCPU is caught by the offset's check, under the function's lock. */
static struct pci_function *find_bar(const struct pci_host *host, enum bus_space space,
				     uint64_t addr, unsigned *bar)
{
	for (unsigned i = 1; i < PCI_SLOT_MAX; i++) {
		struct pci_function *fn = host->slot[i];

		for (unsigned j = 0; fn && j < PCI_BAR_COUNT; j++) {
			uint64_t base = atomic_load_explicit(&fn->bar[j].base,
							     memory_order_relaxed);

			if (base && fn->bar[j].space == space && addr >= base &&
			    addr - base < fn->bar[j].size_bytes) {
				*bar = j;
				return fn;
			}
		}
	}
	return NULL;
}

/* An access to a BAR, with the function's lock. */
struct bar_access {
	struct pci_function *fn;
	unsigned bar;
	uint64_t offset;
};

/* True: the lock is held until leave_bar(). */
static bool enter_bar(struct pci_host *host, enum bus_space space, uint64_t addr, unsigned width,
		      struct bar_access *at)
{
	const struct pci_bar *bar;

	at->fn = find_bar(host, space, addr, &at->bar);
	if (!at->fn)
		return false;
	pthread_mutex_lock(&at->fn->dev.lock);
	bar = &at->fn->bar[at->bar];
	at->offset = addr - atomic_load_explicit(&bar->base, memory_order_relaxed);
	if (at->offset < bar->size_bytes && width <= bar->size_bytes - at->offset)
		return true;
	pthread_mutex_unlock(&at->fn->dev.lock);
	return false;
}

static void leave_bar(const struct bar_access *at)
{
	pthread_mutex_unlock(&at->fn->dev.lock);
}

static uint64_t bar_read(struct pci_host *host, enum bus_space space, uint64_t addr, unsigned width)
{
	struct bar_access at;
	uint64_t value;

	if (!enter_bar(host, space, addr, width, &at))
		return UINT64_MAX;
	at.fn->bar[at.bar].reads++;
	value = at.fn->dev.ops->read(&at.fn->dev, at.bar, at.offset, width);
	leave_bar(&at);
	return value;
}

static void bar_write(struct pci_host *host, enum bus_space space, uint64_t addr, unsigned width,
		      uint64_t value)
{
	struct bar_access at;

	if (!enter_bar(host, space, addr, width, &at))
		return;
	at.fn->bar[at.bar].writes++;
	at.fn->dev.ops->write(&at.fn->dev, at.bar, at.offset, width, value);
	leave_bar(&at);
}

/* Strings of port accesses to a BAR (INS, OUTS). False: none is there, or it knows no such thing. */
static bool bar_read_string(struct pci_host *host, uint64_t port, unsigned width, void *data,
			    unsigned count)
{
	struct bar_access at;
	bool served;

	if (!enter_bar(host, BUS_PIO, port, width, &at))
		return false;
	served = at.fn->dev.ops->read_string &&
		 at.fn->dev.ops->read_string(&at.fn->dev, at.bar, at.offset, width, data, count);
	at.fn->bar[at.bar].reads += served ? count : 0;
	leave_bar(&at);
	return served;
}

static bool bar_write_string(struct pci_host *host, uint64_t port, unsigned width, const void *data,
			     unsigned count)
{
	struct bar_access at;
	bool served;

	if (!enter_bar(host, BUS_PIO, port, width, &at))
		return false;
	served = at.fn->dev.ops->write_string &&
		 at.fn->dev.ops->write_string(&at.fn->dev, at.bar, at.offset, width, data, count);
	at.fn->bar[at.bar].writes += served ? count : 0;
	leave_bar(&at);
	return served;
}

static uint32_t get_address(struct pci_host *host)
{
	pthread_mutex_lock(&host->dev.lock);
	uint32_t address = host->address;
	pthread_mutex_unlock(&host->dev.lock);
	return address;
}

/* Narrower accesses to the address port are not for it (PCI 3.0 §3.2.2.3.2). */
static void set_address(struct pci_host *host, uint32_t value)
{
	pthread_mutex_lock(&host->dev.lock);
	host->address = value & ADDRESS_DEFINED;
	pthread_mutex_unlock(&host->dev.lock);
}

static uint64_t data_read(struct pci_host *host, uint64_t offset, unsigned width)
{
	uint32_t address = get_address(host);

	if (!(address & ADDRESS_ENABLE))
		return UINT64_MAX;
	return config_read(host, address >> 8 & 0xffff, (address & 0xff) + (unsigned)offset, width);
}

static void data_write(struct pci_host *host, uint64_t offset, unsigned width, uint64_t value)
{
	uint32_t address = get_address(host);

	if (address & ADDRESS_ENABLE)
		config_write(host, address >> 8 & 0xffff, (address & 0xff) + (unsigned)offset,
			     width, value);
}

static uint64_t pci_host_read(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct pci_host *host = (struct pci_host *)dev;

	switch (region) {
	case PCI_HOST_ADDRESS: return offset == 0 && width == 4 ? get_address(host) : UINT64_MAX;
	case PCI_HOST_DATA: return data_read(host, offset, width);
	case PCI_HOST_CONFIG:
		return config_read(host, (unsigned)(offset >> 12), offset & 0xfff, width);
	case PCI_HOST_MEMORY: return bar_read(host, BUS_MMIO, GPA_PCI_WINDOW + offset, width);
	case PCI_HOST_PORTS: return bar_read(host, BUS_PIO, PORT_PCI_WINDOW + offset, width);
	default: return UINT64_MAX;
	}
}

static void pci_host_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct pci_host *host = (struct pci_host *)dev;

	switch (region) {
	case PCI_HOST_ADDRESS:
		if (offset == 0 && width == 4)
			set_address(host, (uint32_t)value);
		break;
	case PCI_HOST_DATA: data_write(host, offset, width, value); break;
	case PCI_HOST_CONFIG:
		config_write(host, (unsigned)(offset >> 12), offset & 0xfff, width, value);
		break;
	case PCI_HOST_MEMORY:
		bar_write(host, BUS_MMIO, GPA_PCI_WINDOW + offset, width, value);
		break;
	case PCI_HOST_PORTS:
		bar_write(host, BUS_PIO, PORT_PCI_WINDOW + offset, width, value);
		break;
	default: break;
	}
}

static bool pci_host_read_string(struct device *dev, unsigned region, uint64_t offset,
				 unsigned width, void *data, unsigned count)
{
	return region == PCI_HOST_PORTS &&
	       bar_read_string((struct pci_host *)dev, PORT_PCI_WINDOW + offset, width, data,
			       count);
}

static bool pci_host_write_string(struct device *dev, unsigned region, uint64_t offset,
				  unsigned width, const void *data, unsigned count)
{
	return region == PCI_HOST_PORTS &&
	       bar_write_string((struct pci_host *)dev, PORT_PCI_WINDOW + offset, width, data,
				count);
}

static const char *pci_host_register_name(unsigned region, uint64_t offset, bool is_write)
{
	static const char *const name[] = {"CONFIG_ADDRESS", "CONFIG_DATA", "MMCONFIG", "BAR",
					   "BAR"};

	(void)offset;
	(void)is_write;
	return region < sizeof(name) / sizeof(*name) ? name[region] : NULL;
}

static const struct device *pci_host_behind(const struct device *dev, unsigned *region,
					    uint64_t *offset)
{
	const bool port = *region == PCI_HOST_PORTS;
	const uint64_t addr = *offset + (port ? PORT_PCI_WINDOW : GPA_PCI_WINDOW);
	const struct pci_function *fn = NULL;

	if (port || *region == PCI_HOST_MEMORY)
		fn = find_bar((const struct pci_host *)dev, port ? BUS_PIO : BUS_MMIO, addr,
			      region);
	if (!fn)
		return NULL;
	*offset = addr - atomic_load_explicit(&fn->bar[*region].base, memory_order_relaxed);
	return &fn->dev;
}

const struct device_ops pci_host_ops = {
	.name = "pci-host",
	.state_bytes = sizeof(struct pci_host),
	.unlocked = true,
	.realize = pci_host_realize,
	.read = pci_host_read,
	.write = pci_host_write,
	.read_string = pci_host_read_string,
	.write_string = pci_host_write_string,
	.register_name = pci_host_register_name,
	.behind = pci_host_behind,
	.destroy = pci_host_destroy,
};
