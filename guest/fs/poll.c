/* SPDX-License-Identifier: MIT
 *
 * poll() and select(): joins all queues once, and looks at all files again whenever one of them wakes us.
 */
#include "guest/fs/poll.h"

#include "guest/fs/files.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/time/clock.h"

/* Called by the dispatcher. */
int64_t sys_poll(uint64_t fds_gva, uint32_t count, int milliseconds);
int64_t sys_ppoll(uint64_t fds_gva, uint32_t count, uint64_t time_gva, uint64_t mask_gva,
		  uint64_t mask_bytes);
int64_t sys_select(int count, uint64_t in_gva, uint64_t out_gva, uint64_t except_gva,
		   uint64_t time_gva);
int64_t sys_pselect6(int count, uint64_t in_gva, uint64_t out_gva, uint64_t except_gva,
		     uint64_t time_gva, uint64_t mask_gva);

#define WAITS_AT_HAND 6
#define FDS_AT_HAND 4
#define NS_PER_SECOND 1000000000ll

struct joined {
	struct wait wait;
	struct joined *next;
};

struct poll_waits {
	struct poll_table table;
	struct joined at_hand[WAITS_AT_HAND];
	unsigned used;
	struct joined *more; /* from kmalloc() */
	bool failed;	     /* no memory for another */
};

struct poll_fd { /* struct pollfd */
	int32_t fd;
	uint16_t events, returned;
};
_Static_assert(sizeof(struct poll_fd) == 8, "struct pollfd");

static void join(struct poll_table *table, struct waitq *queue)
{
	struct poll_waits *waits = container_of(table, struct poll_waits, table);
	struct joined *joined;

	if (waits->used < WAITS_AT_HAND) {
		joined = &waits->at_hand[waits->used++];
	} else {
		joined = kmalloc(sizeof(*joined));
		if (!joined) {
			waits->failed = true;
			return;
		}
		joined->next = waits->more;
		waits->more = joined;
	}
	joined->wait.task = task_this();
	joined->wait.wake = NULL;
	joined->wait.exclusive = false;
	waitq_add(queue, &joined->wait);
}

static void leave_all(struct poll_waits *waits)
{
	for (unsigned i = 0; i < waits->used; i++)
		waitq_remove(&waits->at_hand[i].wait);
	while (waits->more) {
		struct joined *joined = waits->more;

		waits->more = joined->next;
		waitq_remove(&joined->wait);
		kfree(joined);
	}
}

unsigned poll_file(struct file *file, struct poll_table *table)
{
	if (!file->operations || !file->operations->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->operations->poll(file, table);
}

/* Looks at all; how many have something to report. files are referenced meanwhile, so that the queues stay. */
static int look(struct poll_fd *fds, struct file **files, unsigned count, struct poll_table *table)
{
	int ready = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned events = 0;

		if (fds[i].fd >= 0)
			events = files[i] ? poll_file(files[i], ready ? NULL : table) : POLLNVAL;
		fds[i].returned = (uint16_t)(events &
					     (fds[i].events | POLLERR | POLLHUP | POLLNVAL));
		ready += fds[i].returned != 0;
	}
	return ready;
}

static int wait_for(struct poll_fd *fds, struct file **files, unsigned count, uint64_t deadline_ns)
{
	struct waitq own;
	struct poll_waits waits = {.used = 0};
	struct wait wait;
	int ready, error = 0;

	waits.table.join = join;
	ready = look(fds, files, count, deadline_ns ? &waits.table : NULL);
	if (!ready && deadline_ns && !waits.failed) {
		waitq_init(&own);
		wait_begin(&own, &wait, TASK_SLEEPING);
		while (!(ready = look(fds, files, count, NULL)) && !error)
			error = wait_step(&wait, TASK_SLEEPING, deadline_ns);
		wait_end(&wait);
	}
	leave_all(&waits);
	if (!ready && waits.failed)
		return -ENOMEM;
	return ready || error == -ETIMEDOUT ? ready : error;
}

