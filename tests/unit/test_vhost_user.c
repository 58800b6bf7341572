/* SPDX-License-Identifier: MIT
 *
 * The vhost-user front end against a back end in a thread of this program: it maps guest RAM by the descriptors it
 * is sent, serves a ring there, and misbehaves in every way that a program of the host may.
 */
#include "virtio_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "virtio/fs.h"
#include "virtio/vhost_blk.h"
#include "virtio/vhost_user.h"

#define FEATURE_PROTOCOL 30
#define PROTOCOL_BITS (1ULL << 0 | 1ULL << 3 | 1ULL << 9) /* MQ, REPLY_ACK, CONFIG */

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25
};

/* How the back end fails: at which request, and in which way. */
enum fault { NONE, HANGS_UP, SAYS_NO, WRONG_REPLY, LONG_REPLY };

struct wire {
	uint32_t request, flags, size_bytes;
	union {
		uint64_t u64;
		uint32_t u32[128];
		uint8_t bytes[512];
	};
} __attribute__((packed));

struct back_end {
	int fd;
	pthread_t thread;
	uint32_t fault_request;
	enum fault fault;
	uint64_t features;
	unsigned counts[64]; /* of each request */
	struct gmem mem;
	uint64_t front_hva; /* of the first region */
	struct virtq_config ring;
	int kick_fd, call_fd;
	uint8_t config[64];
	atomic_uint served;
};

static struct back_end back;
static struct rig rig;

/* --- the back end */

static void unmap(void)
{
	for (unsigned i = 0; i < back.mem.region_count; i++)
		munmap(back.mem.region[i].hva, back.mem.region[i].size_bytes);
	back.mem.region_count = 0;
}

static void map_memory(const struct wire *message, const int *fd)
{
	uint64_t region[4];

	unmap();
	memcpy(region, message->bytes + 8, sizeof(region));
	back.front_hva = region[2];
	back.mem.region_count = message->u32[0];
	for (unsigned i = 0; i < back.mem.region_count; i++) {
		memcpy(region, message->bytes + 8 + i * sizeof(region), sizeof(region));
		void *hva = mmap(NULL, region[1], PROT_READ | PROT_WRITE, MAP_SHARED, fd[i],
				 (off_t)region[3]);

		assert_true(hva != MAP_FAILED);
		back.mem.region[i] = (struct gmem_region){
			.gpa = region[0], .size_bytes = region[1], .hva = hva, .fd = -1};
		close(fd[i]);
	}
}

/* Answers each chain with what it says, backwards. */
static void serve_ring(void)
{
	struct iovec iov[8];
	struct virtq_chain chain = {.iov = iov, .iov_max = 8};
	struct virtq *q;
	uint64_t one = 1;

	assert_int_equal(virtq_create(&back.mem, 256, &q), 0);
	assert_int_equal(virtq_start(q, &back.ring, back.features, 8), 0);
	while (virtq_pop(q, &chain) == 1) {
		uint8_t said[64];
		uint8_t answer[64];
		uint32_t length = virtq_chain_read(&chain, 0, said, sizeof(said));

		for (uint32_t i = 0; i < length; i++)
			answer[i] = said[length - 1 - i];
		virtq_push(q, &chain, virtq_chain_write(&chain, 0, answer, length));
		back.served++;
	}
	if (virtq_publish(q) && back.call_fd >= 0)
		assert_int_equal(write(back.call_fd, &one, 8), 8);
	virtq_destroy(q);
}

static void note(const struct wire *message, const int *fd)
{
	uint64_t addr[5];

	memcpy(addr, message->bytes, sizeof(addr));
	switch (message->request) {
	case SET_MEM_TABLE: map_memory(message, fd); break;
	case SET_VRING_NUM: back.ring.size = (uint16_t)message->u32[1]; break;
	case SET_VRING_ADDR:
		back.ring.desc_gpa = addr[1] - back.front_hva;
		back.ring.device_gpa = addr[2] - back.front_hva;
		back.ring.driver_gpa = addr[3] - back.front_hva;
		break;
	case SET_VRING_CALL:
		if (back.call_fd >= 0)
			close(back.call_fd);
		back.call_fd = message->u64 & 0x100 ? -1 : *fd;
		break;
	case SET_VRING_KICK:
		if (back.kick_fd >= 0)
			close(back.kick_fd);
		back.kick_fd = *fd;
		break;
	case SET_CONFIG: back.config[message->u32[0]] = message->bytes[12]; break;
	case SET_FEATURES: back.features = message->u64; break;
	default: break;
	}
}

static bool is_question(uint32_t request)
{
	return request == GET_FEATURES || request == GET_PROTOCOL_FEATURES ||
	       request == GET_QUEUE_NUM || request == GET_CONFIG || request == GET_VRING_BASE;
}

