/* SPDX-License-Identifier: MIT
 *
 * The virtual file system: inodes (files), dentries (names), mounts (trees), and open files.
 *
 * An inode's fields, and which names are in a directory, are guarded by the inode's mutex; a dentry's name,
 * parent and place in lists also by dentry_lock, a leaf. Reference counts are atomic. An inode lives
 * while a dentry or an open file has it. A dentry holds its parent and its inode; without references
 * it stays a while in the list of unused ones. Where names live in dentries only (super->pinned:
 * tmpfs), each name holds a reference.
 */
#ifndef GUEST_FS_VFS_H
#define GUEST_FS_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/errno.h"
#include "guest/lib/list.h"
#include "guest/mm/cache.h"
#include "guest/sched/mutex.h"

struct dentry;
struct file;
struct inode;
struct iobuf;
struct mount;
struct poll_table;
struct socket_operations;
struct super;
struct vm_area;

#define NAME_MAX 255
#define PATH_MAX 4096
#define SYMLINK_DEPTH_MAX 40

/* Linux's numbers: file types in mode, open flags, and the directory for "relative to where I am". */
enum file_type {
	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	S_IFLNK = 0120000,
	S_IFREG = 0100000,
	S_IFBLK = 0060000,
	S_IFDIR = 0040000,
	S_IFCHR = 0020000,
	S_IFIFO = 0010000,
	S_ISUID = 04000,
	S_ISGID = 02000,
	S_ISVTX = 01000
};
enum open_flag {
	O_RDONLY = 0,
	O_WRONLY = 1,
	O_RDWR = 2,
	O_ACCMODE = 3,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_NOCTTY = 0400,
	O_TRUNC = 01000,
	O_APPEND = 02000,
	O_NONBLOCK = 04000,
	O_DSYNC = 010000,
	O_DIRECT = 040000,
	O_LARGEFILE = 0100000,
	O_DIRECTORY = 0200000,
	O_NOFOLLOW = 0400000,
	O_NOATIME = 01000000,
	O_CLOEXEC = 02000000,
	O_SYNC = 04010000,
	O_PATH = 010000000,
	O_TMPFILE = 020200000
};
enum allocate_flag { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2, FALLOC_ZERO_RANGE = 16 };
#define AT_FDCWD (-100)

struct time_spec {
	int64_t seconds, nanoseconds;
};

struct inode_operations {
	/* For directories; dir->lock is held, names are checked and not "." or "..". */
	int (*lookup)(struct inode *dir, const char *name, size_t length, struct inode **found);
	int (*create)(struct inode *dir, const char *name, size_t length, uint32_t mode,
		      uint64_t rdev, struct inode **made); /* any type but directory and link */
	int (*make_dir)(struct inode *dir, const char *name, size_t length, uint32_t mode,
			struct inode **made);
	int (*symlink)(struct inode *dir, const char *name, size_t length, const char *target,
		       struct inode **made);
	int (*link)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	int (*unlink)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	int (*remove_dir)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	/* Replaces what is at the new name, if victim isn't NULL. */
	int (*rename)(struct inode *from, const char *name, size_t length, struct inode *to,
		      const char *new_name, size_t new_length, struct inode *inode,
		      struct inode *victim);

	/* For links: the target into size bytes, without NUL; its length or -errno. */
	int64_t (*read_link)(struct inode *inode, char *to, size_t size);
	/* Follows a link that has no text (e.g. /proc/self/fd/3): sets *dentry and *mount, referenced. */
	int (*follow)(struct inode *inode, struct mount **mount, struct dentry **dentry);
	/* For regular files; inode->lock is held, size is already checked. The page cache is cut by the
	 * caller. */
	int (*truncate)(struct inode *inode, uint64_t size);
	/* For super->pinned: makes the dentries of all names that are elsewhere still; called before names
	 * change or are listed. NULL: there are none. dir's inode is locked. */
	int (*fill)(struct dentry *dir);
	/* A file without a name, for O_TMPFILE; nlink 0. */
	int (*temporary)(struct inode *dir, uint32_t mode, struct inode **made);
	/* A page at index is to be made where the file has none: 0 or -ENOSPC. NULL: always 0. */
	int (*reserve)(struct inode *inode, uint64_t index);
	/* lseek(): where, from offset on, data (or a hole) is; beyond the size: nowhere. NULL: all is data. */
	uint64_t (*find_data)(struct inode *inode, uint64_t offset, bool hole);
	/* fallocate(): bytes of [start, end), mode as in Linux. */
	int (*allocate)(struct inode *inode, unsigned mode, uint64_t start, uint64_t end);
	/* After mode, owner or times changed; NULL: nothing to do. */
	int (*changed)(struct inode *inode);
	/* fsync: what is not in the page cache. NULL: nothing. */
	int (*sync)(struct inode *inode);
};

