/* SPDX-License-Identifier: MIT
 *
 * The report of a vCPU's death. See crash.h. Flags: Intel SDM vol. 3A §2.3 (RFLAGS), §2.5 (CR0, CR4),
 * §2.2.1 (EFER); failed entries: vol. 3C §27.8, §31.4; AMD APM vol. 2 §15.6.
 */
#include "observe/crash.h"

#include <errno.h>
#include <inttypes.h>

#include "observe/disasm.h"

#define CR0_PE (1u << 0)
#define RFLAGS_VM (1u << 17)
#define EFER_LMA (1u << 10)
#define CODE_LINES 6u

struct flag {
	uint8_t bit;
	const char *name;
};

static const struct flag rflags_flag[] = {
	{0, "CF"},  {2, "PF"},	 {4, "AF"},   {6, "ZF"},  {7, "SF"},  {8, "TF"},
	{9, "IF"},  {10, "DF"},	 {11, "OF"},  {14, "NT"}, {16, "RF"}, {17, "VM"},
	{18, "AC"}, {19, "VIF"}, {20, "VIP"}, {21, "ID"},
};
static const struct flag cr0_flag[] = {
	{0, "PE"},  {1, "MP"},	{2, "EM"},  {3, "TS"},	{4, "ET"},  {5, "NE"},
	{16, "WP"}, {18, "AM"}, {29, "NW"}, {30, "CD"}, {31, "PG"},
};
static const struct flag cr4_flag[] = {
	{0, "VME"},	    {1, "PVI"},	   {2, "TSD"},	    {3, "DE"},	  {4, "PSE"},
	{5, "PAE"},	    {6, "MCE"},	   {7, "PGE"},	    {8, "PCE"},	  {9, "OSFXSR"},
	{10, "OSXMMEXCPT"}, {11, "UMIP"},  {12, "LA57"},    {13, "VMXE"}, {14, "SMXE"},
	{16, "FSGSBASE"},   {17, "PCIDE"}, {18, "OSXSAVE"}, {20, "SMEP"}, {21, "SMAP"},
	{22, "PKE"},	    {23, "CET"},   {24, "PKS"},
};
static const struct flag efer_flag[] = {
	{0, "SCE"},   {8, "LME"},    {10, "LMA"},      {11, "NXE"},
	{12, "SVME"}, {14, "FFXSR"}, {21, "AUTOIBRS"},
};

/* " [PE ET PG]" */
static void print_flags(FILE *out, uint64_t value, const struct flag *flag, size_t count)
{
	const char *separator = "";

	fputs(" [", out);
	for (size_t i = 0; i < count; i++) {
		if (!(value >> flag[i].bit & 1))
			continue;
		fprintf(out, "%s%s", separator, flag[i].name);
		separator = " ";
	}
	fputs("]\n", out);
}
#define PRINT_FLAGS(out, value, table) \
	print_flags(out, value, table, sizeof(table) / sizeof(*(table)))

unsigned crash_code_bits(const struct vcpu_registers *regs,
			 const struct vcpu_system_registers *sregs)
{
	if (sregs->efer & EFER_LMA && sregs->cs.l)
		return 64;
	if (!(sregs->cr0 & CR0_PE) || regs->rflags & RFLAGS_VM)
		return 16;
	return sregs->cs.db ? 32 : 16;
}

uint64_t crash_code_address(const struct vcpu_registers *regs,
			    const struct vcpu_system_registers *sregs)
{
	if (crash_code_bits(regs, sregs) == 64)
		return regs->rip;
	return (uint32_t)(sregs->cs.base + regs->rip);
}

static const char *mode_name(const struct vcpu_registers *regs,
			     const struct vcpu_system_registers *sregs)
{
	if (!(sregs->cr0 & CR0_PE))
		return "real mode";
	if (sregs->efer & EFER_LMA)
		return sregs->cs.l ? "long mode, 64-bit" : "long mode, compatibility";
	if (regs->rflags & RFLAGS_VM)
		return "virtual 8086 mode";
	return sregs->cs.db ? "protected mode, 32-bit" : "protected mode, 16-bit";
}

/* --- why --- */

static const char *suberror_text(uint32_t suberror)
{
	switch (suberror) {
	case 1: return "KVM could not emulate an instruction";
	case 2: return "KVM met an exception while it delivered another one";
	case 3: return "KVM left the guest while it delivered an event";
	case 4: return "the processor left the guest for a reason that KVM does not know";
	default: return "KVM failed inside";
	}
}

/* VT-x: an exit reason with bit 31, or the number of a VM-instruction error; AMD-V: an exit code. */
static const char *entry_text(uint64_t reason)
{
	if (reason == UINT64_MAX || reason == UINT32_MAX)
		return "AMD-V: the processor rejects the control block";
	if (reason & 1u << 31) {
		switch (reason & 0xffff) {
		case 33: return "VT-x: the guest's state is invalid";
		case 34: return "VT-x: an MSR could not be loaded";
		case 41: return "VT-x: machine check during entry";
		default: return "VT-x: failed entry";
		}
	}
	switch (reason) {
	case 7: return "VT-x: invalid control fields";
	case 8: return "VT-x: invalid host state";
	default: return "see the manual of the host's processor";
	}
}

