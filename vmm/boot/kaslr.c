/* SPDX-License-Identifier: MIT
 *
 * Kernel address space layout randomisation for Linux. The table (made by arch/x86/tools/relocs)
 * stands behind the ELF and consists of 32-bit words, each the low half of the virtual address
 * of a place in the kernel:
 *
 *     0 | of 64-bit addresses | 0 | of negated 32-bit addresses | 0 | of 32-bit addresses
 *
 * The middle list are differences to per-CPU symbols, which do not move; kernels that link per-CPU
 * data like everything else lack it together with its zero.
 */
#include "boot/kaslr.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define ALIGN_BYTES 0x200000ULL /* CONFIG_PHYSICAL_ALIGN, one page of the kernel's mapping */
#define KERNEL_IMAGE_BYTES (1ULL << 30) /* of virtual space, with CONFIG_RANDOMIZE_BASE */
#define KERNEL_MAP_LOW32 0x80000000u	/* __START_KERNEL_map is 0xffffffff80000000 */
#define WORD_BYTES sizeof(uint32_t)

bool kaslr_forbidden(const char *cmdline)
{
	static const char word[] = "nokaslr";
	size_t len = sizeof word - 1;

	for (const char *at = cmdline; (at = strstr(at, word)); at += len)
		if ((at == cmdline || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

/* A multiple of ALIGN_BYTES in [0, room_bytes]. The bias of % is below 2^-50 here. */
static uint64_t pick(uint64_t random, uint64_t room_bytes)
{
	return random % (room_bytes / ALIGN_BYTES + 1) * ALIGN_BYTES;
}

int kaslr_choose(uint64_t gpa, uint64_t span_bytes, uint64_t ceiling, struct kaslr_bases *bases)
{
	uint64_t random[2];

	*bases = (struct kaslr_bases){0};
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return -EIO;
	if (gpa < ceiling && span_bytes < ceiling - gpa)
		bases->physical_delta = pick(random[0], ceiling - gpa - span_bytes);
	if (gpa < KERNEL_IMAGE_BYTES && span_bytes < KERNEL_IMAGE_BYTES - gpa)
		bases->virtual_delta = pick(random[1], KERNEL_IMAGE_BYTES - gpa - span_bytes);
	return 0;
}

static uint32_t word_at(const uint8_t *table, uint64_t index)
{
	uint32_t word;

	memcpy(&word, table + index * WORD_BYTES, sizeof word);
	return word;
}

/* Index of the zero that ends the list whose last word stands before end; end itself if there is
 * none. */
static uint64_t list_start(const uint8_t *table, uint64_t end)
{
	for (uint64_t i = end; i > 0; i--)
		if (word_at(table, i - 1) == 0)
			return i - 1;
	return end;
}

/* Zeros of the lists, from the back; how many there are (at most 3). */
static unsigned find_lists(const uint8_t *table, uint64_t words, uint64_t zero[3])
{
	unsigned count = 0;

	for (uint64_t end = words; count < 3 && end; end = zero[count - 1]) {
		uint64_t start = list_start(table, end);

		if (start == end)
			break;
		zero[count++] = start;
	}
	return count;
}

bool kaslr_table_is_known(const uint8_t *table, uint64_t len_bytes)
{
	uint64_t zero[3];
	uint64_t words = len_bytes / WORD_BYTES;
	unsigned count = find_lists(table, words, zero);

	return len_bytes % WORD_BYTES == 0 && count >= 2 && zero[count - 1] == 0;
}

struct relocation {
	uint8_t *kernel;
	uint64_t gpa, span;
	const uint8_t *table;
	uint64_t delta;
};

/* Host address of a place of width bytes, or NULL: outside the kernel. */
static uint8_t *place(const struct relocation *r, uint32_t word, unsigned width)
{
	uint64_t offset = (uint64_t)(word - KERNEL_MAP_LOW32) - r->gpa;

	return offset <= r->span - width ? r->kernel + offset : NULL;
}

static int apply32(const struct relocation *r, uint64_t first, uint64_t end, uint32_t delta)
{
	for (uint64_t i = first; i < end; i++) {
		uint8_t *at = place(r, word_at(r->table, i), sizeof(uint32_t));
		uint32_t value;

		if (!at)
			return -EBADMSG;
		memcpy(&value, at, sizeof value);
		value += delta;
		memcpy(at, &value, sizeof value);
	}
	return 0;
}

static int apply64(const struct relocation *r, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++) {
		uint8_t *at = place(r, word_at(r->table, i), sizeof(uint64_t));
		uint64_t value;

		if (!at)
			return -EBADMSG;
		memcpy(&value, at, sizeof value);
		value += r->delta;
		memcpy(at, &value, sizeof value);
	}
	return 0;
}

int kaslr_relocate(uint8_t *kernel, uint64_t gpa, uint64_t span_bytes, const uint8_t *table,
		   uint64_t len_bytes, uint64_t virtual_delta)
{
	struct relocation r = {
		.gpa = gpa, .span = span_bytes, .table = table, .delta = virtual_delta};
	uint64_t zero[3], words = len_bytes / WORD_BYTES;
	unsigned count = find_lists(table, words, zero);
	int err;

	r.kernel = kernel;
	if (count < 2 || span_bytes < sizeof(uint64_t))
		return -EBADMSG;
	err = apply32(&r, zero[0] + 1, words, (uint32_t)virtual_delta);
	if (!err && count == 3)
		err = apply32(&r, zero[1] + 1, zero[0], 0 - (uint32_t)virtual_delta);
	return err ? err : apply64(&r, zero[count - 1] + 1, zero[count - 2]);
}
