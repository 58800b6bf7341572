/* SPDX-License-Identifier: MIT
 *
 * Paths to files, and files to paths (POSIX 4.16, path resolution). One loop, whose memory doesn't grow
 * with links: a link's text goes before what is left of the path.
 */
#include "guest/fs/vfs.h"

#include "guest/fs/files.h"
#include "guest/fs/walk.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/proc/process.h"

void path_get(const struct path *path)
{
	if (path->mount) /* NULL: of a file system that isn't mounted */
		mount_get(path->mount);
	dentry_get(path->dentry);
}

void path_put(const struct path *path)
{
	if (!path->dentry)
		return;
	dentry_put(path->dentry);
	if (path->mount)
		mount_put(path->mount);
}

static void read_place(struct path *path, bool root)
{
	struct place *place = process_this()->place;
	uint64_t flags;

	if (!place) { /* a kernel thread */
		*path = vfs_root;
		path_get(path);
		return;
	}
	flags = spin_lock(&place->lock);
	*path = root ? place->root : place->here;
	path_get(path);
	spin_unlock(&place->lock, flags);
}

void place_root(struct path *path)
{
	read_place(path, true);
}

void place_here(struct path *path)
{
	read_place(path, false);
}

static int start_at(int fd, struct path *path, unsigned flags)
{
	struct file *file = fd_get(fd);
	int error = 0;

	if (!file)
		return -EBADF;
	if (!file->path.dentry)
		error = flags & PATH_EMPTY_OK ? -ENOENT : -ENOTDIR;
	else
		*path = file->path, path_get(path);
	file_put(file);
	return error;
}

int walk_begin(struct walk *walk, int fd, const char *name, unsigned flags)
{
	*walk = (struct walk){.rest = name};
	if (!*name && !(flags & PATH_EMPTY_OK))
		return -ENOENT;
	if (*name == '/')
		place_root(&walk->at);
	else if (fd == AT_FDCWD)
		place_here(&walk->at);
	else
		return start_at(fd, &walk->at, *name ? 0 : flags);
	return 0;
}

void walk_end(struct walk *walk)
{
	path_put(&walk->at);
	walk->at.dentry = NULL;
	if (walk->text)
		page_put(page_of((uint64_t)walk->text - DIRECT_BASE));
	walk->text = NULL;
}

static void walk_up(struct walk *walk)
{
	struct path root;
	struct dentry *parent;

	place_root(&root);
	do {
		if (walk->at.dentry == root.dentry && walk->at.mount == root.mount)
			goto out;
	} while (mount_ascend(&walk->at));
	const uint64_t flags = spin_lock(&dentry_lock);

	parent = dentry_get(walk->at.dentry->parent);
	spin_unlock(&dentry_lock, flags);
	walk_enter(walk, parent);
out:
	path_put(&root);
}

void walk_enter(struct walk *walk, struct dentry *child)
{
	dentry_put(walk->at.dentry);
	walk->at.dentry = child;
	mount_descend(&walk->at);
}

int walk_lookup(struct walk *walk, const char *name, size_t length, struct dentry **child)
{
	struct dentry *parent = walk->at.dentry;
	/* Read before the search: once it has no lookup, all names are dentries (see tmpfs). */
	const struct inode_operations *operations = __atomic_load_n(&parent->inode->operations,
								    __ATOMIC_ACQUIRE);
	int error;

	*child = dentry_find(parent, name, length);
	if (*child)
		return 0;
	if (!operations->lookup)
		return -ENOENT;
	mutex_lock(&parent->inode->lock);
	error = dentry_lookup(parent, name, length, child);
	mutex_unlock(&parent->inode->lock);
	return error;
}

