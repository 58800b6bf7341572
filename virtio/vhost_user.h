/* SPDX-License-Identifier: MIT
 *
 * The front end's half of the vhost-user protocol (QEMU's docs/interop/vhost-user): a device's rings are
 * served by another process, which maps guest RAM. Knows messages; devices are in vhost_user_device.c.
 *
 * One exchange at a time; a back end that does not answer within VHOST_USER_PATIENCE_S, or nonsense, counts as
 * gone: every call from then on fails with -EPIPE.
 */
#ifndef VITRINE_VIRTIO_VHOST_USER_H
#define VITRINE_VIRTIO_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/gmem.h"
#include "virtio/queue.h"

#define VHOST_USER_PATIENCE_S 10
#define VHOST_USER_CONFIG_MAX 256

struct vhost_user;

/* Takes over a connected socket (also where it fails) and negotiates the protocol. name: of the program,
 * for messages; borrowed. 0 or -errno. */
int vhost_user_create(int fd, const char *name, struct vhost_user **out);
void vhost_user_destroy(struct vhost_user *vhost); /* NULL is fine */

int vhost_user_fd(const struct vhost_user *vhost); /* hangs up when the back end goes */
const char *vhost_user_name(const struct vhost_user *vhost);

/* Virtio feature bits that the back end can do. */
uint64_t vhost_user_features(const struct vhost_user *vhost);
/* How many queues it can serve. */
unsigned vhost_user_queue_max(const struct vhost_user *vhost);

/* All of these: any thread; 0 or -errno. */
int vhost_user_get_config(struct vhost_user *vhost, void *config, uint32_t len_bytes);
int vhost_user_set_config(struct vhost_user *vhost, uint32_t offset, const void *bytes,
			  uint32_t len_bytes);
/* Of one run of the driver; every region of mem is shared memory (-EINVAL). */
int vhost_user_set_memory(struct vhost_user *vhost, const struct gmem *mem);
int vhost_user_set_features(struct vhost_user *vhost, uint64_t features);

/* The ring of one queue. kick_fd and call_fd stay the caller's; call_fd -1: interrupts are not wanted. */
int vhost_user_start_ring(struct vhost_user *vhost, const struct gmem *mem, unsigned index,
			  const struct virtq_config *config, bool is_packed, int kick_fd,
			  int call_fd);
/* Returns when the back end has let go of it. */
int vhost_user_stop_ring(struct vhost_user *vhost, unsigned index);

#endif
