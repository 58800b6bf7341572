/* SPDX-License-Identifier: MIT
 *
 * An NE2000 with random registers, data port accesses and frames. libFuzzer:
 *
 *     make fuzz-nic && build/fuzz/fuzz_ne2000 -max_total_time=600
 *
 * An input is a list of steps of four bytes: what, where, two bytes of value.
 */
#include "../unit/nic_fake.h"

#include "bus/pci.h"
#include "dev/ne2000.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where a driver begins: rings set up, started, in page 0. */
static void start(struct device *card)
{
	static const uint8_t script[][2] = {{0x00, 0x21}, {0x0e, 0x49}, {0x01, 0x4c}, {0x02, 0x80},
					    {0x03, 0x7f}, {0x04, 0x40}, {0x0f, 0x3f}, {0x0c, 0x1c},
					    {0x00, 0x61}, {0x07, 0x4c}, {0x00, 0x22}};

	for (size_t i = 0; i < sizeof(script) / sizeof(*script); i++)
		dev_write(card, script[i][0], script[i][1]);
}

static void access_port(struct device *card, const uint8_t *step)
{
	unsigned port = step[1] & 0x1f, width = 1u << (step[0] >> 4 & 3);
	uint64_t value = (step[2] | (uint64_t)step[3] << 8) * 0x0001000100010001ull;

	if (port + width > 32)
		return; /* the bus lets no such access through */
	ne2000_ops.register_name(0, port, false);
	for (unsigned i = 0; i <= (port == 0x10 ? step[3] : 0u); i++) {
		if (step[0] & 8)
			dev_read_wide(card, 0, port, width);
		else
			dev_write_wide(card, 0, port, width, value);
	}
}

/* INS or OUTS, up to a page of what KVM hands over at once. */
static void move_string(struct device *card, const uint8_t *step)
{
	static uint8_t data[1024];
	unsigned width = 1u << step[1] % 3, port = step[1] & 0x40 ? step[1] & 0x1f : 0x10;
	unsigned count = 1 + (step[2] | (unsigned)step[3] << 8) % (sizeof(data) / width);

	pthread_mutex_lock(&card->lock);
	if (step[0] & 8)
		ne2000_ops.read_string(card, 0, port, width, data, count);
	else
		ne2000_ops.write_string(card, 0, port, width, data, count);
	pthread_mutex_unlock(&card->lock);
}

static void happen(const uint8_t *step)
{
	static uint8_t frame[2048];

	switch (step[0] >> 4 & 3) {
	case 0: wire.send_room = step[1]; break;
	case 1:
		wire.send_room = UINT32_MAX;
		wire.writable(wire.ctx);
		break;
	default:
		frame[0] = step[3];
		wire_put(frame, (step[1] | (size_t)step[2] << 8) % sizeof(frame));
		if (step[0] & 8)
			wire_tell();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nic_options options = {.net = &wire};
	struct device_setup setup = {.loop = fake_loop(), .options = &options};
	struct device *card;

	wire_init(0);
	if (device_create(&ne2000_ops, "fuzz", &setup, &card))
		abort();
	start(card);
	for (size_t i = 0; i + 4 <= size; i += 4) {
		if ((data[i] & 3) == 3)
			happen(data + i);
		else if ((data[i] & 3) == 2)
			move_string(card, data + i);
		else
			access_port(card, data + i);
		if (data[i] & 4)
			fake_thread_run();
	}
	fake_thread_run();
	device_destroy(card);
	wire_clear();
	return 0;
}
