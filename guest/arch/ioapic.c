/* SPDX-License-Identifier: MIT
 *
 * IOAPIC: index and data register, two words for each redirection entry.
 */
#include "guest/arch/ioapic.h"

#include <stdint.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/board/machine.h"
#include "guest/mm/paging.h"

#define PIN_COUNT 24
#define REDIRECTION 0x10
#define LEVEL 0x8000
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1

static volatile uint32_t *const index_register = (volatile uint32_t *)WINDOW_IOAPIC;
static volatile uint32_t *const data_register = (volatile uint32_t *)(WINDOW_IOAPIC + 0x10);

static void write(unsigned reg, uint32_t value)
{
	*index_register = reg;
	*data_register = value;
}

void ioapic_init(void)
{
	io_write8(PIC_MASTER_DATA, 0xff);
	io_write8(PIC_SLAVE_DATA, 0xff);
	paging_map(kernel_pml4, WINDOW_IOAPIC, machine.ioapic_gpa,
		   PTE_WRITE | PTE_NX | PTE_UNCACHED);
}

void ioapic_route(unsigned gsi, bool level, void (*handler)(unsigned vector))
{
	if (gsi >= PIN_COUNT)
		return;
	trap_set_handler(VECTOR_GSI + gsi, handler);
	write(REDIRECTION + 2 * gsi + 1, cpu_at(0)->apic_id << 24);
	write(REDIRECTION + 2 * gsi, (level ? LEVEL : 0) | (VECTOR_GSI + gsi));
}
