/* SPDX-License-Identifier: MIT
 *
 * Puts the board table to life. See machine.h.
 */
#include "board/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/console.h"
#include "bus/bus.h"
#include "bus/pci.h"
#include "bus/wiring.h"
#include "dev/ioapic.h"
#include "dev/pci_host.h"
#include "loop/thread.h"
#include "memory_map.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"

#define DEVICE_MAX 64

struct machine {
	struct machine_setup setup;
	struct board board;
	struct gmem mem;
	struct bus bus;
	struct vm_control control;
	struct vm *vm;
	struct device *device[DEVICE_MAX];
	unsigned device_count;
	struct device *pci_host;
	struct device
		*plugin[BOARD_PLUGIN_MAX]; /* in the order of board.plugin; owned by device[] */
	uint8_t *mmio_pages;		   /* registers of virtio-mmio devices, a page each */
	size_t mmio_bytes;
	struct boot_entry entry;
	struct boot_report report;
	int load_error; /* of boot_load(), and its text */
	struct boot_error load_text;
};

static enum gmem_backing memory_backing(const struct machine *machine)
{
	if (machine->setup.hugepages)
		return GMEM_HUGETLB;
	for (unsigned i = 0; i < machine->board.plugin_count; i++)
		if (machine->board.plugin[i].shares_memory)
			return GMEM_MEMFD;
	return GMEM_ANONYMOUS;
}

static int create_memory(struct machine *machine, char *err, size_t err_size)
{
	int error = gmem_create(&machine->mem, machine->board.memory_bytes,
				memory_backing(machine));

	if (error)
		snprintf(err, err_size, "can't reserve %llu MiB of guest RAM: %s%s",
			 (unsigned long long)(machine->board.memory_bytes >> 20), strerror(-error),
			 machine->setup.hugepages
				 ? " (are there enough free pages in /proc/sys/vm/nr_hugepages?)"
				 : "");
	return error;
}

static int create_vm(struct machine *machine, char *err, size_t err_size)
{
	const struct vm_setup setup = {
		.mem = &machine->mem,
		.bus = &machine->bus,
		.control = &machine->control,
		.loop = machine->setup.loop,
		.console = machine->setup.console,
		.trace = machine->setup.trace,
		.syscall_trace = machine->setup.syscall_trace,
		.cpu_model = machine->setup.cpu_model,
		.firmware = machine->setup.firmware,
		.cpu_count = machine->board.cpu_count,
		.log_dirty = machine->setup.log_dirty,
		.split_irqchip = machine->board.irqchip == BOARD_IRQCHIP_SPLIT,
	};

	return vm_create(&setup, &machine->vm, err, err_size);
}

static int add_windows(struct machine *machine, const struct board_device *entry,
		       struct device *dev)
{
	int error = 0;

	for (unsigned i = 0; !error && i < BOARD_WINDOW_MAX; i++)
		if (entry->window[i].size_bytes)
			error = bus_add(&machine->bus, entry->window[i].space,
					entry->window[i].base, entry->window[i].size_bytes, dev, i);
	return error;
}

static void connect_pci_host(struct machine *machine, struct device *host)
{
	machine->pci_host = host;
	for (unsigned i = 0; i < PCI_HOST_GSI_COUNT; i++)
		pci_host_connect(host, i, vm_irq_line(machine->vm, PCI_HOST_FIRST_GSI + i));
}

static int create_device(struct machine *machine, const struct board_device *entry)
{
	struct device_setup setup = {
		.loop = machine->setup.loop,
		.mem = &machine->mem,
		.control = &machine->control,
		.console = machine->setup.console,
		.board = &machine->board,
		.wiring = vm_wiring(machine->vm),
	};
	struct device *dev;
	int error;

	if (machine->device_count == DEVICE_MAX)
		return -ENOSPC;
	if (entry->irq != BOARD_NO_IRQ)
		setup.irq = vm_irq_line(machine->vm, (unsigned)entry->irq);
	error = device_create(entry->ops, entry->name, &setup, &dev);
	if (error)
		return error;
	machine->device[machine->device_count++] = dev;
	if (entry->ops == &ioapic_ops)
		vm_connect_ioapic(machine->vm, dev);
	if (entry->ops == &pci_host_ops)
		connect_pci_host(machine, dev);
	return add_windows(machine, entry, dev);
}

