/* SPDX-License-Identifier: MIT
 *
 * An e1000 with random registers, descriptors, frames, and a back end that fills up. libFuzzer:
 *
 *     make fuzz-nic && build/fuzz/fuzz_e1000 -max_total_time=600
 *
 * Rings and buffers are set up as a driver does it; an input is a list of steps of 20 bytes that
 * spoil it.
 */
#include "../unit/e1000_fixture.h"

#define STEP_BYTES 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t favourites[] = {
	E1000_CTRL,  E1000_EECD,  E1000_EERD, E1000_MDIC, E1000_VET,  E1000_ICR,    E1000_ITR,
	E1000_ICS,   E1000_IMS,	  E1000_IMC,  E1000_RCTL, E1000_TCTL, E1000_RDBAL,  E1000_RDBAH,
	E1000_RDLEN, E1000_RDH,	  E1000_RDT,  E1000_RDTR, E1000_RADV, E1000_TDBAL,  E1000_TDBAH,
	E1000_TDLEN, E1000_TDH,	  E1000_TDT,  E1000_TIDV, E1000_TADV, E1000_RXCSUM, E1000_RAL,
	E1000_RAH,   E1000_GORCL, E1000_MTA,  E1000_VFTA,
};

static void access_register(const uint8_t *step)
{
	unsigned offset = favourites[step[1] % (sizeof(favourites) / sizeof(*favourites))];
	uint64_t value;

	memcpy(&value, step + 4, sizeof(value));
	if (step[2] & 0x40)
		offset = (step[1] | (unsigned)step[3] << 8) & 0x1fff8;
	if (step[2] & 0x20) { /* a small number: indices, lengths */
		value &= 0xff;
		value <<= step[2] & 7;
	}
	if (step[2] & 0x80)
		dev_read_wide(card, step[2] >> 4 & 1, offset & (step[2] & 0x10 ? 0x38 : ~0u),
			      1u << (step[2] & 3));
	else if (step[2] & 0x10)
		dev_write_wide(card, 1, step[1] & 0x3c, 4, value);
	else
		dev_write_wide(card, 0, offset, step[2] & 8 ? 8 : 4, value);
}

/* A descriptor from the input, its address mostly in RAM. */
static void write_descriptor(const uint8_t *step)
{
	uint32_t at = (step[1] & 1 ? TX_RING : RX_RING) + 16 * step[2];
	uint8_t desc[16];

	memcpy(desc, step + 4, sizeof(desc));
	if (step[1] & 2) {
		desc[3] = desc[4] = desc[5] = desc[6] = desc[7] = 0;
		desc[2] &= 0x3f;
	}
	gmem_write(&ram, at, desc, sizeof(desc));
}

static void frame_arrives(const uint8_t *step)
{
	static uint8_t frame[NET_FRAME_MAX];
	static const uint8_t to_us[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
	size_t len = (step[1] | (size_t)step[2] << 8) % sizeof(frame);

	if (step[3] & 1)
		len %= 1600;
	if (step[3] & 2)
		memcpy(frame, to_us, sizeof(to_us));
	else
		memcpy(frame, step + 4, sizeof(to_us));
	memcpy(frame + 12, step + 10, 10); /* type and the IP header's begin */
	wire_put(frame, len);
	if (step[3] & 4)
		wire.coming[wire.coming_count - 1].bytes[0] = step[4];
	if (step[3] & 8)
		wire_tell();
}

static void happen(const uint8_t *step)
{
	switch (step[1] & 7) {
	case 0: wire.send_room = step[2]; break;
	case 1:
		wire.send_room = UINT32_MAX;
		wire.writable(wire.ctx);
		break;
	case 2: fake_time_pass(step[2] * 1000); break;
	case 3:
		wire.down = step[2] & 1;
		wire.link_changed(wire.link_ctx);
		break;
	case 4: make_master(step[2] & 3); break;
	case 5: gmem_write(&ram, TX_BUFFERS + step[2], step + 4, 16); break;
	case 6: e1000_ops.register_name(step[2] & 1, step[3] * 8u, step[2] & 2); break;
	default: wire_tell(); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	wire_mtu = size && data[0] & 1 ? 1500 : 9000;
	if (card_create(size && data[0] & 2 ? 0 : 31))
		abort();
	if (size && data[0] & 4)
		wire.info.offloads = NET_OFFLOAD_CSUM;
	tx_start(RING_COUNT);
	rx_start(RING_COUNT, RCTL_UPE | RCTL_MPE);
	reg_set(E1000_RXCSUM, 0x300);
	reg_set(E1000_IMS, ICR_CAUSES);
	for (size_t i = 1; i + STEP_BYTES <= size; i += STEP_BYTES) {
		const uint8_t *step = data + i;

		switch (step[0] & 3) {
		case 0: access_register(step); break;
		case 1: write_descriptor(step); break;
		case 2: frame_arrives(step); break;
		default: happen(step); break;
		}
		if (step[0] & 4)
			fake_thread_run();
	}
	fake_thread_run();
	card_destroy();
	return 0;
}
