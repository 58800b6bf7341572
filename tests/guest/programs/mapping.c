/* SPDX-License-Identifier: MIT
 *
 * mmap and what belongs to it: where, of what, shared or private; munmap, mremap, brk, madvise,
 * mincore, msync.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "check.h"

#define PAGE 4096
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf on_fault;
static volatile int fault_signal;

static void caught(int signal)
{
	fault_signal = signal;
	siglongjmp(on_fault, 1);
}

/* The signal that a read, or a write, of this byte raises; 0 for none. */
static int touch(volatile char *at, int is_write)
{
	fault_signal = 0;
	if (!sigsetjmp(on_fault, 1)) {
		if (is_write)
			*at = 1;
		else
			(void)*at;
	}
	return fault_signal;
}

static char *anonymous(size_t pages)
{
	char *at = mmap(NULL, pages * PAGE, RW, ANON, -1, 0);

	need(at != MAP_FAILED);
	return at;
}

static void anonymous_memory(void)
{
	char *at = anonymous(16), *hint;
	int zero = 1;

	for (int i = 0; i < 16 * PAGE; i++)
		zero &= !at[i];
	check("anonymous memory is zero", zero);
	check("mmap is page-aligned", (uintptr_t)at % PAGE == 0);
	memset(at, 'x', 16 * PAGE);
	check("munmap of the middle", !munmap(at + 4 * PAGE, 4 * PAGE));
	check("the hole faults", touch(at + 5 * PAGE, 0) == SIGSEGV);
	check("both sides stay", at[4 * PAGE - 1] == 'x' && at[8 * PAGE] == 'x');
	hint = mmap(at + 4 * PAGE, PAGE, RW, ANON, -1, 0);
	check("a free hint is taken", hint == at + 4 * PAGE && hint[0] == 0);
	check("MAP_FIXED replaces",
	      mmap(at, PAGE, RW, ANON | MAP_FIXED, -1, 0) == at && !at[0] && at[PAGE] == 'x');
	errno = 0;
	check("MAP_FIXED_NOREPLACE doesn't",
	      mmap(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
		      errno == EEXIST);
	check("munmap of nothing is fine", !munmap(at + 5 * PAGE, PAGE));
	check_fails("munmap: not aligned", munmap(at + 1, PAGE), EINVAL);
	check_fails("mmap of nothing", (long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	check_fails("mmap: neither shared nor private",
		    (long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	check_fails("mmap: more than there is",
		    (long)mmap(NULL, 1ull << 47, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	munmap(at, 16 * PAGE);
}

static void private_file(void)
{
	char *at, text[4] = "";
	int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, "hello", 5) == 5 && !ftruncate(fd, PAGE + 10));
	at = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	need(at != MAP_FAILED);
	check("a private mapping shows the file", !memcmp(at, "hello", 6));
	check("… zeros behind its end", at[PAGE + 10] == 0 && at[2 * PAGE - 1] == 0);
	check("… SIGBUS beyond", touch(at + 2 * PAGE, 0) == SIGBUS);
	at[0] = 'J';
	check("writes stay private", pread(fd, text, 1, 0) == 1 && text[0] == 'h');
	need(pwrite(fd, "X", 1, PAGE) == 1);
	check("an untouched page shows later writes", at[PAGE] == 'X');
	close(fd);
	check("the mapping outlives the descriptor", at[1] == 'e');
	munmap(at, 3 * PAGE);
}

static void shared_file(void)
{
	char text[8] = "", *at, *other;
	int fd = open("g", O_RDWR | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && !ftruncate(fd, 2 * PAGE));
	at = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	need(at != MAP_FAILED && other != MAP_FAILED);
	strcpy(at + PAGE, "shared");
	check("two mappings of a page", !strcmp(other, "shared"));
	check("read() sees it", pread(fd, text, 7, PAGE) == 7 && !strcmp(text, "shared"));
	need(pwrite(fd, "S", 1, PAGE) == 1);
	check("the mapping sees write()", other[0] == 'S');
	check("msync", !msync(at, 2 * PAGE, MS_SYNC) && !msync(at, PAGE, MS_ASYNC));
	check_fails("msync: not aligned", msync(at + 1, PAGE, MS_SYNC), EINVAL);
	need(!ftruncate(fd, PAGE));
	check("cut off: SIGBUS", touch(at + PAGE, 0) == SIGBUS);
	munmap(at, 2 * PAGE);
	munmap(other, PAGE);
	close(fd);
	fd = open("g", O_RDONLY);
	check_fails("a writable shared mapping needs a writer",
		    (long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	check_fails("offset not aligned", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1),
		    EINVAL);
	close(fd);
	check_fails("bad descriptor", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0),
		    EBADF);
}

static int write_shared(void *at)
{
	strcpy(at, "by the child");
	return 0;
}

static void shared_with_children(void)
{
	char *both = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *mine = anonymous(1);

	need(both != MAP_FAILED);
	strcpy(mine, "mine");
	in_child(write_shared, both);
	in_child(write_shared, mine);
	check("shared anonymous memory is shared with children", !strcmp(both, "by the child"));
	check("private memory isn't", !strcmp(mine, "mine"));
	munmap(both, PAGE);
	munmap(mine, PAGE);
}

static void remap(void)
{
	char *at = anonymous(8), *moved;

	strcpy(at, "start");
	strcpy(at + 3 * PAGE, "end");
	check("mremap shrinks",
	      mremap(at, 8 * PAGE, 4 * PAGE, 0) == at && touch(at + 4 * PAGE, 0) == SIGSEGV);
	check("mremap grows in place",
	      mremap(at, 4 * PAGE, 5 * PAGE, 0) == at && at[4 * PAGE] == 0);
	need(mmap(at + 5 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == at + 5 * PAGE);
	check_fails("mremap: no room", (long)mremap(at, 5 * PAGE, 64 * PAGE, 0), ENOMEM);
	moved = mremap(at, 5 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	check("mremap moves", moved != MAP_FAILED && !strcmp(moved, "start") &&
				      !strcmp(moved + 3 * PAGE, "end") && moved[63 * PAGE] == 0);
	check("… and leaves nothing", touch(at, 0) == SIGSEGV);
	at = mremap(moved, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at);
	check("mremap to a fixed place", at != MAP_FAILED && !strcmp(at, "start"));
	check_fails("mremap of nothing", (long)mremap(moved, PAGE, 2 * PAGE, 0), EFAULT);
	munmap(at, 64 * PAGE);
}

static void program_break(void)
{
	char *start = (char *)syscall(SYS_brk, 0);

	check("brk grows", (char *)syscall(SYS_brk, start + 5 * PAGE) == start + 5 * PAGE);
	start[5 * PAGE - 1] = 'b';
	check("… zeroed", start[4 * PAGE] == 0 && start[5 * PAGE - 1] == 'b');
	check("brk shrinks", (char *)syscall(SYS_brk, start) == start);
	check("… and forgets", (char *)syscall(SYS_brk, start + 5 * PAGE) == start + 5 * PAGE &&
				       start[5 * PAGE - 1] == 0);
	check("a senseless brk changes nothing",
	      (char *)syscall(SYS_brk, PAGE) == start + 5 * PAGE);
	syscall(SYS_brk, start);
}

static void advice(void)
{
	char *at = anonymous(4);
	unsigned char present[4] = {9, 9, 9, 9};

	memset(at, 'a', 2 * PAGE);
	check("mincore: touched pages are there",
	      !mincore(at, 4 * PAGE, present) && (present[0] & 1) && (present[1] & 1));
	check("mincore: untouched ones aren't", !(present[2] & 1) && !(present[3] & 1));
	check("MADV_DONTNEED makes zeros",
	      !madvise(at, PAGE, MADV_DONTNEED) && at[0] == 0 && at[PAGE] == 'a');
	check("madvise: hints", !madvise(at, PAGE, MADV_WILLNEED) &&
					!madvise(at, PAGE, MADV_SEQUENTIAL) &&
					!madvise(at, PAGE, MADV_NORMAL));
	check_fails("madvise: unknown", madvise(at, PAGE, 9999), EINVAL);
	munmap(at + PAGE, PAGE);
	check_fails("madvise: a hole", madvise(at, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	check_fails("mincore: a hole", mincore(at, 4 * PAGE, present), ENOMEM);
	munmap(at, 4 * PAGE);
}

static void many(void)
{
	static char *at[400];
	int good = 1;

	for (int i = 0; i < 400; i++) {
		at[i] = anonymous(1 + i % 3);
		at[i][0] = (char)i;
		need(i % 2 || !mprotect(at[i], PAGE, PROT_READ));
	}
	for (int i = 0; i < 400; i++) {
		good &= at[i][0] == (char)i;
		need(!munmap(at[i], (1 + i % 3) * PAGE));
	}
	check("400 mappings", good);
	at[0] = anonymous(2048);
	for (int i = 0; i < 2048; i++)
		at[0][i * PAGE] = (char)i;
	for (int i = 0; i < 2048; i++)
		good &= at[0][i * PAGE] == (char)i;
	check("8 MiB, page by page", good);
	munmap(at[0], 2048 * PAGE);
}

int main(void)
{
	struct sigaction action = {.sa_handler = caught};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	anonymous_memory();
	private_file();
	shared_file();
	shared_with_children();
	remap();
	program_break();
	advice();
	many();
	return check_end();
}
