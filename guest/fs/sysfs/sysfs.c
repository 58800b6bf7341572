/* SPDX-License-Identifier: MIT
 *
 * Names become inodes when they are looked up. Nothing comes or goes after the boot.
 */
#include "guest/fs/sysfs/sysfs.h"

#include "guest/fs/sysfs/node.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

#define SYSFS_MAGIC 0x62656572
#define NAME_ROOM 32

/* In an inode's private: what it is, and which thing it is about. */
struct node {
	const struct sys_entry *entry;
	void *thing;
	bool is_thing; /* one of entry's things: its names are entry's each */
};

static const struct inode_operations dir_operations, file_inode_operations;
static const struct file_operations dir_file_operations, file_operations;

static bool is_directory(const struct sys_entry *entry)
{
	return entry->children || entry->each;
}

static uint32_t mode_of(const struct sys_entry *entry)
{
	return is_directory(entry) ? S_IFDIR | 0555 : S_IFREG | (entry->store ? 0644 : 0444);
}

/* Different for each pair; things are objects of at least 16 bytes. */
static uint64_t number_of(const struct node *node)
{
	return ((uint64_t)node->entry >> 3 & 0xffffff) << 36 |
	       ((uint64_t)node->thing >> 4 << 1 & 0xfffffffff) | node->is_thing;
}

static struct node *node_of(const struct inode *inode)
{
	return inode->private;
}

static int make_inode(struct super *super, const struct node *what, struct inode **made)
{
	struct node *node = kmalloc(sizeof(*node));
	struct inode *inode = node ? inode_create(super, number_of(what), mode_of(what->entry))
				   : NULL;

	if (!inode) {
		kfree(node);
		return -ENOMEM;
	}
	*node = *what;
	inode->private = node;
	inode->operations = is_directory(what->entry) ? &dir_operations : &file_inode_operations;
	inode->file_operations = is_directory(what->entry) ? &dir_file_operations
							   : &file_operations;
	*made = inode;
	return 0;
}

/* The index-th name of a directory and what it stands for. false: there are fewer. */
static bool child_at(const struct node *dir, unsigned index, char *name, struct node *child)
{
	const struct sys_entry *entry = dir->is_thing ? dir->entry->each : dir->entry->children;

	for (; entry && entry->name; entry++)
		if (!index--) {
			print_to(name, NAME_ROOM, "%s", entry->name);
			*child = (struct node){entry, dir->thing, false};
			return true;
		}
	if (dir->is_thing || !dir->entry->each)
		return false;
	*child = (struct node){dir->entry, dir->entry->thing(index, name, NAME_ROOM), true};
	return child->thing;
}

static int lookup(struct inode *dir, const char *name, size_t length, struct inode **found)
{
	char text[NAME_ROOM];
	struct node child;

	for (unsigned i = 0; child_at(node_of(dir), i, text, &child); i++) {
		if (strlen(text) != length || memcmp(text, name, length) != 0)
			continue;
		*found = inode_find(dir->super, number_of(&child));
		return *found ? 0 : make_inode(dir->super, &child, found);
	}
	return -ENOENT;
}

static bool put(struct file *file, struct dir_sink *sink, const char *name, uint64_t number,
		uint32_t mode)
{
	const bool taken = sink->add(sink, name, strlen(name), number, mode, file->position + 1);

	file->position += taken;
	return taken;
}

static int read_dir(struct file *file, struct dir_sink *sink)
{
	char name[NAME_ROOM];
	struct node child;

	if (file->position < 1 && !put(file, sink, ".", file->inode->number, S_IFDIR))
		return 0;
	if (file->position < 2 &&
	    !put(file, sink, "..", file->path.dentry->parent->inode->number, S_IFDIR))
		return 0;
	while (child_at(node_of(file->inode), file->position - 2, name, &child) &&
	       put(file, sink, name, number_of(&child), mode_of(child.entry)))
		;
	return 0;
}

static int show(struct inode *inode, struct text *text)
{
	return node_of(inode)->entry->show(node_of(inode)->thing, text);
}

static int store(struct inode *inode, const char *word)
{
	return node_of(inode)->entry->store(node_of(inode)->thing, word);
}

static int open(struct inode *inode, struct file *file)
{
	static const struct text_source readable = {show, NULL}, writable = {show, store};

	return text_open(file, node_of(inode)->entry->store ? &writable : &readable);
}

static int truncate(struct inode *inode, uint64_t size)
{
	(void)inode, (void)size;
	return 0; /* a shell's > */
}

static const struct inode_operations dir_operations = {.lookup = lookup};
static const struct inode_operations file_inode_operations = {.truncate = truncate};
static const struct file_operations dir_file_operations = {.read_dir = read_dir};
static const struct file_operations file_operations = {
	.open = open,
	.release = text_release,
	.read = text_read,
	.write = text_write,
};

static void drop_inode(struct inode *inode)
{
	kfree(inode->private);
}

static void statistics(struct super *super, struct fs_statistics *to)
{
	(void)super;
	*to = (struct fs_statistics){
		.type = SYSFS_MAGIC, .block_bytes = 4096, .name_max = NAME_MAX};
}

static int mount(struct super *super, const char *source, const char *options)
{
	static const struct super_operations operations = {.drop_inode = drop_inode,
							   .statistics = statistics};
	const struct node root = {&sys_root, NULL, false};
	struct inode *inode;
	int error;

	(void)source, (void)options;
	super->operations = &operations;
	error = make_inode(super, &root, &inode);
	if (error)
		return error;
	super->root = dentry_create_root(super, inode);
	return super->root ? 0 : -ENOMEM;
}

void sysfs_init(void)
{
	static struct file_system type = {.name = "sysfs", .mount = mount};

	file_system_register(&type);
}
