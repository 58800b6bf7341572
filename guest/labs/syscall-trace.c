/* SPDX-License-Identifier: MIT
 *
 * Makes a known number of each of some system calls, one of them with an error, to be found again in a trace.
 *
 *   syscall-trace [-n WRITES]
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

static void did(const char *call, uint64_t count, uint64_t errors)
{
	lab_row("did", "call=%s count=%lu errors=%lu", call, count, errors);
}

int main(int argc, char **argv)
{
	const uint64_t writes = lab_option(argc, argv, 'n', 20);
	const int null = open("/dev/null", O_WRONLY);
	char byte = 'x';

	for (uint64_t i = 0; i < writes; i++)
		if (write(null, &byte, 1) != 1)
			lab_die("write");
	for (unsigned i = 0; i < 5; i++)
		syscall(SYS_getppid);
	for (unsigned i = 0; i < 3; i++)
		umask(022);
	if (mkdir("/no/such/place", 0755) == 0)
		lab_die("mkdir");

	did("write", writes, 0); /* rows are printed by writev() */
	did("getppid", 5, 0);
	did("umask", 3, 0);
	did("mkdir", 1, 1);
	return 0;
}
