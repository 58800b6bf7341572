/* SPDX-License-Identifier: MIT
 *
 * Descriptor tables. They grow by doubling; a bit map finds the lowest free descriptor.
 */
#include "guest/fs/files.h"

#include "guest/fs/locks.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define WORDS (FILES_MAX / 64)
#define SLOTS_MIN 32

struct files {
	uint32_t refs;
	struct spinlock lock;
	unsigned slot_count;
	struct file **slots;
	uint64_t used[WORDS], close_on_exec[WORDS];
};

static struct slab_cache *tables;

struct files *files_create(void)
{
	struct files *files;

	if (!tables)
		tables = slab_cache_create("files", sizeof(*files), 0);
	files = slab_alloc(tables);
	if (files)
		files->refs = 1;
	return files;
}

/* At least count slots; false: no memory. The table grows only by its own threads. */
static bool grow(struct files *files, unsigned count)
{
	unsigned slots = files->slot_count ? files->slot_count : SLOTS_MIN;
	struct file **larger, **old;
	uint64_t flags;

	while (slots < count)
		slots *= 2;
	larger = kmalloc(slots * sizeof(struct file *));
	if (!larger)
		return false;
	flags = spin_lock(&files->lock);
	old = larger;
	if (slots > files->slot_count) {
		old = files->slots;
		if (old)
			memcpy(larger, old, files->slot_count * sizeof(struct file *));
		files->slots = larger;
		files->slot_count = slots;
	}
	spin_unlock(&files->lock, flags);
	kfree(old);
	return true;
}

/* One more than the highest descriptor in use. */
static unsigned used_end(const struct files *files)
{
	for (unsigned i = WORDS; i-- > 0;)
		if (files->used[i])
			return i * 64 + 64 - (unsigned)__builtin_clzll(files->used[i]);
	return 0;
}

static void copy_slots(struct files *to, const struct files *from)
{
	memcpy(to->used, from->used, sizeof(to->used));
	memcpy(to->close_on_exec, from->close_on_exec, sizeof(to->used));
	for (unsigned fd = 0; fd < to->slot_count && fd < from->slot_count; fd++) {
		to->slots[fd] = from->slots[fd];
		if (to->slots[fd])
			file_get(to->slots[fd]);
	}
}

struct files *files_copy(struct files *from)
{
	struct files *files = files_create();
	uint64_t flags;
	bool fits = false;

	while (files && !fits) {
		const unsigned end = used_end(from);

		if (end && !grow(files, end)) {
			files_put(files);
			return NULL;
		}
		flags = spin_lock(&from->lock);
		fits = used_end(from) <= files->slot_count;
		if (fits)
			copy_slots(files, from);
		spin_unlock(&from->lock, flags);
	}
	return files;
}

struct files *files_get(struct files *files)
{
	__atomic_fetch_add(&files->refs, 1, __ATOMIC_RELAXED);
	return files;
}

int files_unshare(void)
{
	struct process *process = process_this();
	struct files *old = process->files, *copy;
	uint64_t flags;

	if (__atomic_load_n(&old->refs, __ATOMIC_ACQUIRE) == 1)
		return 0;
	copy = files_copy(old);
	if (!copy)
		return -ENOMEM;
	flags = spin_lock(&process_lock); /* procfs looks at it under this lock */
	process->files = copy;
	spin_unlock(&process_lock, flags);
	files_put(old);
	return 0;
}

/* Takes the file out of its slot; NULL: none is there. */
static struct file *take(struct files *files, unsigned fd)
{
	const uint64_t flags = spin_lock(&files->lock);
	struct file *file = fd < files->slot_count ? files->slots[fd] : NULL;

	if (file) {
		files->slots[fd] = NULL;
		files->used[fd / 64] &= ~(1ull << fd % 64);
		files->close_on_exec[fd / 64] &= ~(1ull << fd % 64);
	}
	spin_unlock(&files->lock, flags);
	return file;
}

static int close_file(struct files *files, struct file *file)
{
	int error = 0;

	if (file->operations && file->operations->flush)
		error = file->operations->flush(file);
	lock_forget_owner(file, files);
	file_put(file);
	return error;
}

static void close_those(struct files *files, const uint64_t *those)
{
	for (unsigned i = 0; i < WORDS; i++)
		for (uint64_t bits = those[i]; bits; bits &= bits - 1) {
			struct file *file = take(files, i * 64 + (unsigned)__builtin_ctzll(bits));

			if (file)
				close_file(files, file);
		}
}

