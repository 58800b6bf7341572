/* SPDX-License-Identifier: MIT
 *
 * A machine for one power cycle: RAM, bus, the devices of the board table, and the VM that runs on them.
 * A reset destroys it and creates the next: everything is then as at power-on by construction.
 */
#ifndef VITRINE_BOARD_MACHINE_H
#define VITRINE_BOARD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "board/board.h"
#include "boot/boot.h"
#include "bus/vm_control.h"
#include "kvm/vm.h"

struct machine;

/* Everything is borrowed and outlives the machine. */
struct machine_setup {
	struct board board; /* a copy is completed by the loaders for each power cycle */
	struct boot_image *image;
	const uint8_t *firmware; /* ROM; NULL: none */
	const struct cpuid_model *cpu_model;
	struct loop *loop;
	struct console *console;
	struct trace *trace;
	struct syscall_trace *syscall_trace; /* NULL: none */
	bool hugepages;
	bool log_dirty;		  /* for vm_take_dirty_count() */
	void (*ended)(void *ctx); /* any thread: a request to end or reset the VM was made */
	void *ctx;
};

/* Builds the machine and loads the image; nothing runs yet. 0, or -errno with one line in err; -ENOEXEC
 * where it is the image or what goes with it that can't be used. */
int machine_create(const struct machine_setup *setup, struct machine **out, char *err,
		   size_t err_size);

/* Lets it run; paused: a debugger will. 0 or -errno with one line in err. */
int machine_start(struct machine *machine, bool paused, char *err, size_t err_size);

/* Stops the vCPUs. -ETIMEDOUT: one hangs in the kernel, see vm_stop(). */
int machine_stop(struct machine *machine);
/* NULL is fine. Returns the CPU time in ns that KVM took of it. */
uint64_t machine_destroy(struct machine *machine);

/* Presses the ACPI power button. Loop thread. */
void machine_press_power_button(struct machine *machine);

const struct bus *machine_bus(const struct machine *machine);
struct vm *machine_vm(struct machine *machine);
struct vm_control *machine_control(struct machine *machine);
/* Device number index, in the order of creation; NULL behind the last. */
struct device *machine_device(const struct machine *machine, unsigned index);
/* The function in a PCI slot, or NULL. */
struct pci_function *machine_pci_function(const struct machine *machine, unsigned slot);
const struct boot_report *machine_boot_report(const struct machine *machine);

#endif
