/* SPDX-License-Identifier: MIT
 *
 * Inodes: making, finding, forgetting them; who may do what with them; their times and modes.
 */
#include "guest/fs/vfs.h"

#include "guest/lib/panic.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"
#include "guest/time/wall.h"

#define HASH_SIZE 512

static struct inode *table[HASH_SIZE];
static struct spinlock lock; /* of the table and of the step to no references; a leaf */
static struct slab_cache *inodes;
static uint64_t last_number;

static struct super nameless = {.inodes = LIST_EMPTY(nameless.inodes), .refs = 1};

static struct inode **bucket_of(const struct super *super, uint64_t number)
{
	return &table[(number ^ (uint64_t)super >> 7) % HASH_SIZE];
}

struct time_spec time_now(void)
{
	const uint64_t ns = wall_ns();

	return (struct time_spec){(int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000)};
}

struct inode *inode_create(struct super *super, uint64_t number, uint32_t mode)
{
	struct inode *inode;
	uint64_t flags;

	if (!inodes)
		inodes = slab_cache_create("inode", sizeof(*inode), 0);
	inode = slab_alloc(inodes);
	if (!inode)
		return NULL;
	inode->super = super;
	inode->number = number ? number : __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	inode->mode = mode;
	inode->refs = inode->nlink = 1;
	inode->atime = inode->mtime = inode->ctime = time_now();
	mutex_init(&inode->lock);
	flags = spin_lock(&lock);
	inode->hash_next = *bucket_of(super, inode->number);
	*bucket_of(super, inode->number) = inode;
	list_add_last(&super->inodes, &inode->in_super);
	spin_unlock(&lock, flags);
	return inode;
}

struct inode *inode_nameless(uint32_t mode)
{
	struct inode *inode = inode_create(&nameless, 0, mode);

	if (inode) {
		inode->uid = process_this()->credentials.fsuid;
		inode->gid = process_this()->credentials.fsgid;
	}
	return inode;
}

struct inode *inode_find(struct super *super, uint64_t number)
{
	const uint64_t flags = spin_lock(&lock);
	struct inode *inode = *bucket_of(super, number);

	while (inode && (inode->super != super || inode->number != number))
		inode = inode->hash_next;
	if (inode)
		inode_get(inode);
	spin_unlock(&lock, flags);
	return inode;
}

struct inode *inode_get(struct inode *inode)
{
	__atomic_fetch_add(&inode->refs, 1, __ATOMIC_RELAXED);
	return inode;
}

/* Its pages go where they belong, or with the file; then the file system forgets it. */
static void evict(struct inode *inode)
{
	if (inode->cache.operations) {
		if (inode->nlink && inode->cache.operations->write_page)
			cache_write_back(&inode->cache, 0, UINT64_MAX);
		cache_truncate(&inode->cache, 0);
	}
	if (inode->super->operations && inode->super->operations->drop_inode)
		inode->super->operations->drop_inode(inode);
	slab_free(inodes, inode);
}

static void remove_locked(struct inode *inode)
{
	struct inode **at = bucket_of(inode->super, inode->number);

	while (*at != inode)
		at = &(*at)->hash_next;
	*at = inode->hash_next;
	list_remove(&inode->in_super);
}

void inode_put(struct inode *inode)
{
	uint32_t refs = __atomic_load_n(&inode->refs, __ATOMIC_RELAXED);
	uint64_t flags;

	while (refs > 1)
		if (__atomic_compare_exchange_n(&inode->refs, &refs, refs - 1, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	flags = spin_lock(&lock);
	refs = __atomic_sub_fetch(&inode->refs, 1, __ATOMIC_ACQ_REL);
	if (!refs)
		remove_locked(inode);
	spin_unlock(&lock, flags);
	if (!refs)
		evict(inode);
}

struct fs_identity fs_identity(void)
{
	const struct credentials *who = &process_this()->credentials;

	switch (task_this()->fs_role) {
	case FS_ROLE_REAL: return (struct fs_identity){who->uid, who->gid};
	case FS_ROLE_KERNEL: return (struct fs_identity){0, 0};
	default: return (struct fs_identity){who->fsuid, who->fsgid};
	}
}

bool fs_in_group(uint32_t gid)
{
	const struct credentials *who = &process_this()->credentials;
	const struct fs_identity self = fs_identity();
	bool found = !self.uid || self.gid == gid;

	for (uint32_t i = 0; i < who->group_count && !found; i++)
		found = who->groups[i] == gid;
	return found;
}

int inode_permission(const struct inode *inode, unsigned permissions)
{
	const uint32_t uid = fs_identity().uid;
	uint32_t bits = inode->mode;

	if (!uid) {
		const bool runs = !(permissions & PERMIT_EXECUTE) || (bits & 0111) ||
				  (bits & S_IFMT) == S_IFDIR;
		return runs ? 0 : -EACCES;
	}
	if (uid == inode->uid)
		bits >>= 6;
	else if (fs_in_group(inode->gid))
		bits >>= 3;
	return (bits & permissions) == permissions ? 0 : -EACCES;
}

bool inode_is_owner(const struct inode *inode)
{
	const uint32_t uid = fs_identity().uid;

	return !uid || uid == inode->uid;
}

static int tell_changed(struct inode *inode)
{
	return inode->operations && inode->operations->changed ? inode->operations->changed(inode)
							       : 0;
}

void inode_touch(struct inode *inode, bool modified)
{
	inode->ctime = time_now();
	if (modified)
		inode->mtime = inode->ctime;
	tell_changed(inode);
}

int inode_set_mode(struct inode *inode, uint32_t mode)
{
	mutex_lock(&inode->lock);
	if (!fs_in_group(inode->gid))
		mode &= ~(uint32_t)S_ISGID;
	inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
	inode->ctime = time_now();
	const int error = tell_changed(inode);
	mutex_unlock(&inode->lock);
	return error;
}

void inode_drop_set_id(struct inode *inode)
{
	if (!(inode->mode & (S_ISUID | S_ISGID)) || !process_this()->credentials.fsuid)
		return;
	inode->mode &= ~(uint32_t)S_ISUID;
	if (inode->mode & 010)
		inode->mode &= ~(uint32_t)S_ISGID;
}

static int truncate_locked(struct inode *inode, uint64_t size)
{
	int error;

	if (!inode->operations->truncate)
		return -EINVAL;
	if (size <
	    inode->size) { /* the size first, so that faults find the end and make no new page */
		inode->size = size;
		cache_truncate(&inode->cache, size);
	}
	error = inode->operations->truncate(inode, size);
	if (error)
		return error;
	inode->size = size;
	inode_drop_set_id(inode);
	inode_touch(inode, true);
	return 0;
}

int inode_truncate(struct inode *inode, uint64_t size)
{
	int error;

	if (size > INT64_MAX)
		return -EFBIG;
	mutex_lock(&inode->lock);
	error = truncate_locked(inode, size);
	mutex_unlock(&inode->lock);
	return error;
}
