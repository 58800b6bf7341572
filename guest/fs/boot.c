/* SPDX-License-Identifier: MIT
 *
 * The tree at boot: a tmpfs with what the initramfs holds, and /dev.
 */
#include "guest/board/machine.h"
#include "guest/fs/device.h"
#include "guest/fs/initramfs.h"
#include "guest/fs/mounts.h"
#include "guest/fs/names.h"
#include "guest/fs/tmpfs.h"
#include "guest/fs/vfs.h"
#include "guest/lib/panic.h"
#include "guest/mm/paging.h"

static void mount_root(void)
{
	static struct file_system rootfs = {.name = "rootfs", .mount = tmpfs_mount};
	struct super *super;

	file_system_register(&rootfs);
	if (!super_create("rootfs", "rootfs", "", false, &super))
		vfs_root.mount = mount_of_new(super, "rootfs", 0);
	if (!vfs_root.mount)
		panic("no memory for the root directory");
	vfs_root.dentry = dentry_get(super->root);
	super->root->inode->mode = S_IFDIR | 0755;
	mount_attach(vfs_root.mount, NULL);
	if (machine.initrd_bytes)
		initramfs_open(super, direct(machine.initrd_gpa), machine.initrd_bytes);
}

/* On /dev, made if the archive has none. */
static void mount_dev(void)
{
	const struct path_last name = {.name = "dev", .length = 3};
	struct mount *mount = mount_of_new(device_super(), "devtmpfs", 0);
	struct path at;
	int error = path_find(AT_FDCWD, "/dev", PATH_FOLLOW | PATH_DIRECTORY, &at);

	if (error == -ENOENT && !name_make_dir(&vfs_root, &name, 0755))
		error = path_find(AT_FDCWD, "/dev", PATH_DIRECTORY, &at);
	if (!mount || error)
		panic("/dev can't be mounted: %d", error);
	mount_attach(mount, &at);
	path_put(&at);
}

void vfs_init(void)
{
	tmpfs_register();
	mount_root();
	device_init();
	memory_devices_register();
	mount_dev();
}
