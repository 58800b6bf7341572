/* SPDX-License-Identifier: MIT
 *
 * virtio-console and virtio-ports: bytes both ways with back pressure on each side, the control protocol, clients
 * that come and go, and hostile control messages.
 */
#include "virtio_rig.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "backend/console.h"
#include "backend/unix_socket.h"
#include "virtio/console.h"

enum { DEVICE_READY, DEVICE_ADD, PORT_READY = 3, PORT_OPEN = 6, PORT_NAME = 7 };

struct control {
	uint32_t id;
	uint16_t event;
	uint16_t value;
	char name[64];
};

static struct rig rig;
static struct virtio_ports_options ports;
static char socket_path[64];

/* --- one console on a Unix socket */

static struct console *open_line(struct loop *loop, const char *spec)
{
	char err[256];
	struct console *console = NULL;

	assert_int_equal(console_open("--port", spec, loop, NULL, &console, err, sizeof(err)), 0);
	return console;
}

/* The rig makes the loop, the model wants a console in it: so the options are filled in between. */
static void open_on(const struct virtio_model *model, bool has_ports, const char *spec)
{
	static struct console *console;
	struct device_setup setup = {.mem = &rig.mem};

	memset(&rig, 0, sizeof(rig));
	memset(&ports, 0, sizeof(ports));
	assert_int_equal(gmem_create(&rig.mem, DRIVER_RAM_BYTES, GMEM_ANONYMOUS), 0);
	assert_int_equal(loop_create(&rig.loop), 0);
	setup.loop = rig.loop;
	console = open_line(rig.loop, spec);
	ports.count = 1;
	ports.port[0].console = console;
	strcpy(ports.port[0].name, "org.example.agent");
	setup.options = has_ports ? (void *)&ports : console;
	assert_int_equal(virtio_device_create(model, "test0", &setup, 0, &rig.vdev), 0);
	rig.vdev->transport = &rig_transport;
	rig.vdev->transport_ctx = &rig;
}

static void open_with(const struct virtio_model *model, bool has_ports)
{
	char spec[128];

	snprintf(socket_path, sizeof(socket_path), "/tmp/test-virtio-console.%d", getpid());
	snprintf(spec, sizeof(spec), "unix:%s", socket_path);
	open_on(model, has_ports, spec);
}

static void close_all(void)
{
	virtio_device_destroy(rig.vdev);
	console_close(ports.port[0].console);
	loop_destroy(rig.loop);
	gmem_destroy(&rig.mem);
}

static int client(void)
{
	int fd = unix_socket_connect(socket_path);

	assert_true(fd >= 0);
	rig_turn(&rig, 5);
	return fd;
}

/* --- hvc0 */

static void test_hvc_both_ways(void **state)
{
	char bytes[64] = "";

	(void)state;
	open_with(&virtio_console_model, false);
	rig_start(&rig, 0);
	int fd = client();

	rig_send(&rig, 1, "login: ", 7, 0);
	rig_turn(&rig, 10);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 7);
	assert_memory_equal(bytes, "login: ", 7);
	assert_int_equal(rig_take(&rig, 1, NULL, 0), 0);

	/* No buffer yet: the bytes wait, and come in as many chains as they need. */
	assert_int_equal(write(fd, "root\n", 5), 5);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, NULL, 0), -1);
	rig_send(&rig, 0, NULL, 0, 3);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, bytes, 3), 3);
	assert_memory_equal(bytes, "roo", 3);
	rig_send(&rig, 0, NULL, 0, 3);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, bytes, 3), 2);
	assert_memory_equal(bytes, "t\n", 2);
	close(fd);
	close_all();
}

static void must_be_size(unsigned columns, unsigned rows)
{
	uint16_t size[2];

	virtio_read_config(rig.vdev, 0, size, sizeof(size));
	assert_int_equal(size[0], columns);
	assert_int_equal(size[1], rows);
}

/* Linux's driver reads the size at a word only, and has no console to give it to before its first output: so it
 * gets one then. */
