/* SPDX-License-Identifier: MIT
 *
 * The tiny VM of a probe, for its C and its assembly side: addresses, ports, vectors. No KVM here.
 *
 *   0x0000  real-mode vector table       0x6000  IDT (256 gates)
 *   0x1000  PML4                         0x7000  mailbox, scratch area
 *   0x2000  PDPT                         0x8000  code (a page start: SIPI vector 8)
 *   0x3000  PD of 0-1 GiB                0x10000 top of the ring-0 stack
 *   0x4000  PD of 3-4 GiB                0x11000 top of the ring-3 stack
 *   0x5000  GDT, TSS                     0xd0000000 nothing (MMIO), 0xfee00000 LAPIC
 */
#ifndef VITRINE_KVM_PROBE_MAP_H
#define VITRINE_KVM_PROBE_MAP_H

#define BOX_RAM_BYTES 0x200000

#define BOX_PML4_GPA 0x1000
#define BOX_PDPT_GPA 0x2000
#define BOX_PD_LOW_GPA 0x3000
#define BOX_PD_HIGH_GPA 0x4000
#define BOX_GDT_GPA 0x5000
#define BOX_TSS_GPA 0x5800
#define BOX_IDT_GPA 0x6000
#define BOX_MAILBOX_GPA 0x7000
#define BOX_SCRATCH_GPA 0x7400
#define BOX_CODE_GPA 0x8000
#define BOX_STACK_GPA 0xfff0
#define BOX_STACK3_GPA 0x10ff0
#define BOX_MMIO_GPA 0xd0000000
#define BOX_BELL_GPA 0xd0001000
#define BOX_APIC_GPA 0xfee00000

#define PORT_DONE 0xe0
#define PORT_EXCEPTION 0xe1
#define PORT_BELL 0xe2

#define MAILBOX_SEEN 0 /* 1 byte */
#define MAILBOX_CS 2   /* 2 bytes */

#define BOX_REAL_SEEN 0x16
#define BOX_REAL_VECTOR 0x10
#define BOX_INT_VECTOR 0x80
#define BOX_WAKE_VECTOR 0x40
#define BOX_STUB_BYTES 8
#define BOX_BELL_COUNT 64

/* Selectors in the order that SYSCALL and SYSRET ask for; the layout Linux has. */
#define BOX_KERNEL_CS 0x10
#define BOX_KERNEL_DS 0x18
#define BOX_USER_BASE 0x23
#define BOX_USER_DS 0x2b
#define BOX_USER_CS 0x33
#define BOX_TSS 0x40

/* Local APIC registers, Intel SDM vol. 3, 11.4.1. */
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_ICR_LOW 0x300

#endif
