/* SPDX-License-Identifier: MIT
 *
 * A hostile guest and whimsical programs of the host against the virtio devices that join them by Unix sockets:
 *
 *     make fuzz-vsock && build/fuzz/fuzz_vsock -max_total_time=660
 *     make fuzz-ports && build/fuzz/fuzz_ports -max_total_time=660
 *
 * An input is a list of steps: a packet or buffer of the guest's, a turn of the loop, an action of a program, or
 * a reset. Rings are well-formed here: fuzz_virtq.c is about those.
 */
#include "virtio_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "backend/console.h"
#include "backend/unix_socket.h"
#include "virtio/console.h"
#include "virtio/vsock_internal.h"

#ifndef FUZZ_PORTS
#define FUZZ_PORTS 0
#endif

#define CLIENT_MAX 8
#define STEPS_MAX 200
#define BYTES_MAX 70000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct input {
	const uint8_t *at, *end;
};

struct world {
	struct rig rig;
	struct virtio_vsock_options vsock;
	struct virtio_ports_options ports;
	char path[UNIX_SOCKET_PATH_BYTES];
	int service_fd;
	int client[CLIENT_MAX];
	unsigned next_client;
};

static struct world world;
static uint8_t bytes[BYTES_MAX];

static uint8_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t take16(struct input *in)
{
	uint16_t low = take(in);

	return low | (uint16_t)(take(in) << 8);
}

static uint32_t take32(struct input *in)
{
	uint32_t low = take16(in);

	return low | (uint32_t)take16(in) << 16;
}

static void turn(struct world *w)
{
	struct loop_timer *timer;

	if (loop_timer_create(w->rig.loop, rig_stop_loop, w->rig.loop, &timer))
		abort();
	loop_timer_arm(timer, 1);
	if (loop_run(w->rig.loop))
		abort();
	loop_timer_destroy(timer);
}

/* --- the guest */

static void offer(struct world *w, unsigned queue, const void *out, uint32_t out_bytes,
		  uint32_t in_bytes)
{
	while (rig_take(&w->rig, queue, NULL, 0) >= 0)
		;
	if (w->rig.queue[queue].free_slots >= 2 && out_bytes + in_bytes > 0)
		rig_send(&w->rig, queue, out, out_bytes, in_bytes);
}

/* Mostly as a driver would fill it in; the ports are few, so that packets meet connections. */
static void guest_packet(struct world *w, struct input *in)
{
	struct vsock_header *header = (struct vsock_header *)bytes;
	uint8_t odd = take(in);
	uint32_t length = odd & 8 ? take16(in) : take(in);
	uint32_t total = sizeof(*header) + length;

	*header = (struct vsock_header){.src_cid = odd & 1 && odd & 2 ? take(in) : 3,
					.dst_cid = 2,
					.src_port = 50 + take(in) % 4,
					.dst_port = odd & 4 ? 7 : (1u << 30) + take(in) % 8,
					.len_bytes = length,
					.type = odd & 16 && odd & 32 ? take(in) : 1,
					.op = take(in) % 10,
					.flags = take(in) % 4,
					.buf_alloc = odd & 64 ? take32(in) : 65536,
					.fwd_cnt = odd & 128 ? take32(in) : 0};
	if (odd == 255)
		header->len_bytes = take32(in), total = take16(in);
	offer(w, 1, bytes, total, 0);
}

static void guest_control(struct world *w, struct input *in)
{
	uint8_t message[12] = {take(in) % 4, 0, 0, 0, take(in) % 10, 0, take(in) % 3, 0};

	if (message[4] == 9)
		memset(message, take(in), 4);
	offer(w, 3, message, take(in) == 255 ? 5 : 8, 0);
}

static void guest_acts(struct world *w, struct input *in)
{
	uint8_t what = take(in);

	if (!FUZZ_PORTS && what & 1)
		guest_packet(w, in);
	else if (FUZZ_PORTS && what & 1)
		guest_control(w, in);
	else if (FUZZ_PORTS && what & 2)
		offer(w, 4 + take(in) % 2, bytes, what & 4 ? take16(in) : 0, what & 8 ? 64 : 0);
	else
		offer(w, FUZZ_PORTS ? 2 : 0, NULL, 0, what & 4 ? take16(in) : 4140);
}

/* --- the host's programs */

