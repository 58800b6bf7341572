/* SPDX-License-Identifier: MIT
 *
 * Where a process stands in the tree.
 */
#include "guest/fs/files.h"
#include "guest/mm/slab.h"

#define FIRST_UMASK 022

struct place *place_copy(struct place *from)
{
	struct place *place = kmalloc(sizeof(*place));
	uint64_t flags;

	if (!place)
		return NULL;
	place->refs = 1;
	place->root = place->here = vfs_root;
	place->umask = FIRST_UMASK;
	if (!from) {
		path_get(&place->root);
		path_get(&place->here);
		return place;
	}
	flags = spin_lock(&from->lock);
	place->root = from->root;
	place->here = from->here;
	place->umask = from->umask;
	path_get(&place->root);
	path_get(&place->here);
	spin_unlock(&from->lock, flags);
	return place;
}

struct place *place_get(struct place *place)
{
	__atomic_fetch_add(&place->refs, 1, __ATOMIC_RELAXED);
	return place;
}

void place_put(struct place *place)
{
	if (__atomic_sub_fetch(&place->refs, 1, __ATOMIC_ACQ_REL))
		return;
	path_put(&place->root);
	path_put(&place->here);
	kfree(place);
}

void place_set(struct place *place, struct path *which, const struct path *path)
{
	const uint64_t flags = spin_lock(&place->lock);
	const struct path old = *which;

	path_get(path);
	*which = *path;
	spin_unlock(&place->lock, flags);
	path_put(&old);
}
