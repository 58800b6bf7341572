/* SPDX-License-Identifier: MIT
 *
 * What one VM costs in memory, and whom: sampled on the host before, while and after it runs.
 *
 *   vm-memory host IMAGE COMMAND...     on the host: runs COMMAND, a VM with IMAGE as its disk
 *   vm-memory guest [-m MIB]            in the guest: takes memory, then reads so much of /dev/vda
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096ul
#define SAMPLE_MS 100
#define AROUND_MS 500 /* watched before and after */
#define STACK_KIB 16  /* of a thread, in the host's kernel */
#define PARTS 4	      /* of what the guest does, between which it tells how far it is */

static const char meminfo[] = "/proc/meminfo";

/* --- in the guest */

static void tell(const char *step)
{
	const uint64_t all = lab_file_value(meminfo, "MemTotal");
	const uint64_t user = lab_file_value(meminfo, "AnonPages");
	const uint64_t cache = lab_file_value(meminfo, "Cached");

	printf("guest: step=%s kernel=%lu user=%lu cache=%lu\n", step,
	       all - lab_file_value(meminfo, "MemFree") - user - cache, user, cache);
	fflush(stdout);
}

static int in_guest(uint64_t mib)
{
	static char buffer[65536];
	const int disk = open("/dev/vda", O_RDONLY | O_CLOEXEC);
	char *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (disk < 0 || memory == MAP_FAILED)
		lab_die("/dev/vda");
	tell("started");
	usleep(AROUND_MS * 1000);
	for (uint64_t at = 0; at < mib << 20; at += PAGE) {
		memory[at] = 1;
		if (at % ((mib << 20) / PARTS) == 0)
			tell("touching");
	}
	tell("touched");
	usleep(AROUND_MS * 1000);
	for (uint64_t at = 0; at < mib << 20; at += sizeof(buffer)) {
		if (read(disk, buffer, sizeof(buffer)) != sizeof(buffer))
			lab_die("/dev/vda");
		if (at % ((mib << 20) / PARTS) == 0)
			tell("reading");
	}
	tell("read");
	usleep(AROUND_MS * 1000);
	munmap(memory, mib << 20);
	tell("freed");
	usleep(AROUND_MS * 1000);
	return 0;
}

/* --- on the host; all in KiB */

struct vm {
	pid_t pid;
	int input, output; /* of its console */
};

static uint64_t begin_ns;
static const char *step = "before";

static uint64_t cached(const char *image)
{
	static unsigned char present[1 << 16];
	const int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint64_t pages = 0;

	if (fd < 0 || fstat(fd, &status))
		lab_die(image);
	const uint64_t count = ((uint64_t)status.st_size + PAGE - 1) / PAGE;
	void *map = mmap(NULL, count * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED || count > sizeof(present) || mincore(map, count * PAGE, present))
		lab_die(image);
	for (uint64_t i = 0; i < count; i++)
		pages += present[i] & 1;
	munmap(map, count * PAGE);
	close(fd);
	return pages * PAGE / 1024;
}

/* Resident in all, and of that the guest's RAM: the VMM's largest mapping by far. */
static void resident(pid_t pid, uint64_t *all, uint64_t *ram)
{
	uint64_t size = 0, largest = 0, kib;
	char path[64], line[256];

	*all = *ram = 0;
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Size: %lu", &size) == 1 || sscanf(line, "Rss: %lu", &kib) != 1)
			continue;
		*all += kib;
		*ram = size > largest ? kib : *ram;
		largest = size > largest ? size : largest;
	}
	if (file)
		fclose(file);
}

/* KVM's tables of guest-physical memory, of all VMs here; a kernel that doesn't count them: 0. */
static uint64_t kvm_tables(void)
{
	const uint64_t kib = lab_file_value(meminfo, "SecPageTables");

	return kib == LAB_NO_VALUE ? 0 : kib;
}

/* What the host's kernel has for this VM, as far as it tells: page tables, its threads' stacks, and KVM's tables
 * (less what they took before, for other VMs). */
