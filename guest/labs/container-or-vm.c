/* SPDX-License-Identifier: MIT
 *
 * A small program that says where it is, what it sees, and waits if asked to: the same one as a bare process, in
 * namespaces and in a VM.
 *
 *   container-or-vm NAME [-w MS]
 *   container-or-vm -c               only the time, in us of the monotonic clock
 */
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lab.h"

int main(int argc, char **argv)
{
	const uint64_t wait_ms = lab_option(argc, argv, 'w', 0);
	const char *name = argc > 1 ? argv[1] : "bare";
	struct utsname system;
	struct sysinfo info;

	if (lab_flag(argc, argv, 'c')) {
		printf("%lu\n", (unsigned long)(lab_now_ns() / 1000));
		return 0;
	}
	/* First of all, for whoever measures how long the way to here was. */
	printf("started %s\n", name);
	fflush(stdout);
	if (uname(&system) || sysinfo(&info))
		lab_die("uname, sysinfo");
	printf("%-10s kernel %s %s, pid %d, %u processes, %lu MiB of memory, host name %s\n", name,
	       system.sysname, system.release, (int)getpid(), lab_process_count(),
	       (unsigned long)(info.totalram * info.mem_unit >> 20), system.nodename);
	lab_row("sees", "world=%s kernel=\"%s\" pid=%d processes=%u mib=%lu", name, system.release,
		(int)getpid(), lab_process_count(),
		(unsigned long)(info.totalram * info.mem_unit >> 20));
	usleep((useconds_t)wait_ms * 1000);
	return 0;
}
