/* SPDX-License-Identifier: MIT
 *
 * The report of a crash, and the disassembler behind it.
 */
#include "observe/crash.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/disasm.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct vcpu_registers long_regs = {
	.rip = 0xffffffff81000100, .rflags = 0x10046, .rax = 0xdead, .r15 = 0xbeef};
static const struct vcpu_system_registers long_sregs = {
	.cs = {.selector = 0x10, .limit = 0xffffffff, .l = true},
	.cr0 = 0x80050033,
	.cr3 = 0x1000,
	.cr4 = 0x6b0,
	.efer = 0xd01};

static char *report(const struct crash_input *in)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	crash_report(out, in);
	fclose(out);
	return text;
}

static void must_contain(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static bool have_capstone(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int lines = disasm_print(out, "", 64, 0, (const uint8_t *)"\x90", 1, 1);

	fclose(out);
	free(text);
	return lines != -ENOENT;
}

static void says_why(void **state)
{
	static const struct {
		struct crash_input in;
		const char *says;
	} cases[] = {
		{{.kind = CRASH_TRIPLE_FAULT, .vcpu = 2}, "vCPU 2 stopped: triple fault"},
		{{.kind = CRASH_TRIPLE_FAULT, .amd_v = true}, "those of a reset"},
		{{.kind = CRASH_INTERNAL_ERROR, .suberror = 1},
		 "KVM could not emulate an instruction (KVM internal error, suberror 1)"},
		{{.kind = CRASH_INTERNAL_ERROR, .suberror = 3}, "delivered an event"},
		{{.kind = CRASH_INTERNAL_ERROR, .suberror = 0xffffffff}, "suberror 4294967295"},
		{{.kind = CRASH_INTERNAL_ERROR, .suberror = 1, .deprivileged = true},
		 "scripts/sandbox --engine svm"},
		{{.kind = CRASH_FAIL_ENTRY, .hardware_reason = 0x80000021},
		 "0x80000021 (VT-x: the guest's state is invalid)"},
		{{.kind = CRASH_FAIL_ENTRY, .hardware_reason = UINT64_MAX}, "AMD-V"},
		{{.kind = CRASH_FAIL_ENTRY, .hardware_reason = 7}, "invalid control fields"},
		{{.kind = CRASH_FAIL_ENTRY, .hardware_reason = 1234}, "0x4d2"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		char *text = report(&cases[i].in);

		must_contain(text, cases[i].says);
		free(text);
	}
	struct crash_input intel = {.kind = CRASH_TRIPLE_FAULT};
	char *text = report(&intel);
	assert_null(strstr(text, "AMD-V"));
	free(text);
}

static void decodes_flags(void **state)
{
	struct crash_input in = {.regs = &long_regs, .sregs = &long_sregs};
	char *text = report(&in);

	(void)state;
	must_contain(text, "long mode, 64-bit, CPL 0\n");
	must_contain(text, "rip  ffffffff81000100  rflags 00010046 [PF ZF RF]\n");
	must_contain(text, "cr0  0000000080050033 [PE MP ET NE WP AM PG]\n");
	must_contain(text, "cr4  00000000000006b0 [PSE PAE PGE OSFXSR OSXMMEXCPT]\n");
	must_contain(text, "efer 0000000000000d01 [SCE LME LMA NXE]\n");
	must_contain(text, "rax  000000000000dead");
	must_contain(text, "r15  000000000000beef\n");
	must_contain(text, "code at ffffffff81000100: not readable\n");
	free(text);
}

static void knows_modes(void **state)
{
	static const struct {
		uint64_t cr0, efer, rflags;
		bool l, db;
		unsigned bits;
		const char *name;
	} modes[] = {
		{0x10, 0, 2, false, false, 16, "real mode"},
		{0x10, 0, 2, false, true, 16, "real mode"},
		{0x11, 0, 2, false, true, 32, "protected mode, 32-bit"},
		{0x11, 0, 2, false, false, 16, "protected mode, 16-bit"},
		{0x11, 0, 2, true, true, 32, "protected mode, 32-bit"}, /* L means nothing */
		{0x11, 0, 0x20002, false, true, 16, "virtual 8086 mode"},
		{0x80000011, 0x500, 2, true, false, 64, "long mode, 64-bit"},
		{0x80000011, 0x500, 2, false, true, 32, "long mode, compatibility"},
		{0x80000011, 0x500, 2, false, false, 16, "long mode, compatibility"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		struct vcpu_registers r = {.rip = 0xfff0, .rflags = modes[i].rflags};
		struct vcpu_system_registers s = {
			.cr0 = modes[i].cr0,
			.efer = modes[i].efer,
			.cs = {.base = 0xffff0000, .l = modes[i].l, .db = modes[i].db},
			.ss = {.dpl = 3}};
		struct crash_input in = {.regs = &r, .sregs = &s};
		char *text = report(&in);

		must_contain(text, modes[i].name);
		must_contain(text, ", CPL 3\n");
		assert_int_equal(crash_code_bits(&r, &s), modes[i].bits);
		assert_int_equal(crash_code_address(&r, &s),
				 modes[i].bits == 64 ? 0xfff0 : 0xfffffff0);
		free(text);
	}
}

static void linear_addresses_wrap(void **state)
{
	struct vcpu_registers r = {.rip = 0x20};
	struct vcpu_system_registers s = {.cs = {.base = 0xfffffff0}};

	(void)state;
	assert_int_equal(crash_code_address(&r, &s), 0x10);
}

static void shows_code_and_last_exit(void **state)
{
	static const uint8_t code[] = {0x0f, 0xc7, 0x0f, 0x0f, 0x0b};
	const struct trace_exit last = {.start_ns = 1001000,
					.end_ns = 1002000,
					.width = 1,
					.reason = EXIT_PIO_WRITE,
					.address = 0x80};
	struct crash_input in = {.kind = CRASH_INTERNAL_ERROR,
				 .regs = &long_regs,
				 .sregs = &long_sregs,
				 .code = code,
				 .code_bytes = sizeof(code),
				 .last_exit = &last,
				 .start_ns = 1000000};
	char *text = report(&in);

	(void)state;
	must_contain(text, "0f c7 0f 0f 0b\n");
	must_contain(text, "1.000      1.000  pio-write       POST code or delay");
	if (have_capstone()) {
		must_contain(text, "    ffffffff81000100  0f c7 0f ");
		must_contain(text, "cmpxchg8b qword ptr [rdi]\n");
		must_contain(text, "ud2");
	} else {
		must_contain(text, "install " DISASM_PACKAGE);
	}
	free(text);
}

static void disassembles(void **state)
{
	static const struct {
		unsigned bits;
		const char *code;
		size_t size;
		int lines;
		const char *text;
	} cases[] = {
		{16, "\xb8\x34\x12\xf4", 4, 2, "mov ax, 0x1234"},
		{32, "\xb8\x78\x56\x34\x12\xf4", 6, 2, "mov eax, 0x12345678"},
		{64, "\x0f\x05", 2, 1, "syscall\n"},
		{64, "\x90\x90\x90\x90\x90", 5, 3, "nop"}, /* line_max */
		{64, "\x06", 1, 0, ""},			   /* push es: not in 64-bit mode */
		{64, "\x48\xb8\x01", 3, 0, ""},		   /* cut off */
		{64, "", 0, 0, ""},
	};

	(void)state;
	if (!have_capstone())
		skip();
	for (unsigned i = 0; i < COUNT(cases); i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		int lines = disasm_print(out, "", cases[i].bits, 0x7c00,
					 (const uint8_t *)cases[i].code, cases[i].size, 3);

		fclose(out);
		assert_int_equal(lines, cases[i].lines);
		must_contain(text, cases[i].text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_why),
		cmocka_unit_test(decodes_flags),
		cmocka_unit_test(knows_modes),
		cmocka_unit_test(linear_addresses_wrap),
		cmocka_unit_test(shows_code_and_last_exit),
		cmocka_unit_test(disassembles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
