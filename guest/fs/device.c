/* SPDX-License-Identifier: MIT
 *
 * Devices by number, and /dev, a tmpfs that always has a node for each.
 */
#include "guest/fs/device.h"

#include "guest/fs/mounts.h"
#include "guest/fs/names.h"
#include "guest/fs/tmpfs.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

struct device {
	uint32_t type;
	uint64_t number;
	const struct file_operations *operations;
	void *private;
	struct device *next;
};

static struct device *devices;
static struct spinlock lock;
static struct super *dev_super;
static struct path dev; /* its root, through a mount that is in no tree */

int device_find(uint32_t type, uint64_t number, const struct file_operations **operations,
		void **private)
{
	const uint64_t flags = spin_lock(&lock);
	const struct device *device = devices;

	while (device && (device->type != type || device->number != number))
		device = device->next;
	if (device) {
		*operations = device->operations;
		*private = device->private;
	}
	spin_unlock(&lock, flags);
	return device ? 0 : -ENXIO;
}

/* The directory in /dev for name ("disk/by-id/x"), made if need be: at is moved to the last component. */
static int enter_directories(struct path *at, const char **name)
{
	const char *slash;

	path_get(at);
	while ((slash = *name), *slash) {
		struct path_last last = {.length = 0};
		struct dentry *child;

		while (*slash && *slash != '/')
			last.name[last.length++] = *slash++;
		if (!*slash)
			break;
		name_make_dir(at, &last, 0755); /* or it exists */
		child = dentry_find(at->dentry, last.name, last.length);
		if (!child || !child->inode)
			return -ENOENT;
		dentry_put(at->dentry);
		at->dentry = child;
		*name = slash + 1;
	}
	return 0;
}

static void set_last(struct path_last *last, const char *name)
{
	*last = (struct path_last){.length = strlen(name)};
	memcpy(last->name, name, last->length + 1);
}

/* mode: of a node; 0: a link to target. An old one of that name goes. */
static int make_node(const char *name, uint32_t mode, uint64_t rdev, const char *target)
{
	struct path at = dev;
	struct path_last last;
	int error;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	task_this()->fs_role = FS_ROLE_KERNEL; /* whoever made the device appear */
	error = enter_directories(&at, &name);
	if (!error) {
		set_last(&last, name);
		name_unlink(&at, &last);
		error = mode ? name_create(&at, &last, mode, rdev, NULL)
			     : name_symlink(&at, &last, target);
	}
	task_this()->fs_role = FS_ROLE_OWN;
	path_put(&at);
	return error;
}

int device_symlink(const char *name, const char *target)
{
	return make_node(name, 0, 0, target);
}

int device_register(uint32_t type, unsigned major, unsigned minor, const char *name,
		    uint32_t permissions, const struct file_operations *operations, void *private)
{
	struct device *device = kmalloc(sizeof(*device));
	int error = device ? make_node(name, type | permissions, device_number(major, minor), NULL)
			   : -ENOMEM;

	if (error) {
		kfree(device);
		return error;
	}
	*device = (struct device){type, device_number(major, minor), operations, private, NULL};
	const uint64_t flags = spin_lock(&lock);

	device->next = devices;
	devices = device;
	spin_unlock(&lock, flags);
	return 0;
}

void device_unregister(uint32_t type, unsigned major, unsigned minor, const char *name)
{
	const uint64_t number = device_number(major, minor);
	const uint64_t flags = spin_lock(&lock);
	struct device **link = &devices, *device;
	struct path at = dev;
	struct path_last last;

	while (*link && ((*link)->type != type || (*link)->number != number))
		link = &(*link)->next;
	device = *link;
	if (device)
		*link = device->next;
	spin_unlock(&lock, flags);
	kfree(device);
	task_this()->fs_role = FS_ROLE_KERNEL;
	if (!enter_directories(&at, &name)) {
		set_last(&last, name);
		name_unlink(&at, &last);
	}
	task_this()->fs_role = FS_ROLE_OWN;
	path_put(&at);
}

void device_init(void)
{
	static struct file_system type = {.name = "devtmpfs", .mount = tmpfs_mount};
	int error;

	file_system_register(&type);
	error = super_create("devtmpfs", "devtmpfs", "", false, &dev_super);
	dev.mount = error ? NULL : mount_of_new(dev_super, "devtmpfs", 0);
	if (!dev.mount)
		panic("no memory for /dev");
	dev.dentry = dev_super->root;
	dev.dentry->inode->mode = S_IFDIR | 0755;
}

struct super *device_super(void)
{
	return dev_super;
}
