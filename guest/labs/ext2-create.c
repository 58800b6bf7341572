/* SPDX-License-Identifier: MIT
 *
 * What one create writes on an ext2 disk. In the guest it makes a file; afterwards, on the host, it names each block
 * in which two images of the disk differ.
 *
 *   ext2-create make DEVICE            mounts, makes /new with 6,000 bytes, unmounts
 *   ext2-create compare BEFORE AFTER   of the first block group, which is all of a small disk
 */
#include "../fs/ext2/format.h"
#include "lab_disk.h"

#define CONTENT_BYTES 6000

struct image {
	char *at;
	uint64_t bytes;
	uint32_t block_bytes;
	const struct ext2_super_block *super;
	const struct ext2_group *group; /* the first one */
};

static void make(const char *device)
{
	static char content[CONTENT_BYTES];

	lab_mount_disk(device, "ext2");
	const int fd = lab_open(LAB_MOUNT "/new", O_WRONLY | O_CREAT | O_EXCL);

	memset(content, 'x', sizeof(content));
	if (write(fd, content, sizeof(content)) != sizeof(content))
		lab_die("write");
	close(fd);
	if (umount(LAB_MOUNT))
		lab_die("umount");
	printf("made /new\n");
}

static struct image load(const char *path)
{
	const int fd = lab_open(path, O_RDONLY);
	struct image image = {.bytes = (uint64_t)lseek(fd, 0, SEEK_END)};

	image.at = malloc(image.bytes);
	if (!image.at || pread(fd, image.at, image.bytes, 0) != (ssize_t)image.bytes)
		lab_die(path);
	close(fd);
	image.super = (const struct ext2_super_block *)(image.at + EXT2_SUPER_OFFSET);
	image.block_bytes = 1024u << image.super->log_block_size;
	image.group = (const struct ext2_group *)(image.at + (image.super->first_data_block +
							      1ull) * image.block_bytes);
	return image;
}

static const struct ext2_disk_inode *root_of(const struct image *image)
{
	return (const struct ext2_disk_inode *)(image->at +
						(uint64_t)image->group->inode_table *
							image->block_bytes +
						(EXT2_ROOT_INODE - 1) * image->super->inode_bytes);
}

static bool is_directory(const struct image *image, uint32_t block)
{
	for (unsigned i = 0; i < EXT2_DIRECT_BLOCKS; i++)
		if (root_of(image)->block[i] == block)
			return true;
	return false;
}

static const char *name_of(const struct image *image, uint32_t block)
{
	const struct ext2_group *group = image->group;
	const uint32_t table_bytes = image->super->inodes_per_group * image->super->inode_bytes;
	const uint32_t table_end = group->inode_table + table_bytes / image->block_bytes;

	if (block == EXT2_SUPER_OFFSET / image->block_bytes)
		return "superblock";
	if (block == image->super->first_data_block + 1)
		return "group-descriptor";
	if (block == group->block_bitmap)
		return "block-bitmap";
	if (block == group->inode_bitmap)
		return "inode-bitmap";
	if (block >= group->inode_table && block < table_end)
		return "inode-table";
	return is_directory(image, block) ? "directory" : "data";
}

static unsigned bytes_differing(const struct image *a, const struct image *b, uint32_t block)
{
	const uint64_t start = (uint64_t)block * a->block_bytes;
	unsigned count = 0;

	for (uint64_t i = start; i < start + a->block_bytes; i++)
		count += a->at[i] != b->at[i];
	return count;
}

static void compare(const struct image *before, const struct image *after)
{
	for (uint32_t block = 0; block < after->bytes / after->block_bytes; block++) {
		const unsigned bytes = bytes_differing(before, after, block);

		if (!bytes)
			continue;
		printf("block %5u  %-17s %5u bytes differ\n", block, name_of(after, block), bytes);
		lab_row("changed", "block=%u is=%s bytes=%u", block, name_of(after, block), bytes);
	}
	printf("free blocks %u -> %u, free inodes %u -> %u\n", before->super->free_blocks,
	       after->super->free_blocks, before->super->free_inodes, after->super->free_inodes);
	lab_row("free", "blocks=%u inodes=%u",
		before->super->free_blocks - after->super->free_blocks,
		before->super->free_inodes - after->super->free_inodes);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "make") == 0) {
		make(argv[2]);
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "compare") != 0)
		return 2;
	const struct image before = load(argv[2]), after = load(argv[3]);

	if (before.bytes != after.bytes) {
		fprintf(stderr, "the images differ in size\n");
		return 1;
	}
	compare(&before, &after);
	return 0;
}
