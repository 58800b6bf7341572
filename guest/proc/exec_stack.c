/* SPDX-License-Identifier: MIT
 *
 * From the top of the stack downwards:
 *
 *     8 bytes of zeroes
 *     arguments, environment, name of the program: strings
 *     16 random bytes, "x86_64"
 *     auxiliary vector, NULL, environment pointers, NULL, argument pointers, argument count  <- rsp
 */
#include "guest/proc/exec_stack.h"

#include "guest/arch/insn.h"
#include "guest/fs/random.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/space.h"
#include "guest/proc/elf.h"
#include "guest/proc/exec_strings.h"
#include "guest/proc/process.h"

#define ROOM_BYTES 0x20000 /* mapped from the start, behind what is in it; more by faults */
#define STACK_ALIGN 16
#define CHUNK_WORDS 64

enum auxiliary {
	AT_NULL = 0,
	AT_IGNORE = 1,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_BASE = 7,
	AT_FLAGS = 8,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_PLATFORM = 15,
	AT_HWCAP = 16,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
	AT_SYSINFO_EHDR = 33
};
#define PROGRAM_HEADER_BYTES 56
#define CLOCK_TICKS 100

struct platform {
	uint8_t random[16];
	char name[16];
};

/* Writes words to user memory, many at a time. */
struct writer {
	struct space *space;
	uint64_t at_gva;
	uint64_t word[CHUNK_WORDS];
	unsigned used;
	int error;
};

static void flush(struct writer *writer)
{
	if (!writer->error)
		writer->error = space_poke(writer->space, writer->at_gva, writer->word,
					   writer->used * sizeof(writer->word[0]));
	writer->at_gva += writer->used * sizeof(writer->word[0]);
	writer->used = 0;
}

static void put(struct writer *writer, uint64_t word)
{
	writer->word[writer->used++] = word;
	if (writer->used == CHUNK_WORDS)
		flush(writer);
}

/* Addresses of count strings in a row that start at text, which is at gva for the program. */
static void put_addresses(struct writer *writer, const char *text, uint64_t gva, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const size_t bytes = strlen(text) + 1;

		put(writer, gva);
		gva += bytes;
		text += bytes;
	}
	put(writer, 0);
}

static unsigned fill_auxiliary(uint64_t *auxv, const struct elf_program *program,
			       const struct credentials *credentials, bool secure,
			       uint64_t platform_gva, uint64_t name_gva)
{
	const uint64_t pair[][2] = {
		{program->vdso_gva ? AT_SYSINFO_EHDR : AT_IGNORE, program->vdso_gva},
		{AT_HWCAP, cpuid_read(1, 0).edx},
		{AT_PAGESZ, PAGE_BYTES},
		{AT_CLKTCK, CLOCK_TICKS},
		{AT_PHDR, program->headers_gva},
		{AT_PHENT, PROGRAM_HEADER_BYTES},
		{AT_PHNUM, program->header_count},
		{AT_BASE, 0},
		{AT_FLAGS, 0},
		{AT_ENTRY, program->entry_gva},
		{AT_UID, credentials->uid},
		{AT_EUID, credentials->euid},
		{AT_GID, credentials->gid},
		{AT_EGID, credentials->egid},
		{AT_SECURE, secure},
		{AT_RANDOM, platform_gva + offsetof(struct platform, random)},
		{AT_EXECFN, name_gva},
		{AT_PLATFORM, platform_gva + offsetof(struct platform, name)},
		{AT_NULL, 0},
	};

	_Static_assert(sizeof(pair) <= sizeof(((struct space *)0)->auxv), "auxv");
	memcpy(auxv, pair, sizeof(pair));
	return sizeof(pair) / sizeof(uint64_t);
}

static int map_stack(struct space *space, uint64_t top_gva, uint64_t bytes, bool executable)
{
	const uint64_t start = (top_gva - bytes - ROOM_BYTES) & -(uint64_t)PAGE_BYTES;
	const int64_t at = space_map(
		space, start, top_gva - start,
		PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0),
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN | MAP_STACK, NULL, 0);

	if (at < 0)
		return (int)at;
	space_label(space, start, "[stack]");
	space->stack_gva = top_gva;
	return 0;
}

int exec_stack_build(struct space *space, uint64_t top_gva, const struct exec_strings *strings,
		     const struct elf_program *program, const struct credentials *credentials,
		     bool secure, uint64_t *rsp)
{
	const uint64_t strings_gva = top_gva - sizeof(uint64_t) - strings->used;
	const uint64_t platform_gva = (strings_gva - sizeof(struct platform)) &
				      -(uint64_t)STACK_ALIGN;
	const uint64_t environment_gva = strings_gva + strings->environment_start;
	struct platform platform = {.name = "x86_64"};
	struct writer writer = {.space = space};
	uint64_t words, name_gva;
	const char *name = strings->at + strings->used - 1;
	unsigned auxiliary_words;
	int error;

	while (name > strings->at && name[-1])
		name--;
	name_gva = strings_gva + (uint64_t)(name - strings->at);
	auxiliary_words = fill_auxiliary(space->auxv, program, credentials, secure, platform_gva,
					 name_gva);
	words = 3 + strings->argument_count + strings->environment_count + auxiliary_words;
	*rsp = (platform_gva - words * sizeof(uint64_t)) & -(uint64_t)STACK_ALIGN;
	error = map_stack(space, top_gva, top_gva - *rsp, program->executable_stack);
	if (error)
		return error;
	random_bytes(platform.random, sizeof(platform.random));
	error = space_poke(space, strings_gva, strings->at, strings->used);
	if (!error)
		error = space_poke(space, platform_gva, &platform, sizeof(platform));
	if (error)
		return error;
	writer.at_gva = *rsp;
	put(&writer, strings->argument_count);
	put_addresses(&writer, strings->at, strings_gva, strings->argument_count);
	put_addresses(&writer, strings->at + strings->environment_start, environment_gva,
		      strings->environment_count);
	for (unsigned i = 0; i < auxiliary_words; i++)
		put(&writer, space->auxv[i]);
	flush(&writer);
	space->arguments_gva = strings_gva;
	space->arguments_end_gva = space->environment_gva = environment_gva;
	space->environment_end_gva = name_gva;
	return writer.error;
}
