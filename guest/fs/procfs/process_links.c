/* SPDX-License-Identifier: MIT
 *
 * What a process has open and where it stands: fd/, fdinfo/, cwd, root, exe; and task/.
 */
#include "guest/fs/files.h"
#include "guest/fs/procfs/proc.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

/* --- task/ */
static int32_t next_tid(const struct process *process, int32_t tid)
{
	const uint64_t flags = spin_lock(&process_lock);
	int32_t best = -1;

	list_for_each(link, &process->threads)
	{
		const struct task *task = container_of(link, struct task, in_process);

		if (task->tid >= tid && (best < 0 || task->tid < best))
			best = task->tid;
	}
	spin_unlock(&process_lock, flags);
	return best;
}

bool proc_next_thread(const struct proc_subject *subject, uint64_t *key, char *name, size_t size)
{
	const int32_t tid = *key > INT32_MAX ? -1 : next_tid(subject->process, *key);

	if (tid < 0)
		return false;
	*key = tid;
	print_to(name, size, "%d", tid);
	return true;
}

const struct proc_entry *proc_find_thread(const struct proc_subject *subject, const char *name,
					  size_t length, uint64_t *key)
{
	const int64_t number = proc_number(name, length);

	*key = number;
	return number >= 0 && next_tid(subject->process, number) == number ? &proc_thread_entry
									   : NULL;
}

/* --- fd/ and fdinfo/ */
static struct file *file_at(const struct proc_subject *subject, int fd, bool *close_on_exec)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct files *files = subject->process->files;
	struct file *file;

	if (files)
		files_get(files);
	spin_unlock(&process_lock, flags);
	if (!files)
		return NULL;
	file = files_at(files, fd, close_on_exec);
	files_put(files);
	return file;
}

bool proc_next_fd(const struct proc_subject *subject, uint64_t *key, char *name, size_t size)
{
	bool close_on_exec;

	for (; *key < FILES_MAX; ++*key) {
		struct file *file = file_at(subject, *key, &close_on_exec);

		if (!file)
			continue;
		file_put(file);
		print_to(name, size, "%lu", *key);
		return true;
	}
	return false;
}

static bool find_open(const struct proc_subject *subject, const char *name, size_t length,
		      uint64_t *key)
{
	const int64_t number = proc_number(name, length);
	bool close_on_exec;
	struct file *file;

	if (number < 0 || number >= FILES_MAX)
		return false;
	file = file_at(subject, number, &close_on_exec);
	if (!file)
		return false;
	file_put(file);
	*key = number;
	return true;
}

const struct proc_entry *proc_find_fd(const struct proc_subject *subject, const char *name,
				      size_t length, uint64_t *key)
{
	return find_open(subject, name, length, key) ? &proc_fd_link : NULL;
}

const struct proc_entry *proc_find_fdinfo(const struct proc_subject *subject, const char *name,
					  size_t length, uint64_t *key)
{
	return find_open(subject, name, length, key) ? &proc_fdinfo_file : NULL;
}

static int show_fdinfo(const struct proc_subject *subject, struct text *text)
{
	bool close_on_exec = false;
	struct file *file = file_at(subject, subject->fd, &close_on_exec);
	unsigned octal, shift = 27;

	if (!file)
		return -ENOENT;
	text_print(text, "pos:\t%lu\nflags:\t0", file->position);
	octal = file->flags | (close_on_exec ? O_CLOEXEC : 0);
	while (shift && !(octal >> shift & 7))
		shift -= 3;
	for (;; shift -= 3) {
		text_print(text, "%u", octal >> shift & 7);
		if (!shift)
			break;
	}
	text_print(text, "\n");
	file_put(file);
	return text->error;
}

