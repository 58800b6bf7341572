/* SPDX-License-Identifier: MIT
 *
 * vitrine-disasm BITS ADDRESS LINES BYTES: x86 code, given as hexadecimal digits, as text through
 * libcapstone. The VMM starts it to explain a crash: what a hostile guest chose as code is decoded
 * in a process of its own, and the VMM itself needs no dynamic linker.
 */
#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CODE_BYTES_MAX 256

static size_t parse_bytes(const char *digits, uint8_t code[CODE_BYTES_MAX])
{
	size_t count = 0;

	for (; count < CODE_BYTES_MAX && digits[0] && digits[1]; digits += 2) {
		char pair[] = {digits[0], digits[1], '\0'};

		code[count++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return count;
}

static void print_instruction(const cs_insn *insn)
{
	printf("%016" PRIx64 "  ", insn->address);
	for (unsigned i = 0; i < insn->size; i++)
		printf("%02x ", insn->bytes[i]);
	printf("%*s %s%s%s\n", insn->size < 10 ? 3 * (10 - insn->size) : 0, "", insn->mnemonic,
	       *insn->op_str ? " " : "", insn->op_str);
}

int main(int argc, char **argv)
{
	uint8_t code[CODE_BYTES_MAX];
	cs_insn *insn = NULL;
	csh handle;

	if (argc != 5) {
		fputs("Usage: vitrine-disasm BITS ADDRESS LINES BYTES\n", stderr);
		return 2;
	}

	unsigned long bits = strtoul(argv[1], NULL, 10);
	cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
	size_t size_bytes = parse_bytes(argv[4], code);

	if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK)
		return 1;

	size_t count = cs_disasm(handle, code, size_bytes, strtoull(argv[2], NULL, 0),
				 strtoull(argv[3], NULL, 0), &insn);

	for (size_t i = 0; i < count; i++)
		print_instruction(&insn[i]);
	cs_free(insn, count);
	cs_close(&handle);
	return 0;
}
