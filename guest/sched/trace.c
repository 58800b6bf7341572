/* SPDX-License-Identifier: MIT
 *
 * Writers on all CPUs take numbers from one counter; entry n is written at n mod TRACE_ENTRIES, its
 * number last, so a reader knows an entry that is being written over.
 */
#include "guest/sched/trace.h"

#include "guest/arch/cpu.h"
#include "guest/lib/errno.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/sched/task.h"
#include "guest/time/clock.h"

enum trace_kind { TRACE_SWITCH, TRACE_WAKE, TRACE_MIGRATE };

struct trace_entry {
	uint64_t number; /* counted from 1; 0: being written */
	uint64_t time_ns;
	uint16_t kind, cpu;
	uint16_t reason; /* switch: enum task_state of `from`, or PREEMPTED */
	uint16_t from_cpu;
	int32_t from, to;
	char from_name[TASK_NAME_BYTES], to_name[TASK_NAME_BYTES];
};
#define PREEMPTED 100

bool trace_is_on;
static struct trace_entry *ring;
static uint64_t last_number;

int trace_start(void)
{
	if (!ring)
		ring = kmalloc(TRACE_ENTRIES * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	__atomic_store_n(&trace_is_on, true, __ATOMIC_RELEASE);
	return 0;
}

void trace_stop(void)
{
	__atomic_store_n(&trace_is_on, false, __ATOMIC_RELEASE);
}

static void record(struct trace_entry *entry)
{
	const uint64_t number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	struct trace_entry *at = &ring[number % TRACE_ENTRIES];

	entry->number = 0;
	__atomic_store_n(&at->number, 0, __ATOMIC_RELEASE);
	memcpy(at, entry, sizeof(*at));
	__atomic_store_n(&at->number, number, __ATOMIC_RELEASE); /* pairs with read_entry() */
}

void trace_record_switch(uint64_t now_ns, const struct task *from, const struct task *to,
			 bool preempted)
{
	struct trace_entry entry = {.time_ns = now_ns,
				    .kind = TRACE_SWITCH,
				    .cpu = cpu_this()->index,
				    .reason = preempted ? PREEMPTED : from->state,
				    .from = from->tid,
				    .to = to->tid};

	memcpy(entry.to_name, to->name, TASK_NAME_BYTES);
	memcpy(entry.from_name, from->name, TASK_NAME_BYTES);
	record(&entry);
}

void trace_record_wake(const struct task *task)
{
	struct trace_entry entry = {.time_ns = clock_ns(),
				    .kind = TRACE_WAKE,
				    .cpu = cpu_this()->index,
				    .from = task_this()->tid,
				    .to = task->tid};

	memcpy(entry.to_name, task->name, TASK_NAME_BYTES);
	record(&entry);
}

void trace_record_migration(const struct task *task, unsigned from_cpu, unsigned to_cpu)
{
	struct trace_entry entry = {.time_ns = clock_ns(),
				    .kind = TRACE_MIGRATE,
				    .cpu = to_cpu,
				    .from_cpu = from_cpu,
				    .to = task->tid};

	memcpy(entry.to_name, task->name, TASK_NAME_BYTES);
	record(&entry);
}

static bool read_entry(uint64_t number, struct trace_entry *entry)
{
	const struct trace_entry *at = &ring[number % TRACE_ENTRIES];

	if (__atomic_load_n(&at->number, __ATOMIC_ACQUIRE) != number)
		return false;
	memcpy(entry, at, sizeof(*entry));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&at->number, __ATOMIC_RELAXED) == number;
}

static const char *reason_name(unsigned reason)
{
	static const char *const name[] = {"yielded", "sleeps", "waits", "stopped", "ended", ""};

	return reason == PREEMPTED ? "preempted" : name[reason];
}

static size_t print_csv(const struct trace_entry *entry, char *text, size_t size)
{
	static const char *const kind[] = {"switch", "wake", "migrate"};
	char reason[16];

	if (entry->kind == TRACE_MIGRATE)
		print_to(reason, sizeof(reason), "from %u", entry->from_cpu);
	else
		print_to(reason, sizeof(reason), "%s",
			 entry->kind == TRACE_SWITCH ? reason_name(entry->reason) : "");
	return print_to(text, size, "%lu,%u,%s,%d,%d,%s,%s\n", entry->time_ns, entry->cpu,
			kind[entry->kind], entry->from, entry->to, entry->to_name, reason);
}

/* Names come from programs: what would end a JSON string, or isn't ASCII, becomes a dot. */
static void to_json(char name[TASK_NAME_BYTES])
{
	for (; *name; name++)
		if (*name == '"' || *name == '\\' || *name < ' ' || *name > '~')
			*name = '.';
}

static size_t print_slice(const struct trace_entry *entry, const char *phase, int32_t tid,
			  const char *name, char *text, size_t size)
{
	if (!tid)
		return 0; /* the idle task: a gap */
	return print_to(text, size,
			"{\"ph\":\"%s\",\"pid\":0,\"tid\":%u,\"ts\":%lu.%03lu,"
			"\"name\":\"%s %d\"},\n",
			phase, entry->cpu, entry->time_ns / 1000, entry->time_ns % 1000, name, tid);
}

static size_t print_chrome(struct trace_entry *entry, char *text, size_t size)
{
	size_t length;

	to_json(entry->from_name);
	to_json(entry->to_name);
	if (entry->kind == TRACE_SWITCH) {
		length = print_slice(entry, "E", entry->from, entry->from_name, text, size);
		return length + print_slice(entry, "B", entry->to, entry->to_name, text + length,
					    size - length);
	}
	return print_to(text, size,
			"{\"ph\":\"i\",\"s\":\"t\",\"pid\":0,\"tid\":%u,\"ts\":%lu.%03lu,"
			"\"name\":\"%s %s %d\"},\n",
			entry->cpu, entry->time_ns / 1000, entry->time_ns % 1000,
			entry->kind == TRACE_WAKE ? "wake" : "migrate", entry->to_name, entry->to);
}

size_t trace_read_line(enum trace_format format, uint64_t *position, char *text, size_t size)
{
	const uint64_t last = __atomic_load_n(&last_number, __ATOMIC_RELAXED);
	struct trace_entry entry;
	size_t length = 0;

	if (*position + TRACE_ENTRIES <= last)
		*position = last - TRACE_ENTRIES + 1;
	if (!*position)
		*position = 1;
	while (!length && *position <= last) {
		if (read_entry((*position)++, &entry))
			length = format == TRACE_CSV ? print_csv(&entry, text, size)
						     : print_chrome(&entry, text, size);
	}
	return length;
}