static void print_reason(FILE *out, const struct crash_input *input)
{
	fprintf(out, "vCPU %u stopped: ", input->vcpu);
	switch (input->kind) {
	case CRASH_TRIPLE_FAULT:
		fputs("triple fault (an exception while the guest's double-fault handler was "
		      "being called)\n",
		      out);
		break;
	case CRASH_FAIL_ENTRY:
		fprintf(out, "KVM could not enter the guest, hardware reason 0x%" PRIx64 " (%s)\n",
			input->hardware_reason, entry_text(input->hardware_reason));
		break;
	case CRASH_INTERNAL_ERROR:
		fprintf(out, "%s (KVM internal error, suberror %u)\n",
			suberror_text(input->suberror), input->suberror);
		break;
	}
	if (input->kind == CRASH_TRIPLE_FAULT && input->amd_v)
		fputs("  Note: on AMD-V KVM resets a vCPU before it reports a triple fault; the "
		      "registers below are\n  those of a reset. The last exit, and the guest's own "
		      "double-fault handler, tell more.\n",
		      out);
	if (input->kind == CRASH_INTERNAL_ERROR && input->deprivileged)
		fputs("  This host's KVM has no VT-x or AMD-V underneath: it emulates ring 0 and does "
		      "not know every\n  instruction there. 'vitrine doctor' lists them; "
		      "'scripts/sandbox --engine svm' runs on a complete KVM.\n",
		      out);
}

/* --- state --- */

static void print_segment(FILE *out, const char *name, const struct vcpu_segment *s)
{
	fprintf(out, "  %s   %04x  base %016" PRIx64 "  limit %08x  dpl %u%s%s\n", name,
		s->selector, s->base, s->limit, s->dpl, s->l ? " L" : "", s->db ? " D" : "");
}

static void print_registers(FILE *out, const struct vcpu_registers *r)
{
	const struct {
		const char *name;
		uint64_t value;
	} reg[] = {
		{"rax", r->rax}, {"rbx", r->rbx}, {"rcx", r->rcx}, {"rdx", r->rdx},
		{"rsi", r->rsi}, {"rdi", r->rdi}, {"rbp", r->rbp}, {"rsp", r->rsp},
		{"r8 ", r->r8},	 {"r9 ", r->r9},  {"r10", r->r10}, {"r11", r->r11},
		{"r12", r->r12}, {"r13", r->r13}, {"r14", r->r14}, {"r15", r->r15},
	};

	fprintf(out, "  rip  %016" PRIx64 "  rflags %08" PRIx64, r->rip, r->rflags);
	PRINT_FLAGS(out, r->rflags, rflags_flag);
	for (unsigned i = 0; i < sizeof(reg) / sizeof(*reg); i++)
		fprintf(out, "  %s  %016" PRIx64 "%s", reg[i].name, reg[i].value,
			i % 4 == 3 ? "\n" : "");
}

static void print_system_registers(FILE *out, const struct vcpu_system_registers *s)
{
	print_segment(out, "cs", &s->cs);
	print_segment(out, "ss", &s->ss);
	print_segment(out, "ds", &s->ds);
	print_segment(out, "es", &s->es);
	print_segment(out, "fs", &s->fs);
	print_segment(out, "gs", &s->gs);
	fprintf(out, "  cr0  %016" PRIx64, s->cr0);
	PRINT_FLAGS(out, s->cr0, cr0_flag);
	fprintf(out, "  cr2  %016" PRIx64 "\n  cr3  %016" PRIx64 "\n  cr4  %016" PRIx64, s->cr2,
		s->cr3, s->cr4);
	PRINT_FLAGS(out, s->cr4, cr4_flag);
	fprintf(out, "  efer %016" PRIx64, s->efer);
	PRINT_FLAGS(out, s->efer, efer_flag);
}

static void print_code(FILE *out, const struct crash_input *input)
{
	uint64_t address = crash_code_address(input->regs, input->sregs);
	unsigned bits = crash_code_bits(input->regs, input->sregs);

	if (!input->code_bytes) {
		fprintf(out, "  code at %" PRIx64 ": not readable\n", address);
		return;
	}
	fprintf(out, "  code at %" PRIx64 ":\n   ", address);
	for (size_t i = 0; i < input->code_bytes; i++)
		fprintf(out, " %02x", input->code[i]);
	fputc('\n', out);
	int lines = disasm_print(out, "    ", bits, address, input->code, input->code_bytes,
				 CODE_LINES);
	if (lines == -ENOENT)
		fputs("    (install " DISASM_PACKAGE " to see these bytes as instructions)\n", out);
	else if (lines == 0)
		fputs("    (no instruction that libcapstone knows)\n", out);
}

static void print_last_exit(FILE *out, const struct crash_input *input)
{
	char line[256];

	trace_format(input->last_exit, input->start_ns, line, sizeof(line));
	fprintf(out, "  last exit before (vcpu, time/us, took/us, reason, what):\n    %s\n", line);
}

void crash_report(FILE *out, const struct crash_input *input)
{
	print_reason(out, input);
	if (input->regs && input->sregs)
		fprintf(out, "  %s, CPL %u\n", mode_name(input->regs, input->sregs),
			input->sregs->ss.dpl);
	if (input->regs)
		print_registers(out, input->regs);
	if (input->sregs)
		print_system_registers(out, input->sregs);
	if (input->regs && input->sregs)
		print_code(out, input);
	if (input->last_exit)
		print_last_exit(out, input);
	fflush(out);
}
