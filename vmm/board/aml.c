/* SPDX-License-Identifier: MIT
 *
 * AML, byte by byte: ACPI 6.4 §20.2 (grammar), §6.4 (resource descriptors). See aml.h.
 *
 * A PkgLength counts its own bytes and precedes what it counts, so it is inserted when the body is
 * complete; bodies are small and the move is cheaper to read than a guess.
 */
#include "board/aml.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SEGMENT_BYTES 4
#define PKG_LENGTH_MAX_BYTES 4

enum {
	PREFIX_BYTE = 0x0a,
	PREFIX_WORD = 0x0b,
	PREFIX_DWORD = 0x0c,
	PREFIX_STRING = 0x0d,
	PREFIX_QWORD = 0x0e,
	PREFIX_DUAL_NAME = 0x2e,
	PREFIX_MULTI_NAME = 0x2f,
	OP_ZERO = 0x00,
	OP_ONE = 0x01
};

/* Resource descriptor tags; the small ones hold their length. */
enum {
	TAG_IRQ_NO_FLAGS = 0x22,
	TAG_IO = 0x47,
	TAG_END = 0x79,
	TAG_MEMORY32_FIXED = 0x86,
	TAG_DWORD_ADDRESS = 0x87,
	TAG_WORD_ADDRESS = 0x88,
	TAG_EXTENDED_INTERRUPT = 0x89
};

void aml_init(struct aml *aml, void *buf, size_t size_bytes)
{
	*aml = (struct aml){.buf = buf, .size_bytes = size_bytes};
}

int aml_result(const struct aml *aml)
{
	return aml->full ? -ENOSPC : (int)aml->used_bytes;
}

/* Makes room for len_bytes at position at; NULL when there is none. */
static uint8_t *insert(struct aml *aml, size_t at, size_t len_bytes)
{
	if (aml->full || len_bytes > aml->size_bytes - aml->used_bytes) {
		aml->full = true;
		return NULL;
	}
	uint8_t *place = aml->buf + at;

	memmove(place + len_bytes, place, aml->used_bytes - at);
	aml->used_bytes += len_bytes;
	return place;
}

static void emit(struct aml *aml, const void *bytes, size_t len_bytes)
{
	uint8_t *place = insert(aml, aml->used_bytes, len_bytes);

	if (place)
		memcpy(place, bytes, len_bytes);
}

/* Little-endian, as everything in AML. */
static void emit_value(struct aml *aml, uint64_t value, unsigned len_bytes)
{
	for (unsigned i = 0; i < len_bytes; i++)
		aml_byte(aml, (uint8_t)(value >> 8 * i));
}

void aml_byte(struct aml *aml, uint8_t byte)
{
	emit(aml, &byte, 1);
}

void aml_op(struct aml *aml, enum aml_op op)
{
	if (op > 0xff)
		aml_byte(aml, (uint8_t)(op >> 8));
	aml_byte(aml, (uint8_t)op);
}

/* Returns the length of the encoding. */
static unsigned encode_integer(uint64_t value, uint8_t out[9])
{
	unsigned len_bytes = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;

	if (value <= 1) {
		out[0] = value ? OP_ONE : OP_ZERO;
		return 1;
	}
	out[0] = len_bytes == 1	  ? PREFIX_BYTE
		 : len_bytes == 2 ? PREFIX_WORD
		 : len_bytes == 4 ? PREFIX_DWORD
				  : PREFIX_QWORD;
	for (unsigned i = 0; i < len_bytes; i++)
		out[1 + i] = (uint8_t)(value >> 8 * i);
	return 1 + len_bytes;
}

void aml_integer(struct aml *aml, uint64_t value)
{
	uint8_t bytes[9];

	emit(aml, bytes, encode_integer(value, bytes));
}

void aml_string(struct aml *aml, const char *text)
{
	aml_byte(aml, PREFIX_STRING);
	emit(aml, text, strlen(text) + 1);
}

