/* SPDX-License-Identifier: MIT
 *
 * One table from gdb's register numbers to the fields of gdb_registers.
 */
#include "gdb/registers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum access { NOT_AVAILABLE, READ_ONLY, READ_WRITE };

/* count registers of the same kind; bytes is what gdb sees, the field may be narrower. */
struct layout {
	uint8_t count;
	uint8_t bytes;
	uint8_t field_bytes;
	enum access access;
	uint16_t offset;
};

#define FIELD_BYTES(field) sizeof(((struct gdb_registers *)0)->field)
#define GENERAL(width, field)                                                              \
	{                                                                                  \
		1, width, width, READ_WRITE, offsetof(struct gdb_registers, general.field) \
	}
#define SYSTEM(width, field)                                         \
	{                                                            \
		1, width, FIELD_BYTES(system.field), READ_ONLY,      \
			offsetof(struct gdb_registers, system.field) \
	}
#define ABSENT(number, width)                      \
	{                                          \
		number, width, 0, NOT_AVAILABLE, 0 \
	}

static const struct layout layout[] = {
	GENERAL(8, rax),	GENERAL(8, rbx),	 GENERAL(8, rcx),
	GENERAL(8, rdx),	GENERAL(8, rsi),	 GENERAL(8, rdi),
	GENERAL(8, rbp),	GENERAL(8, rsp),	 GENERAL(8, r8),
	GENERAL(8, r9),		GENERAL(8, r10),	 GENERAL(8, r11),
	GENERAL(8, r12),	GENERAL(8, r13),	 GENERAL(8, r14),
	GENERAL(8, r15),	GENERAL(8, rip),	 GENERAL(4, rflags),
	SYSTEM(4, cs.selector), SYSTEM(4, ss.selector),	 SYSTEM(4, ds.selector),
	SYSTEM(4, es.selector), SYSTEM(4, fs.selector),	 SYSTEM(4, gs.selector),
	ABSENT(8, 10),	/* st0-st7 */
	ABSENT(8, 4),	/* fctrl … fop */
	ABSENT(16, 16), /* xmm0-xmm15 */
	ABSENT(1, 4),	/* mxcsr */
	SYSTEM(8, fs.base),	SYSTEM(8, gs.base),	 SYSTEM(8, kernel_gs_base),
	SYSTEM(8, cr0),		SYSTEM(8, cr2),		 SYSTEM(8, cr3),
	SYSTEM(8, cr4),		SYSTEM(8, cr8),		 SYSTEM(8, efer),
	SYSTEM(8, gdt_base),	SYSTEM(4, gdt_limit),	 SYSTEM(8, idt_base),
	SYSTEM(4, idt_limit),	SYSTEM(4, ldt_selector), SYSTEM(4, task_selector),
};

#define LAYOUT_ROWS (sizeof(layout) / sizeof(*layout))

static const struct layout *find(unsigned number)
{
	for (unsigned row = 0; row < LAYOUT_ROWS; row++) {
		if (number < layout[row].count)
			return &layout[row];
		number -= layout[row].count;
	}
	return NULL;
}

unsigned gdb_register_count(void)
{
	unsigned count = 0;

	for (unsigned row = 0; row < LAYOUT_ROWS; row++)
		count += layout[row].count;
	return count;
}

unsigned gdb_register_bytes(unsigned number)
{
	const struct layout *row = find(number);

	return row ? row->bytes : 0;
}

bool gdb_register_get(const struct gdb_registers *regs, unsigned number, uint64_t *value)
{
	const struct layout *row = find(number);

	if (!row || row->access == NOT_AVAILABLE)
		return false;
	*value = 0; /* x86 is little-endian: the low bytes come first */
	memcpy(value, (const uint8_t *)regs + row->offset, row->field_bytes);
	return true;
}

int gdb_register_set(struct gdb_registers *regs, unsigned number, uint64_t value)
{
	const struct layout *row = find(number);
	uint64_t present;

	if (!gdb_register_get(regs, number, &present))
		return -EROFS;
	if (row->access == READ_ONLY)
		return value == present ? 0 : -EROFS;
	memcpy((uint8_t *)regs + row->offset, &value, row->field_bytes);
	return 0;
}