static void answer(struct wire *message)
{
	switch (message->request) {
	case GET_FEATURES:
		message->u64 = 1ULL << FEATURE_PROTOCOL | 1ULL << VIRTIO_F_VERSION_1 | 1 << 9;
		break;
	case GET_PROTOCOL_FEATURES: message->u64 = PROTOCOL_BITS; break;
	case GET_QUEUE_NUM: message->u64 = 4; break;
	case GET_CONFIG: memcpy(message->bytes + 12, back.config, message->u32[1]); break;
	case GET_VRING_BASE: break;
	default: message->u64 = 0; break; /* an acknowledgement */
	}
	if (!is_question(message->request) || message->request < GET_CONFIG)
		message->size_bytes = 8;
	message->flags = 1 | 4;
	if (message->request == back.fault_request && back.fault == SAYS_NO)
		message->u64 = 1;
	if (message->request == back.fault_request && back.fault == WRONG_REPLY)
		message->request++;
	if (message->request == back.fault_request && back.fault == LONG_REPLY)
		message->size_bytes = 0x10000000;
}

static bool receive(struct wire *message, int fd[4])
{
	char control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = {message, 12};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control,
				.msg_controllen = sizeof(control)};

	if (recvmsg(back.fd, &header, 0) != 12)
		return false;
	if (header.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&header)),
		       CMSG_FIRSTHDR(&header)->cmsg_len - CMSG_LEN(0));
	return !message->size_bytes || recv(back.fd, message->bytes, message->size_bytes,
					    MSG_WAITALL) == (ssize_t)message->size_bytes;
}

static void *run_back_end(void *ctx)
{
	struct wire message;
	int fd[4];

	(void)ctx;
	while (receive(&message, fd)) {
		bool wants_answer = message.flags & 8 || is_question(message.request);

		if (message.request < 64)
			back.counts[message.request]++;
		if (message.request == back.fault_request && back.fault == HANGS_UP)
			break;
		note(&message, fd);
		if (message.request == SET_VRING_ENABLE && message.u32[1] && message.u32[0] == 1)
			serve_ring();
		if (!wants_answer)
			continue;
		answer(&message);
		if (send(back.fd, &message,
			 12 + (message.size_bytes < 512 ? message.size_bytes : 0),
			 MSG_NOSIGNAL) < 0)
			break;
	}
	close(back.fd);
	return NULL;
}

static int start_back_end(uint32_t fault_request, enum fault fault)
{
	int pair[2];

	memset(&back, 0, sizeof(back));
	back.fault_request = fault_request;
	back.fault = fault;
	back.kick_fd = back.call_fd = -1;
	for (unsigned i = 0; i < sizeof(back.config); i++)
		back.config[i] = (uint8_t)(i + 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	back.fd = pair[1];
	assert_int_equal(pthread_create(&back.thread, NULL, run_back_end, NULL), 0);
	return pair[0];
}

static void join_back_end(void)
{
	pthread_join(back.thread, NULL);
	unmap();
	if (back.kick_fd >= 0)
		close(back.kick_fd);
	if (back.call_fd >= 0)
		close(back.call_fd);
}

/* --- tests */

static void open_fs(uint32_t fault_request, enum fault fault, struct virtio_fs_options *options)
{
	*options = (struct virtio_fs_options){.tag = "share"};
	assert_int_equal(
		vhost_user_create(start_back_end(fault_request, fault), "test", &options->vhost),
		0);
	rig_open(&rig, &virtio_fs_model, options, GMEM_MEMFD);
	rig.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void close_fs(struct virtio_fs_options *options)
{
	close(rig.call_fd);
	rig_close(&rig);
	vhost_user_destroy(options->vhost);
	join_back_end();
}

/* Work waits in the ring before the driver is ready; the back end finds it in memory of its own mapping. */
static void start_with_work(void)
{
	struct virtio_device *vdev = rig.vdev;
	uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1);

	virtio_write_status(vdev, 3);
	virtio_write_features(vdev, 1, (uint32_t)(features >> 32));
	virtio_write_status(vdev, 11);
	for (unsigned i = 0; i < vdev->queue_count; i++) {
		rig_ring(&rig, i, 0);
		vdev->queue[i]->config = rig.queue[i].config;
		virtio_enable_queue(vdev, i);
	}
	rig_send(&rig, 1, "stressed", 8, 8);
	virtio_write_status(vdev, 15);
}

static void test_serves(void **state)
{
	struct virtio_fs_options options;
	char tag[40] = "";
	char bytes[16] = "";
	uint64_t count = 0;

	(void)state;
	open_fs(0, NONE, &options);
	virtio_read_config(rig.vdev, 0, tag, sizeof(tag));
	assert_string_equal(tag, "share");
	assert_int_equal(tag[36], 1);
	for (unsigned round = 1; round <= 3; round++) { /* the driver comes and goes */
		start_with_work();
		assert_false(rig_is_broken(&rig));
		assert_int_equal(rig_take(&rig, 1, bytes, 8), 8);
		assert_memory_equal(bytes, "desserts", 8);
		assert_int_equal(read(rig.call_fd, &count, 8), 8);
		assert_int_equal(back.counts[SET_MEM_TABLE], round);
		virtio_write_status(rig.vdev, 0);
		assert_int_equal(back.counts[GET_VRING_BASE], 2 * round);
	}
	assert_int_equal(back.served, 3);
	close_fs(&options);
}

/* Whatever the back end does when: the device breaks, nothing hangs, a reset and destruction work. */
static void test_misbehaves(void **state)
{
	static const uint32_t at[] = {SET_FEATURES,    SET_MEM_TABLE,  SET_VRING_NUM,
				      SET_VRING_ADDR,  SET_VRING_KICK, SET_VRING_CALL,
				      SET_VRING_ENABLE};

	(void)state;
	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++) {
		for (enum fault fault = HANGS_UP; fault <= LONG_REPLY; fault++) {
			struct virtio_fs_options options;

			open_fs(at[i], fault, &options);
			start_with_work();
			assert_true(rig_is_broken(&rig));
			virtio_write_status(rig.vdev, 0);
			close_fs(&options);
		}
	}
}