/* Where read_dir() puts entries. */
struct dir_sink {
	/* false: full, the entry was not taken. next_position is what to go on from after it. */
	bool (*add)(struct dir_sink *sink, const char *name, size_t length, uint64_t inode_number,
		    uint32_t mode, uint64_t next_position);
};

struct file_operations {
	/* From or to *position, which is moved on by what was done: bytes or -errno. position is NULL
	 * for what can't seek. */
	int64_t (*read)(struct file *file, struct iobuf *to, uint64_t *position);
	int64_t (*write)(struct file *file, struct iobuf *from, uint64_t *position);
	/* Calls add for each entry from file->position on until it says false. */
	int (*read_dir)(struct file *file, struct dir_sink *sink);
	/* Which of POLLIN… hold now; and if table isn't NULL, poll_wait() on what changes that. */
	unsigned (*poll)(struct file *file, struct poll_table *table);
	int64_t (*ioctl)(struct file *file, unsigned command, uint64_t argument);
	/* NULL: pages of the inode's cache, if it has one. Else fills in area->cache or refuses. */
	int (*map)(struct file *file, struct vm_area *area);
	int64_t (*seek)(struct file *file, int64_t offset, int whence); /* NULL: the usual */
	int (*open)(struct inode *inode, struct file *file);
	/* fsync(), in place of writing the inode's pages and its sync(). NULL: those. */
	int (*sync)(struct file *file);
	/* Each close() of a descriptor, for e.g. POSIX locks and write errors. */
	int (*flush)(struct file *file);
	void (*release)(struct file *file);	/* the last reference is gone */
	const struct socket_operations *socket; /* NULL: it is none */
};

struct inode {
	const struct inode_operations *operations;
	const struct file_operations *file_operations;
	struct super *super;
	struct mutex lock;
	uint32_t refs;
	uint64_t number;
	uint32_t mode, uid, gid, nlink;
	uint64_t rdev; /* dev_t of a device node */
	uint64_t size, blocks_512;
	struct time_spec atime, mtime, ctime;
	struct page_cache cache;
	struct list in_super;
	struct inode *hash_next;
	void *locks; /* struct file_lock: flock() and POSIX; locks.c */
	void *bound; /* what is at the other side of the name: a FIFO's pipe, a socket */
	uint32_t
		writers; /* open for writing; with deny_write > 0 that is ETXTBSY, and the reverse */
	uint32_t deny_write;
	void *private; /* the file system's: its own inode, a pipe, a device */
};

struct dentry {
	struct dentry *parent; /* of the root: itself */
	struct inode *inode;   /* NULL: known not to exist */
	struct super *super;
	uint32_t refs;
	struct list children, sibling;
	struct list unused; /* in the list of those without references */
	struct dentry *hash_next;
	uint32_t hash;
	bool linked;	       /* can be found under its name */
	uint8_t length;	       /* of the name */
	uint8_t room;	       /* in own_name */
	struct mount *mounted; /* what is on this, one for each mount this can be seen through */
	uint64_t position;     /* pinned: in the directory, for read_dir() */
	char *name;	       /* NUL-terminated; own_name, or longer and from kmalloc() */
	char own_name[];
};

struct fs_statistics {
	uint64_t type, block_bytes, blocks, blocks_free, files, files_free, name_max;
};

struct super_operations {
	void (*drop_inode)(
		struct inode *inode); /* last reference: delete if nlink is 0, free private */
	int (*sync)(struct super *super);
	void (*unmount)(struct super *super);
	void (*statistics)(struct super *super, struct fs_statistics *statistics);
};

struct super {
	const struct super_operations *operations;
	const struct file_system *type;
	struct dentry *root;
	uint64_t device; /* st_dev */
	bool read_only;
	bool pinned;   /* names live in dentries only; each holds a reference */
	bool uncached; /* names change without us (procfs): look them up each time */
	uint32_t refs; /* mounts */
	uint64_t last_position;
	struct list inodes;
	struct spinlock lock; /* of that list */
	void *private;
};