static void emit_segment(struct aml *aml, const char *text, size_t len_bytes)
{
	char segment[SEGMENT_BYTES] = {'_', '_', '_', '_'};

	memcpy(segment, text, len_bytes < SEGMENT_BYTES ? len_bytes : SEGMENT_BYTES);
	emit(aml, segment, sizeof segment);
}

/* ACPI 6.4 §20.2.2 */
void aml_path(struct aml *aml, const char *path)
{
	unsigned segment_count = 1;

	for (; *path == '\\' || *path == '^'; path++)
		aml_byte(aml, (uint8_t)*path);
	for (const char *c = path; *c; c++)
		segment_count += *c == '.';
	if (segment_count == 2)
		aml_byte(aml, PREFIX_DUAL_NAME);
	if (segment_count > 2) {
		aml_byte(aml, PREFIX_MULTI_NAME);
		aml_byte(aml, (uint8_t)segment_count);
	}
	while (segment_count--) {
		size_t len_bytes = strcspn(path, ".");

		emit_segment(aml, path, len_bytes);
		path += len_bytes + 1;
	}
}

static bool is_eisa_id(const char *hid)
{
	if (strlen(hid) != 7)
		return false;
	for (int i = 0; i < 7; i++)
		if (i < 3 ? !isupper((unsigned char)hid[i]) : !isxdigit((unsigned char)hid[i]))
			return false;
	return true;
}

/* Three letters of five bits, four hexadecimal digits, stored big-endian. */
static void emit_eisa_id(struct aml *aml, const char *id)
{
	uint16_t letters = 0;
	uint8_t digit[4];

	for (int i = 0; i < 3; i++)
		letters = (uint16_t)(letters << 5 | (id[i] - 'A' + 1));
	for (int i = 0; i < 4; i++) {
		int c = toupper((unsigned char)id[3 + i]);

		digit[i] = (uint8_t)(c <= '9' ? c - '0' : c - 'A' + 10);
	}
	aml_byte(aml, PREFIX_DWORD);
	aml_byte(aml, (uint8_t)(letters >> 8));
	aml_byte(aml, (uint8_t)letters);
	aml_byte(aml, (uint8_t)(digit[0] << 4 | digit[1]));
	aml_byte(aml, (uint8_t)(digit[2] << 4 | digit[3]));
}

void aml_hid(struct aml *aml, const char *hid)
{
	if (is_eisa_id(hid))
		emit_eisa_id(aml, hid);
	else
		aml_string(aml, hid);
}

void aml_name(struct aml *aml, const char *path)
{
	aml_op(aml, AML_OP_NAME);
	aml_path(aml, path);
}

/* ACPI 6.4 §20.2.4: one byte holds 6 bits; of several, the first holds their number and 4 bits. */
static unsigned encode_pkg_length(size_t value, unsigned len_bytes, uint8_t *out)
{
	if (len_bytes == 1) {
		out[0] = (uint8_t)value;
		return 1;
	}
	out[0] = (uint8_t)((len_bytes - 1) << 6 | (value & 0xf));
	for (unsigned i = 1; i < len_bytes; i++)
		out[i] = (uint8_t)(value >> (8 * i - 4));
	return len_bytes;
}

static unsigned pkg_length_bytes(size_t value)
{
	return value < 1u << 6 ? 1 : value < 1u << 12 ? 2 : value < 1u << 20 ? 3 : 4;
}

size_t aml_begin(struct aml *aml, enum aml_op op)
{
	aml_op(aml, op);
	return aml->used_bytes;
}

void aml_end(struct aml *aml, size_t body)
{
	size_t len_bytes = aml->used_bytes - body;
	unsigned own_bytes = 1;

	while (pkg_length_bytes(len_bytes + own_bytes) > own_bytes)
		own_bytes++;
	if (len_bytes + own_bytes >= 1u << 28)
		aml->full = true;
	uint8_t *place = insert(aml, body, own_bytes);

	if (place)
		encode_pkg_length(len_bytes + own_bytes, own_bytes, place);
}

