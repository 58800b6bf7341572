/* SPDX-License-Identifier: MIT
 *
 * An emitter of ACPI Machine Language (ACPI 6.4 chapter 20): bytes into a buffer of fixed size.
 *
 * AML is a prefix language, so a term is emitted as it is read: aml_op(STORE), source, target.
 * What has a length (Scope, Device, Method, If, Package, …) stands between aml_begin() and aml_end().
 * After the first byte that did not fit nothing more is written, and aml_result() says so: callers
 * check once, at the end.
 */
#ifndef VITRINE_BOARD_AML_H
#define VITRINE_BOARD_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *buf;
	size_t size_bytes;
	size_t used_bytes;
	bool full; /* something did not fit */
};

/* Opcodes; those of two bytes start with 0x5b (ACPI 6.4 §20.3). */
enum aml_op {
	AML_OP_NAME = 0x08,
	AML_OP_SCOPE = 0x10,
	AML_OP_BUFFER = 0x11,
	AML_OP_PACKAGE = 0x12,
	AML_OP_METHOD = 0x14,
	AML_OP_LOCAL0 = 0x60,
	AML_OP_ARG0 = 0x68,
	AML_OP_STORE = 0x70,
	AML_OP_AND = 0x7b,
	AML_OP_NOTIFY = 0x86,
	AML_OP_EQUAL = 0x93,
	AML_OP_IF = 0xa0,
	AML_OP_RETURN = 0xa4,
	AML_OP_REGION = 0x5b80,
	AML_OP_FIELD = 0x5b81,
	AML_OP_DEVICE = 0x5b82
};

#define AML_SPACE_SYSTEM_MEMORY 0
#define AML_SPACE_SYSTEM_IO 1
#define AML_FIELD_DWORD_ACCESS 3 /* FieldFlags: DWordAcc, NoLock, Preserve */
#define AML_METHOD_SERIALIZED 8	 /* MethodFlags: argument count in bits 0–2 */

void aml_init(struct aml *aml, void *buf, size_t size_bytes);

/* Bytes emitted, or -ENOSPC. */
int aml_result(const struct aml *aml);

void aml_byte(struct aml *aml, uint8_t byte);
void aml_op(struct aml *aml, enum aml_op op);
void aml_integer(struct aml *aml, uint64_t value); /* the shortest encoding */
void aml_string(struct aml *aml, const char *text);

/* "COM1", "\\_SB.PWRB", "^X": at most 255 segments of up to 4 characters, padded with '_'. */
void aml_path(struct aml *aml, const char *path);

/* "PNP0501" as compressed EISA id, anything that does not look like one as string (ACPI 6.4 §6.1.5). */
void aml_hid(struct aml *aml, const char *hid);

/* Name (path, …): the value is emitted next. */
void aml_name(struct aml *aml, const char *path);

/* An opcode followed by a PkgLength; what comes until aml_end() is its body. Nests. */
size_t aml_begin(struct aml *aml, enum aml_op op);
void aml_end(struct aml *aml, size_t body);

/* An entry of a FieldList: name of exactly one segment. */
void aml_field_unit(struct aml *aml, const char *name, unsigned bits);

/* ResourceTemplate () { … } (ACPI 6.4 §6.4): descriptors stand between begin and end. */
size_t aml_resources_begin(struct aml *aml);
void aml_resources_end(struct aml *aml, size_t body);
void aml_resource_io(struct aml *aml, uint16_t port, uint8_t size_bytes);
void aml_resource_isa_irq(struct aml *aml, unsigned irq);		/* edge, active high */
void aml_resource_interrupt(struct aml *aml, uint32_t gsi, bool level); /* active high */
void aml_resource_memory(struct aml *aml, uint32_t base, uint32_t size_bytes);
/* What a bridge passes on (§6.4.3.5): bus numbers, ports, memory. */
void aml_resource_bus_range(struct aml *aml, uint16_t first, uint16_t last);
void aml_resource_io_range(struct aml *aml, uint16_t base, uint16_t size_bytes);
void aml_resource_memory_range(struct aml *aml, uint32_t base, uint32_t size_bytes);

#endif