static void test_bad_from_the_start(void **state)
{
	static const uint32_t at[] = {GET_FEATURES, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM};
	struct vhost_user *vhost;

	(void)state;
	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++) {
		for (enum fault fault = HANGS_UP; fault <= LONG_REPLY; fault++) {
			if (fault == SAYS_NO && at[i] != GET_FEATURES)
				continue; /* 1 is a fine answer there */
			assert_true(vhost_user_create(start_back_end(at[i], fault), "test",
						      &vhost) < 0);
			join_back_end();
		}
	}
}

/* It dies while nothing is asked of it. */
static void test_dies(void **state)
{
	struct virtio_fs_options options;

	(void)state;
	open_fs(0, NONE, &options);
	start_with_work();
	shutdown(back.fd, SHUT_RDWR);
	rig_turn(&rig, 5);
	assert_true(rig_is_broken(&rig));
	assert_true(rig.config_interrupts >= 1);
	virtio_write_status(rig.vdev, 0);
	start_with_work(); /* in vain */
	assert_true(rig_is_broken(&rig));
	close_fs(&options);
}

/* Rings outside RAM never reach the back end; nor does RAM that is not shared. */
static void test_guest_misbehaves(void **state)
{
	static const struct virtq_config bad[] = {{16, DRIVER_RAM_BYTES - 16, 0x1000, 0x2000},
						  {16, 0x1000, 0xffffffffffff0000, 0x2000},
						  {16, 0x1000, 0x2000, DRIVER_RAM_BYTES},
						  {0, 0x1000, 0x2000, 0x3000},
						  {15, 0x1000, 0x2000, 0x3000},
						  {16, 0x1001, 0x2000, 0x3000}};
	struct vhost_user *vhost;
	uint8_t config[4];
	struct gmem mem;

	(void)state;
	assert_int_equal(vhost_user_create(start_back_end(0, NONE), "test", &vhost), 0);
	assert_int_equal(gmem_create(&mem, DRIVER_RAM_BYTES, GMEM_ANONYMOUS), 0);
	assert_int_equal(vhost_user_set_memory(vhost, &mem), -EINVAL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_true(vhost_user_start_ring(vhost, &mem, 0, &bad[i], false, -1, -1) < 0);
	gmem_destroy(&mem);
	assert_int_equal(vhost_user_get_config(vhost, config, sizeof(config)), 0); /* still there */
	vhost_user_destroy(vhost);
	join_back_end();
	assert_int_equal(back.counts[SET_VRING_ADDR], 0);
}

/* The back end has four. */
static void test_disk_with_too_many_queues(void **state)
{
	struct virtio_vhost_blk_options options = {.queues = 5};
	struct device_setup setup = {.options = &options};
	struct virtio_device *vdev;

	(void)state;
	assert_int_equal(vhost_user_create(start_back_end(0, NONE), "test", &options.vhost), 0);
	assert_int_equal(virtio_device_create(&virtio_vhost_blk_model, "test0", &setup, 0, &vdev),
			 -EINVAL);
	vhost_user_destroy(options.vhost);
	join_back_end();
}

static void test_disk_config(void **state)
{
	struct virtio_vhost_blk_options options = {.queues = 2};
	uint8_t bytes[4];

	(void)state;
	assert_int_equal(vhost_user_create(start_back_end(0, NONE), "test", &options.vhost), 0);
	rig_open(&rig, &virtio_vhost_blk_model, &options, GMEM_MEMFD);
	assert_int_equal(rig.vdev->offered & 0xffffff, 1 << 9);
	virtio_read_config(rig.vdev, 0, bytes, 4);
	assert_memory_equal(bytes, back.config, 4);
	bytes[0] = 0;
	virtio_write_config(rig.vdev, 32, bytes, 1);
	assert_int_equal(back.config[32], 32); /* bit 0 is the one that may be written */
	virtio_write_config(rig.vdev, 0, bytes, 1);
	assert_int_equal(back.config[0], 1);
	rig_close(&rig);
	vhost_user_destroy(options.vhost);
	join_back_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serves),
		cmocka_unit_test(test_misbehaves),
		cmocka_unit_test(test_bad_from_the_start),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_guest_misbehaves),
		cmocka_unit_test(test_disk_config),
		cmocka_unit_test(test_disk_with_too_many_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