/* Here a PkgLength is just a number of bits (ACPI 6.4 §20.2.5.2, NamedField). */
void aml_field_unit(struct aml *aml, const char *name, unsigned bits)
{
	uint8_t bytes[PKG_LENGTH_MAX_BYTES];

	aml_path(aml, name);
	emit(aml, bytes, encode_pkg_length(bits, pkg_length_bytes(bits), bytes));
}

size_t aml_resources_begin(struct aml *aml)
{
	return aml_begin(aml, AML_OP_BUFFER);
}

void aml_resources_end(struct aml *aml, size_t body)
{
	uint8_t count[9];

	aml_byte(aml, TAG_END);
	aml_byte(aml, 0); /* no checksum */

	unsigned len_bytes = encode_integer(aml->used_bytes - body, count);
	uint8_t *place = insert(aml, body, len_bytes);

	if (place)
		memcpy(place, count, len_bytes);
	aml_end(aml, body);
}

/* ACPI 6.4 §6.4.2.5: 16-bit decode, one possible address. */
void aml_resource_io(struct aml *aml, uint16_t port, uint8_t size_bytes)
{
	aml_byte(aml, TAG_IO);
	aml_byte(aml, 1);
	emit_value(aml, port, 2);
	emit_value(aml, port, 2);
	aml_byte(aml, 1); /* alignment */
	aml_byte(aml, size_bytes);
}

/* ACPI 6.4 §6.4.2.1 */
void aml_resource_isa_irq(struct aml *aml, unsigned irq)
{
	aml_byte(aml, TAG_IRQ_NO_FLAGS);
	emit_value(aml, 1u << irq, 2);
}

/* ACPI 6.4 §6.4.3.6: consumer, active high, exclusive. */
void aml_resource_interrupt(struct aml *aml, uint32_t gsi, bool level)
{
	aml_byte(aml, TAG_EXTENDED_INTERRUPT);
	emit_value(aml, 6, 2);
	aml_byte(aml, level ? 0x01 : 0x03);
	aml_byte(aml, 1); /* one interrupt */
	emit_value(aml, gsi, 4);
}

/* ACPI 6.4 §6.4.3.4: read-write. */
void aml_resource_memory(struct aml *aml, uint32_t base, uint32_t size_bytes)
{
	aml_byte(aml, TAG_MEMORY32_FIXED);
	emit_value(aml, 9, 2);
	aml_byte(aml, 1);
	emit_value(aml, base, 4);
	emit_value(aml, size_bytes, 4);
}

/* ACPI 6.4 §6.4.3.5: producer, both ends fixed. width: bytes of each number, 2 or 4. */
static void address_range(struct aml *aml, unsigned width, uint8_t type, uint8_t type_flags,
			  uint32_t base, uint32_t size_bytes)
{
	const uint32_t field[] = {0, base, base + size_bytes - 1, 0, size_bytes};

	aml_byte(aml, width == 2 ? TAG_WORD_ADDRESS : TAG_DWORD_ADDRESS);
	emit_value(aml, 3 + 5 * width, 2);
	aml_byte(aml, type);
	aml_byte(aml, 0x0c);
	aml_byte(aml, type_flags);
	for (unsigned i = 0; i < sizeof field / sizeof *field; i++)
		emit_value(aml, field[i], width);
}

void aml_resource_bus_range(struct aml *aml, uint16_t first, uint16_t last)
{
	address_range(aml, 2, 2, 0, first, last - first + 1u);
}

void aml_resource_io_range(struct aml *aml, uint16_t base, uint16_t size_bytes)
{
	address_range(aml, 2, 1, 3, base, size_bytes); /* all of the range, ISA ports too */
}

void aml_resource_memory_range(struct aml *aml, uint32_t base, uint32_t size_bytes)
{
	address_range(aml, 4, 0, 1, base, size_bytes); /* read-write, not cacheable */
}
