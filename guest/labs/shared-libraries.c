/* SPDX-License-Identifier: MIT
 *
 * Starts a program of the host some times, and asks smaps how much of its C library the processes have each, how
 * much in common, and how much is really there.
 *
 *   shared-libraries PROGRAM [-n PROCESSES]      PROGRAM waits, given the argument 30, as sleep does
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PROCESSES_MAX 16

enum { RSS, PSS, SHARED, PRIVATE, FIELDS };
static const char *const names[FIELDS] = {"Rss:", "Pss:", "Shared_Clean:", "Private_Dirty:"};

/* KiB of the mappings of one process that are of its C library; count: how many mappings. */
static unsigned read_smaps(pid_t pid, uint64_t kib[FIELDS], bool tell)
{
	char path[64], line[512];
	bool is_libc = false;
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		const char *name = strchr(line, '/');

		if (strchr(line, '-') &&
		    strchr(line, '-') < strchr(line, ' ')) { /* a mapping begins */
			is_libc = name && (strstr(name, "/libc.so") || strstr(name, "/libc-") ||
					   strstr(name, "/ld-musl"));
			count += is_libc;
			if (is_libc && tell)
				printf("  %s", line);
		}
		for (unsigned i = 0; is_libc && i < FIELDS; i++)
			if (!strncmp(line, names[i], strlen(names[i]))) {
				const uint64_t value = strtoull(line + strlen(names[i]), NULL, 10);

				kib[i] += value;
				if (tell)
					printf("    %s %lu kB\n", names[i], (unsigned long)value);
			}
	}
	if (file)
		fclose(file);
	return count;
}

int main(int argc, char **argv)
{
	const char *program = argc > 1 ? argv[1] : "sleep";
	const unsigned count = (unsigned)lab_option(argc, argv, 'n', 8);
	pid_t pid[PROCESSES_MAX] = {0};

	if (!count || count > PROCESSES_MAX)
		return 2;
	for (unsigned n = 0; n < count; n++) {
		uint64_t kib[FIELDS] = {0};
		unsigned mappings = 0;

		pid[n] = fork();
		if (!pid[n]) {
			execlp(program, program, "30", (char *)NULL);
			_exit(127);
		}
		usleep(200000); /* until it waits */
		for (unsigned i = 0; i <= n; i++)
			mappings = read_smaps(pid[i], kib, n == 1 && i == 0);
		if (!mappings) {
			printf("%s has no C library of its own in a file: it's static\n", program);
			break;
		}
		printf("%u processes: libc is mapped in %lu KiB in all, of them private %lu; really there for them %lu\n",
		       n + 1, (unsigned long)kib[RSS], (unsigned long)kib[PRIVATE],
		       (unsigned long)kib[PSS]);
		lab_row("libc", "processes=%u rss=%lu pss=%lu shared=%lu private=%lu mappings=%u",
			n + 1, (unsigned long)kib[RSS], (unsigned long)kib[PSS],
			(unsigned long)kib[SHARED], (unsigned long)kib[PRIVATE], mappings);
	}
	for (unsigned n = 0; n < count && pid[n] > 0; n++)
		kill(pid[n], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
