/* SPDX-License-Identifier: MIT
 *
 * See initramfs.h. The index is a hash over whole paths: one entry for each member, newest first, as
 * later members replace earlier ones. A directory's names are all made before anybody changes or lists
 * it, and from then on it is like any other of a tmpfs.
 */
#include "guest/fs/initramfs.h"

#include "guest/fs/tmpfs.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"

#define HEADER_BYTES 110
#define BUCKETS 512
#define HASH_STEP 31

/* Where the 8 hexadecimal digits of a field are, in the header. */
enum field {
	FIELD_INO = 6,
	FIELD_MODE = 14,
	FIELD_UID = 22,
	FIELD_GID = 30,
	FIELD_NLINK = 38,
	FIELD_MTIME = 46,
	FIELD_SIZE = 54,
	FIELD_MAJOR = 62,
	FIELD_MINOR = 70,
	FIELD_RDEV_MAJOR = 78,
	FIELD_RDEV_MINOR = 86,
	FIELD_NAME_BYTES = 94
};

struct entry {
	const char *header;
	const char *data;
	struct entry *hash_next;
	uint32_t hash, parent_hash; /* of its path, and of its directory's */
	uint32_t bytes;		    /* of data that is still its file's */
	uint16_t archive;	    /* which of those in a row */
	uint16_t skip;		    /* "./" or "/" before the path */
	uint16_t length, base;	    /* of the path; where its last component starts */
};

#define CHUNK_ENTRIES ((PAGE_BYTES - sizeof(void *)) / sizeof(struct entry))

struct chunk {
	struct chunk *next;
	struct entry entries[CHUNK_ENTRIES];
};

static struct entry *table[BUCKETS];
static struct entry root_entry; /* an empty path */
static struct chunk *first_chunk, *last_chunk;
static unsigned in_last_chunk, entry_count;
static const char *start, *end;

static const struct inode_operations dir_operations;
static const struct cache_operations cache_operations;

/* Anything but a digit is 0: a header is only believed as far as its sizes fit. */
static uint32_t field(const char *header, enum field at)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t c = (uint8_t)header[at + (int)i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) % 16u;
	}
	return value;
}

static const char *path_of(const struct entry *entry)
{
	return entry->header + HEADER_BYTES + entry->skip;
}

static struct entry *new_entry(void)
{
	if (!last_chunk || in_last_chunk == CHUNK_ENTRIES) {
		struct page *page = page_alloc(0, 0);
		struct chunk *chunk = page ? page_data(page) : NULL;

		if (!chunk)
			return NULL;
		chunk->next = NULL;
		*(last_chunk ? &last_chunk->next : &first_chunk) = chunk;
		last_chunk = chunk;
		in_last_chunk = 0;
	}
	entry_count++;
	return &last_chunk->entries[in_last_chunk++];
}

static struct entry **bucket_of(uint32_t hash)
{
	return &table[(hash ^ hash >> 9) % BUCKETS];
}

/* Its path's hash and parts. false: it is empty, or no path. */
static bool index_path(struct entry *entry, size_t name_bytes)
{
	const char *name = entry->header + HEADER_BYTES;
	uint32_t hash = 0;
	size_t at = 0;

	while (name[at] == '/' || (name[at] == '.' && name[at + 1] == '/'))
		at++;
	entry->skip = (uint16_t)at;
	entry->base = 0;
	entry->parent_hash = 0;
	for (; name[at]; at++) {
		if (name[at] == '/') {
			entry->parent_hash = hash;
			entry->base = (uint16_t)(at - entry->skip + 1);
		}
		hash = hash * HASH_STEP + (uint8_t)name[at];
	}
	entry->hash = hash;
	entry->length = (uint16_t)(at - entry->skip);
	return at + 1 == name_bytes && entry->length > entry->base;
}

