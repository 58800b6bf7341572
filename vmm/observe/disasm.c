/* SPDX-License-Identifier: MIT
 *
 * libcapstone by dlopen(). See disasm.h.
 */
#include "observe/disasm.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
/* The structs of another major version may look different. */
#define LIBRARY "libcapstone.so." STRING(CS_API_MAJOR)

struct capstone {
	void *library;
	__typeof__(&cs_open) open;
	__typeof__(&cs_close) close;
	__typeof__(&cs_disasm) disasm;
	__typeof__(&cs_free) free;
};

static bool load(struct capstone *cs)
{
	cs->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!cs->library)
		return false;
	cs->open = (__typeof__(cs->open))dlsym(cs->library, "cs_open");
	cs->close = (__typeof__(cs->close))dlsym(cs->library, "cs_close");
	cs->disasm = (__typeof__(cs->disasm))dlsym(cs->library, "cs_disasm");
	cs->free = (__typeof__(cs->free))dlsym(cs->library, "cs_free");
	if (cs->open && cs->close && cs->disasm && cs->free)
		return true;
	dlclose(cs->library);
	return false;
}

static void print_instruction(FILE *out, const char *indent, const cs_insn *insn)
{
	fprintf(out, "%s%016" PRIx64 "  ", indent, insn->address);
	for (unsigned i = 0; i < insn->size; i++)
		fprintf(out, "%02x ", insn->bytes[i]);
	fprintf(out, "%*s %s%s%s\n", insn->size < 10 ? 3 * (10 - insn->size) : 0, "",
		insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
}

int disasm_print(FILE *out, const char *indent, unsigned bits, uint64_t address,
		 const uint8_t *code, size_t size_bytes, unsigned line_max)
{
	cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
	struct capstone cs;
	cs_insn *insn = NULL;
	csh handle;

	if (!load(&cs))
		return -ENOENT;
	size_t count = 0;
	if (cs.open(CS_ARCH_X86, mode, &handle) == CS_ERR_OK) {
		count = cs.disasm(handle, code, size_bytes, address, line_max, &insn);
		for (size_t i = 0; i < count; i++)
			print_instruction(out, indent, &insn[i]);
		if (count)
			cs.free(insn, count);
		cs.close(&handle);
	}
	dlclose(cs.library);
	return (int)count;
}
