/* SPDX-License-Identifier: MIT
 *
 * The guest's TCP/IP on the host: lwIP and guest/net over a card whose wire is the test. Memory is malloc()'s,
 * so that sanitizers see each access; "user memory" is the test's own.
 */
#ifndef TESTS_KERNEL_NET_RIG_H
#define TESTS_KERNEL_NET_RIG_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/board/machine.h"
#include "guest/drivers/net.h"
#include "guest/fs/random.h"
#include "guest/fs/socket_family.h"
#include "guest/fs/text.h"
#include "guest/mm/user.h"
#include "guest/net/inet.h"
#include "guest/net/memory.h"
#include "guest/net/stack.h"
#include "guest/proc/process.h"
#include "tests/kernel/host.h"

#define RIG_RAM (64ull << 20)
#define RIG_MEMORY_MAX (16u << 20)
#define RIG_MS 1000000ull

/* What is alive at the end is partly reachable only from the kernel's RAM, where no sanitizer looks. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* --- what the kernel has elsewhere */
struct machine machine = {.ram_bytes = RIG_RAM};
struct rig_block {
	size_t bytes;
	uint8_t data[] __attribute__((aligned(16)));
};
static size_t rig_memory_used;

bool machine_has_word(const char *word)
{
	(void)word;
	return false;
}

bool machine_option(const char *key, char *value, unsigned size)
{
	if (strcmp(key, "ip") != 0)
		return false;
	snprintf(value, size, "10.0.0.2::10.0.0.1:255.255.255.0");
	return true;
}

void *net_malloc(size_t bytes)
{
	struct rig_block *block;

	if (rig_memory_used + bytes > RIG_MEMORY_MAX)
		return NULL;
	block = malloc(sizeof(*block) + bytes);
	if (!block)
		return NULL;
	block->bytes = bytes;
	rig_memory_used += bytes;
	return block->data;
}

void *net_calloc(size_t count, size_t bytes)
{
	void *object = net_malloc(count * bytes);

	return object ? memset(object, 0, count * bytes) : NULL;
}

void net_free(void *object)
{
	struct rig_block *block = (struct rig_block *)((uint8_t *)object - sizeof(*block));

	if (!object)
		return;
	rig_memory_used -= block->bytes;
	free(block);
}

bool net_memory_take(uint64_t bytes)
{
	(void)bytes;
	return true;
}

void net_memory_give(uint64_t bytes)
{
	(void)bytes;
}

int user_read(void *to, uint64_t from_gva, size_t bytes)
{
	memcpy(to, (const void *)from_gva, bytes);
	return 0;
}

int user_write(uint64_t to_gva, const void *from, size_t bytes)
{
	memcpy((void *)to_gva, from, bytes);
	return 0;
}

struct inode *inode_nameless(uint32_t mode)
{
	static struct inode inode;

	(void)mode;
	return &inode;
}

int file_create(const struct file_operations *operations, struct inode *inode, unsigned flags,
		struct file **made)
{
	struct file *file = calloc(1, sizeof(*file));

	(void)inode;
	if (!file)
		return -ENFILE;
	file->operations = operations;
	file->flags = flags;
	*made = file;
	return 0;
}

/* The same in every run. */
void random_bytes(void *to, size_t bytes)
{
	static uint64_t state = 1;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		((uint8_t *)to)[i] = (uint8_t)(state >> 56);
	}
}

void text_print(struct text *text, const char *format, ...)
{
	(void)text, (void)format;
}

/* --- the card */
static const uint8_t *rig_frame; /* that the card has received; NULL: none */
static unsigned rig_frame_bytes;
static void (*rig_sent)(const uint8_t *frame, unsigned bytes); /* what the guest sends */
static bool rig_has_link = true;

static bool rig_send(struct net_device *nic, const void *frame, unsigned bytes)
{
	(void)nic;
	if (rig_sent)
		rig_sent(frame, bytes);
	return true;
}

static bool rig_all_sent(struct net_device *nic)
{
	(void)nic;
	return true;
}

static unsigned rig_receive(struct net_device *nic, void *to)
{
	const unsigned bytes = rig_frame ? rig_frame_bytes : 0;

	(void)nic;
	if (bytes)
		memcpy(to, rig_frame, bytes);
	rig_frame = NULL;
	return bytes;
}

static bool rig_listen(struct net_device *nic, bool on)
{
	(void)nic, (void)on;
	return false;
}

static void rig_wait(struct net_device *nic)
{
	(void)nic;
}

static bool rig_link(const struct net_device *nic)
{
	(void)nic;
	return rig_has_link;
}

static struct net_device rig_nic = {
	.driver = "rig",
	.mac = {2, 0, 0, 0, 0, 2},
	.mtu = 1500,
	.send = rig_send,
	.all_sent = rig_all_sent,
	.receive = rig_receive,
	.listen = rig_listen,
	.wait = rig_wait,
	.has_link = rig_link,
};

/* --- what tests call */
static inline void rig_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	host_ram_start(RIG_RAM);
	host_clock_ns = 1;
	net_add(&rig_nic);
	net_start();
}

/* Lets time pass, and the stack work. */
static inline void rig_pass(uint64_t ns)
{
	uint64_t next;

	host_clock_ns += ns;
	while (net_work(&next))
		;
}

/* One frame comes. */
static inline void rig_deliver(const void *frame, unsigned bytes)
{
	rig_frame = frame;
	rig_frame_bytes = bytes;
	rig_pass(0);
}

/* A socket, which never waits; and its end. */
static inline struct file *rig_socket(unsigned type, int protocol)
{
	struct file *file = NULL;

	if (inet_create(type, protocol, SOCK_NONBLOCK, &file))
		abort();
	return file;
}

static inline void rig_close(struct file *file)
{
	file->operations->release(file);
	free(file);
}

static inline struct socket_name rig_name(unsigned a, unsigned b, unsigned c, unsigned d,
					  uint16_t port)
{
	struct socket_name name = {.length = 16};
	const uint8_t bytes[] = {2,	     0,		 (uint8_t)(port >> 8), (uint8_t)port,
				 (uint8_t)a, (uint8_t)b, (uint8_t)c,	       (uint8_t)d};

	memcpy(&name.address, bytes, sizeof(bytes));
	return name;
}

static inline int64_t rig_write(struct file *file, const void *data, size_t bytes)
{
	struct iobuf io;
	struct send send = {.to = NULL};

	iobuf_init_user(&io, (uint64_t)data, bytes);
	return file->operations->socket->send(file, &io, &send, MSG_DONTWAIT);
}

static inline int64_t rig_read(struct file *file, void *data, size_t bytes)
{
	struct iobuf io;
	struct receive receive = {.files = NULL};

	iobuf_init_user(&io, (uint64_t)data, bytes);
	return file->operations->socket->receive(file, &io, &receive, MSG_DONTWAIT);
}

#endif
