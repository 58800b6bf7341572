/* SPDX-License-Identifier: MIT
 *
 * The guest-physical address space, as data both sides may rely on.
 *
 *   0x0000_0000  IVT, BIOS data area
 *   0x0000_1000  boot structures (below)               \
 *   0x0000_7c00  flat 16-bit program (BIOS boot only)   > usable RAM, free after boot
 *   0x0009_e000  hypercall page                        reserved
 *   0x0009_f000  EBDA: MP table                        reserved
 *   0x000a_0000  hole (VGA)
 *   0x000e_0000  ACPI tables                           reserved
 *   0x000f_0000  firmware shadow                       reserved
 *   0x0010_0000  RAM: kernel, initrd
 *   0xd000_0000  hole of 768 MiB: MMIO, IOAPIC, LAPIC, TSS, firmware at its top (3.25–4 GiB)
 *   0x1_0000_0000  RAM that did not fit below the hole
 */
#ifndef VITRINE_ABI_MEMORY_MAP_H
#define VITRINE_ABI_MEMORY_MAP_H

/* Boot structures, written by the loader before the first instruction; one owner each. */
#define GPA_BOOT_GDT 0x1000	    /* flat segments of the entry protocols */
#define GPA_PVH_START_INFO 0x2000   /* struct hvm_start_info and what it points to */
#define GPA_BOOT_PARAMS 0x3000	    /* Linux's zero page */
#define GPA_BOOT_PAGE_TABLES 0x9000 /* identity map of the first 4 GiB: 6 pages */
#define GPA_FLAT16 0x7c00	    /* where a boot sector is loaded */
#define GPA_CMDLINE 0x20000	    /* NUL-terminated command line */
#define CMDLINE_MAX_BYTES 0x4000    /* including the NUL */
#define GPA_FDT 0x30000		    /* flattened device tree */
#define FDT_MAX_BYTES 0x10000
#define GPA_SETUP_DATA 0x40000 /* Linux's setup_data list */

#define GPA_LOW_RAM_END 0x9e000 /* usable RAM below this */
#define GPA_HYPERCALL_PAGE 0x9e000
#define GPA_EBDA 0x9f000
#define GPA_MP_TABLE 0x9f400
#define GPA_ACPI_TABLES 0xe0000
#define ACPI_TABLES_MAX_BYTES 0x10000
#define GPA_FIRMWARE_SHADOW 0xf0000
#define FIRMWARE_BYTES 0x10000
#define GPA_HIGH_RAM 0x100000 /* usable RAM from here */

#define GPA_HOLE_START 0xd0000000ULL /* 3.25 GiB */
#define GPA_HOLE_END 0x100000000ULL
#define GPA_DEVICE_MMIO 0xd0000000ULL	/* device windows grow from here */
#define GPA_VIRTIO_MMIO GPA_DEVICE_MMIO /* one page per device behind virtio-mmio */
#define GPA_PCI_WINDOW 0xd8000000ULL	/* BARs of PCI functions */
#define GPA_PCI_WINDOW_BYTES 0x08000000ULL
#define GPA_PCI_CONFIG 0xe0000000ULL /* MMCONFIG of bus 0: a page per function */
#define GPA_PCI_CONFIG_BYTES 0x00100000ULL
#define GPA_IOAPIC 0xfec00000ULL
#define GPA_LAPIC 0xfee00000ULL
#define GPA_KVM_IDENTITY_MAP 0xfeffc000ULL /* one page, for KVM on old VT-x */
#define GPA_KVM_TSS 0xfeffd000ULL	   /* three pages, for KVM on VT-x */
#define GPA_FIRMWARE_ROM 0xffff0000ULL	   /* reset vector at its end */

#endif
