/* SPDX-License-Identifier: MIT
 *
 * See locks.h. All locks of a file are in one list; flock() has its own kind, which doesn't see the
 * others. One spinlock guards all lists: they are short, and changes rare.
 */
#include "guest/fs/locks.h"

#include "guest/fs/files.h"
#include "guest/fs/vfs.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define END_OF_FILE INT64_MAX
#define LOCKS_MAX 4096 /* in all */

enum kind { KIND_POSIX, KIND_FLOCK };

struct file_lock {
	struct file_lock *next;
	const void *owner; /* a descriptor table, or a file */
	enum kind kind;
	int16_t type; /* F_RDLCK or F_WRLCK */
	int32_t pid;
	int64_t start, end; /* [start, end] */
};

/* A wait for a lock, for finding deadlocks. */
struct lock_wait {
	const void *owner, *holder;
	struct lock_wait *next;
};

static struct spinlock lock;
static struct waitq released = WAITQ_EMPTY(released);
static struct lock_wait *lock_waits;
static unsigned lock_count;

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->start <= b->end && b->start <= a->end;
}

static struct file_lock *conflict_locked(const struct inode *inode, const struct file_lock *wanted)
{
	for (struct file_lock *at = inode->locks; at; at = at->next)
		if (overlap(at, wanted) && at->owner != wanted->owner &&
		    (at->type == F_WRLCK || wanted->type == F_WRLCK))
			return at;
	return NULL;
}

/* Whether holder waits, over others, for owner. */
static bool would_deadlock_locked(const void *owner, const void *holder)
{
	for (unsigned steps = 0; steps < LOCKS_MAX; steps++) {
		const struct lock_wait *at = lock_waits;

		while (at && at->owner != holder)
			at = at->next;
		if (!at)
			return false;
		holder = at->holder;
		if (holder == owner)
			return true;
	}
	return false;
}

/* Takes [start, end] of a lock away; what is left behind it becomes *spare. false: spare is used. */
static bool cut_locked(struct file_lock **link, const struct file_lock *range,
		       struct file_lock *spare)
{
	struct file_lock *at = *link;

	if (at->start < range->start && at->end > range->end) {
		*spare = *at;
		spare->start = range->end + 1;
		at->end = range->start - 1;
		at->next = spare;
		return false;
	}
	if (at->start < range->start)
		at->end = range->start - 1;
	else
		at->start = range->end + 1;
	return true;
}

/* The owner's locks in the range go, or shrink. spare: memory for a split; given back if unused. */
static struct file_lock *clear_locked(struct inode *inode, const struct file_lock *range,
				      struct file_lock *spare, struct file_lock **freed)
{
	struct file_lock **link = (struct file_lock **)&inode->locks;

	while (*link) {
		struct file_lock *at = *link;

		if (at->owner != range->owner || !overlap(at, range)) {
			link = &at->next;
		} else if (at->start >= range->start && at->end <= range->end) {
			*link = at->next;
			at->next = *freed;
			*freed = at;
		} else {
			if (!cut_locked(link, range, spare))
				spare = NULL;
			link = &(*link)->next;
		}
	}
	return spare;
}

static void free_all(struct file_lock *list)
{
	while (list) {
		struct file_lock *next = list->next;

		kfree(list);
		__atomic_fetch_sub(&lock_count, 1, __ATOMIC_RELAXED);
		list = next;
	}
}

static struct file_lock *allocate(void)
{
	struct file_lock *made = NULL;

	if (__atomic_add_fetch(&lock_count, 1, __ATOMIC_RELAXED) <= LOCKS_MAX)
		made = kmalloc(sizeof(*made));
	if (!made)
		__atomic_fetch_sub(&lock_count, 1, __ATOMIC_RELAXED);
	return made;
}

/* Sets or clears at once: 0, -EAGAIN with *holder, -ENOLCK. */
static int try_once(struct inode *inode, const struct file_lock *wanted, struct lock_wait *wait)
{
	struct file_lock *made = wanted->type == F_UNLCK ? NULL : allocate();
	struct file_lock *spare = allocate(), *freed = NULL, *conflict = NULL;
	uint64_t flags;

	if (!spare || (wanted->type != F_UNLCK && !made)) {
		free_all(made);
		free_all(spare);
		return -ENOLCK;
	}
	flags = spin_lock(&lock);
	if (made)
		conflict = conflict_locked(inode, wanted);
	if (conflict) {
		wait->holder = conflict->owner;
	} else {
		spare = clear_locked(inode, wanted, spare, &freed);
		if (made) {
			*made = *wanted;
			made->next = inode->locks;
			inode->locks = made;
			made = NULL;
		}
	}
	spin_unlock(&lock, flags);
	free_all(made);
	free_all(spare);
	if (freed)
		waitq_wake(&released);
	free_all(freed);
	if (!conflict && wanted->type != F_WRLCK)
		waitq_wake(
			&released); /* it may have been exclusive before, or only part of it went */
	return conflict ? -EAGAIN : 0;
}

static void leave_waits(struct lock_wait *wait)
{
	const uint64_t flags = spin_lock(&lock);
	struct lock_wait **link = &lock_waits;

	while (*link && *link != wait)
		link = &(*link)->next;
	if (*link)
		*link = wait->next;
	spin_unlock(&lock, flags);
}

