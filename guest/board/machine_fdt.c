/* SPDX-License-Identifier: MIT
 *
 * struct machine from Vitrine's device tree. Nodes are told apart by "compatible"; what is unknown
 * is skipped. A node's properties may come in any order, so they are collected until it ends.
 */
#include <stddef.h>

#include "guest/board/fdt.h"
#include "guest/board/machine.h"
#include "guest/lib/string.h"

#define DEPTH_MAX 17

/* What is known of a node while its properties go by. */
struct node {
	const char *name;
	uint16_t *port, *irq;	   /* where its address and interrupt go; NULL: nobody cares */
	uint16_t *second_port;	   /* an address that follows from the first */
	uint16_t second_offset;
	uint64_t reg_pair[4];	   /* reg, read as <address-hi address-lo size-hi size-lo …> */
	uint32_t reg_cell[2], interrupt; /* reg, read as <cell address …> */
	bool has_reg, is_hypervisor;
};

static const struct {
	const char *compatible;
	uint16_t *port, *irq, *second_port;
	uint16_t second_offset;
} known[] = {
	{"ns16550a", &machine.serial_port, &machine.serial_irq, NULL, 0},
	{"vitrine,debug-exit", &machine.debug_exit_port, NULL, NULL, 0},
	{"qemu,pvpanic-isa", &machine.pvpanic_port, NULL, NULL, 0},
	{"vitrine,acpi-pm", &machine.pm_port, &machine.power_irq, &machine.pm_control_port, 4},
	{"vitrine,acpi-sleep", &machine.sleep_port, &machine.power_irq, NULL, 0},
};

static bool recognise(const char *compatible, struct node *node)
{
	node->is_hypervisor = !strcmp(compatible, "vitrine,hypervisor");
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(compatible, known[i].compatible)) {
			node->port = known[i].port;
			node->irq = known[i].irq;
			node->second_port = known[i].second_port;
			node->second_offset = known[i].second_offset;
			return true;
		}
	return node->is_hypervisor;
}

static void take_property(const struct fdt *fdt, struct node *node)
{
	if (!strcmp(fdt->name, "reg")) {
		node->has_reg = true;
		node->reg_cell[0] = fdt_cell(fdt, 0);
		node->reg_cell[1] = fdt_cell(fdt, 1);
		for (unsigned i = 0; i < 4; i++)
			node->reg_pair[i] = fdt_cell_pair(fdt, 2 * i);
	} else if (!strcmp(fdt->name, "compatible")) {
		for (const char *s = NULL; (s = fdt_string_after(fdt, s));)
			if (recognise(s, node))
				break;
	} else if (!strcmp(fdt->name, "interrupts")) {
		node->interrupt = fdt_cell(fdt, 0);
	}
}

static void add_memory(uint64_t start, uint64_t bytes)
{
	if (!bytes || start + bytes < start || machine.ram_count == MACHINE_RANGE_MAX)
		return;
	machine.ram[machine.ram_count].start = start;
	machine.ram[machine.ram_count++].end = start + bytes;
	machine.ram_bytes += bytes;
}

static void finish_port(const struct node *node)
{
	if (node->reg_cell[0] != 1 || node->reg_cell[1] > 0xffff)
		return; /* not an I/O port */
	*node->port = node->reg_cell[1];
	if (node->second_port)
		*node->second_port = node->reg_cell[1] + node->second_offset;
	if (node->irq && node->interrupt)
		*node->irq = node->interrupt;
}

static void finish_node(const struct node *node, bool ram_from_fdt)
{
	if (!node->has_reg)
		return;
	if (node->port)
		finish_port(node);
	else if (node->is_hypervisor)
		machine.hypercall_gpa = node->reg_pair[0];
	else if (!strncmp(node->name, "memory@", 7) && ram_from_fdt) {
		add_memory(node->reg_pair[0], node->reg_pair[1]);
		add_memory(node->reg_pair[2], node->reg_pair[3]);
	} else if (!strncmp(node->name, "cpu@", 4) && node->reg_cell[0] < 255 &&
		 machine.cpu_count < CPU_MAX)
		machine.apic_id[machine.cpu_count++] = node->reg_cell[0];
}

bool machine_read_fdt(const void *blob, uint64_t bytes)
{
	const bool ram_from_fdt = machine.ram_count == 0; /* the PVH map comes first */
	struct node node[DEPTH_MAX];
	struct fdt fdt;

	if (!fdt_open(&fdt, blob, bytes))
		return false;
	for (;;) {
		switch (fdt_next(&fdt)) {
		case FDT_NODE:
			node[fdt.depth] = (struct node){.name = fdt.name};
			break;
		case FDT_PROPERTY: take_property(&fdt, &node[fdt.depth]); break;
		case FDT_NODE_END: finish_node(&node[fdt.depth + 1], ram_from_fdt); break;
		case FDT_END: return true;
		case FDT_BAD: return false;
		}
	}
}
