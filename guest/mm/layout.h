/* SPDX-License-Identifier: MIT
 *
 * The virtual address space, for C and assembly alike.
 *
 *   0x0000_0000_0040_0000  user program, at most 492 KiB, then its stack
 *   0x0000_7fff_ffff_f000  USER_END
 *   0xffff_8000_0000_0000  direct map: GVA = GPA + DIRECT_BASE, up to 512 GiB        RW  NX
 *   0xffff_ffff_8000_0000  kernel: GVA = GPA + KERNEL_BASE, linked at 2 MiB          W^X
 *   0xffff_ffff_c000_0000  windows: LAPIC, IOAPIC, hypercall page
 *   0xffff_ffff_c020_0000  CPU areas, 64 KiB each:
 *
 *        +0x0000  struct cpu: GDT, TSS, counters       RW      +0x4000  #DF stack      RW
 *        +0x1000  system call stub (one shared frame)  RX      +0x6000  window of xstate.c
 *        +0x2000  not mapped (guard)                           +0x7000  not mapped
 *        +0x3000  NMI stack                            RW      +0xc000  idle task's stack
 *
 *   0xffff_ffff_c200_0000  device registers, uncached, in the order in which they were mapped  RW NX
 *   0xffff_ffff_d000_0000  kernel stacks of tasks: 16 KiB not mapped, 16 KiB stack             RW NX
 *
 * Every stack begins at a multiple of 16 KiB with a struct stack_base (arch/stack.h), so the running
 * CPU and task are found by rounding the stack pointer down (an NMI's stack rounds to struct cpu, which
 * begins with one too); the stub finds its CPU's area relative to its own address. So no segment
 * register is used, and no entry into the kernel has to swap one.
 */
#ifndef GUEST_MM_LAYOUT_H
#define GUEST_MM_LAYOUT_H

#define PAGE_BYTES 0x1000
#define LARGE_PAGE_BYTES 0x200000
#define GIB 0x40000000

#define USER_BASE 0x400000
#define USER_END 0x7ffffffff000

#ifndef DIRECT_BASE /* tests on the host have it elsewhere */
#define DIRECT_BASE 0xffff800000000000
#define DIRECT_BYTES 0x8000000000
#endif
#define KERNEL_BASE 0xffffffff80000000
#define KERNEL_GPA 0x200000
#define KERNEL_TEXT_BYTES 0x70000   /* at its start: code, and room for more */
#define KERNEL_RODATA_BYTES 0x20000 /* then constants; data follows */
#define WINDOW_BASE 0xffffffffc0000000
#define WINDOW_LAPIC (WINDOW_BASE + 0x0000)
#define WINDOW_IOAPIC (WINDOW_BASE + 0x1000)
#define WINDOW_HYPERCALL (WINDOW_BASE + 0x2000)

#define CPU_AREA_BASE (WINDOW_BASE + 0x200000)
#define CPU_AREA_BYTES 0x10000
#define CPU_AREA_STUB 0x1000
#define CPU_AREA_NMI_STACK 0x3000
#define CPU_AREA_FAULT_STACK 0x4000
#define CPU_AREA_FAULT_STACK_BYTES 0x2000
#define CPU_AREA_XSTATE 0x6000
#define CPU_AREA_STACK 0xc000
#define CPU_MAX 255

#define STACK_BYTES 0x4000 /* of every kernel stack, and what it is aligned to */

#define WINDOW_DEVICES (WINDOW_BASE + 0x2000000)
#define WINDOW_DEVICES_END 0xffffffffd0000000
#define STACKS_BASE WINDOW_DEVICES_END
#define STACKS_MAX 8192

/* Bits of a page table entry, Intel SDM vol. 3 §4.5. */
#define PTE_PRESENT 0x1
#define PTE_WRITE 0x2
#define PTE_USER 0x4
#define PTE_UNCACHED 0x18 /* PCD | PWT */
#define PTE_ACCESSED 0x20
#define PTE_ACCESSED_DIRTY 0x60
#define PTE_LARGE 0x80
#define PTE_NX 0x8000000000000000

/* Where the processor's startup code for application processors is copied to: free RAM below 1 MiB
 * under every loader we know, page-aligned for the startup IPI. */
#define TRAMPOLINE_GPA 0x8000

#endif
