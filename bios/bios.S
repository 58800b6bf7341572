/* SPDX-License-Identifier: MIT
 *
 * Vitrine's firmware, first stage: from the reset vector in real mode to a flat 16-bit program that the
 * VMM has put at 0000:7C00, with enough of the PC's BIOS interrupts for it to talk.
 *
 *     F000:0000  signature        the image is mapped twice: here, and below 4 GiB,
 *     F000:0010  code, tables     where the CPU starts
 *     F000:FFF0  reset vector
 *
 * Console is COM1. There are no disks, no timer ticks and no hardware interrupts yet. On hosts without
 * VT-x and AMD-V each instruction here is emulated: what does not have to be done is not done.
 *
 * Handlers keep all registers but those in which they return something; flags go back through the
 * stack, where the caller's stand:
 *     [bp+38] flags of the caller  [bp+36] CS  [bp+34] IP  [bp+32] ES  [bp] .. [bp+31] pushal
 * (pushal: edi esi ebp esp ebx edx ecx eax, upwards)
 */
#include "memory_map.h"
#include "ports.h"

#define BIOS_SEGMENT 0xf000
#define STACK_TOP GPA_FLAT16
#define RETURN_STUB 0x0510 /* in segment 0: where a program that returns comes out */
#define BOOT_DRIVE 0x80

/* UART registers and values, PC16550D */
#define UART_THR (PORT_COM1 + 0)
#define UART_DLL (PORT_COM1 + 0)
#define UART_IER (PORT_COM1 + 1)
#define UART_DLM (PORT_COM1 + 1)
#define UART_FCR (PORT_COM1 + 2)
#define UART_LCR (PORT_COM1 + 3)
#define UART_MCR (PORT_COM1 + 4)
#define UART_LSR (PORT_COM1 + 5)
#define LCR_DLAB 0x80
#define LCR_8N1 0x03
#define MCR_DTR_RTS 0x03
#define LSR_DR 0x01
#define LSR_THRE 0x20

/* BIOS data area, addressed with DS = 0 */
#define BDA_COM1 0x400
#define BDA_EBDA_SEGMENT 0x40e
#define BDA_EQUIPMENT 0x410
#define BDA_BASE_MEMORY_KIB 0x413
#define BDA_KEY 0x41e /* our whole keyboard buffer: one key read ahead, 0: none */
#define BDA_VIDEO_MODE 0x449
#define BDA_COLUMNS 0x44a
#define BDA_CURSOR 0x450
#define BDA_LAST_ROW 0x484
#define EQUIPMENT (1 << 9 | 2 << 4 | 1 << 1) /* one serial port, 80x25 colour, FPU */

#define FRAME_BP 8
#define FRAME_BX 16
#define FRAME_DX 20
#define FRAME_CX 24
#define FRAME_AX 28
#define FRAME_FLAGS 38
#define CARRY 0x01
#define ZERO 0x40
#define SMAP 0x534d4150

#define E820_RAM 1
#define E820_RESERVED 2
#define E820_HIGH_RAM 3 /* number of the entry */
#define E820_COUNT 5

#define CMOS_EXTENDED_MEMORY 0x30 /* 16 bits, KiB above 1 MiB */
#define CMOS_MEMORY_ABOVE_16M 0x34 /* 16 bits, 64 KiB */
#define CMOS_MEMORY_ABOVE_4G 0x5b /* 24 bits, 64 KiB */

	.code16
	.text
signature:
	.ascii "Vitrine BIOS 0.1"

/* ---------------------------------------------------------------- power-on */

entry:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$STACK_TOP, %sp

	/* IVT: an iret for everybody, then those that do something */
	movl	$(BIOS_SEGMENT << 16), %eax
	movw	$default_handler, %ax
	xorw	%di, %di
	movw	$256, %cx
	rep stosl
	movw	$handlers, %si
1:	movzbw	%cs:(%si), %di
	movw	%cs:1(%si), %ax
	shlw	$2, %di
	movw	%ax, (%di)
	addw	$3, %si
	cmpw	$handlers_end, %si
	jb	1b

	movw	$PORT_COM1, BDA_COM1
	movw	$(GPA_EBDA >> 4), BDA_EBDA_SEGMENT
	movw	$EQUIPMENT, BDA_EQUIPMENT
	movw	$(GPA_LOW_RAM_END >> 10), BDA_BASE_MEMORY_KIB
	movb	$3, BDA_VIDEO_MODE
	movw	$80, BDA_COLUMNS
	movb	$24, BDA_LAST_ROW

	/* COM1: 115200 baud, 8N1, FIFOs on and empty */
	movw	$uart_setup, %si
