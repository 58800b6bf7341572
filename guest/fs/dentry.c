/* SPDX-License-Identifier: MIT
 *
 * Names in memory: a hash over (parent, name), and a list of those that nobody uses at the moment.
 */
#include "guest/fs/vfs.h"

#include "guest/lib/string.h"
#include "guest/mm/slab.h"

#define HASH_SIZE 1024
#define UNUSED_MAX 2048 /* more unused dentries than that aren't kept */
#define OWN_NAME_MIN 24

static struct dentry *table[HASH_SIZE];
static struct list unused = LIST_EMPTY(unused);
static unsigned unused_count;

struct spinlock dentry_lock;

static uint32_t hash_name(const struct dentry *parent, const char *name, size_t length)
{
	uint32_t hash = (uint32_t)((uint64_t)parent >> 5);

	for (size_t i = 0; i < length; i++)
		hash = hash * 31 + (uint8_t)name[i];
	return hash;
}

static struct dentry **bucket_of(uint32_t hash)
{
	return &table[(hash ^ hash >> 10) % HASH_SIZE];
}

struct dentry *dentry_get(struct dentry *dentry)
{
	__atomic_fetch_add(&dentry->refs, 1, __ATOMIC_RELAXED);
	return dentry;
}

static void link_name(struct dentry *dentry)
{
	struct dentry **bucket;

	dentry->hash = hash_name(dentry->parent, dentry->name, dentry->length);
	bucket = bucket_of(dentry->hash);
	dentry->hash_next = *bucket;
	*bucket = dentry;
	list_add_last(&dentry->parent->children, &dentry->sibling);
	dentry->linked = true;
}

static void unlink_name(struct dentry *dentry)
{
	struct dentry **at = bucket_of(dentry->hash);

	if (!dentry->linked)
		return;
	while (*at != dentry)
		at = &(*at)->hash_next;
	*at = dentry->hash_next;
	list_remove(&dentry->sibling);
	dentry->linked = false;
}

/* Takes what nobody uses out of all lists; the caller frees it without the lock. */
static void remove_locked(struct dentry *dentry)
{
	unlink_name(dentry);
	if (!list_is_empty(&dentry->unused)) {
		list_remove(&dentry->unused);
		unused_count--;
	}
}

/* An unused one to free, because there are too many; or NULL. Those in use again leave the list here. */
static struct dentry *oldest_unused_locked(void)
{
	while (unused_count > UNUSED_MAX) {
		struct dentry *dentry = container_of(list_pop(&unused), struct dentry, unused);

		unused_count--;
		if (!dentry->refs) {
			unlink_name(dentry);
			return dentry;
		}
	}
	return NULL;
}

static void keep_unused_locked(struct dentry *dentry)
{
	if (list_is_empty(&dentry->unused)) {
		list_add_last(&unused, &dentry->unused);
		unused_count++;
	}
}

/* Frees what remove_locked() or oldest_unused_locked() gave, and returns the parent, whose reference is
 * to be put next. */
static struct dentry *destroy(struct dentry *dentry)
{
	struct dentry *parent = dentry->parent == dentry ? NULL : dentry->parent;

	if (dentry->inode)
		inode_put(dentry->inode);
	if (dentry->name != dentry->own_name)
		kfree(dentry->name);
	kfree(dentry);
	return parent;
}

/* Drops a reference: what is to be destroyed then, or NULL. */
static struct dentry *put_one(struct dentry *dentry)
{
	uint32_t refs = __atomic_load_n(&dentry->refs, __ATOMIC_RELAXED);
	uint64_t flags;

	while (refs > 1)
		if (__atomic_compare_exchange_n(&dentry->refs, &refs, refs - 1, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return NULL;
	flags = spin_lock(&dentry_lock);
	if (__atomic_sub_fetch(&dentry->refs, 1, __ATOMIC_ACQ_REL)) {
		dentry = NULL;
	} else if (dentry->linked && !dentry->super->uncached && !dentry->super->pinned) {
		keep_unused_locked(dentry);
		dentry = oldest_unused_locked();
	} else {
		remove_locked(dentry);
	}
	spin_unlock(&dentry_lock, flags);
	return dentry;
}

void dentry_put(struct dentry *dentry)
{
	while (dentry) {
		dentry = put_one(dentry);
		if (dentry)
			dentry = destroy(dentry);
	}
}

struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length)
{
	const size_t room = length < OWN_NAME_MIN ? OWN_NAME_MIN : length + 1;
	struct dentry *dentry = kmalloc(sizeof(*dentry) + room);

	if (!dentry)
		return NULL;
	dentry->refs = 1;
	dentry->room = (uint8_t)(room > 255 ? 255 : room);
	dentry->name = dentry->own_name;
	dentry->length = (uint8_t)length;
	memcpy(dentry->own_name, name, length);
	list_init(&dentry->children);
	list_init(&dentry->sibling);
	list_init(&dentry->unused);
	dentry->parent = parent ? dentry_get(parent) : dentry;
	dentry->super = parent ? parent->super : NULL;
	return dentry;
}

struct dentry *dentry_create_root(struct super *super, struct inode *inode)
{
	struct dentry *dentry = dentry_create(NULL, "", 0);

	if (!dentry)
		return NULL;
	dentry->super = super;
	dentry->inode = inode;
	return dentry;
}

static struct dentry *find_locked(const struct dentry *parent, const char *name, size_t length)
{
	const uint32_t hash = hash_name(parent, name, length);

