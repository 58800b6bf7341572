/* SPDX-License-Identifier: MIT
 *
 * The ELF loader: a good program, programs with one thing wrong, and many with random damage. Whatever the
 * file says, what is mapped is whole pages of user memory, and of the file only what is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/proc/elf.c"

#define FILE_BYTES 0x3000
#define PIE_AT 0x555500000000ull
#define MUTATIONS 20000

static uint8_t image[FILE_BYTES];
static struct inode inode = {.size = FILE_BYTES};
static struct file file = {.inode = &inode};
static unsigned maps, pokes;
static uint64_t highest;

int64_t file_read_at(struct file *f, void *to, size_t bytes, uint64_t position)
{
	assert_ptr_equal(f, &file);
	if (position >= FILE_BYTES)
		return 0;
	if (bytes > FILE_BYTES - position)
		bytes = FILE_BYTES - position;
	memcpy(to, image + position, bytes);
	return (int64_t)bytes;
}

int64_t space_map(struct space *space, uint64_t wish_gva, uint64_t bytes, unsigned protection,
		  unsigned flags, struct file *f, uint64_t offset)
{
	(void)space;
	assert_int_equal(wish_gva % PAGE_BYTES, 0);
	assert_int_equal(bytes % PAGE_BYTES, 0);
	assert_true(bytes && wish_gva >= LOWEST_GVA && wish_gva < USER_END &&
		    bytes <= USER_END - wish_gva);
	assert_true(protection < 8 && (flags & MAP_FIXED) && (flags & MAP_PRIVATE));
	if (f) {
		assert_int_equal(offset % PAGE_BYTES, 0);
		assert_true(offset < FILE_BYTES && bytes <= FILE_BYTES - offset);
	}
	maps++;
	if (wish_gva + bytes > highest)
		highest = wish_gva + bytes;
	return (int64_t)wish_gva;
}

int space_poke(struct space *space, uint64_t to_gva, const void *from, size_t bytes)
{
	(void)space, (void)from;
	assert_true(to_gva + bytes <= highest && bytes <= PAGE_BYTES);
	pokes++;
	return 0;
}

static struct elf_header *header(void)
{
	return (void *)image;
}

static struct elf_segment *segment(unsigned i)
{
	return (struct elf_segment *)(image + sizeof(struct elf_header)) + i;
}

/* Text, data with a bss, and a stack's wish. */
static void make_good(uint16_t type)
{
	const uint64_t base = type == ET_EXEC ? 0x400000 : 0;

	memset(image, 0, sizeof image);
	*header() = (struct elf_header){.ident = "\177ELF\2\1\1",
					.type = type,
					.machine = EM_X86_64,
					.version = 1,
					.entry = base + 0x100,
					.phoff = sizeof(struct elf_header),
					.phentsize = sizeof(struct elf_segment),
					.phnum = 3};
	*segment(0) = (struct elf_segment){PT_LOAD, PF_R | PF_X, 0,	 base,
					   base,    0x1800,	 0x1800, PAGE_BYTES};
	*segment(1) = (struct elf_segment){PT_LOAD,	  PF_R | PF_W, 0x1800, base + 0x2800,
					   base + 0x2800, 0x400,       0x5000, 0x1000};
	*segment(2) = (struct elf_segment){.type = PT_GNU_STACK, .flags = PF_R | PF_W};
	maps = pokes = 0;
	highest = 0;
}

static int load(struct elf_program *program)
{
	return elf_load(NULL, &file, PIE_AT, program);
}

static void test_good(void **state)
{
	struct elf_program program;

	(void)state;
	make_good(ET_EXEC);
	assert_int_equal(load(&program), 0);
	assert_int_equal(program.entry_gva, 0x400100);
	assert_int_equal(program.headers_gva, 0x400040);
	assert_int_equal(program.header_count, 3);
	assert_int_equal(program.end_gva, 0x407800);
	assert_false(program.executable_stack);
	assert_int_equal(maps, 3);
	assert_true(pokes > 0);
	make_good(ET_DYN);
	segment(2)->flags |= PF_X;
	assert_int_equal(load(&program), 0);
	assert_int_equal(program.base_gva, PIE_AT);
	assert_int_equal(program.entry_gva, PIE_AT + 0x100);
	assert_true(program.executable_stack);
}

#define BAD(change)                                          \
	do {                                                 \
		make_good(ET_EXEC);                          \
		change;                                      \
		assert_int_equal(load(&program), -ENOEXEC);  \
		assert_int_equal(maps, 0); /* seen before */ \
	} while (0)

static void test_bad(void **state)
{
	struct elf_program program;

	(void)state;
	BAD(header()->ident[0] = 0);
	BAD(header()->ident[4] = 1); /* 32 bits */
	BAD(header()->type = 1);
	BAD(header()->machine = 3);
	BAD(header()->phentsize = 32);
	BAD(header()->phnum = 0);
	BAD(header()->phnum = SEGMENTS_MAX + 1);
	BAD(header()->phnum = UINT16_MAX);
	BAD(header()->phoff = FILE_BYTES - 8);
	BAD(header()->phoff = UINT64_MAX - 8);
	BAD(header()->entry = USER_END);
	BAD(segment(0)->filesz = 0x1801; segment(0)->memsz = 0x1800);
	BAD(segment(0)->offset = FILE_BYTES + 0x1000);
	BAD(segment(0)->offset = UINT64_MAX & ~0xfffull);
	BAD(segment(0)->filesz = segment(0)->memsz = FILE_BYTES + 1);
	BAD(segment(0)->vaddr = 0); /* where null pointers fault */
	BAD(segment(0)->vaddr = USER_END);
	BAD(segment(0)->vaddr = USER_END - PAGE_BYTES);
	BAD(segment(0)->vaddr = UINT64_MAX & ~0xfffull);
	BAD(segment(0)->vaddr += 8);
	BAD(segment(0)->memsz = UINT64_MAX);
	BAD(segment(0)->memsz = USER_END);
	BAD(segment(0)->align = 0x1001);
	BAD(segment(2)->type = PT_INTERP);
	BAD(segment(0)->type = segment(1)->type = 0);
}

static void test_short(void **state)
{
	struct elf_program program;

	(void)state;
	make_good(ET_EXEC);
	inode.size = 0x1000; /* the file is shorter than its segments */
	assert_int_equal(load(&program), -ENOEXEC);
	inode.size = FILE_BYTES;
}

/* The fakes check what is mapped. */
static void test_mutations(void **state)
{
	unsigned loaded = 0;

	(void)state;
	srand(2);
	for (unsigned i = 0; i < MUTATIONS; i++) {
		struct elf_program program;

		make_good(i % 2 ? ET_EXEC : ET_DYN);
		for (int n = rand() % 4; n >= 0; n--)
			image[rand() % 0xe8] ^= (uint8_t)(1 << rand() % 8);
		if (rand() % 4 == 0)
			memset(image + rand() % 0xe0, rand() % 2 ? 0xff : 0, 8);
		if (!load(&program)) {
			loaded++;
			assert_true(program.entry_gva < USER_END);
			assert_true(program.end_gva <= USER_END);
		}
	}
	assert_in_range(loaded, MUTATIONS / 50, MUTATIONS - MUTATIONS / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
