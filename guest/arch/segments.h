/* SPDX-License-Identifier: MIT
 *
 * Selectors and fixed numbers that assembly and C share. The order of the segments is the one that
 * syscall and sysret prescribe (Intel SDM vol. 3 §5.8.8).
 */
#ifndef GUEST_ARCH_SEGMENTS_H
#define GUEST_ARCH_SEGMENTS_H

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS32 0x1b /* never used; sysret counts from here */
#define USER_DS 0x23
#define USER_CS 0x2b
#define TSS_SELECTOR 0x30
#define GDT_ENTRIES 8 /* the TSS takes two */

#define GDT_KERNEL_CODE 0x00af9b000000ffff
#define GDT_KERNEL_DATA 0x00cf93000000ffff
#define GDT_USER_DATA 0x00cff3000000ffff
#define GDT_USER_CODE 0x00affb000000ffff

#define IST_DOUBLE_FAULT 1
#define IST_NMI 2

/* Where the entry stubs of all 256 vectors stand, 16 bytes each; the linker script checks it. */
#define VECTOR_STUBS 0xffffffff80200000
#define VECTOR_STUB_BYTES 16

#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_GSI 0x30	      /* 24 IOAPIC inputs */
#define VECTOR_MSI 0x50	      /* message-signalled interrupts, up to VECTOR_TICK */
#define VECTOR_TICK 0xf0      /* LAPIC timer */
#define VECTOR_WAKE 0xf1      /* inter-processor: just wake up */
#define VECTOR_TLB 0xf2	      /* inter-processor: forget translations, tlb.c */
#define VECTOR_PAGE_CAME 0xf3 /* from the host: hyper/async_pf.c */
#define VECTOR_SPURIOUS 0xff
#define VECTOR_SYSCALL 0x100 /* not in the IDT: what the system call stub puts in its frame */

/* Offsets into struct cpu that assembly uses; cpu.c asserts them. */
#define CPU_USER_RSP 16
#define CPU_KERNEL_RSP 24
#define CPU_LEAVE_RSP 32

/* Offset into struct task; switch.c asserts it. */
#define TASK_KERNEL_RSP 0

#define EFER_MSR 0xc0000080
#define EFER_BITS 0x901 /* NXE | LME | SCE */
#define EFER_LMA 0x400
#define CR4_PAE 0x20
#define CR0_BITS 0x80010001 /* PG | WP | PE */

#endif
