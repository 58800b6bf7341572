/* SPDX-License-Identifier: MIT
 *
 * See vhost_net.h; the calls are those of <linux/vhost.h>.
 */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <fcntl.h>
#define _LINUX_VIRTIO_RING_H /* abi/virtio_ring.h has the same structs */
#include <linux/vhost.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop/batching.h"
#include "virtio_net.h"

#define VHOST_NET_DEVICE "/dev/vhost-net"
#define KERNEL_THREADS "/proc/2/task/2/children" /* of kthreadd */

struct vhost_net {
	const struct gmem *mem;
	int fd;
	int tap_fd;
	uint64_t features; /* that the kernel has */
};

static int call(const struct vhost_net *vhost, unsigned long request, void *argument)
{
	return ioctl(vhost->fd, request, argument) < 0 ? -errno : 0;
}

/* --- the thread that serves the rings
 *
 * Where it shares a processor with the vCPU it would run at each kick, for one frame: see batching.h. Of what its
 * kicks bring we see nothing, so it always lets the driver go on. */

static bool is_called(pid_t thread, const char *wanted)
{
	char path[32], name[32] = "";
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%d/comm", thread);
	comm = fopen(path, "re");
	if (!comm)
		return false;
	if (fgets(name, sizeof(name), comm))
		name[strcspn(name, "\n")] = 0;
	fclose(comm);
	return strcmp(name, wanted) == 0;
}

/* Those that are younger than we are, and have a name that says whose they are. */
static void let_kernel_threads_wait(void)
{
	FILE *children = fopen(KERNEL_THREADS, "re");
	pid_t self = gettid(), thread;
	char name[32], word[16];

	snprintf(name, sizeof(name), "vhost-%d", self);
	while (children && fscanf(children, "%15s", word) == 1) {
		thread = (pid_t)strtol(word, NULL, 10);
		if (thread > self && is_called(thread, name))
			batching_set(thread, true);
	}
	if (children)
		fclose(children);
}

/* VHOST_SET_OWNER makes the thread. From Linux 6.4 on it is one of ours, with the policy of the one that asks;
 * before, it is kthreadd's child, and only root may change it. Without this it is slower, no more. */
static int make_worker(const struct vhost_net *vhost)
{
	bool inherits = sched_getscheduler(0) == SCHED_OTHER && batching_set(0, true) == 0;
	int err = call(vhost, VHOST_SET_OWNER, NULL);

	if (inherits)
		batching_set(0, false);
	if (!err)
		let_kernel_threads_wait();
	return err;
}

int vhost_net_create(const struct gmem *mem, int tap_fd, struct vhost_net **out)
{
	struct vhost_net *vhost = calloc(1, sizeof(*vhost));
	int err = 0;

	if (!vhost)
		return -ENOMEM;
	vhost->mem = mem;
	vhost->tap_fd = tap_fd;
	vhost->fd = open(VHOST_NET_DEVICE, O_RDWR | O_CLOEXEC);
	if (vhost->fd < 0)
		err = -errno;
	if (!err)
		err = make_worker(vhost);
	if (!err)
		err = call(vhost, VHOST_GET_FEATURES, &vhost->features);
	if (!err && !(vhost->features & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		err = -ENOTSUP;
	if (err) {
		vhost_net_destroy(vhost);
		return err;
	}
	*out = vhost;
	return 0;
}

void vhost_net_destroy(struct vhost_net *vhost)
{
	if (!vhost)
		return;
	if (vhost->fd >= 0)
		close(vhost->fd);
	free(vhost);
}

static int set_memory(struct vhost_net *vhost)
{
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     GMEM_REGION_MAX * sizeof(struct vhost_memory_region)];
	} memory = {.table.nregions = vhost->mem->region_count};

	for (unsigned i = 0; i < vhost->mem->region_count; i++) {
		const struct gmem_region *from = &vhost->mem->region[i];

		memory.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = from->gpa,
			.memory_size = from->size_bytes,
			.userspace_addr = (uintptr_t)from->hva};
	}
	return call(vhost, VHOST_SET_MEM_TABLE, &memory);
}

/* Of the device's own features those that shape what lies in the rings are vhost's business. */
int vhost_net_start(struct vhost_net *vhost, uint64_t features)
{
	const uint64_t shared = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
				VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |
				VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	uint64_t wanted = features & shared;

	if (wanted & ~vhost->features)
		return -ENOTSUP;
	int err = call(vhost, VHOST_SET_FEATURES, &wanted);

	return err ? err : set_memory(vhost);
}

static int set_addresses(struct vhost_net *vhost, unsigned index, const struct virtq_config *config)
{
	uint64_t entries = config->size;
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (uintptr_t)gmem_slice(vhost->mem, config->desc_gpa, entries * 16),
		.avail_user_addr = (uintptr_t)gmem_slice(vhost->mem, config->driver_gpa,
							 entries * 2 + 6),
		.used_user_addr = (uintptr_t)gmem_slice(vhost->mem, config->device_gpa,
							entries * 8 + 6),
	};

	if (!addr.desc_user_addr || !addr.avail_user_addr || !addr.used_user_addr)
		return -EFAULT;
	return call(vhost, VHOST_SET_VRING_ADDR, &addr);
}

static int set_backend(struct vhost_net *vhost, unsigned index, int fd)
{
	struct vhost_vring_file file = {.index = index, .fd = fd};

	return call(vhost, VHOST_NET_SET_BACKEND, &file);
}

int vhost_net_start_queue(struct vhost_net *vhost, unsigned index, struct virtio_queue *queue)
{
	struct vhost_vring_state num = {.index = index, .num = queue->config.size};
	struct vhost_vring_state base = {.index = index, .num = 0};
	struct vhost_vring_file kick = {.index = index, .fd = queue->kick_fd};
	struct vhost_vring_file interrupt = {.index = index, .fd = virtio_queue_call_fd(queue)};
	int err = call(vhost, VHOST_SET_VRING_NUM, &num);

	if (!err)
		err = call(vhost, VHOST_SET_VRING_BASE, &base);
	if (!err)
		err = set_addresses(vhost, index, &queue->config);
	if (!err)
		err = call(vhost, VHOST_SET_VRING_KICK, &kick);
	if (!err)
		err = call(vhost, VHOST_SET_VRING_CALL, &interrupt);
	return err ? err : set_backend(vhost, index, vhost->tap_fd);
}

/* Taking the back end away waits for what is in flight. */
void vhost_net_stop_queue(struct vhost_net *vhost, unsigned index)
{
	struct vhost_vring_file none = {.index = index, .fd = -1};

	set_backend(vhost, index, -1);
	call(vhost, VHOST_SET_VRING_KICK, &none);
	call(vhost, VHOST_SET_VRING_CALL, &none);
}
