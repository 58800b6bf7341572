/* SPDX-License-Identifier: MIT
 *
 * A path on its way, for who has to look at the last component himself (open, rename, …).
 */
#ifndef GUEST_FS_WALK_H
#define GUEST_FS_WALK_H

#include "guest/fs/vfs.h"

struct walk {
	struct path at;	  /* referenced */
	const char *rest; /* what is still to be walked */
	char *text;	  /* a page that rest is in, once there was a link; else NULL */
	unsigned links;	  /* followed */
};

/* Starts at fd's directory, or at the root, as name says. Afterwards, also if it failed: walk_end(). */
int walk_begin(struct walk *walk, int fd, const char *name, unsigned flags);
/* Walks rest; PATH_PARENT leaves the last component in last. */
int walk_on(struct walk *walk, unsigned flags, struct path_last *last);
/* The child of walk->at of that name, referenced, perhaps without inode; mounts on it are not seen. */
int walk_lookup(struct walk *walk, const char *name, size_t length, struct dentry **child);
/* walk->at becomes child (whose reference it takes), or what is mounted on it. */
void walk_enter(struct walk *walk, struct dentry *child);
/* Goes where the link points: puts its text before rest, or moves. link's reference is taken. */
int walk_follow(struct walk *walk, struct dentry *link);
void walk_end(struct walk *walk);

/* The running process's root and current directory, referenced. */
void place_root(struct path *path);
void place_here(struct path *path);

#endif
