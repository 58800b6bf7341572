/* SPDX-License-Identifier: MIT
 *
 * I/O APIC. See ioapic.h, for the locks too.
 *
 *     set_level(): edge, unmasked  -> MSI
 *                  level, unmasked, line high, not in service -> MSI, remote IRR = 1
 *     EOI of its vector            -> remote IRR = 0; line still high: once more
 *
 * Entries and index are written under dev->lock *and* the inner lock, by the register window alone;
 * remote IRR and the lines change under the inner lock.
 */
#include "dev/ioapic.h"

#include "memory_map.h"

enum ioapic_window { IOREGSEL = 0x00, IOWIN = 0x10, EOI = 0x40 };
enum ioapic_index { IOAPICID = 0x00, IOAPICVER = 0x01, IOAPICARB = 0x02, IOREDTBL = 0x10 };

#define VERSION 0x20u /* the first with an EOI register */
#define ID_SHIFT 24
#define ID_MASK 0x0f000000u

/* Redirection entry */
#define RTE_VECTOR 0xffULL
#define RTE_DELIVERY_MODE (7ULL << 8)
#define RTE_DELIVERY_EXTINT (7ULL << 8)
#define RTE_LOGICAL (1ULL << 11)
#define RTE_DELIVERY_STATUS (1ULL << 12) /* reads 0: an MSI is gone at once */
#define RTE_REMOTE_IRR (1ULL << 14)
#define RTE_LEVEL (1ULL << 15)
#define RTE_MASKED (1ULL << 16)
#define RTE_READ_ONLY (RTE_DELIVERY_STATUS | RTE_REMOTE_IRR)
#define RTE_WRITABLE 0xff0000000001ffffULL
#define RTE_DESTINATION_SHIFT 56

/* Intel SDM vol. 3 §11.11: MSI address and data, the parts that are not where the entry has them */
#define MSI_DESTINATION_SHIFT 12
#define MSI_LOGICAL (1ULL << 2)

struct ioapic {
	struct device dev;
	struct ioapic_backend backend;
	struct ioapic_route route[IOAPIC_PIN_COUNT]; /* as last given to the backend */
	uint8_t index;				     /* IOREGSEL */
	uint32_t id;

	pthread_mutex_t pins; /* the inner lock */
	uint64_t entry[IOAPIC_PIN_COUNT];
	uint32_t levels; /* bit n: pin n is high */
};

static uint64_t msi_address(uint64_t entry)
{
	return GPA_LAPIC | entry >> RTE_DESTINATION_SHIFT << MSI_DESTINATION_SHIFT |
	       (entry & RTE_LOGICAL ? MSI_LOGICAL : 0);
}

static uint32_t msi_data(uint64_t entry)
{
	return (uint32_t)(entry & (RTE_VECTOR | RTE_DELIVERY_MODE | RTE_LEVEL));
}

/* Inner lock held. ExtINT asks a PIC for the vector, and there is none. */
static void send(struct ioapic *ioapic, uint64_t entry)
{
	if (ioapic->backend.send_msi && (entry & RTE_DELIVERY_MODE) != RTE_DELIVERY_EXTINT)
		ioapic->backend.send_msi(ioapic->backend.ctx, msi_address(entry), msi_data(entry));
}

/* Inner lock held. A level-triggered pin fires if all that it takes is there. */
static void service_level(struct ioapic *ioapic, unsigned pin)
{
	uint64_t entry = ioapic->entry[pin];

	if ((entry & (RTE_LEVEL | RTE_MASKED | RTE_REMOTE_IRR)) != RTE_LEVEL ||
	    !(ioapic->levels & 1u << pin))
		return;
	ioapic->entry[pin] |= RTE_REMOTE_IRR;
	send(ioapic, entry);
}

void ioapic_set_level(void *ctx, unsigned gsi, bool level)
{
	struct ioapic *ioapic = ctx;
	uint32_t bit = gsi < IOAPIC_PIN_COUNT ? 1u << gsi : 0;

	if (!bit)
		return;
	pthread_mutex_lock(&ioapic->pins);
	bool rises = level && !(ioapic->levels & bit);
	ioapic->levels = level ? ioapic->levels | bit : ioapic->levels & ~bit;
	if (ioapic->entry[gsi] & RTE_LEVEL)
		service_level(ioapic, gsi);
	else if (rises && !(ioapic->entry[gsi] & RTE_MASKED)) /* a masked edge is lost */
		send(ioapic, ioapic->entry[gsi]);
	pthread_mutex_unlock(&ioapic->pins);
}

void ioapic_eoi(struct device *dev, uint8_t vector)
{
	struct ioapic *ioapic = (struct ioapic *)dev;

	pthread_mutex_lock(&ioapic->pins);
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		if ((ioapic->entry[pin] & RTE_VECTOR) != vector ||
		    !(ioapic->entry[pin] & RTE_REMOTE_IRR))
			continue;
		ioapic->entry[pin] &= ~RTE_REMOTE_IRR;
		service_level(ioapic, pin);
	}
	pthread_mutex_unlock(&ioapic->pins);
}