2:	movw	%cs:(%si), %dx
	movb	%cs:2(%si), %al
	outb	%al, %dx
	addw	$3, %si
	cmpw	$uart_setup_end, %si
	jb	2b

/* INT 19h: start, or start over, the program at 0000:7C00 with DL = drive. A `ret` or `retf` of it
 * ends in INT 18h by way of the stub. */
bootstrap:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$STACK_TOP, %sp
	cmpw	%ax, GPA_FLAT16 /* RAM starts as zeroes */
	je	nothing_to_boot
	movw	$0x18cd, RETURN_STUB /* int $0x18 */
	pushw	%ax
	pushw	$RETURN_STUB
	movw	$BOOT_DRIVE, %dx
	sti
	ljmp	$0, $GPA_FLAT16

nothing_to_boot:
	movw	$no_program_text, %si
	jmp	say_and_power_off

/* INT 18h: no more to boot */
boot_failed:
	movw	$returned_text, %si

/* Prints the text at CS:SI, switches the machine off. */
say_and_power_off:
	call	print
	movw	$(PORT_ACPI_PM + 4), %dx /* PM1 control: SLP_TYP 5, SLP_EN */
	movw	$(5 << 10 | 1 << 13), %ax
	outw	%ax, %dx
	movw	$(PORT_ACPI_RESET + 1), %dx /* the same on boards without PM1 */
	movb	$(5 << 2 | 1 << 5), %al
	outb	%al, %dx
stop:	cli
	hlt
	jmp	stop

/* An exception whose handler would only meet it again: say where, tell the VMM, stop. */
divide_error:
	movw	$divide_text, %si
	jmp	exception
invalid_opcode:
	movw	$opcode_text, %si
exception:
	movw	%sp, %bp
	call	print
	movw	2(%bp), %ax /* CS */
	call	print_hex
	movb	$':', %al
	call	put_char
	movw	(%bp), %ax /* IP */
	call	print_hex
	movw	$newline_text, %si
	call	print
	movw	$PORT_PVPANIC, %dx
	movb	$PVPANIC_PANICKED, %al
	outb	%al, %dx
	jmp	stop

/* ---------------------------------------------------------------- console */

/* put_char: AL to COM1, waits for room. Keeps all registers. */
put_char:
	pushw	%dx
	pushw	%ax
	movw	$UART_LSR, %dx
1:	inb	%dx, %al
	testb	$LSR_THRE, %al
	jz	1b
	popw	%ax
	movw	$UART_THR, %dx
	outb	%al, %dx
	popw	%dx
	ret

/* print: NUL-terminated text at CS:SI. Clobbers AL, SI. */
print:
	movb	%cs:(%si), %al
	incw	%si
	testb	%al, %al
	jz	1f
	call	put_char
	jmp	print
1:	ret

/* print_hex: AX as four digits. Clobbers AX, CX. */
print_hex:
	movw	$4, %cx
1:	rolw	$4, %ax
	pushw	%ax
	andb	$0x0f, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	2f
	addb	$('a' - '9' - 1), %al
2:	call	put_char
	popw	%ax
	loop	1b
	ret

/* poll_key: makes BDA_KEY hold a key if one has come (scan code 0, ASCII). DS = 0. ZF: none.
 * Clobbers AX, DX. */
poll_key:
	cmpw	$0, BDA_KEY
	jne	1f
	movw	$UART_LSR, %dx
	inb	%dx, %al
	andb	$LSR_DR, %al
	jz	1f
	movw	$UART_THR, %dx
	inb	%dx, %al
	movb	$0, %ah
	movw	%ax, BDA_KEY
	testw	%ax, %ax /* a NUL is no key */
1:	ret

/* ---------------------------------------------------------------- interrupts */

	.macro	enter
	pushw	%es
	pushal
	movw	%sp, %bp
	pushw	%ds
	pushw	$0
	popw	%ds
	.endm

leave_failed: /* carry set, AH = 86h: no such function */
	movb	$0x86, FRAME_AX + 1(%bp)
leave_carry:
	orw	$CARRY, FRAME_FLAGS(%bp)
	jmp	leave
leave_ok:
	andw	$~CARRY, FRAME_FLAGS(%bp)
leave:
	popw	%ds
	popal
	popw	%es
default_handler:
	iret