/* The IOAPIC stands first in the table: the lines of the others are connected to it. */
static int create_devices(struct machine *machine, char *err, size_t err_size)
{
	for (unsigned i = 0; i < board_table_count; i++) {
		int error;

		if (!board_has(&machine->board, &board_table[i]))
			continue;
		error = create_device(machine, &board_table[i]);
		if (error) {
			snprintf(err, err_size, "can't create device %s: %s", board_table[i].name,
				 strerror(-error));
			return error;
		}
	}
	return 0;
}

/* The guest reads the registers of virtio-mmio without an exit where KVM has read-only memory. */
static int map_mmio_pages(struct machine *machine)
{
	const struct wiring *wiring = vm_wiring(machine->vm);

	machine->mmio_bytes = board_mmio_count(&machine->board) * VIRTIO_MMIO_PAGE_BYTES;
	if (!machine->mmio_bytes)
		return 0;
	machine->mmio_pages = mmap(NULL, machine->mmio_bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (machine->mmio_pages == MAP_FAILED) {
		machine->mmio_pages = NULL;
		return -ENOMEM;
	}
	return wiring->add_readonly_memory(wiring->kvm, GPA_VIRTIO_MMIO, machine->mmio_pages,
					   machine->mmio_bytes);
}

static int add_plugin(struct machine *machine, unsigned index, const struct device_ops *ops,
		      const struct board_place *place, const void *options)
{
	const struct device_setup setup = {
		.loop = machine->setup.loop,
		.mem = &machine->mem,
		.control = &machine->control,
		.console = machine->setup.console,
		.board = &machine->board,
		.irq = vm_irq_line(machine->vm, (unsigned)place->irq),
		.wiring = vm_wiring(machine->vm),
		.options = options,
	};
	struct device *dev;
	int error;

	if (machine->device_count == DEVICE_MAX)
		return -ENOSPC;
	error = device_create(ops, machine->board.plugin[index].name, &setup, &dev);
	if (error)
		return error;
	machine->device[machine->device_count++] = dev;
	machine->plugin[index] = dev;
	return 0;
}

static int create_mmio_plugin(struct machine *machine, unsigned index,
			      const struct board_place *place)
{
	const struct virtio_mmio_options options = {
		.plugin = &machine->board.plugin[index],
		.gpa = place->gpa,
		.page = machine->mmio_pages + (place->gpa - GPA_VIRTIO_MMIO),
	};
	int error = add_plugin(machine, index, &virtio_mmio_ops, place, &options);

	return error ? error
		     : bus_add(&machine->bus, BUS_MMIO, place->gpa, VIRTIO_MMIO_PAGE_BYTES,
			       machine->plugin[index], 0);
}

/* A PCI device of its own kind, and what it has beside its BARs. */
static int create_pci_plugin(struct machine *machine, unsigned index,
			     const struct board_place *place)
{
	const struct board_plugin *plugin = &machine->board.plugin[index];
	int error = add_plugin(machine, index, plugin->ops, place, plugin->options);

	for (unsigned i = 0; !error && i < plugin->window_count; i++)
		error = bus_add(&machine->bus, plugin->window[i].space, plugin->window[i].base,
				plugin->window[i].size_bytes, machine->plugin[index],
				PCI_FIXED_WINDOW + i);
	return error;
}

static int create_plugin(struct machine *machine, unsigned index)
{
	const struct board_plugin *plugin = &machine->board.plugin[index];
	struct board_place place;
	int error = board_place_plugin(&machine->board, index, &place);

	if (error)
		return error;
	if (plugin->plug == BOARD_PLUG_VIRTIO_MMIO)
		return create_mmio_plugin(machine, index, &place);
	if (plugin->plug == BOARD_PLUG_VIRTIO_PCI)
		error = add_plugin(machine, index, &virtio_pci_ops, &place, plugin);
	else
		error = create_pci_plugin(machine, index, &place);
	return error ? error
		     : pci_host_attach(machine->pci_host,
				       (struct pci_function *)machine->plugin[index], place.slot);
}

static int create_plugins(struct machine *machine, char *err, size_t err_size)
{
	int error = map_mmio_pages(machine);

	if (error)
		snprintf(err, err_size, "KVM can't map the registers of virtio-mmio: %s",
			 strerror(-error));
	for (unsigned i = 0; !error && i < machine->board.plugin_count; i++) {
		error = create_plugin(machine, i);
		if (error)
			snprintf(err, err_size, "can't create device %s: %s",
				 machine->board.plugin[i].name, strerror(-error));
	}
	return error;
}

/* A huge page costs a million instructions to clear: more than all the rest of loading a small image, which
 * touches two of them. */
static bool is_small(const struct boot_image *image)
{
	enum boot_kind kind = boot_image_kind(image);

	return kind == BOOT_VITRINE_ELF || kind == BOOT_FLAT16;
}

static void *load(void *ctx)
{
	struct machine *machine = ctx;
	bool small = is_small(machine->setup.image);

	if (small)
		gmem_use_huge_pages(&machine->mem, false);
	machine->board.hypercall_gpa = GPA_HYPERCALL_PAGE;
	machine->board.hypercall_features = vm_hypercall_features(machine->setup.syscall_trace);
	machine->load_error = boot_load(machine->setup.image, &machine->mem, &machine->board,
					&machine->entry, &machine->report, &machine->load_text);
	if (small)
		gmem_use_huge_pages(&machine->mem, true);
	return NULL;
}

/* KVM_CREATE_VM mostly sleeps (Linux 6.1 starts a kernel thread and moves it into our cgroup, which waits
 * for an RCU grace period): meanwhile a thread loads the image. Not the other way round: KVM names its
 * counters after the thread that creates the VM, and tools look for the process. */
static int load_and_create_vm(struct machine *machine, char *err, size_t err_size)
{
	pthread_t loader;
	int error = thread_create(&loader, load, machine);

	if (error) {
		snprintf(err, err_size, "can't start a thread: %s", strerror(-error));
		return error;
	}
	error = create_vm(machine, err, err_size);
	pthread_join(loader, NULL);
	if (!error && machine->load_error) {
		snprintf(err, err_size, "%s", machine->load_text.text);
		error = -ENOEXEC;
	}
	return error;
}

int machine_create(const struct machine_setup *setup, struct machine **out, char *err,
		   size_t err_size)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	int error;

	if (!machine) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	machine->setup = *setup;
	machine->board = setup->board;
	machine->control.wake = setup->ended;
	machine->control.ctx = setup->ctx;
	error = create_memory(machine, err, err_size);
	if (!error)
		error = load_and_create_vm(machine, err, err_size);
	if (!error)
		error = create_devices(machine, err, err_size);
	if (!error)
		error = create_plugins(machine, err, err_size);
	if (error) {
		machine_destroy(machine);
		return error;
	}
	*out = machine;
	return 0;
}

