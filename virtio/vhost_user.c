/* SPDX-License-Identifier: MIT
 *
 * Messages of the vhost-user protocol, front end. See vhost_user.h.
 */
#include "virtio/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "virtio_ring.h"

#define VERSION 1u
#define FLAG_REPLY 4u
#define FLAG_NEED_REPLY 8u
#define FEATURE_PROTOCOL 30 /* VHOST_USER_F_PROTOCOL_FEATURES */
#define NO_FD 0x100u

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25
};

enum { PROTOCOL_MQ = 0, PROTOCOL_REPLY_ACK = 3, PROTOCOL_CONFIG = 9 };
#define PROTOCOL_WANTED (1ULL << PROTOCOL_MQ | 1ULL << PROTOCOL_REPLY_ACK | 1ULL << PROTOCOL_CONFIG)

struct memory_region {
	uint64_t gpa;
	uint64_t size_bytes;
	uint64_t hva; /* ours: ring addresses are told in terms of it */
	uint64_t mmap_offset;
};

struct vring_state {
	uint32_t index;
	uint32_t value;
};

struct vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc_hva;
	uint64_t used_hva;
	uint64_t avail_hva;
	uint64_t log_gpa;
};

struct config_span {
	uint32_t offset;
	uint32_t size_bytes;
	uint32_t flags;
	uint8_t bytes[VHOST_USER_CONFIG_MAX];
} __attribute__((packed));

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size_bytes; /* of what follows */
	union {
		uint64_t u64;
		struct vring_state state;
		struct vring_addr addr;
		struct config_span config;
		struct {
			uint32_t region_count;
			uint32_t padding;
			struct memory_region region[GMEM_REGION_MAX];
		} memory;
	};
} __attribute__((packed));

#define HEADER_BYTES offsetof(struct message, u64)
_Static_assert(offsetof(struct message, u64) == 12, "vhost-user header");
_Static_assert(sizeof(struct vring_addr) == 40, "vhost-user vring address");

struct vhost_user {
	int fd;
	const char *name;
	uint64_t features;
	uint64_t protocol;
	unsigned queue_max;
	atomic_bool gone;
	pthread_mutex_t lock; /* one exchange at a time */
};

/* --- exchanges */

static int send_message(struct vhost_user *vhost, struct message *message, const int *fd,
			unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * GMEM_REGION_MAX)];
	} control = {0};
	struct iovec iov = {message, HEADER_BYTES + message->size_bytes};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd_count) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS,
						  .cmsg_len = CMSG_LEN(sizeof(int) * fd_count)};
		memcpy(CMSG_DATA(&control.header), fd, sizeof(int) * fd_count);
	}
	return sendmsg(vhost->fd, &header, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -EPIPE;
}

static int receive_bytes(struct vhost_user *vhost, void *bytes, size_t len_bytes)
{
	return recv(vhost->fd, bytes, len_bytes, MSG_WAITALL) == (ssize_t)len_bytes ? 0 : -EPIPE;
}

/* A back end is a program of the host, but not one to be trusted with our stack. */
static int receive_reply(struct vhost_user *vhost, uint32_t request, struct message *reply)
{
	if (receive_bytes(vhost, reply, HEADER_BYTES) < 0)
		return -EPIPE;
	if (reply->request != request || !(reply->flags & FLAG_REPLY) ||
	    reply->size_bytes > sizeof(*reply) - HEADER_BYTES)
		return -EPROTO;
	return receive_bytes(vhost, &reply->u64, reply->size_bytes);
}

/* Sends *message; where it has an answer, that is in it afterwards. */
static int exchange(struct vhost_user *vhost, struct message *message, const int *fd,
		    unsigned fd_count, bool has_answer)
{
	uint32_t request = message->request;
	bool wants_ack = !has_answer && vhost->protocol >> PROTOCOL_REPLY_ACK & 1;
	int err;

	if (vhost->gone)
		return -EPIPE;
	message->flags = VERSION | (wants_ack ? FLAG_NEED_REPLY : 0);
	pthread_mutex_lock(&vhost->lock);
	err = send_message(vhost, message, fd, fd_count);
	if (!err && (has_answer || wants_ack))
		err = receive_reply(vhost, request, message);
	vhost->gone = err != 0;
	pthread_mutex_unlock(&vhost->lock);
	if (!err && wants_ack && (message->size_bytes != sizeof(uint64_t) || message->u64))
		return -EIO; /* it says no */
	return err;
}