/* files: room for count. */
static int do_poll(struct poll_fd *fds, struct file **files, unsigned count, uint64_t deadline_ns)
{
	int result;

	for (unsigned i = 0; i < count; i++)
		files[i] = fds[i].fd < 0 ? NULL : fd_get(fds[i].fd);
	result = wait_for(fds, files, count, deadline_ns);
	for (unsigned i = 0; i < count; i++)
		if (files[i])
			file_put(files[i]);
	return result == -ERESTART ? -EINTR : result;
}

static int poll_user(uint64_t fds_gva, uint32_t count, uint64_t deadline_ns)
{
	struct {
		struct poll_fd fd;
		struct file *file;
	} at_hand[FDS_AT_HAND];
	const size_t bytes = count * sizeof(struct poll_fd);
	char *room = (char *)at_hand;
	int result;

	if (count > process_this()->limits[RLIMIT_NOFILE].soft || count > FILES_MAX)
		return -EINVAL;
	if (count > FDS_AT_HAND)
		room = kmalloc(bytes + count * sizeof(struct file *));
	if (!room)
		return -ENOMEM;
	struct file **files = (struct file **)room;
	struct poll_fd *fds = (struct poll_fd *)(files + count);

	result = user_read(fds, fds_gva, bytes);
	if (!result)
		result = do_poll(fds, files, count, deadline_ns);
	if (result >= 0 && user_write(fds_gva, fds, bytes))
		result = -EFAULT;
	if (count > FDS_AT_HAND)
		kfree(room);
	return result;
}

uint64_t poll_deadline_ms(int milliseconds)
{
	if (milliseconds < 0)
		return WAIT_FOREVER;
	return milliseconds ? clock_ns() + (uint64_t)milliseconds * 1000000 : 0;
}

/* 0: don't wait at all. */
int poll_deadline(uint64_t time_gva, bool microseconds, uint64_t *deadline_ns)
{
	const int64_t parts = microseconds ? 1000000 : NS_PER_SECOND;
	struct time_spec time;

	*deadline_ns = WAIT_FOREVER;
	if (!time_gva)
		return 0;
	if (user_read(&time, time_gva, sizeof(time)))
		return -EFAULT;
	if (time.seconds < 0 || time.nanoseconds < 0 ||
	    (time.nanoseconds >= parts && !microseconds))
		return -EINVAL;
	if (time.seconds > INT64_MAX / NS_PER_SECOND / 4 || time.nanoseconds > INT64_MAX / 4000)
		return 0;
	*deadline_ns = (uint64_t)(time.seconds * NS_PER_SECOND +
				  time.nanoseconds * (NS_PER_SECOND / parts));
	if (*deadline_ns)
		*deadline_ns += clock_ns();
	return 0;
}

/* Blocks other signals while a call waits. mask_gva 0: none. */
int poll_block_signals(uint64_t mask_gva, uint64_t bytes)
{
	signal_set mask;

	if (!mask_gva)
		return 0;
	if (bytes != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, mask_gva, sizeof(mask)))
		return -EFAULT;
	signal_block_for_wait(mask);
	return 0;
}

/* -EINTR leaves them, for the handler to run with. */
int64_t poll_unblock_signals(uint64_t mask_gva, int64_t result)
{
	if (mask_gva && result != -EINTR)
		signal_unblock_after_wait();
	return result;
}

int64_t sys_poll(uint64_t fds_gva, uint32_t count, int milliseconds)
{
	return poll_user(fds_gva, count, poll_deadline_ms(milliseconds));
}

int64_t sys_ppoll(uint64_t fds_gva, uint32_t count, uint64_t time_gva, uint64_t mask_gva,
		  uint64_t mask_bytes)
{
	uint64_t deadline_ns;
	int error = poll_deadline(time_gva, false, &deadline_ns);

	if (!error)
		error = poll_block_signals(mask_gva, mask_bytes);
	if (error)
		return error;
	return poll_unblock_signals(mask_gva, poll_user(fds_gva, count, deadline_ns));
}

#define SELECT_WORDS (FILES_MAX / 64)
#define SELECT_IN (POLLIN | POLLRDNORM | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLERR)
#define SELECT_EXCEPT POLLPRI

struct select {
	uint64_t in[3][SELECT_WORDS]; /* read, write, except */
	struct poll_fd fds[FILES_MAX];
	struct file *files[FILES_MAX];
};