static void follow_terminal(struct winsize size)
{
	open_on(&virtio_console_model, false, "stdio");
	for (unsigned life = 0; life < 2; life++) {
		rig.config_interrupts = 0;
		rig_start(&rig, VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE));
		rig_turn(&rig, 2);
		must_be_size(size.ws_col, size.ws_row);
		assert_int_equal(rig.config_interrupts, 0);
		for (unsigned i = 0; i < 3; i++) {
			rig_send(&rig, 1, "login: ", 7, 0);
			rig_turn(&rig, 2);
			assert_int_equal(rig.config_interrupts, 1);
		}
		size.ws_row += 20;
		assert_int_equal(ioctl(STDIN_FILENO, TIOCSWINSZ, &size), 0);
		rig_turn(&rig, 2);
		assert_int_equal(rig.config_interrupts, 2);
		must_be_size(size.ws_col, size.ws_row);
		virtio_write_status(rig.vdev, 0);
	}
	close_all();
}

/* In a process of its own, as a terminal is a session's. */
static void test_hvc_size(void **state)
{
	const struct winsize size = {.ws_row = 30, .ws_col = 100};
	static char said[4096];
	size_t length = 0;
	int master;
	int status;
	ssize_t some;
	pid_t child = forkpty(&master, NULL, NULL, &size);

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		follow_terminal(size);
		_exit(0);
	}
	while ((some = read(master, said + length, sizeof(said) - 1 - length)) > 0)
		length += (size_t)some;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status)
		fail_msg("%s", said);
	close(master);
}

/* Elsewhere there is no size, and nobody says a word of it. */
static void test_hvc_without_size(void **state)
{
	(void)state;
	open_with(&virtio_console_model, false);
	assert_false(rig.vdev->offered >> VIRTIO_CONSOLE_F_SIZE & 1);
	rig_start(&rig, 0);
	rig_send(&rig, 1, "login: ", 7, 0);
	rig_turn(&rig, 2);
	assert_int_equal(rig.config_interrupts, 0);
	close_all();
}

/* A client that reads nothing stops the guest's output; nothing is lost, nothing is stored without bound. */
static void test_hvc_slow_reader(void **state)
{
	static uint8_t sent[0x18000];
	static uint8_t got[sizeof(sent)];
	size_t have = 0;
	unsigned chains = 0;

	(void)state;
	open_with(&virtio_console_model, false);
	rig_start(&rig, 0);
	int fd = client();
	int small = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	/* One chain of 96 KiB, more than the ring; then more chains until one is not taken any more. */
	rig_send(&rig, 1, sent, sizeof(sent), 0);
	rig_turn(&rig, 5);
	while (chains < 64 && rig_take(&rig, 1, NULL, 0) == 0) {
		chains++;
		rig_send(&rig, 1, sent, sizeof(sent), 0);
		rig_turn(&rig, 5);
	}
	assert_true(chains < 64);
	for (unsigned turn = 0; turn < 4000 && have < (size_t)(chains + 1) * sizeof(sent); turn++) {
		ssize_t count = read(fd, got, 4096);

		for (ssize_t i = 0; i < count; i++)
			assert_int_equal(got[i], sent[(have + (size_t)i) % sizeof(sent)]);
		have += count > 0 ? (size_t)count : 0;
		if (count <= 0)
			rig_turn(&rig, 1);
	}
	assert_int_equal(have, (chains + 1) * sizeof(sent));
	assert_int_equal(rig_take(&rig, 1, NULL, 0), 0);
	close(fd);
	close_all();
}

/* --- named ports */

static void say(uint32_t id, uint16_t event, uint16_t value)
{
	struct control control = {.id = id, .event = event, .value = value};

	rig_send(&rig, 3, &control, 8, 0);
	rig_turn(&rig, 5);
	rig_take(&rig, 3, NULL, 0);
}

static void expect(uint16_t event, uint16_t value)
{
	struct control control;

	memset(&control, 0, sizeof(control));
	rig_send(&rig, 2, NULL, 0, sizeof(control));
	rig_turn(&rig, 5);
	assert_true(rig_take(&rig, 2, &control, sizeof(control)) >= 8);
	assert_int_equal(control.id, 1);
	assert_int_equal(control.event, event);
	assert_int_equal(control.value, value);
	if (event == PORT_NAME)
		assert_string_equal(control.name, "org.example.agent");
}