static uint64_t host_kernel(pid_t pid, uint64_t kvm_before)
{
	const uint64_t kvm = kvm_tables();
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	const uint64_t tables = lab_file_value(path, "VmPTE");

	if (tables == LAB_NO_VALUE) /* it has just ended */
		return 0;
	return tables + lab_file_value(path, "Threads") * STACK_KIB +
	       (kvm > kvm_before ? kvm - kvm_before : 0);
}

static void row(const char *what, long kib)
{
	lab_row("memory", "s=%.2f step=%s what=%s kib=%ld",
		(double)(lab_now_ns() - begin_ns) / LAB_NS_PER_S, step, what, kib);
}

/* pid 0: there is no VM. */
static void sample(pid_t pid, const char *image)
{
	static uint64_t kvm_before;
	uint64_t all = 0, ram = 0;

	if (pid)
		resident(pid, &all, &ram);
	else
		kvm_before = kvm_tables();
	row("host-kernel", pid ? (long)host_kernel(pid, kvm_before) : 0);
	row("vmm", (long)(all - ram));
	row("guest-ram", (long)ram);
	row("image-cache", (long)cached(image));
}

/* What the guest says of itself, at the moment at which the host hears of it. It may wait for a line in return. */
static void hear(const char *line, const struct vm *vm, const char *image)
{
	static char name[32];
	unsigned long kernel, user, cache;

	if (!strncmp(line, "lab: ", 5))
		fputs(line, stdout);
	if (sscanf(line, "guest: step=%31s kernel=%lu user=%lu cache=%lu", name, &kernel, &user,
		   &cache) != 4)
		return;
	step = name;
	printf("%-8s guest: kernel %lu KiB, user %lu KiB, page cache %lu KiB\n", name, kernel, user,
	       cache);
	row("guest-kernel", (long)kernel);
	row("guest-user", (long)user);
	row("guest-cache", (long)cache);
	sample(vm->pid, image);
	if (write(vm->input, "\n", 1) != 1)
		return; /* it has just ended: its output will say so */
}

static struct vm start(char **command)
{
	int ends[2], input[2];

	if (pipe(ends) || pipe(input))
		lab_die("pipe");
	const pid_t pid = fork();

	if (!pid) {
		dup2(ends[1], 1);
		dup2(input[0], 0);
		close(ends[0]);
		close(ends[1]);
		close(input[0]);
		close(input[1]);
		execvp(command[0], command);
		lab_die(command[0]);
	}
	close(ends[1]);
	close(input[0]);
	return (struct vm){pid, input[1], ends[0]};
}

static void watch(const struct vm *vm, const char *image)
{
	struct pollfd ready = {.fd = vm->output, .events = POLLIN};
	FILE *lines = fdopen(vm->output, "re");
	char line[256];

	setvbuf(lines, NULL, _IONBF, 0); /* or poll() would not know of what is in the buffer */
	for (;;) {
		while (poll(&ready, 1, SAMPLE_MS) > 0)
			if (fgets(line, sizeof(line), lines))
				hear(line, vm, image);
			else
				return;
		sample(vm->pid, image);
	}
}

static void watch_nothing(const char *image)
{
	for (unsigned ms = 0; ms < AROUND_MS; ms += SAMPLE_MS) {
		sample(0, image);
		usleep(SAMPLE_MS * 1000);
	}
}

static void forget(const char *image)
{
	const int fd = open(image, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		lab_die(image);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

static int on_host(const char *image, char **command)
{
	int status;

	signal(SIGPIPE, SIG_IGN);
	forget(image);
	begin_ns = lab_now_ns();
	watch_nothing(image);
	step = "starting";
	const struct vm vm = start(command);

	watch(&vm, image);
	waitpid(vm.pid, &status, 0);
	step = "after";
	watch_nothing(image);
	return WIFEXITED(status) ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "host"))
		return on_host(argv[2], argv + 3);
	if (argc > 1 && !strcmp(argv[1], "guest"))
		return in_guest(lab_option(argc, argv, 'm', 8));
	fprintf(stderr, "usage: vm-memory host IMAGE COMMAND... | guest [-m MIB]\n");
	return 2;
}
