/* SPDX-License-Identifier: MIT
 *
 * Debian's gdb against the fake target, over a Unix socket and the real connection code: what a person
 * types, and what gdb then shows; and clients that behave worse. Skipped where gdb is not installed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_gdb_target.h"
#include "gdb/connection.h"

#define OUTPUT_MAX 65536
#define TURN_NS 1000000
#define INSTRUCTIONS_PER_TURN 50

struct fixture {
	struct loop *loop;
	struct loop_timer *timer;
	struct gdb_connection connection;
	struct fake_target fake;
	bool once; /* one turn only */
	char folder[32];
	char output[OUTPUT_MAX];
};

static bool have_gdb(void)
{
	return system("gdb --version >/dev/null 2>&1") == 0;
}

/* The vCPUs' turn. After a detach, the test is over. */
static void turn(void *ctx)
{
	struct fixture *fixture = ctx;

	fake_run(&fixture->fake, INSTRUCTIONS_PER_TURN);
	gdb_connection_update(&fixture->connection);
	if (fixture->once || (fixture->connection.was_attached && fixture->connection.fd < 0))
		loop_stop(fixture->loop);
	else
		loop_timer_arm(fixture->timer, TURN_NS);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct gdb_target target;
	char spec[64];
	char err[256];

	strcpy(fixture->folder, "/tmp/test-gdb-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(spec, sizeof(spec), "unix:%s/socket", fixture->folder);
	assert_int_equal(loop_create(&fixture->loop), 0);
	assert_int_equal(loop_timer_create(fixture->loop, turn, fixture, &fixture->timer), 0);
	assert_int_equal(
		gdb_connection_open(&fixture->connection, spec, fixture->loop, err, sizeof(err)),
		0);
	target = fake_target_init(&fixture->fake, &fixture->connection.session);
	gdb_session_set_target(&fixture->connection.session, &target);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_timer_destroy(fixture->timer);
	gdb_connection_close(&fixture->connection);
	loop_destroy(fixture->loop);
	assert_int_equal(rmdir(fixture->folder), 0); /* the socket is gone */
	free(fixture);
	return 0;
}

/* Starts gdb with these commands behind "target remote", serves it until it has gone. */
static void run_gdb(struct fixture *fixture, const char *const *commands)
{
	const char *arguments[64] = {"timeout", "60",	  "gdb", "-q",
				     "-nx",	"-batch", "-ex", "set architecture i386:x86-64"};
	char target[64];
	size_t count = 8;
	int out[2];
	pid_t child;

	snprintf(target, sizeof(target), "target remote %s/socket", fixture->folder);
	arguments[count++] = "-ex";
	arguments[count++] = target;
	for (; *commands; commands++) {
		assert_true(count < 62);
		arguments[count++] = "-ex";
		arguments[count++] = *commands;
	}
	assert_int_equal(pipe(out), 0);
	child = fork();
	if (child == 0) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		execvp("timeout", (char *const *)arguments);
		_exit(127);
	}
	close(out[1]);
	loop_timer_arm(fixture->timer, TURN_NS);
	assert_int_equal(loop_run(fixture->loop), 0);
	size_t length = 0;
	ssize_t part;
	while ((part = read(out[0], fixture->output + length, OUTPUT_MAX - 1 - length)) > 0)
		length += (size_t)part;
	close(out[0]);
	waitpid(child, NULL, 0);
}

static void expect(struct fixture *fixture, const char *text)
{
	if (!strstr(fixture->output, text)) {
		fputs(fixture->output, stderr);
		fail_msg("gdb did not print \"%s\"", text);
	}
}

static void test_looking(void **state)
{
	static const char *const commands[] = {
		"info threads",
		"info registers",
		"info registers cr3 efer",
		"x/4i $pc",
		"x/2xb 0xffffffff8000fffe",
		"x/2xb 0x1000",
		"print $rbx = 0x1234",
		"print/x $rbx",
		"print $cr3 = 1",
		"set {int}0xffffffff80000ffe = 0x11223344",
		"x/xw 0xffffffff80000ffe",
		"print $xmm0",
		"monitor help",
		NULL,
	};
	struct fixture *fixture = *state;

	if (!have_gdb())
		skip();
	run_gdb(fixture, commands);
	expect(fixture, "* 1    Thread 1 (vCPU 0, running) 0xffffffff80000000 in");
	expect(fixture, "  2    Thread 2 (vCPU 1, halted)  0xffffffff80000010 in");
	expect(fixture, "rax            0x1122334455667700");
	expect(fixture, "eflags         0x46                [ PF ZF ]");
	expect(fixture, "gs_base        0xffff888000001000");
	expect(fixture, "cr0            0x80000011          [ PE ET PG ]");
	expect(fixture, "cr3            0x1234000");
	expect(fixture, "efer           0xd01               [ SCE LME LMA NXE ]");
	expect(fixture, "=> 0xffffffff80000000:\tnop");
	expect(fixture, "0xffffffff8000fffe:\t0x90\t0x90");
	expect(fixture, "Cannot access memory at address 0x1000");
	expect(fixture, "$2 = 0x1234");
	expect(fixture, "this register can only be read");
	expect(fixture, "0xffffffff80000ffe:\t0x11223344");
	expect(fixture, "<unavailable>");
	expect(fixture, "monitor walk ADDR");
	assert_true(fixture->fake.running); /* gdb's end has detached */
}

