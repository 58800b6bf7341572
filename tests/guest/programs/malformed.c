/* SPDX-License-Identifier: MIT
 *
 * Executing ELF files that are not quite right: a small program whose headers were changed in
 * seeded random places. It may run, be refused, or die.
 *
 *   malformed [COUNT [SEED]]
 */
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "check.h"

#define NOBODY_ELSE 54321
#define BASE 0x400000
#define STATUS 42

struct program {
	Elf64_Ehdr head;
	Elf64_Phdr text, data;
	unsigned char code[16];
};

static const struct program sound = {
	.head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		 .e_type = ET_EXEC,
		 .e_machine = EM_X86_64,
		 .e_version = EV_CURRENT,
		 .e_entry = BASE + offsetof(struct program, code),
		 .e_phoff = offsetof(struct program, text),
		 .e_ehsize = sizeof(Elf64_Ehdr),
		 .e_phentsize = sizeof(Elf64_Phdr),
		 .e_phnum = 2},
	.text = {.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_X,
		 .p_vaddr = BASE,
		 .p_filesz = sizeof(struct program),
		 .p_memsz = sizeof(struct program),
		 .p_align = 4096},
	.data = {.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_W,
		 .p_vaddr = BASE + 0x10000,
		 .p_filesz = 64,
		 .p_memsz = 0x3000,
		 .p_align = 4096},
	/* mov $60, %eax; mov $42, %edi; syscall; ud2 */
	.code = {0xb8, 60, 0, 0, 0, 0xbf, STATUS, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b},
};

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t interesting(void)
{
	static const uint64_t values[] = {
		0,
		1,
		7,
		63,
		0xfff,
		0x1000,
		0x1001,
		0xffff,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x7fffffff000,
		0x7ffffffff000,
		0x800000000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffff800000000000,
		0xffffffff80000000,
		0xfffffffffffff000,
		0xffffffffffffffff,
	};

	return values[next_random() % (sizeof values / sizeof values[0])];
}

/* One to three changes to the headers, of 1 to 8 bytes. */
static void mutate(struct program *p)
{
	unsigned char *at = (unsigned char *)p;

	for (unsigned i = 0, n = 1 + next_random() % 3; i < n; i++) {
		unsigned where = next_random() % offsetof(struct program, code);
		unsigned length = 1u << next_random() % 4;
		uint64_t value = next_random() % 4 ? interesting() : next_random();

		where -= where % length;
		memcpy(at + where, &value, length);
	}
}

static int execute(const void *data, size_t length)
{
	struct rlimit small = {64 << 20, 64 << 20};
	struct itimerval limit = {.it_value = {0, 500000}};
	int fd = open("program", O_WRONLY | O_CREAT | O_TRUNC, 0755);

	need(fd >= 0 && write(fd, data, length) == (ssize_t)length && !close(fd));
	pid_t pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_AS, &small);
		setitimer(ITIMER_REAL, &limit, NULL);
		execl("program", "program", NULL);
		_exit(errno);
	}
	return child_end(pid);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 300;
	int ran = 0, refused = 0, died = 0;

	random_state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15u + 1;
	need(!mkdir("elf", 0777) && !chmod("elf", 0777) && !chdir("elf"));
	if (!geteuid())
		need(!setgid(NOBODY_ELSE) && !setuid(NOBODY_ELSE));
	check("the sound one runs", execute(&sound, sizeof sound) == STATUS);
	for (size_t length = 0; length < offsetof(struct program, code); length += 9)
		refused += execute(&sound, length) == ENOEXEC;
	check("cut short: ENOEXEC, or killed", refused >= 8);
	refused = 0;
	for (long i = 0; i < count; i++) {
		struct program changed = sound;

		mutate(&changed);
		int status = execute(&changed, sizeof changed);
		ran += status == STATUS;
		died += status > 128;
		refused += status > 0 && status < STATUS;
	}
	printf("%ld changed: %d ran, %d refused, %d died\n", count, ran, refused, died);
	check("some are refused, some die, some run", ran && refused && died);
	check("the sound one still runs", execute(&sound, sizeof sound) == STATUS);
	return check_end();
}