/* Tells the backend of a new entry before any interrupt can follow it: the EOI of a level-triggered
 * one would not come back otherwise. Entries that are masked keep the old address, so that a guest
 * filling in a masked entry, half by half, costs nothing. */
static void publish_route(struct ioapic *ioapic, unsigned pin, uint64_t entry)
{
	struct ioapic_route route = ioapic->route[pin];
	struct ioapic_route *old = &ioapic->route[pin];

	route.masked = entry & RTE_MASKED;
	if (!route.masked) {
		route.address = msi_address(entry);
		route.data = msi_data(entry);
		route.level = entry & RTE_LEVEL;
	}
	if (route.address == old->address && route.data == old->data && route.masked == old->masked)
		return;
	*old = route;
	if (ioapic->backend.update_routes)
		ioapic->backend.update_routes(ioapic->backend.ctx, ioapic->route);
}

static uint64_t read_entry(struct ioapic *ioapic, unsigned pin)
{
	pthread_mutex_lock(&ioapic->pins);
	uint64_t entry = ioapic->entry[pin];
	pthread_mutex_unlock(&ioapic->pins);
	return entry;
}

static void write_entry(struct ioapic *ioapic, unsigned pin, bool high, uint32_t value)
{
	/* remote IRR may change meanwhile; the bits below are ours, dev->lock is held */
	uint64_t entry = read_entry(ioapic, pin);

	entry = high ? (uint64_t)value << 32 | (uint32_t)entry : (entry & ~0xffffffffULL) | value;
	entry &= RTE_WRITABLE & ~RTE_READ_ONLY;
	publish_route(ioapic, pin, entry);

	pthread_mutex_lock(&ioapic->pins);
	if (entry & RTE_LEVEL) /* an edge-triggered entry has no remote IRR */
		entry |= ioapic->entry[pin] & RTE_REMOTE_IRR;
	ioapic->entry[pin] = entry;
	service_level(ioapic, pin);
	pthread_mutex_unlock(&ioapic->pins);
}

/* The pin whose entry IOREGSEL points at, or IOAPIC_PIN_COUNT. */
static unsigned selected_pin(const struct ioapic *ioapic)
{
	unsigned first = IOREDTBL;
	unsigned end = first + 2 * IOAPIC_PIN_COUNT;

	return ioapic->index >= first && ioapic->index < end ? (ioapic->index - first) / 2
							     : IOAPIC_PIN_COUNT;
}

static uint32_t read_indexed(struct ioapic *ioapic)
{
	unsigned pin = selected_pin(ioapic);

	switch (ioapic->index) {
	case IOAPICID:
	case IOAPICARB: return ioapic->id;
	case IOAPICVER: return VERSION | (IOAPIC_PIN_COUNT - 1) << 16;
	default: break;
	}
	if (pin == IOAPIC_PIN_COUNT)
		return UINT32_MAX;
	return (uint32_t)(read_entry(ioapic, pin) >> (ioapic->index & 1 ? 32 : 0));
}

static void write_indexed(struct ioapic *ioapic, uint32_t value)
{
	unsigned pin = selected_pin(ioapic);

	if (ioapic->index == IOAPICID)
		ioapic->id = value & ID_MASK;
	else if (pin < IOAPIC_PIN_COUNT)
		write_entry(ioapic, pin, ioapic->index & 1, value);
}

/* The registers are 32 bits wide, one to each 16 bytes; narrower reads get its low bytes. */
static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct ioapic *ioapic = (struct ioapic *)dev;

	(void)region;
	(void)width;
	switch (offset) {
	case IOREGSEL: return ioapic->index;
	case IOWIN: return read_indexed(ioapic);
	default: return UINT64_MAX;
	}
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct ioapic *ioapic = (struct ioapic *)dev;

	(void)region;
	if (offset == IOREGSEL)
		ioapic->index = (uint8_t)value;
	else if (offset == IOWIN && width >= 4)
		write_indexed(ioapic, (uint32_t)value);
	else if (offset == EOI)
		ioapic_eoi(dev, (uint8_t)value);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	switch (offset) {
	case IOREGSEL: return "IOREGSEL";
	case IOWIN: return "IOWIN";
	case EOI: return is_write ? "EOI" : NULL;
	default: return NULL;
	}
}

void ioapic_connect(struct device *dev, const struct ioapic_backend *backend)
{
	((struct ioapic *)dev)->backend = *backend;
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct ioapic *ioapic = (struct ioapic *)dev;

	(void)setup;
	for (unsigned pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		ioapic->entry[pin] = RTE_MASKED;
		ioapic->route[pin] = (struct ioapic_route){.address = GPA_LAPIC, .masked = true};
	}
	return -pthread_mutex_init(&ioapic->pins, NULL);
}

static void destroy(struct device *dev)
{
	pthread_mutex_destroy(&((struct ioapic *)dev)->pins);
}

const struct device_ops ioapic_ops = {
	.name = "ioapic",
	.state_bytes = sizeof(struct ioapic),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
	.destroy = destroy,
};
