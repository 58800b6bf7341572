/* SPDX-License-Identifier: MIT
 *
 * One byte of a guest's program, and its four addresses: guest virtual, guest physical, host virtual, host physical.
 *
 *   four-addresses guest                     in the guest: its page tables, level by level; then waits for a line
 *   four-addresses host PID GPA SLOT-HVA     on the host, meanwhile: where the VMM of that process ID has it
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096ul
#define LEVELS 4
#define FRAME 0x000ffffffffff000ul
#define LARGE 0x80ul
#define PAGEMAP_PRESENT (1ul << 63)
#define PAGEMAP_FRAME ((1ul << 55) - 1)

static const char message[] = "Can you see me from the host?";

/* As /proc/self/walk has it: where the entry is, and what it is. */
struct step {
	uint64_t entry_gpa, entry;
};

static const struct {
	uint64_t bit;
	const char *name;
} bits[] = {
	{0x1, "present"},	{0x2, "writable"},	 {0x4, "user"},
	{0x8, "write-through"}, {0x10, "cache-disable"}, {0x20, "accessed"},
	{0x40, "dirty"},	{0x100, "global"},	 {1ull << 63, "no-execute"},
};

static void print_bits(uint64_t entry, bool large)
{
	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (entry & bits[i].bit)
			printf(" %s", bits[i].name);
	printf("%s\n", large ? " large" : "");
}

/* One row for each level; returns the guest-physical address of gva, or 0. */
static uint64_t show_walk(const char *size, uint64_t gva, const struct step *step, unsigned steps)
{
	static const char *const names[LEVELS] = {"PML4", "PDPT", "PD", "PT"};
	const uint64_t last = step[steps - 1].entry;
	const uint64_t span = 1ull << (12 + 9 * (LEVELS - steps)); /* that the last entry maps */

	printf("guest virtual %#lx\n", gva);
	for (unsigned i = 0; i < steps; i++) {
		const unsigned index = gva >> (12 + 9 * (LEVELS - 1 - i)) & 511;
		const bool large = i && i < LEVELS - 1 && step[i].entry & LARGE;

		printf("  %-4s entry %3u at %#9lx: %#018lx", names[i], index, step[i].entry_gpa,
		       step[i].entry);
		print_bits(step[i].entry, large);
		lab_row("walk", "size=%s level=%u table=%s index=%u entry=%#lx next=%#lx large=%d",
			size, LEVELS - i, names[i], index, step[i].entry,
			step[i].entry & FRAME & ~(large ? span - 1 : 0), large);
	}
	return last & 1 ? (last & FRAME & ~(span - 1)) + (gva & (span - 1)) : 0;
}

/* Each of the guest's tables is at a guest-physical address, which itself takes a walk of 4 levels through the
 * host's tables, before the entry is read; and so does the address at the end. */
static void count_references(const char *size, unsigned steps)
{
	const unsigned flat = steps, nested = steps * (LEVELS + 1) + LEVELS;

	printf("  %u memory references without a hypervisor; with nested paging up to %u\n", flat,
	       nested);
	lab_row("references", "size=%s kind=flat count=%u", size, flat);
	lab_row("references", "size=%s kind=nested count=%u", size, nested);
}

static void walk(const char *size, const char *at)
{
	const int fd = open("/proc/self/walk", O_RDONLY | O_CLOEXEC);
	struct step step[LEVELS];
	const ssize_t bytes = pread(fd, step, sizeof(step), (off_t)(uintptr_t)at);

	if (fd < 0 || bytes <= 0)
		lab_die("/proc/self/walk");
	close(fd);
	const unsigned steps = (unsigned)bytes / sizeof(*step);
	const uint64_t gpa = show_walk(size, (uint64_t)(uintptr_t)at, step, steps);

	printf("guest physical %#lx\n", gpa);
	lab_row("guest", "size=%s gva=%p gpa=%#lx", size, (const void *)at, gpa);
	count_references(size, steps);
}

static char *map(uint64_t bytes, int advice)
{
	char *memory = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		lab_die("mmap");
	memory = (char *)(((uintptr_t)memory + bytes - 1) & ~(bytes - 1));
	if (madvise(memory, bytes, advice))
		lab_die("madvise");
	memory[0] = 'x'; /* a writing fault: now there is a page */
	return memory + 0x123;
}

static int in_guest(void)
{
	char *small = map(PAGE, MADV_NOHUGEPAGE), *large = map(512 * PAGE, MADV_HUGEPAGE);

	walk("2M", large);
	memcpy(small, message, sizeof(message));
	walk("4K", small);
	printf("ready\n");
	fflush(stdout);
	return getchar() == EOF; /* the host looks meanwhile */
}

static uint64_t read_u64(const char *folder, const char *pid, const char *name, uint64_t at)
{
	char path[64];
	uint64_t value = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, pid, name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &value, sizeof(value), (off_t)at) != sizeof(value))
		lab_die(path);
	close(fd);
	return value;
}

static bool is_message_at(const char *pid, uint64_t hva)
{
	char path[64], text[sizeof(message)] = "";

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, text, sizeof(text), (off_t)hva) != sizeof(text))
		lab_die(path);
	close(fd);
	printf("  what is there: \"%.*s\"\n", (int)sizeof(text), text);
	return !memcmp(text, message, sizeof(message));
}

static int on_host(const char *pid, uint64_t gpa, uint64_t slot_hva)
{
	const uint64_t hva = slot_hva + gpa;
	const uint64_t entry = read_u64("/proc", pid, "pagemap", hva / PAGE * 8);
	const uint64_t hpa = (entry & PAGEMAP_FRAME) * PAGE + hva % PAGE;

	printf("host virtual %#lx, in process %s: the memory slot begins at %#lx\n", hva, pid,
	       slot_hva);
	const bool found = is_message_at(pid, hva);

	if (entry & PAGEMAP_FRAME)
		printf("host physical %#lx\n", hpa);
	else
		printf("host physical: the host tells that to root alone\n");
	lab_row("host", "hva=%#lx hpa=%#lx present=%d found=%d", hva, hpa,
		(entry & PAGEMAP_PRESENT) != 0, found);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "guest"))
		return in_guest();
	if (argc == 5 && !strcmp(argv[1], "host"))
		return on_host(argv[2], strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
	fprintf(stderr, "usage: four-addresses guest | host PID GPA SLOT-HVA\n");
	return 2;
}
