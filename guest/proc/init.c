/* SPDX-License-Identifier: MIT
 *
 * The first process: init, with the console as its input and output.
 */
#include <stddef.h>

#include "guest/board/machine.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/lib/words.h"
#include "guest/proc/process.h"
#include "guest/proc/spawn.h"

#define ARGUMENTS_MAX 32

static char words[MACHINE_CMDLINE_MAX + ARGUMENTS_MAX];
static char *arguments[ARGUMENTS_MAX + 2];
static char *const environment[] = {"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin",
				    NULL};
static const char *const usual[] = {"/init", "/sbin/init", "/bin/sh"};

#define QEMU_ADDS \
	"virtio_mmio.device=" /* machine microvm: at the very end, where its devices are */

/* What stands behind a lone "--" on the command line is for init. */
static void read_arguments(void)
{
	const char *at = machine.cmdline;
	char word[MACHINE_CMDLINE_MAX], *to = words;
	unsigned count = 1;
	bool ours = false;

	while (words_next(&at, word, sizeof(word)) && count <= ARGUMENTS_MAX) {
		const size_t bytes = strlen(word) + 1;

		if (ours && strncmp(word, QEMU_ADDS, strlen(QEMU_ADDS))) {
			memcpy(to, word, bytes);
			arguments[count++] = to;
			to += bytes;
		}
		ours = ours || !strcmp(word, "--");
	}
}

static int try_program(char *path)
{
	int error;

	arguments[0] = path;
	error = process_exec(path, arguments, environment);
	if (error)
		print("%s: not started, error %d\n", path, -error);
	return error;
}

static void start(void *unused)
{
	char path[128];
	int error = -ENOENT;

	(void)unused;
	spawn_open_console();
	read_arguments();
	if (machine_option("init", path, sizeof(path))) {
		error = try_program(path);
	} else {
		for (unsigned i = 0; error && i < sizeof(usual) / sizeof(usual[0]); i++) {
			print_to(path, sizeof(path), "%s", usual[i]);
			error = try_program(path);
		}
	}
	if (error)
		panic("no program to start as process 1");
	spawn_enter_program();
}

void process_start_init(void)
{
	process_init = spawn("init", start, NULL);
	spawn_start(process_init);
}