/* INT 10h, video: a teletype. What only moves or colours things is taken and forgotten. */
video:
	enter
	cmpb	$0x0e, %ah
	je	video_teletype
	cmpb	$0x00, %ah
	je	video_set_mode
	cmpb	$0x02, %ah
	je	video_set_cursor
	cmpb	$0x03, %ah
	je	video_get_cursor
	cmpb	$0x09, %ah
	je	video_repeat
	cmpb	$0x0a, %ah
	je	video_repeat
	cmpb	$0x0f, %ah
	je	video_get_mode
	cmpb	$0x13, %ah
	je	video_string
	jmp	leave
video_teletype:
	call	put_char
	jmp	leave
video_set_mode:
	movb	%al, BDA_VIDEO_MODE
	jmp	leave
video_set_cursor:
	movw	%dx, BDA_CURSOR
	jmp	leave
video_get_cursor:
	movw	BDA_CURSOR, %ax
	movw	%ax, FRAME_DX(%bp)
	movw	$0x0607, FRAME_CX(%bp)
	jmp	leave
video_repeat: /* AL, CX times */
	jcxz	leave
	call	put_char
	decw	%cx
	jmp	video_repeat
video_get_mode:
	movb	BDA_VIDEO_MODE, %al
	movb	BDA_COLUMNS, %ah
	movw	%ax, FRAME_AX(%bp)
	movb	$0, FRAME_BX + 1(%bp)
	jmp	leave
video_string: /* CX characters at ES:BP of the caller; with AL bit 1 each has an attribute */
	movw	FRAME_BP(%bp), %si
	movw	%ax, %bx
1:	jcxz	leave
	movb	%es:(%si), %al
	call	put_char
	incw	%si
	testb	$2, %bl
	jz	2f
	incw	%si
2:	decw	%cx
	jmp	1b

/* INT 11h, equipment; INT 12h, base memory in KiB */
equipment:
	enter
	movw	BDA_EQUIPMENT, %ax
	movw	%ax, FRAME_AX(%bp)
	jmp	leave
base_memory:
	enter
	movw	BDA_BASE_MEMORY_KIB, %ax
	movw	%ax, FRAME_AX(%bp)
	jmp	leave

/* INT 13h, disks: none. AH = 1, invalid. */
disk:
	enter
	movb	$1, FRAME_AX + 1(%bp)
	jmp	leave_carry

/* INT 16h, keyboard, which is COM1: 0 wait for a key, 1 is there one?, 2 shift keys (none) */
keyboard:
	enter
	andb	$0xef, %ah /* 10h and 11h are the same for enhanced keyboards */
	cmpb	$1, %ah
	jb	keyboard_wait
	je	keyboard_peek
	movb	$0, FRAME_AX(%bp)
	jmp	leave
keyboard_wait:
	call	poll_key
	pause
	jz	keyboard_wait
	movw	BDA_KEY, %ax
	movw	%ax, FRAME_AX(%bp)
	movw	$0, BDA_KEY
	jmp	leave
keyboard_peek:
	call	poll_key
	jz	1f
	movw	BDA_KEY, %ax
	movw	%ax, FRAME_AX(%bp)
	andw	$~ZERO, FRAME_FLAGS(%bp)
	jmp	leave
1:	orw	$ZERO, FRAME_FLAGS(%bp)
	jmp	leave

/* INT 15h, system: memory sizes (AX = E820h, AH = 88h) */
system:
	enter
	cmpw	$0xe820, %ax
	je	e820
	cmpb	$0x88, %ah
	jne	leave_failed
	movb	$CMOS_EXTENDED_MEMORY, %al
	call	cmos_word
	movw	%ax, FRAME_AX(%bp)
	jmp	leave_ok

/* cmos_word: cells AL and AL + 1 in AX, zero-extended to EAX. cmos_byte: cell AL in AL. */
cmos_word:
	incb	%al
	call	cmos_byte
	movb	%al, %ah
	decb	%bl
	movb	%bl, %al
cmos_byte:
	movb	%al, %bl
	outb	%al, $PORT_RTC
	inb	$(PORT_RTC + 1), %al
	movzwl	%ax, %eax
	ret

/* E820: EBX is the number of the entry asked for, 20 bytes go to ES:DI. The low map is fixed, the RAM
 * above 1 MiB and above 4 GiB comes from the CMOS; the last entry is left out where it is empty. */
