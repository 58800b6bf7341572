/* SPDX-License-Identifier: MIT
 *
 * See needs.h.
 */
#include "lab/needs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/probe.h"

#define WORD_MAX 64
#define BLANKS " \t,"

__attribute__((format(printf, 3, 4))) static bool lacks(char *reason, size_t size,
							const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(reason, size, format, values);
	va_end(values);
	return false;
}

static unsigned cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static bool is_in_folders(const char *program, const char *folders)
{
	char file[PATH_MAX];

	while (*folders) {
		const size_t length = strcspn(folders, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)length, folders, program);
		if (access(file, X_OK) == 0)
			return true;
		folders += length;
		folders += *folders == ':';
	}
	return false;
}

/* The tools of file systems lie where not everybody's PATH leads. */
static bool is_in_path(const char *program)
{
	const char *path = getenv("PATH");

	return is_in_folders(program, path ? path : "/usr/bin:/bin") ||
	       is_in_folders(program, "/usr/sbin:/sbin");
}

bool needs_kvm_is_there(char *reason, size_t size)
{
	if (access("/dev/kvm", F_OK) < 0)
		return lacks(reason, size,
			     "there is no /dev/kvm ('vitrine doctor' says more; scripts/sandbox "
			     "makes one of software)");
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return lacks(reason, size,
			     "no permission for /dev/kvm ('vitrine doctor' says what to do)");
	return true;
}

static bool hardware(char *reason, size_t size)
{
	if (!needs_kvm_is_there(reason, size))
		return false;
	return kvm_host_classify() != KVM_HOST_DEPRIVILEGED ||
	       lacks(reason, size,
		     "needs VT-x or AMD-V, and this host's KVM is deprivileged (scripts/sandbox "
		     "--engine svm makes AMD-V of software)");
}

static bool linux_guest(const struct places *places, char *reason, size_t size)
{
	return (places->linux_kernel[0] && places->linux_system[0]) ||
	       lacks(reason, size, "needs a stock Linux guest: scripts/linux-guest makes it");
}

/* For cache=none: where scratch is going to be. */
static bool direct_io(char *reason, size_t size)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	folder = folder ? folder : "/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ||
	       lacks(reason, size,
		     "needs a file system with O_DIRECT, which %s isn't on (TMPDIR=…)", folder);
}

static bool is_met(const char *word, const struct places *places, char *reason, size_t size)
{
	if (strcmp(word, "kvm") == 0)
		return needs_kvm_is_there(reason, size);
	if (strcmp(word, "hardware") == 0)
		return hardware(reason, size);
	if (strcmp(word, "kvmclock") == 0)
		return hardware(reason, size);
	if (strcmp(word, "linux") == 0)
		return linux_guest(places, reason, size);
	if (strcmp(word, "root") == 0)
		return geteuid() == 0 || lacks(reason, size, "needs root");
	if (strcmp(word, "direct") == 0)
		return direct_io(reason, size);
	if (strcmp(word, "qemu") == 0)
		return is_in_path("qemu-system-x86_64") ||
		       lacks(reason, size,
			     "needs qemu-system-x86_64 (Debian: apt install qemu-system-x86)");
	if (strncmp(word, "cmd:", 4) == 0)
		return is_in_path(word + 4) || lacks(reason, size, "needs %s", word + 4);
	if (strncmp(word, "cpus:", 5) == 0)
		return cpu_count() >= strtoul(word + 5, NULL, 10) ||
		       lacks(reason, size, "needs %s CPUs, and here is %u", word + 5, cpu_count());
	return lacks(reason, size, "needs '%s', which nobody knows", word);
}

bool needs_are_met(const char *needs, const struct places *places, char *reason, size_t size)
{
	char word[WORD_MAX];

	while (needs && *(needs += strspn(needs, BLANKS))) {
		const size_t length = strcspn(needs, BLANKS);

		snprintf(word, sizeof(word), "%.*s", (int)length, needs);
		needs += length;
		if (!is_met(word, places, reason, size))
			return false;
	}
	return true;
}

/* A lab's program that wasn't built: those in Go need a compiler that not everybody has. */
static bool program_is_there(const struct lab_run *run, const struct places *places, char *reason,
			     size_t size)
{
	char go[PATH_MAX + LAB_NAME_MAX], path[PATH_MAX + LAB_NAME_MAX];
	const int length = run->program ? (int)strcspn(run->program, " \t") : 0;

	snprintf(go, sizeof(go), "%s/%.*s.go", places->files, length,
		 run->program ? run->program : "");
	snprintf(path, sizeof(path), "%s/%.*s", places->labs, length,
		 run->program ? run->program : "");
	return !length || access(go, F_OK) < 0 || access(path, X_OK) == 0 ||
	       lacks(reason, size,
		     "%.*s is a Go program and wasn't built (Debian: apt install golang-go, make)",
		     length, run->program);
}

bool needs_of_run_are_met(const struct lab_run *run, const struct places *places, char *reason,
			  size_t size)
{
	switch (run->kind) {
	case LAB_RUN_VM:
		if (!needs_kvm_is_there(reason, size))
			return false;
		break;
	case LAB_RUN_LINUX:
		if (!hardware(reason, size) || !linux_guest(places, reason, size))
			return false;
		break;
	case LAB_RUN_QEMU:
		if (!is_met("qemu", places, reason, size))
			return false;
		break;
	default: break;
	}
	if (run->kind != LAB_RUN_HOST && !places->initrd[0])
		return lacks(reason, size, "the labs' programs aren't built (make labs)");
	return program_is_there(run, places, reason, size) &&
	       needs_are_met(run->needs, places, reason, size);
}
