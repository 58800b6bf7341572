/* SPDX-License-Identifier: MIT
 *
 * virtio-mmio (FUZZ_PCI=false) or virtio-pci (FUZZ_PCI=true: configuration space, BARs, MSI-X table) with a disk, a network
 * card or a random number generator behind, driven by a guest that writes what it likes, where it likes. libFuzzer:
 *
 *     make fuzz-mmio fuzz-pci && build/fuzz/fuzz_pci -max_len=4096 -max_total_time=660
 *
 * An input is a byte that chooses the device, and steps of 16 bytes.
 */
#include "virtio_fakes.h"

#include "board/board.h"
#include "bus/pci.h"
#include "dev/pci_host.h"
#include "kvm/gmem.h"
#include "memory_map.h"
#include "ports.h"
#include "virtio/blk.h"
#include "virtio/mmio.h"
#include "virtio/net.h"
#include "virtio/pci.h"
#include "virtio/rng.h"
#include "virtio_ring.h"
#include "wiring_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_BYTES 16
#define RAM_BYTES 0x100000u
#define RINGS_BYTES 0x8000u /* the part of RAM that steps write to */
#define RING_SIZE 8
#define MMIO_GPA 0xd0000000ULL

static struct gmem ram;
static struct device *host, *device;
static const bool is_pci = FUZZ_PCI;
static const struct virtio_model *real_model;
static struct virtio_model model; /* the same, and tells us of its device */
static struct virtio_device *vdev;
static struct board_plugin plugin;
static struct virtio_blk_options blk_options = {.block = &disk, .serial = "FUZZ", .queues = 2};
static struct virtio_net_options net_options = {.net = &wire};

/* --- accesses */

static void put(unsigned offset, unsigned width, uint64_t value)
{
	uint64_t gpa = MMIO_GPA + offset;

	if (is_pci) {
		pci_host_ops.write(host, PCI_HOST_MEMORY, offset, width, value);
	} else if (!wires_ring(BUS_MMIO, gpa, width, value) &&
		   offset + width <= VIRTIO_MMIO_PAGE_BYTES) {
		pthread_mutex_lock(&device->lock);
		virtio_mmio_ops.write(device, 0, offset, width, value);
		pthread_mutex_unlock(&device->lock);
	}
}

static void get(unsigned offset, unsigned width)
{
	if (is_pci)
		pci_host_ops.read(host, PCI_HOST_MEMORY, offset, width);
	else if (offset + width <= VIRTIO_MMIO_PAGE_BYTES)
		virtio_mmio_ops.read(device, 0, offset, width);
}

static void config_access(bool is_write, unsigned offset, unsigned width, uint64_t value)
{
	if (!is_pci)
		return;
	offset = (1u << 15) | (offset & 0xff & ~(width - 1));
	if (is_write)
		pci_host_ops.write(host, PCI_HOST_CONFIG, offset, width, value);
	else
		pci_host_ops.read(host, PCI_HOST_CONFIG, offset, width);
}

static void kick(unsigned queue)
{
	if (!is_pci)
		put(0x50, 4, queue);
	else if (!wires_ring(BUS_PIO, PORT_PCI_WINDOW + queue * 4, 2, queue))
		pci_host_ops.write(host, PCI_HOST_PORTS, queue * 4, 2, queue);
}

static void put_config(unsigned offset, unsigned width, uint64_t value)
{
	config_access(true, offset, width, value);
}