e820:
	cmpl	$SMAP, %edx
	jne	leave_failed
	cmpl	$20, %ecx
	jb	leave_failed
	cmpl	$E820_COUNT, %ebx
	jae	leave_failed
	movw	%bx, %si
	shlw	$4, %si
	addw	$e820_map, %si
	movl	%cs:(%si), %eax /* base, low half */
	movl	%eax, %es:(%di)
	movl	%cs:4(%si), %eax /* base, high half */
	movl	%eax, %es:4(%di)
	movl	%cs:8(%si), %eax /* length, low half */
	movl	%eax, %es:8(%di)
	movl	$0, %es:12(%di)
	movl	%cs:12(%si), %eax /* type */
	movl	%eax, %es:16(%di)
	movw	%bx, %cx
	cmpw	$E820_HIGH_RAM, %cx
	je	e820_high_ram
	ja	e820_above_4g
e820_next:
	movzwl	%cx, %ebx
	incw	%bx
	cmpw	$(E820_COUNT - 1), %bx
	jb	e820_done
	ja	e820_last
	call	ram_above_4g /* is there a last entry? */
	movzwl	%cx, %ebx
	incw	%bx
	testl	%eax, %eax
	jnz	e820_done
e820_last:
	xorl	%ebx, %ebx
e820_done:
	movl	%ebx, FRAME_BX(%bp)
	movl	$20, FRAME_CX(%bp)
	movl	$SMAP, FRAME_AX(%bp)
	jmp	leave_ok
e820_high_ram: /* up to 16 MiB + cell; machines below that: 1 MiB + cell in KiB */
	movb	$CMOS_MEMORY_ABOVE_16M, %al
	call	cmos_word
	shll	$16, %eax
	addl	$0xf00000, %eax
	cmpl	$0xf00000, %eax
	ja	1f
	movb	$CMOS_EXTENDED_MEMORY, %al
	call	cmos_word
	shll	$10, %eax
1:	movl	%eax, %es:8(%di)
	jmp	e820_next
e820_above_4g:
	call	ram_above_4g
	movl	%eax, %edx
	shll	$16, %eax
	shrl	$16, %edx
	movl	%eax, %es:8(%di)
	movl	%edx, %es:12(%di)
	jmp	e820_next

/* ram_above_4g: in EAX, units of 64 KiB. Clobbers BX, DX. */
ram_above_4g:
	movb	$(CMOS_MEMORY_ABOVE_4G + 2), %al
	call	cmos_byte
	movzbl	%al, %edx
	shll	$16, %edx
	movb	$CMOS_MEMORY_ABOVE_4G, %al
	call	cmos_word
	orl	%edx, %eax
	ret

/* ---------------------------------------------------------------- tables */

	.macro	handler vector, routine
	.byte	\vector
	.word	\routine
	.endm
handlers:
	handler	0x00, divide_error
	handler	0x06, invalid_opcode
	handler	0x10, video
	handler	0x11, equipment
	handler	0x12, base_memory
	handler	0x13, disk
	handler	0x15, system
	handler	0x16, keyboard
	handler	0x18, boot_failed
	handler	0x19, bootstrap
handlers_end:

	.macro	setup port, value
	.word	\port
	.byte	\value
	.endm
uart_setup:
	setup	UART_IER, 0
	setup	UART_LCR, LCR_DLAB
	setup	UART_DLL, 1
	setup	UART_DLM, 0
	setup	UART_LCR, LCR_8N1
	setup	UART_FCR, 0x07
	setup	UART_MCR, MCR_DTR_RTS
uart_setup_end:

	.macro	range base_high, base, length, type
	.long	\base, \base_high, \length, \type
	.endm
e820_map:
	range	0, 0, GPA_LOW_RAM_END, E820_RAM
	range	0, GPA_LOW_RAM_END, (0xa0000-GPA_LOW_RAM_END), E820_RESERVED
	range	0, GPA_ACPI_TABLES, (GPA_HIGH_RAM-GPA_ACPI_TABLES), E820_RESERVED
	range	0, GPA_HIGH_RAM, 0, E820_RAM /* length from the CMOS */
	range	1, 0, 0, E820_RAM /* likewise */

no_program_text:
	.asciz	"vitrine-bios: no program at 0000:7c00\r\n"
returned_text:
	.asciz	"vitrine-bios: the program has ended\r\n"
divide_text:
	.asciz	"vitrine-bios: divide error at "
opcode_text:
	.asciz	"vitrine-bios: invalid opcode at "
newline_text:
	.asciz	"\r\n"

/* ---------------------------------------------------------------- reset vector */

	.org	FIRMWARE_BYTES - 16
	ljmp	$BIOS_SEGMENT, $entry
	.org	FIRMWARE_BYTES
