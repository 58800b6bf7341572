/* SPDX-License-Identifier: MIT
 *
 * The serial EEPROM: 64 words (SDM chapter 5), by EERD and bit by bit through EECD, as Microwire
 * has it:
 *
 *     DI   1 │ 1 0 │ A5 … A0 │                       start bit, opcode "read", address
 *     DO     │     │       0 │ D15 … D0 │ D15 …      a dummy bit, the word, the words behind it
 *
 * It is read-only: other opcodes are taken and have no effect.
 */
#include <string.h>

#include "dev/e1000_internal.h"

#define ADDRESS_BITS 6
#define COMMAND_BITS (1 + 2 + ADDRESS_BITS)
#define OPCODE_READ 2
#define CHECKSUM 0xbaba /* SDM 5.6.35: of all words */
#define GUEST_BITS (EECD_SK | EECD_CS | EECD_DI | EECD_REQ | 0x30)

/* Words of the map in SDM 5.6. */
enum {
	WORD_INIT_CONTROL_1 = 0x0a,
	WORD_SUBSYSTEM_ID = 0x0b,
	WORD_SUBSYSTEM_VENDOR = 0x0c,
	WORD_DEVICE_ID = 0x0d,
	WORD_VENDOR_ID = 0x0e,
	WORD_CHECKSUM = 0x3f,
	INIT_CONTROL_1_SIGNATURE = 0x4000,
	INIT_CONTROL_1_LOAD_IDS = 0x0003
};

void e1000_eeprom_fill(struct e1000_eeprom *eeprom, const uint8_t mac[6])
{
	uint16_t sum = 0;

	memset(eeprom, 0, sizeof(*eeprom));
	eeprom->data_out = true;
	memcpy(eeprom->word, mac, 6); /* low byte first, SDM 5.6.1 */
	eeprom->word[WORD_INIT_CONTROL_1] = INIT_CONTROL_1_SIGNATURE | INIT_CONTROL_1_LOAD_IDS;
	eeprom->word[WORD_SUBSYSTEM_ID] = 0x001e;
	eeprom->word[WORD_SUBSYSTEM_VENDOR] = 0x8086;
	eeprom->word[WORD_DEVICE_ID] = 0x100e;
	eeprom->word[WORD_VENDOR_ID] = 0x8086;
	for (unsigned i = 0; i < WORD_CHECKSUM; i++)
		sum = (uint16_t)(sum + eeprom->word[i]);
	eeprom->word[WORD_CHECKSUM] = (uint16_t)(CHECKSUM - sum);
}

uint32_t e1000_eerd(const struct e1000_eeprom *eeprom, uint32_t value)
{
	uint32_t address = value >> 8 & 0xff;
	uint32_t word = address < E1000_EEPROM_WORDS ? eeprom->word[address] : 0xffff;

	return value & EERD_START ? word << 16 | address << 8 | EERD_DONE : value & 0xff00;
}

uint32_t e1000_eecd_read(const struct e1000_eeprom *eeprom, uint32_t eecd)
{
	return (eecd & GUEST_BITS) | EECD_PRES | (eecd & EECD_REQ ? EECD_GNT : 0) |
	       (eeprom->data_out ? EECD_DO : 0);
}

static bool next_bit(struct e1000_eeprom *eeprom)
{
	unsigned address = (eeprom->shift_in + eeprom->bits_out / 16) % E1000_EEPROM_WORDS;
	unsigned bit = 15 - eeprom->bits_out % 16;

	eeprom->bits_out = (eeprom->bits_out + 1) % (16 * E1000_EEPROM_WORDS);
	return eeprom->word[address] >> bit & 1;
}

static void clock_rose(struct e1000_eeprom *eeprom, bool data_in)
{
	unsigned opcode = eeprom->shift_in >> ADDRESS_BITS & 3;

	if (eeprom->bits_in == 0 && !data_in)
		return; /* no start bit yet */
	if (eeprom->bits_in < COMMAND_BITS) {
		eeprom->shift_in = eeprom->shift_in << 1 | data_in;
		if (++eeprom->bits_in == COMMAND_BITS)
			eeprom->data_out = (eeprom->shift_in >> ADDRESS_BITS & 3) != OPCODE_READ;
		return;
	}
	if (opcode == OPCODE_READ)
		eeprom->data_out = next_bit(eeprom);
}

void e1000_eecd_write(struct e1000_eeprom *eeprom, uint32_t old_eecd, uint32_t eecd)
{
	if (!(eecd & EECD_CS) || !(old_eecd & EECD_CS)) {
		eeprom->bits_in = eeprom->shift_in = eeprom->bits_out = 0;
		eeprom->data_out = true; /* ready */
	}
	if (eecd & EECD_CS && eecd & EECD_SK && !(old_eecd & EECD_SK))
		clock_rose(eeprom, eecd & EECD_DI);
}