/* --- links to paths. get() gives a referenced path. */
static int64_t link_text(const struct path *path, char *to, size_t size)
{
	char *buffer = kmalloc(PATH_MAX);
	const char *start = buffer ? path_text(path, buffer, PATH_MAX) : NULL;
	size_t length = start ? strlen(start) : 0;

	if (length > size)
		length = size;
	if (start)
		memcpy(to, start, length);
	kfree(buffer);
	return start ? (int64_t)length : buffer ? -ENAMETOOLONG : -ENOMEM;
}

static int64_t fd_link(const struct proc_subject *subject, char *to, size_t size)
{
	bool close_on_exec;
	struct file *file = file_at(subject, subject->fd, &close_on_exec);
	int64_t length;
	char label[64];

	if (!file)
		return -ENOENT;
	if (file->path.dentry) {
		length = link_text(&file->path, to, size);
	} else {
		if (file->label && file->label[0] == '[')
			length = print_to(label, sizeof(label), "anon_inode:%s", file->label);
		else
			length = print_to(label, sizeof(label), "%s:[%lu]",
					  file->label ? file->label : "file", file->inode->number);
		if ((size_t)length > size)
			length = size;
		memcpy(to, label, length);
	}
	file_put(file);
	return length;
}

static int take_path(const struct path *path, struct mount **mount, struct dentry **dentry)
{
	path_get(path);
	*mount = path->mount;
	*dentry = path->dentry;
	return 0;
}

static int fd_follow(const struct proc_subject *subject, struct mount **mount,
		     struct dentry **dentry)
{
	bool close_on_exec;
	struct file *file = file_at(subject, subject->fd, &close_on_exec);
	int error = -ENOENT;

	if (!file)
		return error;
	if (file->path.dentry)
		error = take_path(&file->path, mount, dentry);
	file_put(file);
	return error;
}

static int get_place(const struct proc_subject *subject, bool root, struct path *path)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct place *place = subject->process->place;

	/* No reference to place: exec() would take it for shared. */
	if (place) {
		const uint64_t inner_flags = spin_lock(&place->lock);

		*path = root ? place->root : place->here;
		path_get(path);
		spin_unlock(&place->lock, inner_flags);
	}
	spin_unlock(&process_lock, flags);
	return place ? 0 : -ENOENT;
}

static int get_executable(const struct proc_subject *subject, struct path *path)
{
	struct space *space = proc_space(subject);
	int error = -ENOENT;

	if (!space)
		return error;
	if (space->executable && space->executable->path.dentry) {
		*path = space->executable->path;
		path_get(path);
		error = 0;
	}
	space_put(space);
	return error;
}

static int64_t path_link(int error, struct path *path, char *to, size_t size)
{
	int64_t length;

	if (error)
		return error;
	length = link_text(path, to, size);
	path_put(path);
	return length;
}

static int path_follow(int error, const struct path *path, struct mount **mount,
		       struct dentry **dentry)
{
	if (!error) {
		*mount = path->mount;
		*dentry = path->dentry;
	}
	return error;
}

#define DEFINE_PATH_LINK(name, get)                                                         \
	int64_t proc_link_##name(const struct proc_subject *subject, char *to, size_t size) \
	{                                                                                   \
		struct path path;                                                           \
		const int error = get;                                                      \
                                                                                            \
		return path_link(error, &path, to, size);                                   \
	}                                                                                   \
	int proc_follow_##name(const struct proc_subject *subject, struct mount **mount,    \
			       struct dentry **dentry)                                      \
	{                                                                                   \
		struct path path;                                                           \
		const int error = get;                                                      \
                                                                                            \
		return path_follow(error, &path, mount, dentry);                            \
	}

DEFINE_PATH_LINK(cwd, get_place(subject, false, &path))
DEFINE_PATH_LINK(root, get_place(subject, true, &path))
DEFINE_PATH_LINK(exe, get_executable(subject, &path))
#undef DEFINE_PATH_LINK

const struct proc_entry proc_fd_link = {.link = fd_link, .follow = fd_follow};
const struct proc_entry proc_fdinfo_file = {
	.permissions = 0400, .looks_inside = true, .show = show_fdinfo};