static void test_running(void **state)
{
	static const char *const commands[] = {
		"break *0xffffffff80000100",
		"continue",
		"x/i $pc",
		"stepi",
		"info registers rip",
		"delete",
		"hbreak *0xffffffff80000200",
		"continue",
		"continue",
		"delete",
		"watch *(char *)0xffffffff80002000",
		"continue",
		"delete",
		"thread 2",
		"set scheduler-locking on",
		"stepi 3",
		"print/x $pc",
		NULL,
	};
	struct fixture *fixture = *state;

	if (!have_gdb())
		skip();
	run_gdb(fixture, commands);
	expect(fixture, "Thread 2 hit Breakpoint 1, 0xffffffff80000100");
	expect(fixture, "=> 0xffffffff80000100:\tnop");
	expect(fixture, "rip            0xffffffff80000101");
	expect(fixture, "Thread 2 hit Breakpoint 2, 0xffffffff80000200");
	expect(fixture, "Thread 1 hit Breakpoint 2, 0xffffffff80000200");
	expect(fixture, "Hardware watchpoint 3: *(char *)0xffffffff80002000");
	expect(fixture, "New value =");
	expect(fixture, "$1 = 0xffffffff80000404");
	for (size_t i = 0; i < FAKE_BYTES; i++)
		assert_int_not_equal(fixture->fake.memory[i], 0xcc);
	assert_false(fixture->fake.debug[0].enabled);
}

/* gdb's kill asks for the VM's end, and leaves no int3 behind. */
static void test_kill_command(void **state)
{
	static const char *const commands[] = {"break *0xffffffff80000100", "continue", "kill",
					       NULL};
	struct fixture *fixture = *state;

	if (!have_gdb())
		skip();
	run_gdb(fixture, commands);
	assert_true(fixture->fake.killed);
	assert_int_equal(fixture->fake.memory[0x100], 0x90);
}

/* Until the client has gone. */
static void serve(struct fixture *fixture)
{
	fixture->once = false;
	loop_timer_arm(fixture->timer, TURN_NS);
	assert_int_equal(loop_run(fixture->loop), 0);
}

static void serve_once(struct fixture *fixture)
{
	fixture->once = true;
	loop_timer_arm(fixture->timer, TURN_NS);
	assert_int_equal(loop_run(fixture->loop), 0);
}

static int connect_to(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", fixture->folder);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Somebody goes away in the middle of a packet: breakpoints vanish, the VM runs. */
static void test_hang_up(void **state)
{
	static const char bytes[] = "$Z0,ffffffff80000100,1#00$Z0,ffffffff80000200,1#d8$m0,";
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	close(fd);
	serve(fixture);
	assert_true(fixture->fake.running);
	assert_true(fixture->fake.pauses >= 2);
	assert_int_equal(fixture->fake.memory[0x200], 0x90);
}

/* Somebody asks for much and reads nothing: the stub stops listening, and grows no memory. */
static void test_flood(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);
	char packets[5000];
	size_t sent = 0;

	for (size_t i = 0; i < sizeof(packets); i += 5)
		memcpy(packets + i, "$g#67", 5);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (unsigned turns = 0; turns < 200; turns++) {
		ssize_t length = write(fd, packets, sizeof(packets));

		sent += length > 0 ? (size_t)length : 0;
		serve_once(fixture);
	}
	assert_true(sent < 100 * sizeof(packets));
	assert_true(fixture->connection.output_end > 0);
	assert_int_equal(fixture->connection.session.state, GDB_HALTED);
	close(fd);
	serve(fixture);
	assert_true(fixture->fake.running);
}

static void test_specs(void **state)
{
	static const struct {
		const char *spec;
		const char *complaint;
	} cases[] = {
		{"", "must be unix:PATH or tcp:PORT"},
		{"1234", "must be unix:PATH or tcp:PORT"},
		{"tcp:", "the port must be a number"},
		{"tcp:-1", "the port must be a number"},
		{"tcp:65536", "the port must be a number"},
		{"tcp:99999999999999999999999", "the port must be a number"},
		{"tcp:12x", "the port must be a number"},
		{"tcp:1234,now", "the port must be a number"},
		{"unix:", "1 to 107 characters"},
		{"unix:,wait", "1 to 107 characters"},
		{"unix:/nowhere/at/all", "No such file or directory"},
		{"unix:/dev/null", "exists already"},
		{"unix:/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "1 to 107 characters"},
	};
	struct gdb_listener first, second;
	char spec[128];
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(gdb_listen(cases[i].spec, &first, err, sizeof(err)) < 0);
		if (!strstr(err, cases[i].complaint))
			fail_msg("%s: %s", cases[i].spec, err);
		assert_null(strchr(err, '\n'));
	}
	assert_int_equal(gdb_listen("tcp:0,wait", &first, err, sizeof(err)), 0);
	assert_true(first.wait);
	snprintf(spec, sizeof(spec), "tcp%s", strrchr(first.remote, ':'));
	assert_true(gdb_listen(spec, &second, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, "the port is in use"));
	gdb_listener_close(&first);
}

/* A socket left over by a killed VMM is taken over, one in use is not. */
static void test_abandoned_socket(void **state)
{
	struct gdb_listener first, second;
	char err[512];
	char folder[] = "/tmp/test-gdb-XXXXXX";
	char spec[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(spec, sizeof(spec), "unix:%s/socket", folder);
	assert_int_equal(gdb_listen(spec, &first, err, sizeof(err)), 0);
	assert_true(gdb_listen(spec, &second, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, "exists already"));
	close(first.fd);
	assert_int_equal(gdb_listen(spec, &second, err, sizeof(err)), 0);
	gdb_listener_close(&second);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_looking, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_command, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hang_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_abandoned_socket),
	};

	return cmocka_run_group_tests_name("Debian's gdb", tests, NULL, NULL);
}