static size_t align4(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

/* One member: the bytes that it takes, or 0: it is damaged, or there is no memory. */
static size_t index_member(const char *header, uint16_t archive, bool *trailer)
{
	const size_t left = (size_t)(end - header);
	const size_t name_bytes = field(header, FIELD_NAME_BYTES);
	const size_t bytes = field(header, FIELD_SIZE);
	const size_t data_at = align4(HEADER_BYTES + name_bytes);
	struct entry *entry;

	if (!name_bytes || name_bytes > PATH_MAX || data_at > left || bytes > left - data_at ||
	    header[HEADER_BYTES + name_bytes - 1])
		return 0;
	*trailer = name_bytes == 11 && !memcmp(header + HEADER_BYTES, "TRAILER!!!", 11);
	if (*trailer)
		return data_at;
	entry = new_entry();
	if (!entry)
		return 0;
	entry->header = header;
	entry->data = header + data_at;
	entry->bytes = (uint32_t)bytes;
	entry->archive = archive;
	if (index_path(entry, name_bytes)) {
		entry->hash_next = *bucket_of(entry->hash);
		*bucket_of(entry->hash) = entry;
	} else {
		entry->length = 0; /* "." or nonsense: nothing finds it */
	}
	return align4(data_at + bytes);
}

unsigned initramfs_open(struct super *super, const void *data, size_t bytes)
{
	const char *at = data;
	uint16_t archive = 0;
	bool trailer = false;

	start = data;
	end = at + bytes;
	while ((size_t)(end - at) >= HEADER_BYTES) {
		size_t used = 4;

		if (!memcmp(at, "07070", 5) && (at[5] == '1' || at[5] == '2'))
			used = index_member(at, archive, &trailer);
		else if (at[0] || at[1] || at[2] || at[3]) /* padding between archives is zero */
			break;
		if (!used || used > (size_t)(end - at))
			break;
		at += used;
		archive += trailer;
		trailer = false;
	}
	super->root->inode->private = &root_entry;
	super->root->inode->operations = &dir_operations;
	return entry_count;
}

static uint32_t child_hash(const struct entry *dir, const char *name, size_t length)
{
	uint32_t hash = dir->length ? dir->hash * HASH_STEP + '/' : 0;

	for (size_t i = 0; i < length; i++)
		hash = hash * HASH_STEP + (uint8_t)name[i];
	return hash;
}

static bool is_in(const struct entry *entry, const struct entry *dir)
{
	if (!dir->length)
		return entry->length && !entry->base;
	return entry->parent_hash == dir->hash && entry->base == dir->length + 1 &&
	       !memcmp(path_of(entry), path_of(dir), dir->length);
}

static struct entry *find_child(const struct entry *dir, const char *name, size_t length)
{
	const uint32_t hash = child_hash(dir, name, length);
	struct entry *at = *bucket_of(hash);

	while (at && (at->hash != hash || (size_t)(at->length - at->base) != length ||
		      !is_in(at, dir) || memcmp(path_of(at) + at->base, name, length) != 0))
		at = at->hash_next;
	return at;
}

static bool same_file(const struct entry *a, const struct entry *b)
{
	return a->archive == b->archive && b->length &&
	       !memcmp(a->header + FIELD_INO, b->header + FIELD_INO, 8) &&
	       !memcmp(a->header + FIELD_MAJOR, b->header + FIELD_MAJOR, 16);
}

/* Of a file with several names: how many there are, the first member, and the one that has the data. */
static struct entry *find_data(struct entry *entry, uint32_t *links, const struct entry **first)
{
	struct entry *found = entry;

	*links = 0;
	for (struct chunk *chunk = first_chunk; chunk; chunk = chunk->next) {
		const unsigned count = chunk == last_chunk ? in_last_chunk : CHUNK_ENTRIES;

		for (unsigned i = 0; i < count; i++) {
			if (!same_file(entry, &chunk->entries[i]))
				continue;
			if (!(*links)++)
				*first = &chunk->entries[i];
			/* The last with data; without any, the last: all agree on it. */
			if (chunk->entries[i].bytes || !found->bytes)
				found = &chunk->entries[i];
		}
	}
	return found;
}

/* Inode numbers of files with several names, so that the other names find them. */
static uint64_t shared_number(const struct entry *first)
{
	return 1ull << 48 | (uint64_t)(first->header - start);
}

static int fill_in(struct inode *inode, struct entry *entry)
{
	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		inode->private = entry;
		inode->operations = &dir_operations;
		break;
	case S_IFLNK:
		if (!entry->bytes || entry->bytes >= PATH_MAX)
			return -EIO;
		inode->private = (void *)(uintptr_t)entry->data;
		inode->size = entry->bytes;
		break;
	case S_IFREG:
		inode->private = entry;
		inode->size = entry->bytes;
		cache_init(&inode->cache, &cache_operations, inode);
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	default: return -EIO;
	}
	return 0;
}

static int make_inode(struct super *super, struct entry *entry, uint32_t links, uint64_t number,
		      struct inode **made)
{
	const char *header = entry->header;
	struct inode *inode = tmpfs_create_inode(
		super, field(header, FIELD_MODE) & (S_IFMT | 07777), number,
		device_number(field(header, FIELD_RDEV_MAJOR), field(header, FIELD_RDEV_MINOR)));
	int error;

