/* SPDX-License-Identifier: MIT
 *
 * Has vitrine-disasm (disasm_helper.c) disassemble. See disasm.h.
 */
#include "observe/disasm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/paths.h"

#define HELPER "vitrine-disasm"
#define PATH_BYTES 4096
#define LINE_MAX_BYTES 256
#define CODE_BYTES_MAX 64

/* Starts the helper. Its output comes from *read_fd; its complaints (no libcapstone) go nowhere. */
static int start(char **argv, int *read_fd, pid_t *pid)
{
	char path[PATH_BYTES], *no_environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], err = path_find_program(HELPER, path, sizeof(path));

	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	err = posix_spawn_file_actions_init(&actions);
	if (!err) {
		err = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
		if (!err)
			err = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
							       O_WRONLY, 0);
		if (!err)
			err = posix_spawn(pid, path, &actions, NULL, argv, no_environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (err)
		close(ends[0]);
	*read_fd = ends[0];
	return -err;
}

static int copy_lines(FILE *out, const char *indent, int read_fd)
{
	char line[LINE_MAX_BYTES];
	FILE *in = fdopen(read_fd, "r");
	int lines = 0;

	if (!in) {
		close(read_fd);
		return 0;
	}
	while (fgets(line, sizeof(line), in)) {
		fprintf(out, "%s%s", indent, line);
		lines++;
	}
	fclose(in);
	return lines;
}

int disasm_print(FILE *out, const char *indent, unsigned bits, uint64_t address,
		 const uint8_t *code, size_t size_bytes, unsigned line_max)
{
	char bits_text[8], address_text[24], line_text[16], digits[2 * CODE_BYTES_MAX + 1] = "";
	char *argv[] = {HELPER, bits_text, address_text, line_text, digits, NULL};
	int read_fd = -1, lines, status;
	pid_t pid = -1;

	snprintf(bits_text, sizeof(bits_text), "%u", bits);
	snprintf(address_text, sizeof(address_text), "0x%" PRIx64, address);
	snprintf(line_text, sizeof(line_text), "%u", line_max);
	for (size_t i = 0; i < size_bytes && i < CODE_BYTES_MAX; i++)
		snprintf(digits + 2 * i, 3, "%02x", code[i]);
	if (start(argv, &read_fd, &pid))
		return -ENOENT;
	lines = copy_lines(out, indent, read_fd);
	if (waitpid(pid, &status, 0) == pid && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return -ENOENT;
	return lines;
}
