/* SPDX-License-Identifier: MIT
 *
 * Names become inodes when they are looked up, and nothing is kept: directories are tables
 * (struct proc_entry), or ask for the names that there are now.
 */
#include "guest/fs/procfs/proc.h"

#include "guest/fs/iobuf.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define ROOT_NUMBER 1
#define KEYS_FROM 0x1000 /* positions in a directory: dots, table, then key + this */
#define NAME_ROOM 24

static const struct inode_operations dir_operations, file_inode_operations, link_operations,
	jump_operations;
static const struct file_operations dir_file_operations, file_operations;

int64_t proc_number(const char *name, size_t length)
{
	int64_t value = 0;

	if (!length || length > 10 || (name[0] == '0' && length > 1))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		value = value * 10 + (name[i] - '0');
	}
	return value <= INT32_MAX ? value : -1;
}

static struct proc_node *node_of(const struct inode *inode)
{
	return inode->private;
}

static bool is_directory(const struct proc_entry *entry)
{
	return entry->children || entry->next;
}

static uint32_t mode_of(const struct proc_entry *entry)
{
	if (entry->link)
		return S_IFLNK | 0777;
	if (is_directory(entry))
		return S_IFDIR | entry->permissions;
	return S_IFREG | entry->permissions;
}

/* Who, which entry, which descriptor: unique as long as the kernel's image is below 16 MiB. */
static uint64_t number_of(const struct proc_entry *entry, const struct proc_subject *subject)
{
	const uint64_t id = subject->task ? subject->task->tid : 0;
	const bool is_thread = subject->task && subject->task->tid != subject->process->pid;

	return (uint64_t)is_thread << 62 | (uint64_t)subject->fd << 52 | id << 24 |
	       ((uint64_t)entry >> 3 & 0xffffff);
}

static void drop_subject(const struct proc_subject *subject)
{
	if (subject->process) {
		task_put(subject->task);
		process_put(subject->process);
	}
}

static const struct inode_operations *operations_of(const struct proc_entry *entry)
{
	if (entry->link)
		return entry->follow ? &jump_operations : &link_operations;
	return is_directory(entry) ? &dir_operations : &file_inode_operations;
}

static const struct file_operations *file_operations_of(const struct proc_entry *entry)
{
	if (is_directory(entry))
		return &dir_file_operations;
	return entry->operations ? entry->operations : &file_operations;
}

/* Takes the subject's references, also when it fails. */
static int make_inode(struct super *super, const struct proc_entry *entry,
		      const struct proc_subject *subject, struct inode **made)
{
	struct proc_node *node = kmalloc(sizeof(*node));
	const uint32_t mode = mode_of(entry);
	struct inode *inode = node ? inode_create(super, number_of(entry, subject), mode) : NULL;

	if (!inode) {
		kfree(node);
		drop_subject(subject);
		return -ENOMEM;
	}
	*node = (struct proc_node){entry, *subject};
	inode->private = node;
	inode->operations = operations_of(entry);
	inode->file_operations = file_operations_of(entry);
	if (is_directory(entry))
		inode->nlink = 2;
	if (subject->process) {
		inode->uid = subject->process->credentials.euid;
		inode->gid = subject->process->credentials.egid;
	}
	*made = inode;
	return 0;
}

/* As ptrace() has it: who is the same user in all respects, unless the process has more rights than its
 * starter. Asked at each use, since a process may have gained rights after its inode was made. */
static int check_inside(const struct proc_node *node)
{
	const struct credentials *who = &process_this()->credentials, *whose;
	const struct process *process = node->subject.process;

	if (!process || process == process_this() || !who->fsuid ||
	    !(node->entry->looks_inside || node->entry->follow))
		return 0;
	whose = &process->credentials;
	return !process->dumps_reset && who->fsuid == whose->uid && who->fsuid == whose->euid &&
			       who->fsuid == whose->suid && who->fsgid == whose->gid &&
			       who->fsgid == whose->egid && who->fsgid == whose->sgid
		       ? 0
		       : -EACCES;
}

static void drop_inode(struct inode *inode)
{
	struct proc_node *node = node_of(inode);

	if (node)
		drop_subject(&node->subject);
	kfree(node);
}

/* --- directories */
/* The same subject once more, or another one if the directory's names are processes or threads. */
/* The first thread, referenced, unless the process has been taken out of the tree. */
static struct task *leader_of(const struct process *process)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct task *leader = process->state == PROCESS_DEAD ? NULL : process->leader;

	if (leader)
		task_get(leader);
	spin_unlock(&process_lock, flags);
	return leader;
}

/* A zombie's first thread has left it, but still stands for it. */
static bool is_of(const struct task *task, const struct process *process)
{
	return task && (task->process == process || task == process->leader);
}

static int subject_below(const struct proc_subject *of, const struct proc_entry *entry,
			 uint64_t key, struct proc_subject *subject)
{
	*subject = (struct proc_subject){.fd = of->fd};
	if (entry == &proc_process_entry) {
		subject->process = process_find(key);
		subject->task = subject->process ? leader_of(subject->process) : NULL;
		if (subject->task)
			return 0;
		goto gone;
	}
	if (!of->process)
		return 0;
	subject->process = process_get(of->process);
	subject->task = entry == &proc_thread_entry ? task_find(key) : task_get(of->task);
	if (entry == &proc_fd_link || entry == &proc_fdinfo_file)
		subject->fd = key;
	if (is_of(subject->task, subject->process))
		return 0;
	if (subject->task)
		task_put(subject->task);
gone:
	if (subject->process)
		process_put(subject->process);
	return -ENOENT;
}

