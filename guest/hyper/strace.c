/* SPDX-License-Identifier: MIT
 *
 * A record is made on the calling task's stack, because reading a program's memory may sleep, and then moves
 * to the batch that all CPUs share. What an argument points to is copied before the call, but for what the call
 * fills in; a call that doesn't come back is told of first, and at once.
 */
#include "guest/hyper/strace.h"

#include "abi/syscall_trace.h"
#include "guest/arch/spinlock.h"
#include "guest/arch/trap.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

#define BATCH_ORDER 1
#define TEXT_BYTES (sizeof(struct syscall_trace_text) + SYSCALL_TRACE_TEXT_MAX)

_Static_assert(PAGE_BYTES << BATCH_ORDER == SYSCALL_TRACE_BYTES_MAX, "one hypercall for a batch");
_Static_assert(SYSCALL_TRACE_TEXT_MAX % 8 == 0, "a cut text needs no padding");

enum { SYS_RT_SIGRETURN = 15, SYS_EXIT = 60, SYS_REBOOT = 169, SYS_EXIT_GROUP = 231 };

/* Which arguments point to what; from the prototypes. */
static const struct {
	uint8_t strings, in : 4, out : 4;
} points_to[SYSCALL_COUNT] = {
#define SIGNATURE(number, name, letters, strings, in, out) [number] = {strings, in, out},
#include "syscall-signatures.h"
#undef SIGNATURE
};

struct record {
	struct syscall_trace_record head;
	uint8_t text[SYSCALL_TRACE_TEXTS_MAX * TEXT_BYTES];
};

bool strace_is_on;
static struct spinlock lock;
static uint8_t *batch;
static unsigned used;

void strace_start(void)
{
	struct page *page;

	if (!(hypercall_features() & HYPERCALL_FEATURE_TRACE))
		return;
	page = page_alloc(BATCH_ORDER, 0);
	if (!page)
		panic("no memory for records of system calls");
	batch = page_data(page);
	strace_is_on = true;
}

static void flush_locked(void)
{
	if (used)
		hypercall(HYPERCALL_TRACE, (uint64_t)batch - DIRECT_BASE, used);
	used = 0;
}

void strace_flush(void)
{
	const uint64_t flags = spin_lock(&lock);

	flush_locked();
	spin_unlock(&lock, flags);
}

static void commit(const struct record *record)
{
	const unsigned bytes = record->head.bytes;
	const uint64_t flags = spin_lock(&lock);

	if (used + bytes > SYSCALL_TRACE_BYTES_MAX)
		flush_locked();
	memcpy(batch + used, record, bytes);
	used += bytes;
	if (record->head.flags & SYSCALL_TRACE_NO_RETURN)
		flush_locked();
	spin_unlock(&lock, flags);
}

/* The next text's bytes, all zeroes. NULL: no room. */
static void *new_text(struct record *record)
{
	uint8_t *at = (uint8_t *)record + record->head.bytes;

	if (record->head.text_count == SYSCALL_TRACE_TEXTS_MAX)
		return NULL;
	memset(at, 0, TEXT_BYTES);
	return at + sizeof(struct syscall_trace_text);
}

static void end_text(struct record *record, unsigned argument, uint64_t bytes, bool cut)
{
	struct syscall_trace_text *text = (void *)((uint8_t *)record + record->head.bytes);

	*text = (struct syscall_trace_text){argument, cut, bytes};
	record->head.bytes += sizeof(*text) + ((bytes + 7) & ~7ul);
	record->head.text_count++;
}

static void add_string(struct record *record, unsigned argument)
{
	char *to = new_text(record);
	int64_t length;

	if (!to)
		return;
	length = user_read_string(to, record->head.argument[argument], SYSCALL_TRACE_TEXT_MAX);
	if (length == -ENAMETOOLONG)
		end_text(record, argument, SYSCALL_TRACE_TEXT_MAX, true);
	else if (length >= 0)
		end_text(record, argument, length, false);
}

static void add_bytes(struct record *record, unsigned argument, uint64_t count)
{
	const bool cut = count > SYSCALL_TRACE_TEXT_MAX;
	void *to = new_text(record);

	count = cut ? SYSCALL_TRACE_TEXT_MAX : count;
	if (to && !user_read(to, record->head.argument[argument], count))
		end_text(record, argument, count, cut);
}

static void begin(struct record *record, const struct trap_frame *frame)
{
	struct syscall_trace_record *head = &record->head;
	const unsigned number = frame->rax;

	*head = (struct syscall_trace_record){
		.bytes = sizeof(*head),
		.number = number,
		.tid = task_this()->tid,
		.pid = process_this()->pid,
		.argument = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9}};
	memcpy(head->program, task_this()->name, sizeof(head->program) - 1);
	for (unsigned i = 0; points_to[number].strings >> i; i++)
		if (points_to[number].strings >> i & 1)
			add_string(record, i);
	if (points_to[number].in)
		add_bytes(record, points_to[number].in - 1, head->argument[points_to[number].in]);
}

void strace_call(struct trap_frame *frame, syscall_function function)
{
	struct record record;
	struct syscall_trace_record *head = &record.head;
	const unsigned number = frame->rax, out = points_to[number].out;
	const bool returns = number != SYS_EXIT && number != SYS_EXIT_GROUP &&
			     number != SYS_REBOOT && number != SYS_RT_SIGRETURN;

	begin(&record, frame);
	if (!returns) {
		head->flags = SYSCALL_TRACE_NO_RETURN;
		commit(&record);
	}
	frame->rax = (uint64_t)function(frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8,
					frame->r9);
	head->result = (int64_t)frame->rax;
	if (out && head->result > 0)
		add_bytes(&record, out - 1, head->result);
	if (returns)
		commit(&record);
}