static int ask_u64(struct vhost_user *vhost, enum request request, uint64_t *value)
{
	struct message message = {.request = request};
	int err = exchange(vhost, &message, NULL, 0, true);

	*value = message.u64;
	return err ? err : message.size_bytes == sizeof(uint64_t) ? 0 : -EPROTO;
}

static int tell_u64(struct vhost_user *vhost, enum request request, uint64_t value)
{
	struct message message = {.request = request, .size_bytes = sizeof(value), .u64 = value};

	return exchange(vhost, &message, NULL, 0, false);
}

static int tell_state(struct vhost_user *vhost, enum request request, unsigned index,
		      uint32_t value)
{
	struct message message = {.request = request,
				  .size_bytes = sizeof(struct vring_state),
				  .state = {index, value}};

	return exchange(vhost, &message, NULL, 0, false);
}

static int tell_fd(struct vhost_user *vhost, enum request request, unsigned index, int fd)
{
	struct message message = {.request = request,
				  .size_bytes = sizeof(uint64_t),
				  .u64 = fd < 0 ? index | NO_FD : index};

	return exchange(vhost, &message, &fd, fd < 0 ? 0 : 1, false);
}

/* --- life */

static int negotiate(struct vhost_user *vhost)
{
	uint64_t protocol = 0;
	uint64_t queues = 1;
	int err = ask_u64(vhost, GET_FEATURES, &vhost->features);

	if (!err && !(vhost->features >> FEATURE_PROTOCOL & 1))
		return -ENOTSUP;
	if (!err)
		err = ask_u64(vhost, GET_PROTOCOL_FEATURES, &protocol);
	if (!err)
		err = tell_u64(vhost, SET_PROTOCOL_FEATURES, protocol & PROTOCOL_WANTED);
	vhost->protocol = protocol & PROTOCOL_WANTED;
	if (!err && vhost->protocol >> PROTOCOL_MQ & 1)
		err = ask_u64(vhost, GET_QUEUE_NUM, &queues);
	vhost->queue_max = queues < 1024 ? (unsigned)queues : 1024;
	if (!err) {
		struct message owner = {.request = SET_OWNER};

		err = exchange(vhost, &owner, NULL, 0, false);
	}
	return err;
}

int vhost_user_create(int fd, const char *name, struct vhost_user **out)
{
	struct vhost_user *vhost = calloc(1, sizeof(*vhost));
	struct timeval patience = {.tv_sec = VHOST_USER_PATIENCE_S};
	int err;

	if (!vhost) {
		close(fd);
		return -ENOMEM;
	}
	vhost->fd = fd;
	vhost->name = name;
	pthread_mutex_init(&vhost->lock, NULL);
	fcntl(fd, F_SETFL, 0); /* an answer is waited for */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	err = negotiate(vhost);
	if (err) {
		vhost_user_destroy(vhost);
		return err;
	}
	*out = vhost;
	return 0;
}

void vhost_user_destroy(struct vhost_user *vhost)
{
	if (!vhost)
		return;
	close(vhost->fd);
	pthread_mutex_destroy(&vhost->lock);
	free(vhost);
}

int vhost_user_fd(const struct vhost_user *vhost)
{
	return vhost->fd;
}

const char *vhost_user_name(const struct vhost_user *vhost)
{
	return vhost->name;
}

uint64_t vhost_user_features(const struct vhost_user *vhost)
{
	return vhost->features & ~VIRTIO_BIT(FEATURE_PROTOCOL);
}

unsigned vhost_user_queue_max(const struct vhost_user *vhost)
{
	return vhost->queue_max;
}

/* --- configuration space */

int vhost_user_get_config(struct vhost_user *vhost, void *config, uint32_t len_bytes)
{
	struct message message = {.request = GET_CONFIG,
				  .size_bytes = offsetof(struct config_span, bytes) + len_bytes,
				  .config = {.size_bytes = len_bytes}};
	int err;

	if (!(vhost->protocol >> PROTOCOL_CONFIG & 1) || len_bytes > VHOST_USER_CONFIG_MAX)
		return -ENOTSUP;
	err = exchange(vhost, &message, NULL, 0, true);
	if (!err && message.size_bytes != offsetof(struct config_span, bytes) + len_bytes)
		err = -EPROTO;
	if (!err)
		memcpy(config, message.config.bytes, len_bytes);
	return err;
}