	for (struct dentry *at = *bucket_of(hash); at; at = at->hash_next)
		if (at->hash == hash && at->parent == parent && at->length == length &&
		    !memcmp(at->name, name, length))
			return dentry_get(at);
	return NULL;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length)
{
	const uint64_t flags = spin_lock(&dentry_lock);
	struct dentry *found = find_locked(parent, name, length);

	spin_unlock(&dentry_lock, flags);
	return found;
}

static bool is_ancestor(const struct dentry *dentry, const struct inode *inode)
{
	const uint64_t flags = spin_lock(&dentry_lock);

	while (dentry->inode != inode && dentry != dentry->parent)
		dentry = dentry->parent;
	spin_unlock(&dentry_lock, flags);
	return dentry->inode == inode;
}

/* Asks the file system. A pinned one doesn't remember names that don't exist. */
static int lookup_in_file_system(struct dentry *parent, struct dentry *dentry)
{
	struct inode *dir = parent->inode, *inode = NULL;
	int error = -ENOENT;
	uint64_t flags;

	if (dir->operations->lookup)
		error = dir->operations->lookup(dir, dentry->name, dentry->length, &inode);
	if (!error &&
	    is_ancestor(parent, inode)) { /* of a damaged disk: locks would be taken twice */
		inode_put(inode);
		error = -ELOOP;
	}
	if (!error) {
		dentry_attach(dentry, inode);
		return 0;
	}
	if (error != -ENOENT)
		return error;
	if (!dentry->super->pinned && !dentry->super->uncached) {
		flags = spin_lock(&dentry_lock);
		link_name(dentry);
		spin_unlock(&dentry_lock, flags);
	}
	return 0;
}

int dentry_lookup(struct dentry *parent, const char *name, size_t length, struct dentry **found)
{
	struct dentry *dentry = dentry_find(parent, name, length);
	int error;

	if (!dentry) {
		dentry = dentry_create(parent, name, length);
		if (!dentry)
			return -ENOMEM;
		error = lookup_in_file_system(parent, dentry);
		if (error) {
			dentry_put(dentry);
			return error;
		}
	}
	*found = dentry;
	return 0;
}

void dentry_attach(struct dentry *dentry, struct inode *inode)
{
	const uint64_t flags = spin_lock(&dentry_lock);

	dentry->inode = inode;
	if (dentry->super->pinned) {
		dentry->refs++;
		dentry->position = ++dentry->super->last_position;
	}
	if (!dentry->linked)
		link_name(dentry);
	spin_unlock(&dentry_lock, flags);
}

void dentry_detach(struct dentry *dentry)
{
	const uint64_t flags = spin_lock(&dentry_lock);
	const bool pinned = dentry->linked && dentry->super->pinned;

	unlink_name(dentry);
	spin_unlock(&dentry_lock, flags);
	if (pinned)
		dentry_put(dentry);
}

/* The name's new text: in place if there is room. false: no memory. */
static bool room_for_name(struct dentry *dentry, size_t length, char **text)
{
	*text = length < dentry->room ? dentry->own_name : kmalloc(length + 1);
	return *text;
}

int dentry_move(struct dentry *dentry, struct dentry *parent, const char *name, size_t length)
{
	struct dentry *old_parent = dentry->parent;
	char *old_name = dentry->name, *text;
	uint64_t flags;

	if (!room_for_name(dentry, length, &text))
		return -ENOMEM;
	dentry_get(parent);
	flags = spin_lock(&dentry_lock);
	unlink_name(dentry);
	memmove(text, name, length);
	text[length] = 0;
	dentry->name = text;
	dentry->length = (uint8_t)length;
	dentry->parent = parent;
	dentry->position = ++dentry->super->last_position;
	link_name(dentry);
	spin_unlock(&dentry_lock, flags);
	if (old_name != dentry->own_name)
		kfree(old_name);
	dentry_put(old_parent);
	return 0;
}

bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor)
{
	const uint64_t flags = spin_lock(&dentry_lock);

	while (dentry != ancestor && dentry != dentry->parent)
		dentry = dentry->parent;
	spin_unlock(&dentry_lock, flags);
	return dentry == ancestor;
}

/* A pinned dentry without children in the tree of super: each gives up the name's reference. */
static void drop_pinned(struct super *super)
{
	struct dentry *at = super->root;

	while (!list_is_empty(&super->root->children)) {
		while (!list_is_empty(&at->children))
			at = container_of(at->children.next, struct dentry, sibling);
		dentry_detach(at);
		at = super->root;
	}
}

static struct dentry *unused_of(const struct super *super)
{
	const uint64_t flags = spin_lock(&dentry_lock);
	struct dentry *found = NULL;

	list_for_each(link, &unused)
	{
		struct dentry *dentry = container_of(link, struct dentry, unused);

		if (dentry->super != super || dentry->refs)
			continue;
		remove_locked(dentry);
		found = dentry;
		break;
	}
	spin_unlock(&dentry_lock, flags);
	return found;
}

void dentry_drop_all(struct super *super)
{
	struct dentry *dentry;

	if (super->pinned)
		drop_pinned(super);
	while ((dentry = unused_of(super)))
		dentry_put(destroy(dentry));
	dentry_put(super->root);
}
