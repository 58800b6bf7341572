/* SPDX-License-Identifier: MIT
 *
 * Mounts: which tree continues where. mount_lock guards the shape; a mount's references are those of
 * the paths through it, and one of the tree's.
 */
#include "guest/fs/vfs.h"

#include "guest/fs/mounts.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

struct list mount_all = LIST_EMPTY(mount_all);
struct spinlock mount_lock;
struct path vfs_root;

static struct file_system *types;
static unsigned last_device;

void file_system_register(struct file_system *type)
{
	type->next = types;
	types = type;
}

struct file_system *file_system_next(struct file_system *type)
{
	return type ? type->next : types;
}

static struct file_system *find_type(const char *name)
{
	struct file_system *type = types;

	while (type && strcmp(type->name, name) != 0)
		type = type->next;
	return type;
}

void mount_get(struct mount *mount)
{
	__atomic_fetch_add(&mount->refs, 1, __ATOMIC_RELAXED);
}

static void super_put(struct super *super)
{
	if (__atomic_sub_fetch(&super->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (super->operations && super->operations->sync)
		super->operations->sync(super);
	dentry_drop_all(super);
	if (super->operations && super->operations->unmount)
		super->operations->unmount(super);
	kfree(super);
}

void mount_put(struct mount *mount)
{
	if (__atomic_sub_fetch(&mount->refs, 1, __ATOMIC_ACQ_REL))
		return;
	dentry_put(mount->root);
	super_put(mount->super);
	kfree(mount);
}

int mount_check_writable(const struct mount *mount)
{
	return mount && ((mount->flags & MS_RDONLY) || mount->super->read_only) ? -EROFS : 0;
}

/* What is mounted where path points, referenced; or NULL. */
static struct mount *mounted_on(const struct path *path)
{
	const uint64_t flags = spin_lock(&mount_lock);
	struct mount *mount = path->dentry->mounted;

	while (mount && mount->parent != path->mount)
		mount = mount->next_on;
	if (mount)
		mount_get(mount);
	spin_unlock(&mount_lock, flags);
	return mount;
}

void mount_descend(struct path *path)
{
	while (path->dentry->mounted) {
		struct mount *mount = mounted_on(path);

		if (!mount)
			return;
		path_put(path);
		path->mount = mount;
		path->dentry = dentry_get(mount->root);
	}
}

bool mount_ascend(struct path *path)
{
	struct path up = {NULL, NULL};
	uint64_t flags;

	if (!path->mount || path->dentry != path->mount->root)
		return false;
	flags = spin_lock(&mount_lock);
	if (path->mount->parent) {
		up = (struct path){path->mount->parent, path->mount->on};
		path_get(&up);
	}
	spin_unlock(&mount_lock, flags);
	if (!up.mount)
		return false;
	path_put(path);
	*path = up;
	return true;
}

struct mount *mount_create(struct super *super, struct dentry *root, const char *source,
			   unsigned flags)
{
	struct mount *mount = kmalloc(sizeof(*mount));

	if (!mount)
		return NULL;
	mount->super = super;
	mount->root = dentry_get(root);
	mount->refs = 1;
	mount->flags = flags & MS_KEPT;
	__atomic_fetch_add(&super->refs, 1, __ATOMIC_RELAXED);
	print_to(mount->source, sizeof(mount->source), "%s", source);
	list_init(&mount->in_all);
	return mount;
}

void mount_attach(struct mount *mount, const struct path *on)
{
	uint64_t flags;

	if (on)
		path_get(on);
	flags = spin_lock(&mount_lock);
	if (on) {
		mount->parent = on->mount;
		mount->on = on->dentry;
		mount->next_on = on->dentry->mounted;
		on->dentry->mounted = mount;
		on->mount->child_count++;
	}
	if (list_is_empty(&mount->in_all))
		list_add_last(&mount_all, &mount->in_all);
	spin_unlock(&mount_lock, flags);
}

static void detach_locked(struct mount *mount)
{
	struct mount **at = &mount->on->mounted;

	while (*at != mount)
		at = &(*at)->next_on;
	*at = mount->next_on;
	mount->parent->child_count--;
	mount->parent = NULL;
	mount->on = NULL;
	list_remove(&mount->in_all);
}

int mount_detach(struct mount *mount, uint32_t refs_max)
{
	const uint64_t flags = spin_lock(&mount_lock);
	const struct path on = {mount->parent, mount->on};
	int error = 0;

	if (!mount->parent)
		error = -EINVAL;
	else if (mount->child_count || mount->refs > refs_max)
		error = -EBUSY;
	else
		detach_locked(mount);
	spin_unlock(&mount_lock, flags);
	if (!error)
		path_put(&on);
	return error;
}

int super_create(const char *type_name, const char *source, const char *options, bool read_only,
		 struct super **made)
{
	struct file_system *type = find_type(type_name);
	struct super *super;
	int error;

	if (!type)
		return -ENODEV;
	super = kmalloc(sizeof(*super));
	if (!super)
		return -ENOMEM;
	super->type = type;
	super->read_only = read_only; /* type->mount() may find that it has to be, too */
	list_init(&super->inodes);
	super->device = device_number(0, __atomic_add_fetch(&last_device, 1, __ATOMIC_RELAXED));
	error = type->mount(super, source, options);
	if (error) {
		kfree(super);
		return error;
	}
	*made = super;
	return 0;
}

/* A mount of a super that nothing else uses yet; it goes if that fails. */
struct mount *mount_of_new(struct super *super, const char *source, unsigned flags)
{
	struct mount *mount = mount_create(super, super->root, source, flags);

	if (!mount) {
		super->refs++;
		super_put(super);
	}
	return mount;
}
