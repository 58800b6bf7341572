/* SPDX-License-Identifier: MIT
 *
 * The subcommands: one file each in this folder, all with main()'s shape. argv[0] is the
 * subcommand's own name. They print their own errors and return the process's exit status.
 */
#ifndef VITRINE_CMD_CMD_H
#define VITRINE_CMD_CMD_H

/* Exit statuses of vitrine, beside 0 and what a guest says through debug-exit (odd numbers). */
enum vitrine_exit {
	VITRINE_EXIT_OK = 0,
	VITRINE_EXIT_USAGE = 2,
	VITRINE_EXIT_HOST = 4,
	VITRINE_EXIT_RESET = 6,
	VITRINE_EXIT_TRIPLE_FAULT = 8,
	VITRINE_EXIT_TIMEOUT = 10,
	VITRINE_EXIT_PANIC = 12
};

int cmd_run(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_lab(int argc, char **argv);

#endif