static unsigned fds_of_sets(struct select *select, int count)
{
	static const uint16_t events[3] = {SELECT_IN, SELECT_OUT, SELECT_EXCEPT};
	unsigned used = 0;

	for (int fd = 0; fd < count; fd++) {
		uint16_t wanted = 0;

		for (int set = 0; set < 3; set++)
			if (select->in[set][fd / 64] >> fd % 64 & 1)
				wanted |= events[set];
		if (wanted)
			select->fds[used++] = (struct poll_fd){fd, wanted, 0};
	}
	return used;
}

/* The sets become the answer: how many bits are set, or -EBADF. */
static int sets_of_fds(struct select *select, unsigned used)
{
	static const uint16_t events[3] = {SELECT_IN, SELECT_OUT, SELECT_EXCEPT};
	int bits = 0;

	for (unsigned i = 0; i < used; i++) {
		const struct poll_fd *at = &select->fds[i];

		if (at->returned & POLLNVAL)
			return -EBADF;
		for (int set = 0; set < 3; set++) {
			uint64_t *word = &select->in[set][at->fd / 64];
			const uint64_t bit = 1ull << at->fd % 64;

			if (!(*word & bit))
				continue;
			if (at->returned & events[set])
				bits++;
			else
				*word &= ~bit;
		}
	}
	return bits;
}

static int select_user(int count, const uint64_t sets_gva[3], uint64_t deadline_ns)
{
	const size_t bytes = ((size_t)count + 63) / 64 * 8;
	struct select *select = kmalloc(sizeof(*select));
	int result = select ? 0 : -ENOMEM;
	unsigned used;

	for (int set = 0; set < 3 && !result; set++)
		if (sets_gva[set])
			result = user_read(select->in[set], sets_gva[set], bytes);
	if (!result) {
		used = fds_of_sets(select, count);
		result = do_poll(select->fds, select->files, used, deadline_ns);
		if (result >= 0)
			result = sets_of_fds(select, used);
	}
	for (int set = 0; set < 3 && result >= 0; set++)
		if (sets_gva[set] && user_write(sets_gva[set], select->in[set], bytes))
			result = -EFAULT;
	kfree(select);
	return result;
}

/* What is left, as Linux's select() writes it. */
static void write_left(uint64_t time_gva, uint64_t deadline_ns, bool microseconds)
{
	const uint64_t now = clock_ns();
	const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	const struct time_spec time = {(int64_t)(left / NS_PER_SECOND),
				       (int64_t)(left % NS_PER_SECOND) / (microseconds ? 1000 : 1)};

	if (time_gva && deadline_ns != WAIT_FOREVER)
		user_write(time_gva, &time, sizeof(time));
}

static int64_t do_select(int count, uint64_t in_gva, uint64_t out_gva, uint64_t except_gva,
			 uint64_t time_gva, bool microseconds)
{
	const uint64_t sets_gva[3] = {in_gva, out_gva, except_gva};
	uint64_t deadline_ns;
	int result = count < 0 ? -EINVAL : poll_deadline(time_gva, microseconds, &deadline_ns);

	if (result)
		return result;
	result = select_user(count < FILES_MAX ? count : FILES_MAX, sets_gva, deadline_ns);
	write_left(time_gva, deadline_ns, microseconds);
	return result;
}

int64_t sys_select(int count, uint64_t in_gva, uint64_t out_gva, uint64_t except_gva,
		   uint64_t time_gva)
{
	return do_select(count, in_gva, out_gva, except_gva, time_gva, true);
}

int64_t sys_pselect6(int count, uint64_t in_gva, uint64_t out_gva, uint64_t except_gva,
		     uint64_t time_gva, uint64_t mask_gva)
{
	struct {
		uint64_t gva, bytes;
	} mask = {0, 0};
	int error = mask_gva ? user_read(&mask, mask_gva, sizeof(mask)) : 0;

	if (!error)
		error = poll_block_signals(mask.gva, mask.bytes);
	if (error)
		return error;
	return poll_unblock_signals(mask.gva,
				    do_select(count, in_gva, out_gva, except_gva, time_gva, false));
}
