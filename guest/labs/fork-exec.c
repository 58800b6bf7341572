/* SPDX-License-Identifier: MIT
 *
 * What fork() keeps and what exec() replaces. A parent looks at its child from outside, through /proc: beside
 * itself before fork(), after fork(), and after the child has become another program (cat).
 *
 *   fork-exec
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define MAPS_BYTES 16384

enum { PROGRAM, HEAP, STACK, OTHER, KINDS };

/* The whole file, without stdio's memory, which the maps would show. */
static size_t read_of(pid_t pid, const char *name, char *to, size_t size)
{
	char path[64];
	ssize_t got = 1;
	size_t bytes = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		lab_die(path);
	for (; got > 0 && bytes < size; bytes += (size_t)got)
		got = read(fd, to + bytes, size - bytes);
	close(fd);
	return bytes;
}

/* What the kernel told the program when it started: AT_ENTRY is where its first instruction is. */
static uint64_t entry_of(pid_t pid)
{
	Elf64_auxv_t words[64];
	const size_t count = read_of(pid, "auxv", (char *)words, sizeof(words)) / sizeof(*words);

	for (size_t i = 0; i < count; i++)
		if (words[i].a_type == AT_ENTRY)
			return words[i].a_un.a_val;
	return 0;
}

static unsigned kind_of(const char *line, const char *program)
{
	if (strstr(line, program))
		return PROGRAM;
	if (strstr(line, "[heap]"))
		return HEAP;
	return strstr(line, "[stack]") ? STACK : OTHER;
}

/* Adds up /proc/PID/maps by kind of area; the hash of its text tells two maps apart. */
static void look(const char *when, const char *who, pid_t pid)
{
	static char maps[MAPS_BYTES + 1], program[256], path[64];
	uint64_t kb[KINDS] = {0}, hash = 5381;
	unsigned areas = 0;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	program[readlink(path, program, sizeof(program) - 1)] = '\0';
	maps[read_of(pid, "maps", maps, MAPS_BYTES)] = '\0';
	printf("\n%s: process %d, the %s, runs %s\n%s", when, pid, who, program, maps);
	for (const char *at = maps; *at; at++)
		hash = hash * 33 + (unsigned char)*at;
	for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n"), areas++) {
		uint64_t from = 0, to = 0;

		sscanf(line, "%lx-%lx", &from, &to);
		kb[kind_of(line, program)] += (to - from) / 1024;
	}
	lab_row("area", "when=%s program=%lu heap=%lu stack=%lu other=%lu", when, kb[PROGRAM],
		kb[HEAP], kb[STACK], kb[OTHER]);
	lab_row("seen", "when=%s pid=%d entry=0x%lx areas=%u map=%lu program=%s", when, pid,
		entry_of(pid), areas, hash % 1000000, program);
}

/* The child says "here" before exec, and cat gives back what it is sent: both prove that it has got so far. */
static void child(int in, int out)
{
	char go;

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	if (write(1, "f", 1) != 1 || read(0, &go, 1) != 1)
		_exit(125);
	execl("/bin/cat", "cat", "-u", "-", NULL);
	_exit(127);
}

int main(void)
{
	int to_child[2], from_child[2], status;
	char answer;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe2(to_child, O_CLOEXEC) || pipe2(from_child, O_CLOEXEC))
		lab_die("pipe");
	look("before-fork", "parent", getpid());

	const pid_t pid = fork();

	if (pid == 0)
		child(to_child[0], from_child[1]);
	close(to_child[0]); /* so that cat sees the end of its input */
	close(from_child[1]);
	if (read(from_child[0], &answer, 1) != 1)
		lab_die("child");
	look("after-fork", "child", pid);
	if (write(to_child[1], "ge", 2) != 2 || read(from_child[0], &answer, 1) != 1)
		lab_die("cat");
	look("after-exec", "child", pid);
	lab_row("kept", "what=pipe answer=%c", answer);
	close(to_child[1]);
	waitpid(pid, &status, 0);
	return 0;
}
