/* SPDX-License-Identifier: MIT
 *
 * Directories: blocks full of entries, each of which says where the next one is. An entry is removed by
 * joining it to the one before, so that names that stay are never moved.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/lib/string.h"

/* One entry, in a block that is held. */
struct place {
	struct ext2_block block;
	struct ext2_dir_entry *entry, *before; /* before: NULL at a block's start */
	uint32_t offset;		       /* in the block */
};

static uint64_t blocks_of(const struct inode *dir)
{
	return dir->size / ext2_fs_of(dir)->block_bytes;
}

static int read_block(struct inode *dir, uint64_t index, struct ext2_block *block)
{
	struct ext2_fs *fs = ext2_fs_of(dir);
	uint32_t number;
	int error = ext2_map(dir, index, &number);

	if (error)
		return error;
	if (!number)
		return ext2_fail(fs, "directory %lu has a hole", dir->number);
	return ext2_block_read(fs, number, block);
}

/* Whether an entry at offset is possible, and its length stays in the block. */
static bool is_sound(const struct ext2_fs *fs, const struct ext2_dir_entry *entry, uint32_t offset)
{
	return entry->bytes >= EXT2_DIR_ENTRY_BYTES(1u) && entry->bytes % 4 == 0 &&
	       entry->bytes <= fs->block_bytes - offset &&
	       EXT2_DIR_ENTRY_BYTES((uint32_t)entry->name_length) <= entry->bytes &&
	       entry->inode <= fs->inode_count;
}

/* A block's entry at offset, checked. */
static int entry_at(struct inode *dir, const struct ext2_block *block, uint32_t offset,
		    struct ext2_dir_entry **entry)
{
	struct ext2_fs *fs = ext2_fs_of(dir);

	*entry = (struct ext2_dir_entry *)((char *)block->data + offset);
	if (offset + EXT2_DIR_ENTRY_BYTES(1u) <= fs->block_bytes && is_sound(fs, *entry, offset))
		return 0;
	return ext2_fail(fs, "directory %lu has a bad entry at %u", dir->number, offset);
}

/* Looks at each entry until match() says yes: 0 (place->block is held), -ENOENT or worse. */
static int search(struct inode *dir, struct place *place,
		  bool (*match)(const struct ext2_dir_entry *entry, const void *what),
		  const void *what)
{
	const struct ext2_fs *fs = ext2_fs_of(dir);
	int error = 0;

	for (uint64_t i = 0; i < blocks_of(dir); i++) {
		error = read_block(dir, i, &place->block);
		if (error)
			return error;
		place->before = NULL;
		for (place->offset = 0; place->offset < fs->block_bytes;
		     place->offset += place->entry->bytes) {
			error = entry_at(dir, &place->block, place->offset, &place->entry);
			if (error)
				break;
			if (match(place->entry, what))
				return 0;
			place->before = place->entry;
		}
		ext2_block_put(&place->block);
		if (error)
			return error;
	}
	return -ENOENT;
}

struct wanted {
	const char *name;
	size_t length;
};

static bool has_name(const struct ext2_dir_entry *entry, const void *what)
{
	const struct wanted *wanted = what;

	return entry->inode && entry->name_length == wanted->length &&
	       !memcmp(entry->name, wanted->name, wanted->length);
}

int ext2_dir_find(struct inode *dir, const char *name, size_t length, uint32_t *number)
{
	const struct wanted wanted = {name, length};
	struct place place;
	const int error = search(dir, &place, has_name, &wanted);

	if (error)
		return error;
	*number = place.entry->inode;
	ext2_block_put(&place.block);
	return 0;
}