/* Where BARs were at first: 0: registers, 1: MSI-X behind them, 2: notifications. */
static void map_bars(void)
{
	put_config(PCI_BAR0, 4, GPA_PCI_WINDOW);
	put_config(PCI_BAR0 + 4, 4, GPA_PCI_WINDOW + 0x4000);
	put_config(PCI_BAR0 + 8, 4, PORT_PCI_WINDOW);
	put_config(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* --- what a driver does, so that inputs get far */

static void set_queue(unsigned queue, unsigned size)
{
	uint64_t base = queue * 0x1000ULL;
	const uint64_t area[3] = {base, base + 0x400, base + 0x800};
	static const uint8_t mmio_at[3] = {0x80, 0x90, 0xa0};

	put(is_pci ? 0x16 : 0x30, is_pci ? 2 : 4, queue);
	put(is_pci ? 0x18 : 0x38, is_pci ? 2 : 4, size);
	for (unsigned i = 0; i < 3; i++) {
		put(is_pci ? 0x20 + i * 8 : mmio_at[i], 4, area[i]);
		put(is_pci ? 0x24 + i * 8 : mmio_at[i] + 4u, 4, 0);
	}
	if (is_pci)
		put(0x1a, 2, queue + 1);
	put(is_pci ? 0x1c : 0x44, is_pci ? 2 : 4, 1);
}

static void set_features(uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		put(is_pci ? 0x08 : 0x24, 4, i);
		put(is_pci ? 0x0c : 0x20, 4, (uint32_t)(features >> i * 32));
	}
}

/* A disk's request: header, data, status. */
static void offer_request(const uint8_t *step)
{
	static const uint32_t type[] = {0, 1, 4, 8, 11, 13, 2, 5};
	const struct {
		uint32_t type, reserved;
		uint64_t sector;
		uint64_t first;
		uint32_t count, flags;
	} header = {type[step[3] % 8], 0, step[4] % 80, step[5] % 80, step[6], step[7] & 3};
	bool writes = header.type == 0 || header.type == 8;
	uint32_t header_bytes = step[3] % 8 == 4 || step[3] % 8 == 5 ? 32 : 16;
	uint64_t base = (step[1] % 2) * 0x1000ULL;
	uint16_t idx = 0;
	uint16_t head = step[2] % RING_SIZE;
	const struct vring_desc desc[3] = {
		{0x20000 + head * 64u, header_bytes, VRING_DESC_NEXT, (head + 1) % RING_SIZE},
		{0x30000, (step[8] % 20) * 512u + step[9] % 2, writes ? VRING_DESC_WRITE : 0, 0},
		{0x40000 + head, 1 + step[10] % 2, VRING_DESC_WRITE, 0}};
	bool has_data = desc[1].len_bytes;

	gmem_write(&ram, desc[0].gpa, &header, sizeof(header));
	for (unsigned i = 0, at = head; i < 3; i++) {
		struct vring_desc part = desc[i];

		if (i == 1 && !has_data)
			continue;
		part.flags |= i < 2 ? VRING_DESC_NEXT : 0;
		part.next = (uint16_t)((at + 1) % RING_SIZE);
		gmem_write(&ram, base + at * 16, &part, sizeof(part));
		at = part.next;
	}
	gmem_read(&ram, base + 0x402, &idx, sizeof(idx));
	gmem_write(&ram, base + 0x404 + idx % RING_SIZE * 2, &head, sizeof(head));
	idx++;
	gmem_write(&ram, base + 0x402, &idx, sizeof(idx));
}

/* All vectors open, with messages that differ. */
static void open_vectors(void)
{
	unsigned control = ((struct pci_function *)device)->config[PCI_CAPABILITY_POINTER];

	while (control && ((struct pci_function *)device)->config[control] != PCI_CAP_MSIX)
		control = ((struct pci_function *)device)->config[control + 1];
	for (unsigned i = 0; i <= vdev->queue_count; i++) {
		put(0x4000 + i * 16, 8, 0xfee00000);
		put(0x4008 + i * 16, 8, 0x40 + i);
	}
	put_config(control + 2, 2, 0x8000);
}

static void start(const uint8_t *step)
{
	unsigned status = is_pci ? 0x14 : 0x70;
	unsigned width = is_pci ? 1 : 4;
	uint64_t features;

	memcpy(&features, step + 4, sizeof(features));
	if (step[1] & 1)
		map_bars();
	if (is_pci && step[1] & 4)
		open_vectors();
	put(status, width, 0);
	put(status, width, 3);
	set_features((features & vdev->offered) | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	put(status, width, 11);
	for (unsigned i = 0; i < 5; i++)
		if (step[2] >> i & 1)
			set_queue(i, step[1] & 2 ? step[3] : RING_SIZE);
	put(status, width, 15);
}

/* A chain of up to three descriptors that lie where the step says, made available. Split format. */
static void offer(const uint8_t *step)
{
	uint64_t base = (step[1] % 5) * 0x1000ULL;
	uint16_t idx = 0;
	uint16_t head = step[2] % RING_SIZE;
	unsigned count = step[3] % 3 + 1;

	for (unsigned i = 0; i < count; i++) {
		const struct vring_desc desc = {
			.gpa = 0x8000u + step[4 + i] * 64u,
			.len_bytes = step[7 + i] + (step[10 + i] & 0x3f) * 256u,
			.flags = (uint16_t)((step[10 + i] & 0x80 ? VRING_DESC_WRITE : 0) |
					    (i + 1 < count ? VRING_DESC_NEXT : 0) |
					    (step[10 + i] & 0x40 && step[13] & 1
						     ? VRING_DESC_INDIRECT
						     : 0)),
			.next = (uint16_t)((head + i + 1) % RING_SIZE)};

		gmem_write(&ram, base + (head + i) % RING_SIZE * 16, &desc, sizeof(desc));
	}
	gmem_read(&ram, base + 0x402, &idx, sizeof(idx));
	gmem_write(&ram, base + 0x404 + idx % RING_SIZE * 2, &head, sizeof(head));
	idx++;
	gmem_write(&ram, base + 0x402, &idx, sizeof(idx));
}

/* Eleven bytes anywhere in the rings, or at the places where headers of requests are. */
static void write_memory(const uint8_t *step)
{
	uint32_t at = step[1] | (uint32_t)step[2] << 8;

	gmem_write(&ram, step[3] & 1 ? 0x8000u + step[1] * 64u : at % RINGS_BYTES, step + 4, 12);
}

static void outside(const uint8_t *step)
{
	switch (step[1] % 8) {
	case 0: disk_complete(step[2]); break;
	case 1: disk_is_quick = step[2] & 1; break;
	case 2: disk_error = step[2] & 1 ? -EIO : step[2] & 2 ? -ENOTSUP : 0; break;
	case 3:
		disk.info.size_bytes = step[2] * 512u;
		if (disk.resized)
			disk.resized(disk.resized_ctx);
		break;
	case 4:
		wire.coming += step[2];
		wire.coming_bytes = NET_HEADER_BYTES + (step[3] | (unsigned)step[4] << 8);
		if (wire.readable)
			wire.readable(wire.ctx);
		break;
	case 5:
		wire.send_room = step[2];
		if (wire.writable)
			wire.writable(wire.ctx);
		break;
	case 6:
		wire.down = !wire.down;
		if (wire.link_changed)
			wire.link_changed(wire.link_ctx);
		break;
	default: wires.refuse_messages = step[2] & 1; break;
	}
}

static void happen(const uint8_t *step)
{
	unsigned width = 1u << (step[1] & 3);
	unsigned offset = step[2] | (step[3] & 0x7fu) << 8;
	uint64_t value;

	memcpy(&value, step + 4, sizeof(value));
	if (step[1] & 4)
		value &= 0xff;
	if (step[1] & 8)
		offset &= 0xff;
	switch (step[0] % 12) {
	case 0: put(offset, width, value); break;
	case 1: get(offset, width); break;
	case 2: config_access(true, offset, width, value); break;
	case 3: config_access(false, offset, width, 0); break;
	case 4: put(0x4000 + (offset & 0xfff), width, value); break;
	case 5: start(step); break;
	case 6: offer(step); break;
	case 7: write_memory(step); break;
	case 8: kick(step[1] % 8); break;
	case 9: offer_request(step); break;
	case 10:
		offer(step);
		kick(step[1] % 5);
		break;
	default: outside(step); break;
	}
	if (step[0] & 0x80)
		run_loop();
}

/* --- life cycle */

static int realize(struct virtio_device *made, const struct device_setup *setup)
{
	vdev = made;
	return real_model->realize(made, setup);
}

static void prepare(unsigned choice)
{
	static const struct virtio_model *const models[] = {&virtio_blk_model, &virtio_net_model,
							    &virtio_rng_model};
	const void *const options[] = {&blk_options, &net_options, NULL};
	unsigned which = (choice & 7) % 3;

	real_model = models[which];
	model = *real_model;
	model.realize = realize;
	plugin = (struct board_plugin){
		.name = "fuzz0",
		.model = &model,
		.options = options[which],
		.ring_features = VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |
				 VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | VIRTIO_BIT(VIRTIO_F_IN_ORDER) |
				 VIRTIO_BIT(VIRTIO_F_RING_RESET) |
				 (choice & 0x40 ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0)};
	disk = (struct block){.info = {.name = "disk",
				       .size_bytes = 64 * 512,
				       .physical_sector_bytes = 512,
				       .discard_granularity_bytes = 4096,
				       .read_only = choice & 0x20,
				       .volatile_cache = true}};
	disk_queue_count = 0;
	disk_is_quick = false;
	disk_error = 0;
	wire = (struct net){.info = {.name = "wire",
				     .mac = {2, 0, 0, 0, 0, 1},
				     .mtu = 1500,
				     .queue_pairs = choice & 0x10 ? 2 : 1,
				     .offloads = choice & 8 ? 31 : 0,
				     .tap_fd = {-1, -1},
				     .vhost = NET_VHOST_OFF},
			    .send_room = 1000};
	wires_init();
	gmem_write(&ram, 0, (const uint8_t[RINGS_BYTES]){0}, RINGS_BYTES);
}

static void create(void *page)
{
	struct virtio_mmio_options mmio = {.plugin = &plugin, .gpa = MMIO_GPA, .page = page};
	const struct device_setup setup = {.loop = the_loop(),
					   .mem = &ram,
					   .wiring = &fake_wiring,
					   .irq = {.gsi = 5},
					   .options = is_pci ? (void *)&plugin : (void *)&mmio};

	if (!is_pci) {
		MUST(!device_create(&virtio_mmio_ops, "fuzz0", &setup, &device));
		return;
	}
	MUST(!device_create(&pci_host_ops, "pci-host", &setup, &host));
	MUST(!device_create(&virtio_pci_ops, "fuzz0", &setup, &device));
	MUST(!pci_host_attach(host, (struct pci_function *)device, 1));
	map_bars();
}

static void destroy(void)
{
	device_destroy(device);
	if (is_pci)
		device_destroy(host);
	host = device = NULL;
	MUST(source_count == 0);
	MUST(!is_pci || wires.irqfd_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *page;

	if (!size)
		return 0;
	if (!ram.region_count)
		MUST(!gmem_create(&ram, RAM_BYTES, GMEM_ANONYMOUS));
	page = aligned_alloc(4096, VIRTIO_MMIO_PAGE_BYTES);
	MUST(page);
	memset(page, 0, VIRTIO_MMIO_PAGE_BYTES);
	prepare(data[0]);
	create(page);
	for (size_t i = 1; i + STEP_BYTES <= size; i += STEP_BYTES)
		happen(data + i);
	run_loop();
	destroy();
	free(page);
	return 0;
}