int vhost_user_set_config(struct vhost_user *vhost, uint32_t offset, const void *bytes,
			  uint32_t len_bytes)
{
	struct message message = {.request = SET_CONFIG,
				  .size_bytes = offsetof(struct config_span, bytes) + len_bytes,
				  .config = {.offset = offset, .size_bytes = len_bytes}};

	if (!(vhost->protocol >> PROTOCOL_CONFIG & 1) || len_bytes > VHOST_USER_CONFIG_MAX)
		return -ENOTSUP;
	memcpy(message.config.bytes, bytes, len_bytes);
	return exchange(vhost, &message, NULL, 0, false);
}

/* --- one run of the driver */

int vhost_user_set_features(struct vhost_user *vhost, uint64_t features)
{
	return tell_u64(vhost, SET_FEATURES,
			(features & vhost_user_features(vhost)) | VIRTIO_BIT(FEATURE_PROTOCOL));
}

int vhost_user_set_memory(struct vhost_user *vhost, const struct gmem *mem)
{
	struct message message = {
		.request = SET_MEM_TABLE,
		.size_bytes = (uint32_t)(2 * sizeof(uint32_t) +
					 mem->region_count * sizeof(struct memory_region)),
		.memory = {.region_count = mem->region_count}};
	int fd[GMEM_REGION_MAX];

	for (unsigned i = 0; i < mem->region_count; i++) {
		const struct gmem_region *region = &mem->region[i];

		if (region->fd < 0)
			return -EINVAL;
		fd[i] = region->fd;
		message.memory.region[i] = (struct memory_region){region->gpa, region->size_bytes,
								  (uintptr_t)region->hva, 0};
	}
	return exchange(vhost, &message, fd, mem->region_count, false);
}

/* Sizes of the three parts (virtio 1.2 §2.7, §2.8); a ring outside RAM never reaches the back end. */
static int find_ring(const struct gmem *mem, const struct virtq_config *config, bool is_packed,
		     struct vring_addr *addr)
{
	uint64_t size = config->size;
	uint64_t driver_bytes = is_packed ? sizeof(struct vring_packed_event) : 6 + 2 * size;
	uint64_t device_bytes = is_packed ? sizeof(struct vring_packed_event) : 6 + 8 * size;

	if (!size || (!is_packed && size & (size - 1)) || config->desc_gpa % 16 ||
	    config->driver_gpa % 2 || config->device_gpa % 4)
		return -EINVAL;
	addr->desc_hva = (uintptr_t)gmem_slice(mem, config->desc_gpa, 16 * size);
	addr->avail_hva = (uintptr_t)gmem_slice(mem, config->driver_gpa, driver_bytes);
	addr->used_hva = (uintptr_t)gmem_slice(mem, config->device_gpa, device_bytes);
	return addr->desc_hva && addr->avail_hva && addr->used_hva ? 0 : -EFAULT;
}

/* A packed ring begins with both wrap counters set (virtio 1.2 §2.8.1), on the device's side as well. */
static uint32_t first_position(bool is_packed)
{
	return is_packed ? 0x80008000u : 0;
}

int vhost_user_start_ring(struct vhost_user *vhost, const struct gmem *mem, unsigned index,
			  const struct virtq_config *config, bool is_packed, int kick_fd,
			  int call_fd)
{
	struct message message = {.request = SET_VRING_ADDR,
				  .size_bytes = sizeof(struct vring_addr),
				  .addr = {.index = index}};
	struct vring_addr addr = {.index = index};
	int err = find_ring(mem, config, is_packed, &addr);

	message.addr = addr;
	if (!err)
		err = tell_state(vhost, SET_VRING_NUM, index, config->size);
	if (!err)
		err = tell_state(vhost, SET_VRING_BASE, index, first_position(is_packed));
	if (!err)
		err = exchange(vhost, &message, NULL, 0, false);
	if (!err)
		err = tell_fd(vhost, SET_VRING_CALL, index, call_fd);
	if (!err)
		err = tell_fd(vhost, SET_VRING_KICK, index, kick_fd);
	return err ? err : tell_state(vhost, SET_VRING_ENABLE, index, 1);
}

int vhost_user_stop_ring(struct vhost_user *vhost, unsigned index)
{
	struct message message = {.request = GET_VRING_BASE,
				  .size_bytes = sizeof(struct vring_state),
				  .state = {.index = index}};
	int err = tell_state(vhost, SET_VRING_ENABLE, index, 0);

	return err ? err : exchange(vhost, &message, NULL, 0, true);
}