/* A kind of file system that mount(2) can name. */
struct file_system {
	const char *name;
	bool needs_device;
	/* Fills super in (operations, root, …). source: NUL-terminated device or word; options too. */
	int (*mount)(struct super *super, const char *source, const char *options);
	struct file_system *next;
};

struct mount {
	struct super *super;
	struct dentry *root;   /* super's, or what was bound */
	struct mount *parent;  /* NULL: the root, or unmounted */
	struct dentry *on;     /* in the parent */
	struct mount *next_on; /* of on->mounted */
	unsigned child_count;
	char source[64];
	uint32_t flags; /* MS_RDONLY … */
	uint32_t refs;
	struct list in_all;
};

struct path {
	struct mount *mount;
	struct dentry *dentry;
};

struct file {
	const struct file_operations *operations;
	struct path path; /* dentry NULL: has no name (pipe, socket) */
	struct inode *inode;
	uint32_t flags; /* enum open_flag, without the creation ones */
	uint32_t refs;
	struct mutex position_lock;
	uint64_t position;
	int32_t owner;	     /* F_SETOWN */
	const char *label;   /* of one without a name: "pipe", "socket", "[eventpoll]" */
	struct list watches; /* struct epoll_item that watch it; epoll.c */
	bool was_watched;
	bool denies_write; /* a program: nobody may write to it meanwhile */
	void *private;
};

/* --- paths (path.c). All return 0 or -errno and take references that path_put() gives back. */
enum path_flag {
	PATH_FOLLOW = 1,    /* the last component too, if it is a link */
	PATH_DIRECTORY = 2, /* it must be one */
	PATH_PARENT = 4,    /* all but the last component, which is left in last */
	PATH_EMPTY_OK = 8   /* "" is the start itself (AT_EMPTY_PATH) */
};
struct path_last {
	char name[NAME_MAX + 1];
	size_t length;
	bool is_dot, slash_after; /* "." or ".."; had a slash behind */
};
/* From directory descriptor fd (or AT_FDCWD), of the running process, with its credentials. */
int path_find(int fd, const char *name, unsigned flags, struct path *found);
int path_find_parent(int fd, const char *name, struct path *parent, struct path_last *last);
void path_get(const struct path *path);
void path_put(const struct path *path);
/* Its text from the process's root, into size bytes at the end of buffer: where it starts, or NULL. */
char *path_text(const struct path *path, char *buffer, size_t size);

/* As whom the running thread deals with files: as its process's file system user, for access() as the
 * real one, for the kernel's own names in /dev as root. In task->fs_role. */
enum fs_role { FS_ROLE_OWN, FS_ROLE_REAL, FS_ROLE_KERNEL };
struct fs_identity {
	uint32_t uid, gid;
};
struct fs_identity fs_identity(void);
/* Whether that one is of a group, or root. */
bool fs_in_group(uint32_t gid);

/* May the running process do this (PERMIT_READ | …)? 0 or -EACCES/-EROFS. */
enum permission { PERMIT_EXECUTE = 1, PERMIT_WRITE = 2, PERMIT_READ = 4 };
bool inode_is_owner(const struct inode *inode); /* or root */
int inode_permission(const struct inode *inode, unsigned permissions);

/* --- open files (file.c) */
/* As open(2), without a descriptor. name is in kernel memory. */
int file_open(int fd, const char *name, unsigned flags, uint32_t mode, struct file **file);
int file_open_path(const struct path *path, unsigned flags, struct file **file);
/* To be executed, which it need not be readable for; nobody can write to it as long as it is open. */
int file_open_program(const struct path *path, struct file **file);
/* Of a dentry that is in no mount. */
int file_open_unchecked(struct dentry *dentry, unsigned flags, struct file **made);
/* The plain object: flags as for open(2); takes inode's reference unless it fails. */
int file_create(const struct file_operations *operations, struct inode *inode, unsigned flags,
		struct file **made);
/* A file without a name (eventfd, epoll …): label shows in procfs. */
int file_open_nameless(const struct file_operations *operations, void *private, unsigned flags,
		       const char *label, struct file **file);
