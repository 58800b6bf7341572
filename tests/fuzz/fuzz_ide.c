/* SPDX-License-Identifier: MIT
 *
 * Random registers, strings, lists in guest memory, turns of the controller's thread and completions against the IDE
 * controller. libFuzzer:
 *
 *     make fuzz-ide && build/fuzz/fuzz_ide -max_total_time=600
 *
 * An input is a list of steps of four bytes: what, where, two bytes of value. The low page of guest memory is
 * where lists are: steps of one kind write it.
 */
#include "../unit/dev_fake.h"
#include "../unit/ide_fake.h"

#define DISK_BYTES (2000 * 512)
#define CD_BYTES (100 * 2048)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct setting {
	struct device *dev;
	struct gmem mem;
	struct block *block[3];
	bool by_port; /* with short cuts, as KVM has them */
};

static const struct window {
	unsigned region, bytes;
} windows[] = {{PCI_FIXED_WINDOW + IDE_COMMAND_0, 8},
	       {PCI_FIXED_WINDOW + IDE_CONTROL_0, 1},
	       {PCI_FIXED_WINDOW + IDE_COMMAND_1, 8},
	       {PCI_FIXED_WINDOW + IDE_CONTROL_1, 1},
	       {IDE_BAR_BUS_MASTER, 16},
	       {PCI_FIXED_WINDOW + IDE_COMMAND_0, 8},
	       {PCI_FIXED_WINDOW + IDE_COMMAND_1, 8},
	       {IDE_BAR_BUS_MASTER, 16}};

/* The same by port, with short cuts around it. */
static void access_port(const uint8_t *step)
{
	static const uint16_t base[] = {PORT_IDE_COMMAND_0, PORT_IDE_CONTROL_0, PORT_IDE_COMMAND_1,
					PORT_IDE_CONTROL_1, PORT_PCI_WINDOW,	PORT_PCI_WINDOW};
	unsigned window = (step[1] & 7) % 6;
	uint16_t port = base[window] + (window % 2 && window < 4 ? 0 : (step[1] >> 3) % 16);
	unsigned width = 1u << (step[0] >> 4 & 3) % 3;
	uint32_t value = (uint32_t)(step[2] | step[3] << 8) * 0x10001u;

	if (window < 4 && (port & 7) + width > 8)
		width = 1;
	if (window % 2 && window < 4)
		width = 1;
	if (window >= 4 && port % 16 + width > 16)
		width = 1;
	if (step[0] & 8)
		fake_out(port, width, width == 4 ? value : value & ((1u << width * 8) - 1));
	else
		fake_in(port, width);
}

static void access_window(struct setting *s, const uint8_t *step)
{
	const struct window *window = &windows[step[1] & 7];
	uint64_t offset = (step[1] >> 3) % window->bytes;
	unsigned width = 1u << (step[0] >> 4 & 3) % 3;
	uint32_t value = (uint32_t)(step[2] | step[3] << 8) * 0x10001u;

	if (offset + width > window->bytes)
		width = 1;
	ide_ops.register_name(window->region, offset, step[0] & 1);
	if (step[0] & 8)
		dev_write_wide(s->dev, window->region, offset, width,
			       width == 4 ? value : value & ((1u << width * 8) - 1));
	else
		dev_read_wide(s->dev, window->region, offset, width);
}

static void string(struct setting *s, const uint8_t *step)
{
	static uint8_t bytes[4096];
	unsigned region = PCI_FIXED_WINDOW + (step[1] & 1 ? IDE_COMMAND_1 : IDE_COMMAND_0);
	unsigned width = step[1] & 2 ? 4 : 2;
	unsigned count = (step[2] | step[3] << 8) % (sizeof(bytes) / 4);

	memset(bytes, step[3], sizeof(bytes));
	pthread_mutex_lock(&s->dev->lock);
	if (step[0] & 8)
		ide_ops.write_string(s->dev, region, 0, width, bytes, count);
	else
		ide_ops.read_string(s->dev, region, 0, width, bytes, count);
	pthread_mutex_unlock(&s->dev->lock);
}

