/* SPDX-License-Identifier: MIT
 *
 * execve(): a new program for this process. It is built beside the old one, which goes on if anything
 * fails; only then do the other threads end, and the old memory goes.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/segments.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/board/machine.h"
#include "guest/fs/files.h"
#include "guest/fs/mounts.h"
#include "guest/fs/random.h"
#include "guest/hyper/vdso.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/elf.h"
#include "guest/proc/exec_stack.h"
#include "guest/proc/exec_strings.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"
#include "guest/sched/futex.h"
#include "guest/syscall/calls.h"
#include "guest/time/posix_timers.h"

#define ADDR_NO_RANDOMIZE 0x40000
#define SCRIPT_LINE_BYTES 256
#define SCRIPT_DEPTH_MAX 4
#define S_IXGRP 010
#define AT_EMPTY_PATH 0x1000
#define AT_SYMLINK_NOFOLLOW 0x100
#define USER_FLAGS_AT_START 0x202

/* Where things are without, and how many pages they move with randomization: as elsewhere. */
#define PIE_BASE 0x555555554000
#define PIE_RANDOM_PAGES (1ull << 28)
#define STACK_RANDOM_PAGES (1ull << 22)
#define MMAP_RANDOM_PAGES (1ull << 28)
#define BRK_RANDOM_PAGES (1ull << 13)
#define STACK_GAP_MIN (128ull << 20)
#define STACK_GAP_MAX (USER_END / 6 * 5)

/* Where the strings are: in kernel memory, or at addresses of the program. */
struct exec_source {
	char *const *arguments, *const *environment;
	uint64_t arguments_gva, environment_gva;
};

struct script_line {
	char text[SCRIPT_LINE_BYTES];
	char *interpreter, *argument; /* within; argument may be NULL */
};

struct exec {
	const char *name; /* as the caller has it */
	int directory;
	unsigned path_flags;
	const struct exec_source *source;
	struct file *file;
	struct exec_strings strings;
	struct elf_program program;
	struct space *space;
	struct credentials credentials;
	bool secure;
	uint64_t rsp;
};