int machine_start(struct machine *machine, bool paused, char *err, size_t err_size)
{
	int error = vm_start(machine->vm, &machine->entry, paused);

	if (error)
		snprintf(err, err_size, "can't start the vCPUs: %s", strerror(-error));
	return error;
}

int machine_stop(struct machine *machine)
{
	return vm_stop(machine->vm);
}

uint64_t machine_destroy(struct machine *machine)
{
	uint64_t kvm_ns;

	if (!machine)
		return 0;
	if (machine->setup.console)
		console_connect(machine->setup.console, NULL);
	while (machine->device_count > 0)
		device_destroy(machine->device[--machine->device_count]);
	kvm_ns = vm_destroy(machine->vm);
	if (machine->mmio_pages)
		munmap(machine->mmio_pages, machine->mmio_bytes);
	gmem_destroy(&machine->mem);
	free(machine);
	return kvm_ns;
}

void machine_press_power_button(struct machine *machine)
{
	for (unsigned i = 0; i < machine->device_count; i++)
		if (machine->device[i]->ops->power_button)
			machine->device[i]->ops->power_button(machine->device[i]);
}

const struct bus *machine_bus(const struct machine *machine)
{
	return &machine->bus;
}

struct vm *machine_vm(struct machine *machine)
{
	return machine->vm;
}

struct vm_control *machine_control(struct machine *machine)
{
	return &machine->control;
}

struct device *machine_device(const struct machine *machine, unsigned index)
{
	return index < machine->device_count ? machine->device[index] : NULL;
}

struct pci_function *machine_pci_function(const struct machine *machine, unsigned slot)
{
	return machine->pci_host ? pci_host_function(machine->pci_host, slot) : NULL;
}

const struct boot_report *machine_boot_report(const struct machine *machine)
{
	return &machine->report;
}
