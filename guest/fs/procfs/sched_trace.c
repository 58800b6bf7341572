/* SPDX-License-Identifier: MIT
 *
 * sched_trace: what the scheduler did, a line each (sched/trace.h), for scripts/plot-sched. Writing 1 starts
 * with an empty ring, 0 stops and keeps it.
 */
#include "guest/fs/procfs/tables.h"
#include "guest/lib/string.h"
#include "guest/sched/trace.h"

#define LINE_BYTES 256

int proc_show_sched_trace(const struct proc_subject *subject, struct text *text)
{
	char line[LINE_BYTES];
	uint64_t position = 0;
	size_t length;

	(void)subject;
	while ((length = trace_read_line(TRACE_CSV, &position, line, sizeof(line))) != 0)
		text_add(text, line, length);
	return 0;
}

int proc_store_sched_trace(const struct proc_subject *subject, const char *word)
{
	(void)subject;
	if (!strcmp(word, "1"))
		return trace_start();
	if (strcmp(word, "0"))
		return -EINVAL;
	trace_stop();
	return 0;
}