void files_put(struct files *files)
{
	if (__atomic_sub_fetch(&files->refs, 1, __ATOMIC_ACQ_REL))
		return;
	close_those(files, files->used);
	kfree(files->slots);
	slab_free(tables, files);
}

void files_close_on_exec(struct files *files)
{
	close_those(files, files->close_on_exec);
}

struct file *files_at(struct files *files, int fd, bool *close_on_exec)
{
	const uint64_t flags = spin_lock(&files->lock);
	struct file *file = fd >= 0 && (unsigned)fd < files->slot_count ? files->slots[fd] : NULL;

	if (file) {
		file_get(file);
		if (close_on_exec)
			*close_on_exec = files->close_on_exec[fd / 64] >> fd % 64 & 1;
	}
	spin_unlock(&files->lock, flags);
	return file;
}

struct file *fd_get(int fd)
{
	struct files *files = process_this()->files;
	struct file *file;

	if (!files || fd < 0)
		return NULL;
	/* Nobody else can close it: files is this thread's alone, and procfs only looks. */
	if (__atomic_load_n(&files->refs, __ATOMIC_RELAXED) == 1) {
		file = (unsigned)fd < files->slot_count ? files->slots[fd] : NULL;
		return file ? file_get(file) : NULL;
	}
	return files_at(files, fd, NULL);
}

/* The lowest free one from lowest on; FILES_MAX: none. */
static unsigned lowest_free(const struct files *files, unsigned lowest)
{
	for (unsigned i = lowest / 64; i < WORDS; i++) {
		uint64_t freed = ~files->used[i];

		if (i == lowest / 64)
			freed &= ~0ull << lowest % 64;
		if (freed)
			return i * 64 + (unsigned)__builtin_ctzll(freed);
	}
	return FILES_MAX;
}

static unsigned limit_now(void)
{
	const uint64_t soft = process_this()->limits[RLIMIT_NOFILE].soft;

	return soft < FILES_MAX ? (unsigned)soft : FILES_MAX;
}

static void set_slot(struct files *files, unsigned fd, struct file *file, bool close_on_exec)
{
	files->slots[fd] = file;
	files->used[fd / 64] |= 1ull << fd % 64;
	files->close_on_exec[fd / 64] &= ~(1ull << fd % 64);
	files->close_on_exec[fd / 64] |= (uint64_t)close_on_exec << fd % 64;
}

int fd_install(struct file *file, int lowest, bool close_on_exec)
{
	struct files *files = process_this()->files;
	const unsigned limit = limit_now();

	for (;;) {
		const uint64_t flags = spin_lock(&files->lock);
		const unsigned fd = lowest_free(files, (unsigned)lowest);
		const bool has_slot = fd < limit && fd < files->slot_count;

		if (has_slot)
			set_slot(files, fd, file, close_on_exec);
		spin_unlock(&files->lock, flags);
		if (has_slot)
			return (int)fd;
		if (fd >= limit || !grow(files, fd + 1)) {
			file_put(file);
			return fd >= limit ? -EMFILE : -ENOMEM;
		}
	}
}

int fd_replace(struct file *file, int at, bool close_on_exec)
{
	struct files *files = process_this()->files;
	const unsigned fd = (unsigned)at;
	struct file *old;

	if (at < 0 || fd >= limit_now() || (fd >= files->slot_count && !grow(files, fd + 1))) {
		file_put(file);
		return -EBADF;
	}
	const uint64_t flags = spin_lock(&files->lock);

	old = files->slots[fd];
	set_slot(files, fd, file, close_on_exec);
	spin_unlock(&files->lock, flags);
	if (old)
		close_file(files, old);
	return at;
}

int fd_set_close_on_exec(int fd, bool set)
{
	struct files *files = process_this()->files;
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	const uint64_t flags = spin_lock(&files->lock);

	files->close_on_exec[fd / 64] &= ~(1ull << fd % 64);
	files->close_on_exec[fd / 64] |= (uint64_t)set << fd % 64;
	spin_unlock(&files->lock, flags);
	file_put(file);
	return 0;
}

int fd_close(int fd)
{
	struct files *files = process_this()->files;
	struct file *file = fd < 0 ? NULL : take(files, (unsigned)fd);

	return file ? close_file(files, file) : -EBADF;
}
