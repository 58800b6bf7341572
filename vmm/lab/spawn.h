/* SPDX-License-Identifier: MIT
 *
 * Commands of a lab: a shell's process group, its output line by line, and an end to all of it.
 */
#ifndef VITRINE_LAB_SPAWN_H
#define VITRINE_LAB_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

enum spawn_end {
	SPAWN_EXITED,
	SPAWN_TIMEOUT,	   /* was killed at its time limit */
	SPAWN_INTERRUPTED, /* was killed because the user wants to end */
	SPAWN_FLOOD,	   /* was killed because it wrote too much */
	SPAWN_FAILED	   /* couldn't be started */
};

struct spawn {
	const char *command; /* for sh -c */
	const char *folder;  /* where it runs */
	unsigned timeout_s;
	/* A line of its output, without its end; true: it has said all, and is killed if it goes on for more than some
	 * seconds. */
	bool (*line)(void *ctx, const char *line);
	void (*tick)(void *ctx, unsigned seconds); /* about once a second; may be NULL */
	void *ctx;
};

struct spawn_result {
	enum spawn_end end;
	int status; /* as a shell counts it */
	double seconds;
};

/* SIGINT, SIGTERM and SIGHUP end what runs from now on; and what is orphaned by it becomes ours. */
void spawn_prepare(void);

/* The signal that came, 0: none. */
int spawn_signal(void);

/* Runs it, and leaves nothing of it behind: no process, also none that has moved to a session of its own. */
struct spawn_result spawn_run(const struct spawn *spawn);

#endif
