/* SPDX-License-Identifier: MIT
 *
 * struct machine from Vitrine's device tree. Nodes are told apart by "compatible" or by name; what
 * is unknown is skipped. Properties may come in any order, so a node is judged when it ends.
 */
#include <stddef.h>

#include "guest/board/fdt.h"
#include "guest/board/machine.h"
#include "guest/lib/string.h"

#define ISA_IO 1 /* first cell of reg under /isa: an I/O port */

/* What is remembered of a node while its properties go by. */
struct node {
	const char *name;
	struct fdt_value reg, compatible;
	uint32_t interrupt; /* 0: none */
};

/* The strings of the blob that have turned out to be these names. */
struct names {
	const char *reg, *compatible, *interrupts;
};

static void found_port(const struct node *node, uint16_t *port)
{
	const uint32_t number = fdt_cell(&node->reg, 1);

	if (fdt_cell(&node->reg, 0) == ISA_IO && number <= 0xffff)
		*port = number;
}

static void found_serial(const struct node *node)
{
	found_port(node, &machine.serial_port);
	machine.serial_irq = node->interrupt;
}

static void found_debug_exit(const struct node *node)
{
	found_port(node, &machine.debug_exit_port);
}

static void found_pvpanic(const struct node *node)
{
	found_port(node, &machine.pvpanic_port);
}

static void found_pm(const struct node *node)
{
	found_port(node, &machine.pm_port);
	machine.pm_control_port = machine.pm_port + 4;
	machine.power_irq = node->interrupt;
}

static void found_sleep(const struct node *node)
{
	found_port(node, &machine.sleep_port);
	if (node->interrupt)
		machine.power_irq = node->interrupt;
}

static void found_hypervisor(const struct node *node)
{
	machine.hypercall_gpa = fdt_cell_pair(&node->reg, 0);
}

static const struct {
	const char *compatible;
	void (*found)(const struct node *node);
} known[] = {
	{"ns16550a", found_serial},	     {"vitrine,debug-exit", found_debug_exit},
	{"qemu,pvpanic-isa", found_pvpanic}, {"vitrine,acpi-pm", found_pm},
	{"vitrine,acpi-sleep", found_sleep}, {"vitrine,hypervisor", found_hypervisor},
};

static void add_memory(uint64_t start, uint64_t bytes)
{
	if (!bytes || start + bytes < start || machine.ram_count == MACHINE_RANGE_MAX)
		return;
	machine.ram[machine.ram_count].start = start;
	machine.ram[machine.ram_count++].end = start + bytes;
	machine.ram_bytes += bytes;
}

static void finish_node(const struct node *node, bool ram_from_fdt)
{
	const struct fdt_value *reg = &node->reg;

	if (!reg->bytes)
		return;
	for (const char *s = NULL; (s = fdt_string_after(&node->compatible, s));)
		for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (*s == *known[i].compatible && !strcmp(s, known[i].compatible)) {
				known[i].found(node);
				return;
			}
	if (!strncmp(node->name, "cpu@", 4) && fdt_cell(reg, 0) < 255 &&
	    machine.cpu_count < CPU_MAX)
		machine.apic_id[machine.cpu_count++] = fdt_cell(reg, 0);
	else if (ram_from_fdt && !strncmp(node->name, "memory@", 7))
		for (unsigned i = 0; i < reg->bytes / 4; i += 4)
			add_memory(fdt_cell_pair(reg, i), fdt_cell_pair(reg, i + 2));
}

/* A name that was seen before is usually the same string of the blob again. */
static bool is_named(const struct fdt *fdt, const char *name, const char **seen)
{
	if (fdt->name == *seen)
		return true;
	if (strcmp(fdt->name, name))
		return false;
	*seen = fdt->name;
	return true;
}

/* Most properties are none of ours, which their first character says at once. */
static void note_property(const struct fdt *fdt, struct node *node, struct names *names)
{
	switch (*fdt->name) {
	case 'r':
		if (is_named(fdt, "reg", &names->reg))
			node->reg = fdt->value;
		break;
	case 'c':
		if (is_named(fdt, "compatible", &names->compatible))
			node->compatible = fdt->value;
		break;
	case 'i':
		if (is_named(fdt, "interrupts", &names->interrupts))
			node->interrupt = fdt_cell(&fdt->value, 0);
		break;
	}
}

bool machine_read_fdt(const void *blob, uint64_t bytes)
{
	const bool ram_from_fdt = machine.ram_count == 0; /* the PVH map comes first */
	struct node node[FDT_DEPTH_MAX + 1];
	struct names names = {0};
	struct fdt fdt;

	if (!fdt_open(&fdt, blob, bytes))
		return false;
	for (;;) {
		switch (fdt_next(&fdt)) {
		case FDT_EVENT_NODE: node[fdt.depth] = (struct node){.name = fdt.name}; break;
		case FDT_EVENT_PROPERTY: note_property(&fdt, &node[fdt.depth], &names); break;
		case FDT_EVENT_NODE_END: finish_node(&node[fdt.depth + 1], ram_from_fdt); break;
		case FDT_EVENT_END: return true;
		case FDT_EVENT_BAD: return false;
		}
	}
}