static void client_appears(struct world *w, struct input *in)
{
	unsigned slot = w->next_client++ % CLIENT_MAX;
	char line[32];
	int fd;

	if (w->client[slot] >= 0)
		close(w->client[slot]);
	fd = take(in) & 1 && !FUZZ_PORTS ? unix_socket_accept(w->service_fd)
					 : unix_socket_connect(w->path);
	w->client[slot] = fd;
	if (fd < 0 || FUZZ_PORTS)
		return;
	snprintf(line, sizeof(line), "CONNECT %u\n", 50 + take(in) % 4);
	line[take(in) % 16] ^= take(in) == 255;
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		return;
}

static void client_acts(struct world *w, struct input *in)
{
	uint8_t what = take(in);
	int *fd = &w->client[what >> 4 & (CLIENT_MAX - 1)];
	ssize_t count = 0;

	if (*fd < 0)
		return;
	switch (what & 7) {
	case 0:
	case 1: count = send(*fd, bytes, take(in) * (what & 8 ? 64u : 1u), MSG_NOSIGNAL); break;
	case 2:
	case 3: count = recv(*fd, bytes, what & 8 ? sizeof(bytes) : 100u, 0); break;
	case 4: count = shutdown(*fd, what & 8 ? SHUT_WR : SHUT_RD); break;
	case 5:
		close(*fd);
		*fd = -1;
		break;
	default: break;
	}
	(void)count;
}

/* --- one input */

static void start(struct world *w)
{
	rig_start(&w->rig, FUZZ_PORTS ? VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT) : 0);
}

static void step(struct world *w, struct input *in)
{
	switch (take(in) % 8) {
	case 0:
	case 1:
	case 2: guest_acts(w, in); break;
	case 3: client_appears(w, in); break;
	case 4:
	case 5: client_acts(w, in); break;
	case 6: turn(w); break;
	case 7:
		if (take(in) % 8 && !rig_is_broken(&w->rig)) {
			turn(w);
			break;
		}
		virtio_write_status(w->rig.vdev, 0);
		if (take(in) & 1)
			turn(w);
		start(w);
		break;
	}
}

static void open_world(struct world *w)
{
	char path[UNIX_SOCKET_PATH_BYTES];
	struct device_setup setup = {.mem = &w->rig.mem};
	char err[256];

	memset(w, 0, sizeof(*w));
	snprintf(w->path, sizeof(w->path), "/tmp/fuzz-sockets.%d", getpid());
	snprintf(w->vsock.path, sizeof(w->vsock.path), "%s", w->path);
	memset(w->client, -1, sizeof(w->client));
	if (gmem_create(&w->rig.mem, DRIVER_RAM_BYTES, GMEM_ANONYMOUS) || loop_create(&w->rig.loop))
		abort();
	setup.loop = w->rig.loop;
	if (FUZZ_PORTS) {
		snprintf(path, sizeof(path), "unix:%s", w->path);
		w->ports.count = 1;
		strcpy(w->ports.port[0].name, "fuzz");
		if (console_open("--port", path, setup.loop, NULL, &w->ports.port[0].console, err,
				 sizeof(err)))
			abort();
		setup.options = &w->ports;
	} else {
		snprintf(path, sizeof(path), "%s_7", w->path);
		w->service_fd = unix_socket_listen(path, 8);
		w->vsock.listen_fd = unix_socket_listen(w->path, 8);
		w->vsock.cid = 3;
		setup.options = &w->vsock;
	}
	if (virtio_device_create(FUZZ_PORTS ? &virtio_ports_model : &virtio_vsock_model, "fuzz",
				 &setup, 0, &w->rig.vdev))
		abort();
	w->rig.vdev->transport = &rig_transport;
	w->rig.vdev->transport_ctx = &w->rig;
	start(w);
}

static void close_world(struct world *w)
{
	char path[UNIX_SOCKET_PATH_BYTES];

	for (unsigned i = 0; i < CLIENT_MAX; i++)
		if (w->client[i] >= 0)
			close(w->client[i]);
	virtio_device_destroy(w->rig.vdev);
	if (FUZZ_PORTS) {
		console_close(w->ports.port[0].console);
	} else {
		snprintf(path, sizeof(path), "%s_7", w->path);
		unlink(path);
		unlink(w->path);
		close(w->service_fd);
		close(w->vsock.listen_fd);
	}
	loop_destroy(w->rig.loop);
	gmem_destroy(&w->rig.mem);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN); /* as in main() */
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	open_world(&world);
	for (unsigned steps = 0; in.at < in.end && steps < STEPS_MAX; steps++)
		step(&world, &in);
	turn(&world);
	close_world(&world);
	return 0;
}