static inline struct file *file_get(struct file *file)
{
	__atomic_fetch_add(&file->refs, 1, __ATOMIC_RELAXED);
	return file;
}
void file_put(struct file *file);
/* Kernel's own reads, e.g. by the ELF loader: bytes or -errno. */
int64_t file_read_at(struct file *file, void *to, size_t bytes, uint64_t position);
int64_t file_write_at(struct file *file, const void *from, size_t bytes, uint64_t position);

/* The generic operations of files whose data is in the page cache. */
int64_t file_read_cached(struct file *file, struct iobuf *to, uint64_t *position);
int64_t file_write_cached(struct file *file, struct iobuf *from, uint64_t *position);

/* --- inodes (inode.c) */
/* A new inode of super with one reference, number and times set. */
struct inode *inode_create(struct super *super, uint64_t number, uint32_t mode);
/* The one with this number if it is in memory, referenced. */
struct inode *inode_find(struct super *super, uint64_t number);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode);
struct time_spec time_now(void); /* real time */
/* Sets mtime and ctime (or ctime alone) to now. */
void inode_touch(struct inode *inode, bool modified);
/* chmod(), truncate() and so on, with the permissions already checked. Take the lock. */
int inode_set_mode(struct inode *inode, uint32_t mode);
int inode_truncate(struct inode *inode, uint64_t size);
/* A write by anybody but root takes away the right to run as somebody else. Locked. */
void inode_drop_set_id(struct inode *inode);
/* The inode that descriptors without a file share, and one of its own for pipes and sockets. */
struct inode *inode_nameless(uint32_t mode);

/* --- names and trees (dentry.c, mount.c) */
struct dentry *dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry);
/* The child of that name if it is in memory, referenced; else NULL. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t length);
/* Names an inode (whose reference it takes), or is about to go; the parent's inode is locked. */
void dentry_attach(struct dentry *dentry, struct inode *inode);
void dentry_detach(struct dentry *dentry);
/* A new name. 0 or -ENOMEM. Both parents are locked. */
int dentry_move(struct dentry *dentry, struct dentry *parent, const char *name, size_t length);
/* A dentry without inode that can't be found yet. */
struct dentry *dentry_create(struct dentry *parent, const char *name, size_t length);
/* Frees the tree of a super that nobody uses. */
void dentry_drop_all(struct super *super);
bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor);
extern struct spinlock dentry_lock;
/* The child of that name, looked up or from memory, referenced (perhaps without inode); parent's
 * inode is locked. */
int dentry_lookup(struct dentry *parent, const char *name, size_t length, struct dentry **found);
/* Makes a root dentry for super with a reference on inode. */
struct dentry *dentry_create_root(struct super *super, struct inode *inode);

void file_system_register(struct file_system *type);
int vfs_mount(const char *source, const char *target, const char *type, unsigned flags,
	      const char *options);
int vfs_unmount(const char *target, unsigned flags);
void mount_get(struct mount *mount);
void mount_put(struct mount *mount);
/* -EROFS: neither the mount nor its super may be written. */
int mount_check_writable(const struct mount *mount);
/* Moves path to the root of what is mounted on it, if anything is. */
void mount_descend(struct path *path);
/* Moves path from a mount's root to what it is mounted on. false: it isn't there, or has no parent. */
bool mount_ascend(struct path *path);
extern struct list mount_all; /* by in_all; guarded by mount_lock */
extern struct spinlock mount_lock;
/* The tables, the root file system from the initramfs (or an empty one), and /dev. At boot, once. */
void vfs_init(void);
/* The first mount, made at boot. */
extern struct path vfs_root;

/* --- device nodes (device.c) */
/* What open() of a character or block node with this number gets, and a node in /dev of that name. */
int device_register(uint32_t type /* S_IFCHR or S_IFBLK */, unsigned major, unsigned minor,
		    const char *name, uint32_t permissions,
		    const struct file_operations *operations, void *private);
/* Removes both again; open files go on. */
void device_unregister(uint32_t type, unsigned major, unsigned minor, const char *name);
/* A symbolic link in /dev (with its directories); an old one of that name is replaced. */
int device_symlink(const char *name, const char *target);
/* What is registered, or -ENXIO. */
int device_find(uint32_t type, uint64_t number, const struct file_operations **operations,
		void **private);
static inline uint64_t device_number(unsigned major, unsigned minor)
{
	return (uint64_t)(major & 0xfff) << 8 | (minor & 0xff) | (uint64_t)(minor & ~0xffu) << 12;
}

#endif