static void expect_silence(void)
{
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 2, NULL, 0), -1);
}

static void open_ports(void)
{
	open_with(&virtio_ports_model, true);
	rig_start(&rig, VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT));
	say(0, DEVICE_READY, 1);
	expect(DEVICE_ADD, 1);
	say(1, PORT_READY, 1);
	expect(PORT_NAME, 1);
}

static void test_port_life(void **state)
{
	char bytes[16] = "";

	(void)state;
	open_ports();
	expect_silence();
	int fd = client();

	expect(PORT_OPEN, 1);
	/* Bytes wait until the guest opens its end. */
	assert_int_equal(write(fd, "ping", 4), 4);
	rig_send(&rig, 4, NULL, 0, 16);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 4, NULL, 0), -1);
	say(1, PORT_OPEN, 1);
	assert_int_equal(rig_take(&rig, 4, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "ping", 4);
	rig_send(&rig, 5, "pong\n", 5, 0);
	rig_turn(&rig, 10);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
	close(fd);
	rig_turn(&rig, 5);
	expect(PORT_OPEN, 0);
	close_all();
}

/* Clients come and go faster than the guest offers buffers: it hears of the last state, in order. */
static void test_port_flapping(void **state)
{
	(void)state;
	open_ports();
	int fd = client();

	expect(PORT_OPEN, 1);
	for (unsigned i = 0; i < 5; i++) {
		close(fd);
		rig_turn(&rig, 5);
		fd = client();
	}
	expect(PORT_OPEN, 0);
	expect(PORT_OPEN, 1);
	close(fd);
	rig_turn(&rig, 5);
	expect(PORT_OPEN, 0);
	close(client());
	rig_turn(&rig, 5);
	rig_send(&rig, 2, NULL, 0, 72);
	expect_silence();
	close_all();
}

/* A client that went while the guest took no input does not keep the next one out. */
static void test_port_lost_client(void **state)
{
	char bytes[16] = "";

	(void)state;
	open_ports();
	int fd = client();

	expect(PORT_OPEN, 1);
	assert_int_equal(write(fd, "lost", 4), 4);
	rig_turn(&rig, 5);
	close(fd);
	rig_turn(&rig, 5);
	fd = client();
	assert_int_equal(write(fd, "kept", 4), 4);
	say(1, PORT_OPEN, 1);
	rig_send(&rig, 4, NULL, 0, 16);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 4, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "kept", 4);
	close(fd);
	close_all();
}

static void test_port_hostile(void **state)
{
	(void)state;
	open_ports();
	/* Ports that there aren't, events that aren't, and nothing to do. */
	say(0, PORT_OPEN, 1);
	say(2, PORT_OPEN, 1);
	say(0xffffffff, PORT_READY, 1);
	say(1, 0xffff, 1);
	say(1, DEVICE_ADD, 1);
	expect_silence();
	assert_false(rig_is_broken(&rig));
	/* Ready a thousand times: no more to tell than once. */
	for (unsigned i = 0; i < 200; i++)
		say(1, PORT_READY, 1);
	expect(PORT_NAME, 1);
	rig_send(&rig, 2, NULL, 0, 72);
	expect_silence();
	rig_send(&rig, 3, "short", 5, 0);
	rig_turn(&rig, 5);
	assert_true(rig_is_broken(&rig));
	virtio_write_status(rig.vdev, 0);
	rig_start(&rig, VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT));
	say(0, DEVICE_READY, 1);
	rig_send(&rig, 2, NULL, 0, 4);
	rig_turn(&rig, 5);
	assert_true(rig_is_broken(&rig));
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hvc_both_ways),	 cmocka_unit_test(test_hvc_slow_reader),
		cmocka_unit_test(test_hvc_size),	 cmocka_unit_test(test_hvc_without_size),
		cmocka_unit_test(test_port_life),	 cmocka_unit_test(test_port_flapping),
		cmocka_unit_test(test_port_lost_client), cmocka_unit_test(test_port_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