	if (!inode)
		return -ENOMEM;
	inode->uid = field(header, FIELD_UID);
	inode->gid = field(header, FIELD_GID);
	inode->mtime.seconds = field(header, FIELD_MTIME);
	inode->mtime.nanoseconds = 0;
	if (links > 1)
		inode->nlink = links;
	error = fill_in(inode, entry);
	if (error) {
		inode_put(inode);
		return error;
	}
	if (links > 1)
		inode_get(
			inode); /* for the names that nobody has looked up: initramfs_unlinked() */
	*made = inode;
	return 0;
}

static int get_inode(struct super *super, struct entry *entry, struct inode **found)
{
	const uint32_t type = field(entry->header, FIELD_MODE) & S_IFMT;
	const struct entry *first = entry;
	struct entry *data = entry;
	uint64_t number = 0;
	uint32_t links = 1;

	if (type == S_IFREG && field(entry->header, FIELD_NLINK) > 1)
		data = find_data(entry, &links, &first);
	if (links > 1) {
		number = shared_number(first);
		*found = inode_find(super, number);
		if (*found)
			return 0;
	}
	return make_inode(super, data, links, number, found);
}

static int lookup(struct inode *dir, const char *name, size_t length, struct inode **found)
{
	struct entry *entry = dir->private ? find_child(dir->private, name, length) : NULL;

	return entry ? get_inode(dir->super, entry, found) : -ENOENT;
}

static bool is_name(const char *name, size_t length)
{
	return length <= NAME_MAX && !(name[0] == '.' && length == 1) &&
	       !(name[0] == '.' && name[1] == '.' && length == 2);
}

/* Makes the name of a member, unless it has been made, or replaced by a later one. */
static int fill_one(struct dentry *dir, struct entry *entry)
{
	const char *name = path_of(entry) + entry->base;
	const size_t length = entry->length - entry->base;
	struct dentry *child;
	struct inode *inode;
	int error;

	if (!is_name(name, length) || find_child(dir->inode->private, name, length) != entry)
		return 0;
	child = dentry_find(dir, name, length);
	if (!child) {
		child = dentry_create(dir, name, length);
		if (!child)
			return -ENOMEM;
		error = get_inode(dir->super, entry, &inode);
		if (!error)
			dentry_attach(child, inode);
		else if (error != -EIO) { /* that is a nonsensical member, which doesn't appear */
			dentry_put(child);
			return error;
		}
	}
	dentry_put(child);
	return 0;
}

static int fill(struct dentry *dir)
{
	struct entry *entry = dir->inode->private;
	int error = 0;

	for (struct chunk *chunk = first_chunk; chunk && !error; chunk = chunk->next) {
		const unsigned count = chunk == last_chunk ? in_last_chunk : CHUNK_ENTRIES;

		for (unsigned i = 0; i < count && !error; i++)
			if (chunk->entries[i].length && is_in(&chunk->entries[i], entry))
				error = fill_one(dir, &chunk->entries[i]);
	}
	if (error)
		return error;
	/* Release: who sees that there is no lookup finds all dentries (walk_lookup). */
	__atomic_store_n(&dir->inode->operations, &tmpfs_dir_operations, __ATOMIC_RELEASE);
	dir->inode->private = NULL;
	return 0;
}

static int read_page(struct page_cache *cache, struct page *page)
{
	const struct entry *entry = cache->inode->private;
	const uint64_t at = page->index * PAGE_BYTES;
	size_t bytes = 0;

	if (at < entry->bytes)
		bytes = entry->bytes - at < PAGE_BYTES ? entry->bytes - at : PAGE_BYTES;
	memcpy(page_data(page), entry->data + at, bytes);
	memset((char *)page_data(page) + bytes, 0, PAGE_BYTES - bytes);
	return 0;
}

bool initramfs_owns(const void *private)
{
	const char *at = private;

	if (at == (const char *)&root_entry || (at >= start && at < end))
		return true;
	for (const struct chunk *chunk = first_chunk; chunk; chunk = chunk->next)
		if (at >= (const char *)chunk && at < (const char *)(chunk + 1))
			return true;
	return false;
}

void initramfs_unlinked(struct inode *inode)
{
	if (!inode->nlink && inode->number >> 48)
		inode_put(inode);
}

void initramfs_unmounted(struct super *super)
{
	list_for_each_safe(link, &super->inodes)
	{
		struct inode *inode = container_of(link, struct inode, in_super);

		if (inode->number >> 48)
			inode_put(inode);
	}
}

void initramfs_truncated(struct inode *inode, uint64_t size)
{
	struct entry *entry = inode->private;

	if (entry && size < entry->bytes)
		entry->bytes = (uint32_t)size;
}

static const struct cache_operations cache_operations = {.read_page = read_page};
static const struct inode_operations dir_operations = {
	.lookup = lookup, /* the rest fills first, and then goes through tmpfs_dir_operations */
	.fill = fill,
};