/* An entry of a list, or two bytes anywhere in the first page. */
static void write_memory(struct setting *s, const uint8_t *step)
{
	uint32_t entry[2] = {(uint32_t)step[2] << 12 | (step[0] >> 4), (uint32_t)step[3] << 5};

	if (step[0] & 8)
		entry[1] |= 1u << 31;
	if (step[0] & 0x80)
		gmem_write(&s->mem, step[1] * 8u, &step[2], 2);
	else
		gmem_write(&s->mem, step[1] % 32 * 8u, entry, 8);
}

/* A whole command, so that the fuzzer need not find out how one is written. */
static void command(struct setting *s, const uint8_t *step)
{
	static const uint8_t codes[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39,
					0xa0, 0xa0, 0xc4, 0xc5, 0xc8, 0xca, 0xe7, 0xec};
	unsigned region = PCI_FIXED_WINDOW + (step[1] & 1 ? IDE_COMMAND_1 : IDE_COMMAND_0);

	dev_write_wide(s->dev, region, 6, 1, 0x40 | (step[1] & 2) << 3);
	dev_write_wide(s->dev, region, 2, 1, step[2]);
	dev_write_wide(s->dev, region, 3, 1, step[3]);
	dev_write_wide(s->dev, region, 4, 1, step[0] >> 4);
	dev_write_wide(s->dev, region, 5, 1, 0);
	dev_write_wide(s->dev, region, 7, 1, codes[step[1] >> 4]);
}

static void other(struct setting *s, const uint8_t *step)
{
	struct block *block = s->block[step[1] % 3];

	switch (step[0] >> 4 & 7) {
	case 0: fake_turn(); break;
	case 1: fake_run(); break;
	case 2: fake_complete(block); break;
	case 3: block->delayed = step[2] & 1; break;
	case 4: block->error = step[2] & 1 ? -EIO : 0; break;
	case 5:
		pthread_mutex_lock(&s->dev->lock);
		pci_config_write((struct pci_function *)s->dev, step[1] & 0xfc, 4,
				 (uint32_t)(step[2] | step[3] << 8) * 0x10001u);
		pthread_mutex_unlock(&s->dev->lock);
		break;
	default: fake_time_pass((int64_t)(step[2] | step[3] << 8) * 1000); break;
	}
}

static void run_step(struct setting *s, const uint8_t *step)
{
	switch (step[0] & 7) {
	case 0:
	case 1:
	case 2:
		if (s->by_port)
			access_port(step);
		else
			access_window(s, step);
		break;
	case 3: string(s, step); break;
	case 4: write_memory(s, step); break;
	case 5: command(s, step); break;
	default: other(s, step); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	struct setting s = {
		.block = {fake_block(DISK_BYTES), fake_block(DISK_BYTES), fake_block(CD_BYTES)}};
	struct ide_options options = {.drive = {{.block = s.block[0], .dma = true},
						{.block = s.block[1]},
						{.block = s.block[2], .cdrom = true, .dma = true},
						{.cdrom = true}}};
	struct fake_line line = {0};
	struct device_setup setup = {.mem = &s.mem, .irq = fake_irq(&line), .options = &options};

	s.by_port = data[0] & 1;
	if (s.by_port)
		setup.wiring = &fake_wiring;
	memset(&fake_kvm, 0, sizeof(fake_kvm));
	if (gmem_create(&s.mem, FAKE_RAM_BYTES, GMEM_ANONYMOUS) ||
	    device_create(&ide_ops, "fuzz", &setup, &s.dev))
		abort();
	fake_kvm.dev = s.dev;
	pci_config_write((struct pci_function *)s.dev, PCI_BAR0 + 16, 4, PORT_PCI_WINDOW);
	pci_config_write((struct pci_function *)s.dev, PCI_COMMAND, 2,
			 PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	for (size_t i = 1; i + 4 <= size && i < 4096; i += 4)
		run_step(&s, data + i);
	device_destroy(s.dev);
	gmem_destroy(&s.mem);
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		if (fake_kvm.doorbell[i].port)
			abort(); /* left behind */
	for (unsigned i = 0; i < 3; i++)
		fake_block_free(s.block[i]);
	return 0;
}