static uint8_t type_of(const struct ext2_fs *fs, uint32_t mode)
{
	static const uint8_t type[16] = {
		[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2,  [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4,
		[S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7};

	return fs->has_file_type ? type[(mode & S_IFMT) >> 12] : 0;
}

static uint32_t mode_of(uint8_t type)
{
	static const uint32_t mode[8] = {0,	  S_IFREG, S_IFDIR,  S_IFCHR,
					 S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};

	return type < 8 ? mode[type] : 0;
}

static void fill_entry(const struct ext2_fs *fs, struct ext2_dir_entry *entry, const char *name,
		       size_t length, uint32_t number, uint32_t mode)
{
	entry->inode = number;
	entry->name_length = (uint8_t)length;
	entry->type = type_of(fs, mode);
	memcpy(entry->name, name, length);
}

/* The bytes of an entry that its name doesn't need. */
static uint32_t spare(const struct ext2_dir_entry *entry)
{
	return entry->inode ? entry->bytes - EXT2_DIR_ENTRY_BYTES((uint32_t)entry->name_length)
			    : entry->bytes;
}

static bool has_room(const struct ext2_dir_entry *entry, const void *what)
{
	return spare(entry) >= *(const uint32_t *)what;
}

/* A new last block with a single entry. */
static int append_block(struct inode *dir, struct place *place)
{
	struct ext2_fs *fs = ext2_fs_of(dir);
	uint32_t number;
	bool fresh;
	int error = ext2_map_allocate(dir, blocks_of(dir), &number, &fresh);

	if (!error)
		error = ext2_block_new(fs, number, &place->block);
	if (error)
		return error;
	place->entry = place->block.data;
	place->entry->bytes = (uint16_t)fs->block_bytes;
	dir->size += fs->block_bytes;
	return 0;
}

int ext2_dir_add(struct inode *dir, const char *name, size_t length, uint32_t number, uint32_t mode)
{
	struct ext2_fs *fs = ext2_fs_of(dir);
	const uint32_t needed = EXT2_DIR_ENTRY_BYTES((uint32_t)length);
	struct place place;
	int error = ext2_check_writable(fs);

	if (!error)
		error = search(dir, &place, has_room, &needed);
	if (error == -ENOENT)
		error = append_block(dir, &place);
	if (error)
		return error;
	if (place.entry->inode) { /* behind its name */
		const uint32_t used = EXT2_DIR_ENTRY_BYTES((uint32_t)place.entry->name_length);
		struct ext2_dir_entry *next = (struct ext2_dir_entry *)((char *)place.entry + used);

		next->bytes = (uint16_t)(place.entry->bytes - used);
		next->inode = 0;
		place.entry->bytes = (uint16_t)used;
		place.entry = next;
	}
	fill_entry(fs, place.entry, name, length, number, mode);
	ext2_inode_of(dir)->flags &= ~(uint32_t)EXT2_FLAG_INDEX; /* an index would be wrong now */
	ext2_block_dirty(fs, &place.block);
	ext2_block_put(&place.block);
	return ext2_inode_write(dir);
}

static int find_place(struct inode *dir, const char *name, size_t length, struct place *place)
{
	const struct wanted wanted = {name, length};
	int error = ext2_check_writable(ext2_fs_of(dir));

	if (!error)
		error = search(dir, place, has_name, &wanted);
	return error;
}

int ext2_dir_remove(struct inode *dir, const char *name, size_t length)
{
	struct place place;
	const int error = find_place(dir, name, length, &place);

	if (error)
		return error;
	if (place.before)
		place.before->bytes = (uint16_t)(place.before->bytes + place.entry->bytes);
	else
		place.entry->inode = 0;
	ext2_inode_of(dir)->flags &= ~(uint32_t)EXT2_FLAG_INDEX;
	ext2_block_dirty(ext2_fs_of(dir), &place.block);
	ext2_block_put(&place.block);
	return 0;
}

int ext2_dir_replace(struct inode *dir, const char *name, size_t length, uint32_t number,
		     uint32_t mode)
{
	struct place place;
	const int error = find_place(dir, name, length, &place);

	if (error)
		return error;
	place.entry->inode = number;
	place.entry->type = type_of(ext2_fs_of(dir), mode);
	ext2_block_dirty(ext2_fs_of(dir), &place.block);
	ext2_block_put(&place.block);
	return 0;
}

static bool is_dot(const struct ext2_dir_entry *entry)
{
	return (entry->name_length == 1 && entry->name[0] == '.') ||
	       (entry->name_length == 2 && entry->name[0] == '.' && entry->name[1] == '.');
}

static bool is_name(const struct ext2_dir_entry *entry, const void *what)
{
	(void)what;
	return entry->inode && !is_dot(entry);
}

int ext2_dir_is_empty(struct inode *dir)
{
	struct place place;
	const int error = search(dir, &place, is_name, NULL);

	if (!error)
		ext2_block_put(&place.block);
	return error == -ENOENT ? 0 : error ? error : -ENOTEMPTY;
}

int ext2_dir_create_dots(struct inode *dir, uint32_t parent_number)
{
	struct ext2_fs *fs = ext2_fs_of(dir);
	int error = ext2_dir_add(dir, ".", 1, (uint32_t)dir->number, S_IFDIR);

	(void)fs;
	return error ? error : ext2_dir_add(dir, "..", 2, parent_number, S_IFDIR);
}

/* The names of one block from file->position on, which is the offset of an entry in the directory. An
 * entry may have gone meanwhile, so the block is walked from its start. */
static int list_block(struct file *file, struct dir_sink *sink, bool *full)
{
	struct inode *dir = file->inode;
	const uint32_t size = ext2_fs_of(dir)->block_bytes;
	const uint64_t index = file->position / size;
	struct ext2_dir_entry *entry;
	struct ext2_block block;
	int error = read_block(dir, index, &block);

	if (error)
		return error;
	for (uint32_t at = 0; at < size && !*full; at += entry->bytes) {
		error = entry_at(dir, &block, at, &entry);
		if (error)
			break;
		if (index * size + at < file->position)
			continue;
		*full = entry->inode &&
			!sink->add(sink, entry->name, entry->name_length, entry->inode,
				   mode_of(ext2_fs_of(dir)->has_file_type ? entry->type : 0),
				   index * size + at + entry->bytes);
		if (!*full)
			file->position = index * size + at + entry->bytes;
	}
	ext2_block_put(&block);
	return error;
}

static int read_dir(struct file *file, struct dir_sink *sink)
{
	bool full = false;
	int error = 0;

	while (!full && !error && file->position < file->inode->size)
		error = list_block(file, sink, &full);
	return error;
}

const struct file_operations ext2_dir_file_operations = {.read_dir = read_dir};
