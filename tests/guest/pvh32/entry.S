/* SPDX-License-Identifier: MIT
 *
 * The state at the 32-bit PVH entry: protected mode without paging, interrupts off, flat segments, and in
 * ebx a start info with a magic number, version 1 or later and a memory map.
 */
#include "pvh32.inc"

#define MAGIC 0x336ec578
#define INFO_VERSION 4
#define INFO_MODULES 12
#define INFO_CMDLINE 24
#define INFO_MEMMAP 40
#define INFO_MEMMAP_ENTRIES 48
#define ENTRY_BYTES 24
#define ENTRY_SIZE 8
#define ENTRY_TYPE 16
#define RAM 1

start:
	movl $stack, %esp
	pushfl
	popl %eax
	testl $0x20200, %eax		/* VM and IF */
	check 1, z
	movl %cr0, %eax
	andl $0x80000001, %eax		/* PG and PE */
	cmpl $1, %eax
	check 2, e
	movl %cr4, %eax
	testl %eax, %eax
	check 3, z
	cmpl $MAGIC, (%ebx)
	check 4, e
	cmpl $1, INFO_VERSION(%ebx)
	check 5, ae
	cmpl $0, INFO_MEMMAP_ENTRIES(%ebx)
	check 6, ne
	cmpl $0, INFO_MEMMAP(%ebx)
	check 7, ne

	/* the entry of the memory map that holds this code is RAM */
	movl INFO_MEMMAP(%ebx), %esi
	movl INFO_MEMMAP_ENTRIES(%ebx), %ecx
1:	movl $start, %eax
	subl (%esi), %eax
	jb 2f
	cmpl $0, 4(%esi)
	jne 2f
	cmpl ENTRY_SIZE(%esi), %eax
	jb 3f
2:	addl $ENTRY_BYTES, %esi
	loop 1b
	movl $8, %eax
	jmp finish
3:	cmpl $RAM, ENTRY_TYPE(%esi)
	check 9, e

	/* the command line starts with "ok" (other words may follow) */
	movl INFO_CMDLINE(%ebx), %esi
	testl %esi, %esi
	check 10, nz
	cmpw $0x6b6f, (%esi)
	check 11, e

	/* .bss is zero, and data segments reach it */
	cmpl $0, stack - 4 - 1020
	check 12, e
	say "pvh32 entry: ok"
	xorl %eax, %eax
	jmp finish