/* text = the link's text, a slash, and the rest. */
static int64_t prepend_link(struct inode *inode, char *text, const char *rest)
{
	const size_t rest_length = strlen(rest);
	const int64_t length = inode->operations->read_link
				       ? inode->operations->read_link(inode, text, PATH_MAX)
				       : -EINVAL;

	if (length < 0)
		return length;
	if (!length)
		return -ENOENT;
	if ((size_t)length + rest_length + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	text[length] = '/';
	memcpy(text + length + !!rest_length, rest, rest_length + 1);
	return 0;
}

static int follow_text(struct walk *walk, struct inode *inode)
{
	struct page *page = page_alloc(0, 0);
	char *text;
	int error;

	if (!page)
		return -ENOMEM;
	text = page_data(page);
	error = (int)prepend_link(inode, text, walk->rest);
	if (walk->text)
		page_put(page_of((uint64_t)walk->text - DIRECT_BASE));
	walk->text = text;
	walk->rest = text;
	if (!error && *text == '/') {
		path_put(&walk->at);
		place_root(&walk->at);
	}
	return error;
}

int walk_follow(struct walk *walk, struct dentry *link)
{
	struct inode *inode = link->inode;
	struct path to = {NULL, NULL};
	int error;

	if (++walk->links > SYMLINK_DEPTH_MAX) {
		error = -ELOOP;
	} else if (inode->operations->follow) {
		error = inode->operations->follow(inode, &to.mount, &to.dentry);
		if (!error) {
			path_put(&walk->at);
			walk->at = to;
		}
	} else {
		error = follow_text(walk, inode);
	}
	dentry_put(link);
	return error;
}

static bool is_type(const struct inode *inode, uint32_t type)
{
	return (inode->mode & S_IFMT) == type;
}

static int step(struct walk *walk, const char *name, size_t length, bool follow)
{
	struct dentry *child;
	int error;

	if (name[0] == '.' && length == 1)
		return 0;
	if (name[0] == '.' && name[1] == '.' && length == 2) {
		walk_up(walk);
		return 0;
	}
	error = walk_lookup(walk, name, length, &child);
	if (error)
		return error;
	if (!child->inode) {
		dentry_put(child);
		return -ENOENT;
	}
	if (follow && is_type(child->inode, S_IFLNK))
		return walk_follow(walk, child);
	walk_enter(walk, child);
	return 0;
}

static void keep_last(struct path_last *last, const char *name, size_t length, bool slash_after)
{
	memcpy(last->name, name, length);
	last->name[length] = 0;
	last->length = length;
	last->slash_after = slash_after;
	last->is_dot = !length || !strcmp(last->name, ".") || !strcmp(last->name, "..");
}

int walk_on(struct walk *walk, unsigned flags, struct path_last *last)
{
	bool directory = flags & PATH_DIRECTORY;

	for (;;) {
		const char *name = walk->rest;
		size_t length = 0;
		int error;

		while (*name == '/')
			name++;
		while (name[length] && name[length] != '/')
			length++;
		if (!length)
			break;
		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		if (!is_type(walk->at.dentry->inode, S_IFDIR))
			return -ENOTDIR;
		error = inode_permission(walk->at.dentry->inode, PERMIT_EXECUTE);
		if (error)
			return error;
		walk->rest = name + length;
		while (*walk->rest == '/')
			walk->rest++;
		const bool slash = name[length], is_last = !*walk->rest;

		if (is_last && (flags & PATH_PARENT)) {
			keep_last(last, name, length, slash);
			return 0;
		}
		error = step(walk, name, length, !is_last || slash || (flags & PATH_FOLLOW));
		if (error)
			return error;
		directory |= is_last && slash;
	}
	if (flags & PATH_PARENT)
		keep_last(last, "", 0, true);
	if (directory && !is_type(walk->at.dentry->inode, S_IFDIR))
		return -ENOTDIR;
	return 0;
}

static int find(int fd, const char *name, unsigned flags, struct path *found,
		struct path_last *last)
{
	struct walk walk;
	int error = walk_begin(&walk, fd, name, flags);

	if (!error)
		error = walk_on(&walk, flags, last);
	if (!error) {
		*found = walk.at;
		walk.at.dentry = NULL;
	}
	walk_end(&walk);
	return error;
}

int path_find(int fd, const char *name, unsigned flags, struct path *found)
{
	return find(fd, name, flags & ~(unsigned)PATH_PARENT, found, NULL);
}

int path_find_parent(int fd, const char *name, struct path *parent, struct path_last *last)
{
	return find(fd, name, PATH_PARENT | PATH_DIRECTORY, parent, last);
}

static bool put_before(char **at, const char *start, const char *text, size_t length)
{
	if ((size_t)(*at - start) < length)
		return false;
	*at -= length;
	memcpy(*at, text, length);
	return true;
}

/* Both locks are held. */
static char *text_locked(const struct path *path, const struct path *root, char *buffer,
			 size_t size)
{
	const struct mount *mount = path->mount;
	const struct dentry *at = path->dentry;
	char *text = buffer + size - 1;

	*text = 0;
	while (at != root->dentry || mount != root->mount) {
		if (!mount || at == at->parent || at == mount->root) {
			if (!mount || at != mount->root || !mount->parent)
				break;
			at = mount->on;
			mount = mount->parent;
			continue;
		}
		if (!put_before(&text, buffer, at->name, at->length) ||
		    !put_before(&text, buffer, "/", 1))
			return NULL;
		at = at->parent;
	}
	if (!*text && !put_before(&text, buffer, "/", 1))
		return NULL;
	return text;
}

char *path_text(const struct path *path, char *buffer, size_t size)
{
	static const char deleted[] = " (deleted)";
	const bool gone = !path->dentry->linked && path->dentry->parent != path->dentry;
	const size_t tail = gone ? sizeof(deleted) - 1 : 0;
	struct path root;
	char *text;

	if (size < tail + 2)
		return NULL;
	place_root(&root);
	const uint64_t flags = spin_lock(&mount_lock);
	const uint64_t inner_flags = spin_lock(&dentry_lock);

	text = text_locked(path, &root, buffer, size - tail);
	spin_unlock(&dentry_lock, inner_flags);
	spin_unlock(&mount_lock, flags);
	path_put(&root);
	if (text && gone)
		memcpy(buffer + size - tail - 1, deleted, sizeof(deleted));
	return text;
}