static const struct proc_entry *find_in_table(const struct proc_entry *table, const char *name,
					      size_t length)
{
	for (; table && table->name; table++)
		if (strlen(table->name) == length && !memcmp(table->name, name, length))
			return table;
	return NULL;
}

static int lookup(struct inode *dir, const char *name, size_t length, struct inode **found)
{
	const struct proc_node *node = node_of(dir);
	const struct proc_entry *entry = find_in_table(node->entry->children, name, length);
	struct proc_subject subject;
	uint64_t key = 0;
	int error = check_inside(node);

	if (error)
		return error;
	if (!entry && node->entry->find)
		entry = node->entry->find(&node->subject, name, length, &key);
	if (!entry)
		return -ENOENT;
	error = subject_below(&node->subject, entry, key, &subject);
	if (error)
		return error;
	*found = inode_find(dir->super, number_of(entry, &subject));
	if (!*found)
		return make_inode(dir->super, entry, &subject, found);
	drop_subject(&subject);
	return 0;
}

/* One entry; the file moves on to next. false: the sink is full. */
static bool put(struct file *file, struct dir_sink *sink, const char *name, uint64_t number,
		uint32_t mode, uint64_t next)
{
	const bool taken = sink->add(sink, name, strlen(name), number, mode, next);

	if (taken)
		file->position = next;
	return taken;
}

/* Entries of the table are at position 2 and on. */
static bool list_table(struct file *file, const struct proc_entry *table, struct dir_sink *sink)
{
	for (uint64_t at = 2; table && table->name; table++, at++)
		if (at >= file->position &&
		    !put(file, sink, table->name, (uint64_t)table >> 3 & 0xffffff, mode_of(table),
			 at + 1))
			return false;
	return true;
}

static bool list_keys(struct file *file, const struct proc_node *node, struct dir_sink *sink)
{
	uint64_t key = file->position > KEYS_FROM ? file->position - KEYS_FROM : 0;
	const uint32_t type = node->entry->find == proc_find_fd	      ? S_IFLNK
			      : node->entry->find == proc_find_fdinfo ? S_IFREG
								      : S_IFDIR;
	char name[NAME_ROOM];

	for (; node->entry->next(&node->subject, &key, name, sizeof(name)); key++)
		if (!put(file, sink, name, file->inode->number + key + 1, type,
			 KEYS_FROM + key + 1))
			return false;
	return true;
}

static int read_dir(struct file *file, struct dir_sink *sink)
{
	const struct proc_node *node = node_of(file->inode);
	const uint64_t number = file->inode->number;
	const int error = check_inside(node);

	if (error)
		return error;
	if (file->position < 1 && !put(file, sink, ".", number, S_IFDIR, 1))
		return 0;
	if (file->position < 2 &&
	    !put(file, sink, "..", file->path.dentry->parent->inode->number, S_IFDIR, 2))
		return 0;
	if (file->position < KEYS_FROM && !list_table(file, node->entry->children, sink))
		return 0;
	if (node->entry->next)
		list_keys(file, node, sink);
	return 0;
}

/* --- files and links */
static int show(struct inode *inode, struct text *text)
{
	const struct proc_node *node = node_of(inode);

	if (node->subject.process && node->subject.process->state == PROCESS_DEAD)
		return -ESRCH;
	const int error = check_inside(node);

	return error ? error : node->entry->show(&node->subject, text);
}

static int store(struct inode *inode, const char *word)
{
	const struct proc_node *node = node_of(inode);

	return node->entry->store(&node->subject, word);
}

static const struct text_source readable = {show, NULL}, writable = {show, store};

static int file_open_entry(struct inode *inode, struct file *file)
{
	return text_open(file, node_of(inode)->entry->store ? &writable : &readable);
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	const struct proc_node *node = node_of(inode);
	const int error = check_inside(node);

	return error ? error : node->entry->link(&node->subject, to, size);
}

static int follow(struct inode *inode, struct mount **mount, struct dentry **dentry)
{
	const struct proc_node *node = node_of(inode);
	const int error = check_inside(node);

	return error ? error : node->entry->follow(&node->subject, mount, dentry);
}

static int truncate(struct inode *inode, uint64_t size)
{
	(void)inode;
	(void)size;
	return 0; /* so that a shell's > works on what can be written */
}

static const struct inode_operations dir_operations = {.lookup = lookup};
static const struct inode_operations file_inode_operations = {.truncate = truncate};
static const struct inode_operations link_operations = {.read_link = read_link};
static const struct inode_operations jump_operations = {.read_link = read_link, .follow = follow};
static const struct file_operations dir_file_operations = {.read_dir = read_dir};
static const struct file_operations file_operations = {
	.open = file_open_entry,
	.release = text_release,
	.read = text_read,
	.write = text_write,
};

static void statistics(struct super *super, struct fs_statistics *statistics)
{
	(void)super;
	*statistics = (struct fs_statistics){
		.type = PROC_SUPER_MAGIC, .block_bytes = 4096, .name_max = NAME_MAX};
}

static const struct super_operations super_operations = {
	.drop_inode = drop_inode,
	.statistics = statistics,
};

static int mount(struct super *super, const char *source, const char *options)
{
	const struct proc_subject nobody = {0};
	struct inode *root;
	int error;

	(void)source;
	(void)options;
	super->operations = &super_operations;
	super->uncached = true;
	error = make_inode(super, &proc_root_entry, &nobody, &root);
	if (error)
		return error;
	super->root = dentry_create_root(super, root);
	return super->root ? 0 : -ENOMEM;
}

void procfs_init(void)
{
	static struct file_system type = {.name = "proc", .mount = mount};

	file_system_register(&type);
}