static int open_program(int directory, const char *name, unsigned path_flags, struct file **file)
{
	struct path path;
	int error = path_find(directory, name, path_flags, &path);

	if (error)
		return error;
	error = file_open_program(&path, file);
	path_put(&path);
	return error;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Splits "#! interpreter argument": true if it is one. What is behind the first word is one argument. */
static bool parse_script(struct script_line *line, size_t bytes)
{
	char *at = line->text + 2, *end = line->text + 2;

	if (bytes < 2 || memcmp(line->text, "#!", 2))
		return false;
	line->text[bytes < SCRIPT_LINE_BYTES ? bytes : SCRIPT_LINE_BYTES - 1] = 0;
	while (*end && *end != '\n')
		end++;
	while (end > at && is_blank(end[-1]))
		end--;
	*end = 0;
	while (is_blank(*at))
		at++;
	line->interpreter = at;
	while (*at && !is_blank(*at))
		at++;
	while (is_blank(*at))
		*at++ = 0;
	line->argument = *at ? at : NULL;
	return true;
}

/* A script's interpreter takes its place, and the script's name becomes its argument. The interpreter
 * may be a script too: so the arguments are found from the inside out, and added the other way round. */
static int open_and_add_prefix(struct exec *exec, const char *name, int directory,
			       unsigned path_flags, unsigned depth)
{
	struct script_line line;
	int64_t got;
	int error = open_program(directory, name, path_flags, &exec->file);

	if (error)
		return error;
	got = file_read_at(exec->file, line.text, sizeof(line.text), 0);
	if (got < 0)
		return (int)got;
	if (!parse_script(&line, (size_t)got))
		return 0;
	if (!*line.interpreter)
		return -ENOEXEC;
	if (depth == SCRIPT_DEPTH_MAX)
		return -ELOOP;
	file_put(exec->file);
	exec->file = NULL;
	error = open_and_add_prefix(exec, line.interpreter, AT_FDCWD, PATH_FOLLOW, depth + 1);
	if (!error && !exec->strings.argument_count) {
		error = exec_strings_add(&exec->strings, line.interpreter);
		exec->strings.argument_count++;
	}
	if (!error && line.argument) {
		error = exec_strings_add(&exec->strings, line.argument);
		exec->strings.argument_count++;
	}
	if (!error) {
		error = exec_strings_add(&exec->strings, name);
		exec->strings.argument_count++;
	}
	return error;
}

static int gather_strings(struct exec *exec)
{
	struct exec_strings *strings = &exec->strings;
	const struct exec_source *source = exec->source;
	const unsigned skip = strings->argument_count > 0; /* a script's own name */
	int error;

	error = source->arguments ? exec_strings_add_vector(strings, source->arguments, skip,
							    &strings->argument_count)
				  : exec_strings_add_user_vector(strings, source->arguments_gva,
								 skip, &strings->argument_count);
	if (!error && !strings->argument_count) { /* programs count on a name */
		error = exec_strings_add(strings, "");
		strings->argument_count = 1;
	}
	strings->environment_start = strings->used;
	if (!error)
		error = source->arguments
				? exec_strings_add_vector(strings, source->environment, 0,
							  &strings->environment_count)
				: exec_strings_add_user_vector(strings, source->environment_gva, 0,
							       &strings->environment_count);
	return error ? error : exec_strings_add(strings, exec->name);
}

/* Set-user-ID and set-group-ID programs; not if this process has given up on more rights, or if another
 * one could send it elsewhere. */
static void choose_credentials(struct exec *exec)
{
	const struct process *process = process_this();
	const struct inode *inode = exec->file->inode;
	const struct mount *mount = exec->file->path.mount;
	struct credentials *c = &exec->credentials;

	*c = process->credentials;
	if (!process->no_new_privileges && !place_is_shared(process->place) &&
	    !(mount && (mount->flags & MS_NOSUID))) {
		if (inode->mode & S_ISUID)
			c->euid = inode->uid;
		if ((inode->mode & S_ISGID) && (inode->mode & S_IXGRP))
			c->egid = inode->gid;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	exec->secure = c->uid != c->euid || c->gid != c->egid;
}

static bool is_randomized(const struct exec *exec)
{
	return exec->secure ||
	       (!(process_this()->personality & ADDR_NO_RANDOMIZE) && !machine_has_word("noaslr"));
}

/* A distance of less than so many pages, a power of two. */
static uint64_t random_distance(uint64_t pages, bool randomized)
{
	uint64_t word = 0;

	if (randomized)
		random_bytes(&word, sizeof(word));
	return (word & (pages - 1)) * PAGE_BYTES;
}

static int build_space(struct exec *exec)
{
	const bool randomized = is_randomized(exec);
	const uint64_t top = USER_END - PAGE_BYTES - VDSO_BYTES -
			     random_distance(STACK_RANDOM_PAGES, randomized);
	uint64_t gap = process_this()->limits[RLIMIT_STACK].soft;
	struct space *space = exec->space = space_create();
	int error;

	if (!space)
		return -ENOMEM;
	if (gap < STACK_GAP_MIN)
		gap = STACK_GAP_MIN;
	if (gap > STACK_GAP_MAX)
		gap = STACK_GAP_MAX;
	space->mmap_base_gva = ((top - gap) & -(uint64_t)PAGE_BYTES) -
			       random_distance(MMAP_RANDOM_PAGES, randomized);
	error = elf_load(space, exec->file,
			 PIE_BASE + random_distance(PIE_RANDOM_PAGES, randomized), &exec->program);
	if (error)
		return error;
	space->brk_start_gva = space->brk_gva = ((exec->program.end_gva + PAGE_BYTES - 1) &
						 -(uint64_t)PAGE_BYTES) +
						random_distance(BRK_RANDOM_PAGES, randomized);
	exec->program.vdso_gva = vdso_map(space, top); /* above the stack, in the same page table */
	return exec_stack_build(space, top, &exec->strings, &exec->program, &exec->credentials,
				exec->secure, &exec->rsp);
}

static int prepare(struct exec *exec)
{
	int error = exec_strings_init(&exec->strings);

	if (!error)
		error = open_and_add_prefix(exec, exec->name, exec->directory, exec->path_flags, 0);
	if (!error)
		error = gather_strings(exec);
	if (error)
		return error;
	choose_credentials(exec);
	return build_space(exec);
}

/* The last thing that can fail, and only because the process is being ended itself. */
static int end_other_threads(struct process *process)
{
	struct task *task = task_this();
	uint64_t flags = spin_lock(&process_lock);

	if (process->exiting || process->execer) {
		spin_unlock(&process_lock, flags);
		return -EAGAIN;
	}
	if (process->thread_count > 1) {
		process->execer = task;
		process_interrupt_threads(process, task);
		spin_unlock(&process_lock, flags);
		wait_uninterruptible(&process->threads_ended,
				     process->thread_count == 1 || process->exiting);
		flags = spin_lock(&process_lock);
		process->execer = NULL;
	}
	spin_unlock(&process_lock, flags);
	return process->exiting ? -EAGAIN : 0;
}

/* The thread that is left is the first one from now on. */
static void become_leader(struct process *process)
{
	struct task *task = task_this(), *leader = process->leader;

	if (task == leader)
		return;
	task_take_tid(task, leader);
	const uint64_t flags = spin_lock(&process_lock);

	process->leader = task_get(task);
	spin_unlock(&process_lock, flags);
	task_put(leader);
}

/* Children may have chosen how the old program hears of their end, but not how the new one does. */
static void reset_signals(struct process *process)
{
	struct task_signals *signals = &task_this()->signals;
	const uint64_t flags = spin_lock(&process_lock);

	list_for_each(link, &process->children) container_of(link, struct process, sibling)
		->exit_signal = SIGCHLD;
	for (int i = 0; i < SIGNAL_MAX; i++) {
		const uint64_t handler = process->actions[i].handler_gva;

		if (handler == SIG_DFL && !process->actions[i].flags)
			continue;
		process->actions[i] = (struct signal_action){
			.handler_gva = handler == SIG_IGN ? SIG_IGN : SIG_DFL};
	}
	signals->stack_bytes = 0;
	signals->stack_flags = 0;
	spin_unlock(&process_lock, flags);
}

static void replace_space(struct process *process, struct space *space)
{
	struct task *task = task_this();
	struct space *old = process->space;
	uint64_t flags;

	if (old && task->space) {
		futex_thread_exit();
		posix_timers_end(process);
		if (old->resident_peak > process->ended.resident_peak)
			process->ended.resident_peak = old->resident_peak;
	}
	task->robust_list_gva = task->clear_tid_gva = 0;
	flags = spin_lock(&process_lock); /* procfs looks at it under this lock */
	process->space = space;
	space_switch(task->space, space);
	task->space = space;
	spin_unlock(&process_lock, flags);
	__atomic_store_n(&process->vfork_done, true, __ATOMIC_RELEASE);
	waitq_wake(&process->vforked);
	if (old)
		space_put(old);
}

static void start_with_fresh_registers(const struct exec *exec)
{
	struct task *task = task_this();

	task->fs_base = task->gs_base = 0;
	irq_disable();
	switch_load_segment_bases();
	irq_enable();
	fpu_reset();
	*task->frame = (struct trap_frame){.rip = exec->program.entry_gva,
					   .cs = USER_CS,
					   .rflags = USER_FLAGS_AT_START,
					   .rsp = exec->rsp,
					   .ss = USER_DS,
					   .vector = task->frame->vector,
					   .error = NO_RESTART};
}

static void set_name(struct task *task, const char *path)
{
	const char *name = path;
	size_t length;

	for (; *path; path++)
		if (*path == '/' && path[1])
			name = path + 1;
	length = strlen(name);
	if (length > TASK_NAME_BYTES - 1)
		length = TASK_NAME_BYTES - 1;
	memset(task->name, 0, sizeof(task->name));
	memcpy(task->name, name, length);
}

static int commit(struct exec *exec)
{
	struct process *process = process_this();
	int error = process_unshare_actions();

	if (!error)
		error = files_unshare();
	if (!error)
		error = end_other_threads(process);
	if (error)
		return error;
	const bool is_secret = inode_permission(exec->file->inode, PERMIT_READ);

	become_leader(process);
	exec->space->executable = file_get(exec->file);
	replace_space(process, exec->space);
	exec->space = NULL;
	reset_signals(process);
	posix_timers_end(process);
	files_close_on_exec(process->files);
	process->credentials = exec->credentials;
	process->dumps_reset = exec->secure || is_secret;
	process->parent_death_signal = exec->secure ? 0 : process->parent_death_signal;
	process->exit_signal = SIGCHLD;
	process->has_execed = true;
	set_name(task_this(), exec->name);
	start_with_fresh_registers(exec);
	return 0;
}

static int run(struct exec *exec)
{
	int error = prepare(exec);

	if (!error)
		error = commit(exec);
	if (exec->space)
		space_put(exec->space);
	if (exec->file)
		file_put(exec->file);
	exec_strings_free(&exec->strings);
	return error;
}

int process_exec(const char *path, char *const *arguments, char *const *environment)
{
	const struct exec_source source = {arguments, environment, 0, 0};
	struct exec exec = {
		.name = path, .directory = AT_FDCWD, .path_flags = PATH_FOLLOW, .source = &source};

	return run(&exec);
}

static int64_t exec_for_user(int directory, uint64_t name_gva, unsigned path_flags,
			     const struct exec_source *source)
{
	struct page *page = page_alloc(0, 0);
	struct exec exec = {.directory = directory, .path_flags = path_flags, .source = source};
	int64_t result;

	if (!page)
		return -ENOMEM;
	exec.name = page_data(page);
	result = user_read_string(page_data(page), name_gva, PATH_MAX);
	if (result >= 0)
		result = run(&exec);
	page_put(page);
	return result;
}

int64_t sys_execve(uint64_t name_gva, uint64_t arguments_gva, uint64_t environment_gva)
{
	const struct exec_source source = {NULL, NULL, arguments_gva, environment_gva};

	return exec_for_user(AT_FDCWD, name_gva, PATH_FOLLOW, &source);
}

int64_t sys_execveat(int directory, uint64_t name_gva, uint64_t arguments_gva,
		     uint64_t environment_gva, int flags)
{
	const struct exec_source source = {NULL, NULL, arguments_gva, environment_gva};

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_for_user(directory, name_gva,
			     (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
				     (flags & AT_EMPTY_PATH ? PATH_EMPTY_OK : 0),
			     &source);
}