static bool is_free(struct inode *inode, const struct file_lock *wanted, struct lock_wait *wait)
{
	const uint64_t flags = spin_lock(&lock);
	const struct file_lock *conflict = conflict_locked(inode, wanted);

	if (conflict)
		wait->holder = conflict->owner;
	spin_unlock(&lock, flags);
	return !conflict;
}

/* Whoever finds the circle closed gives up; POSIX has this for its own kind only. */
static int enter_waits(struct lock_wait *wait, bool detect)
{
	const uint64_t flags = spin_lock(&lock);
	const bool dead = detect && would_deadlock_locked(wait->owner, wait->holder);

	if (!dead) {
		wait->next = lock_waits;
		lock_waits = wait;
	}
	spin_unlock(&lock, flags);
	return dead ? -EDEADLK : 0;
}

static int set(struct file *file, const struct file_lock *wanted, bool waits, bool detect)
{
	struct lock_wait wait = {.owner = wanted->owner};
	int error;

	for (;;) {
		error = try_once(file->inode, wanted, &wait);
		if (error != -EAGAIN || !waits)
			return error;
		error = enter_waits(&wait, detect);
		if (error)
			return error;
		error = wait_until(&released, is_free(file->inode, wanted, &wait));
		leave_waits(&wait);
		if (error)
			return error;
	}
}

/* [start, end] of a request; whence: 0 start, 1 position, 2 end of the file. */
static int parse(const struct file *file, const struct lock_request *request, struct file_lock *to)
{
	const int64_t bases[] = {0, (int64_t)file->position, (int64_t)file->inode->size};
	int64_t start;

	if (request->type < F_RDLCK || request->type > F_UNLCK || request->whence < 0 ||
	    request->whence > 2)
		return -EINVAL;
	if (__builtin_add_overflow(bases[request->whence], request->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	to->type = request->type;
	to->start = start;
	to->end = END_OF_FILE;
	if (request->length > 0 && __builtin_add_overflow(start, request->length - 1, &to->end))
		return -EOVERFLOW;
	if (request->length < 0) { /* in front of start */
		to->end = start - 1;
		if (__builtin_add_overflow(start, request->length, &to->start))
			return -EINVAL;
	}
	return to->start < 0 || to->end < to->start ? -EINVAL : 0;
}

static void get(struct file *file, const struct file_lock *wanted, struct lock_request *request)
{
	const uint64_t flags = spin_lock(&lock);
	const struct file_lock *found = conflict_locked(file->inode, wanted);

	request->type = F_UNLCK;
	if (found) {
		request->type = found->type;
		request->whence = 0;
		request->start = found->start;
		request->length = found->end == END_OF_FILE ? 0 : found->end - found->start + 1;
		request->pid = found->pid;
	}
	spin_unlock(&lock, flags);
}

int lock_fcntl(struct file *file, enum lock_command command, struct lock_request *request)
{
	const unsigned mode = file->flags & O_ACCMODE;
	const bool of_file = command >= F_OFD_GETLK;
	struct file_lock wanted = {.kind = KIND_POSIX};
	int error = parse(file, request, &wanted);

	if (error || (of_file && request->pid))
		return error ? error : -EINVAL;
	wanted.owner = of_file ? (const void *)file : process_this()->files;
	wanted.pid = of_file ? -1 : process_this()->pid;
	if (command == F_GETLK || command == F_OFD_GETLK) {
		if (wanted.type == F_UNLCK)
			return -EINVAL;
		get(file, &wanted, request);
		return 0;
	}
	if ((wanted.type == F_RDLCK && mode == O_WRONLY) ||
	    (wanted.type == F_WRLCK && mode == O_RDONLY))
		return -EBADF;
	return set(file, &wanted, command == F_SETLKW || command == F_OFD_SETLKW, !of_file);
}

int lock_flock(struct file *file, unsigned operation)
{
	struct file_lock wanted = {.kind = KIND_FLOCK, .owner = file, .end = END_OF_FILE};

	switch (operation & ~(unsigned)LOCK_NB) {
	case LOCK_SH: wanted.type = F_RDLCK; break;
	case LOCK_EX: wanted.type = F_WRLCK; break;
	case LOCK_UN: wanted.type = F_UNLCK; break;
	default: return -EINVAL;
	}
	return set(file, &wanted, !(operation & LOCK_NB), false);
}

static void forget(struct inode *inode, const void *owner, enum kind kind)
{
	const struct file_lock all = {.owner = owner, .kind = kind, .end = END_OF_FILE};
	struct file_lock *freed = NULL;
	uint64_t flags;

	if (!inode || !inode->locks)
		return;
	flags = spin_lock(&lock);
	clear_locked(inode, &all, NULL, &freed);
	spin_unlock(&lock, flags);
	if (freed)
		waitq_wake(&released);
	free_all(freed);
}

void lock_forget_owner(struct file *file, const struct files *files)
{
	forget(file->inode, files, KIND_POSIX);
}

void lock_forget_file(struct file *file)
{
	forget(file->inode, file, KIND_FLOCK);
	forget(file->inode, file, KIND_POSIX);
}
