/* SPDX-License-Identifier: MIT
 *
 * net-cost HOST MIB — the first program of a guest whose clock counts its instructions, one a nanosecond: what its
 * kernel executes for a MiB of TCP to and from HOST. A child counts, in user mode, for whatever time nobody else
 * wants; what is left of a transfer's time when that is taken away is the kernel's (this program's own part is a
 * loop around read() or write()). Loads the modules in /modules first, in the order of their names.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define PORT_SINK 9003
#define PORT_SOURCE 9004
#define MIB (1 << 20)
#define CALIBRATE_S 1

static volatile uint64_t *counter;
static double count_per_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void load_modules(void)
{
	struct dirent **list;
	const int count = scandir("/modules", &list, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[300];
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (list[i]->d_name[0] != '.' && fd >= 0)
			syscall(SYS_finit_module, fd, "", 0);
	}
}

static int bring_up(const char *address)
{
	struct ifreq request = {.ifr_name = "eth0"};
	struct sockaddr_in *name = (struct sockaddr_in *)&request.ifr_addr;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	name->sin_family = AF_INET;
	inet_pton(AF_INET, address, &name->sin_addr);
	for (int i = 0; ioctl(fd, SIOCSIFADDR, &request); i++) {
		if (i == 50)
			return -1;
		usleep(20000);
	}
	inet_pton(AF_INET, "255.255.255.0", &name->sin_addr);
	ioctl(fd, SIOCSIFNETMASK, &request);
	ioctl(fd, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request);
}

static void start_counting(void)
{
	uint64_t start, counted;

	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*counter = 0;
	if (!fork()) {
		nice(19);
		for (;;)
			++*counter;
	}
	usleep(100000);
	start = now_ns();
	counted = *counter;
	sleep(CALIBRATE_S);
	count_per_ns = (double)(*counter - counted) / (double)(now_ns() - start);
}

static int dial(const char *host, int port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, host, &name.sin_addr);
	for (int i = 0; connect(fd, (struct sockaddr *)&name, sizeof(name)); i++) {
		if (i == 20)
			return -1;
		usleep(100000);
	}
	return fd;
}

/* All of it, and the other side has it. */
static long long transfer(int fd, int sends, long long bytes)
{
	static char chunk[CHUNK];
	long long done = 0;
	ssize_t now;

	while (sends && done < bytes && (now = write(fd, chunk, CHUNK)) > 0)
		done += now;
	if (sends)
		shutdown(fd, SHUT_WR);
	while ((now = read(fd, chunk, CHUNK)) > 0)
		done += sends ? 0 : now;
	return done;
}

static void measure(const char *name, const char *host, int port, long long bytes)
{
	const int fd = dial(host, port);
	const uint64_t start = now_ns(), counted = *counter;
	const long long done = transfer(fd, port == PORT_SINK, bytes);
	const uint64_t passed = now_ns() - start;
	const double idle = (double)(*counter - counted) / count_per_ns;

	printf("cost %s %.0f of %.0f bytes %lld\n", name,
	       ((double)passed - idle) * MIB / (double)(done ? done : 1),
	       (double)passed * MIB / (double)(done ? done : 1), done);
	fflush(stdout);
	close(fd);
}

int main(int count, char **words)
{
	const char *host = count > 1 ? words[1] : "10.9.0.1";
	const long long bytes = (count > 2 ? atoll(words[2]) : 64) * MIB;

	load_modules();
	if (bring_up("10.9.0.2"))
		printf("no eth0\n");
	start_counting();
	measure("tcp-send", host, PORT_SINK, bytes);
	measure("tcp-receive", host, PORT_SOURCE, bytes);
	printf("cost end\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 0;
}
