/* SPDX-License-Identifier: MIT
 *
 * The initial RAM disk of `vitrine run --root DIR`: the folder's own kernel modules for virtio-fs, and an /init that
 * mounts the folder (initrd/init.c). Made anew for each run: a few hundred KiB.
 */
#ifndef VITRINE_BOOT_ROOT_INITRD_H
#define VITRINE_BOOT_ROOT_INITRD_H

#include <stddef.h>

#define ROOT_TAG "vitrine-root" /* of the share; initrd/init.c knows it */

/* The newest DIR/boot/vmlinuz-* or DIR/vmlinuz into path (PATH_MAX). 0, or -ENOENT with one line in err. */
int root_find_kernel(const char *folder, char *path, char *err, size_t err_size);

/* Makes it for the kernel at image_path. Returns a descriptor, or -errno with one line in err. */
int root_make_initrd(const char *folder, const char *image_path, char *err, size_t err_size);

#endif
