/* SPDX-License-Identifier: MIT
 *
 * Commands of labs: what is heard of them, that they end, and what they leave.
 */
#include "lab/spawn.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/command.h"

struct heard {
	char text[256];
	int pid; /* the last number that was heard */
	bool says_all;
};

static bool hear(void *ctx, const char *line)
{
	struct heard *heard = ctx;
	const size_t length = strlen(heard->text);

	if (length < sizeof(heard->text))
		snprintf(heard->text + length, sizeof(heard->text) - length, "%s|", line);
	heard->pid = atoi(line);
	return heard->says_all;
}

static struct spawn_result run(const char *command, unsigned timeout_s, struct heard *heard)
{
	const struct spawn spawn = {.command = command,
				    .folder = "/",
				    .timeout_s = timeout_s,
				    .line = hear,
				    .ctx = heard};

	return spawn_run(&spawn);
}

static void test_lines(void **state)
{
	struct heard heard = {0};
	const struct spawn_result result = run(
		"pwd; echo two >&2; printf '\\r\\nthree\\r\\nrest'; cat; exit 7", 20, &heard);

	(void)state;
	assert_int_equal(result.end, SPAWN_EXITED);
	assert_int_equal(result.status, 7);
	assert_string_equal(heard.text, "/|two||three|rest|");
}

static void test_signal(void **state)
{
	struct heard heard = {0};

	(void)state;
	assert_int_equal(run("kill -9 $$", 20, &heard).status, 128 + SIGKILL);
}

static void test_time_limit(void **state)
{
	struct heard heard = {0};
	const struct spawn_result result = run("echo $$; trap '' TERM; sleep 50", 1, &heard);

	(void)state;
	assert_int_equal(result.end, SPAWN_TIMEOUT);
	assert_true(result.seconds < 10);
	assert_int_equal(kill(heard.pid, 0), -1);
}

/* A guest that has said how it ended is no failure if its VMM doesn't end. */
static void test_has_said_all(void **state)
{
	struct heard heard = {.says_all = true};
	const struct spawn_result result = run("echo end; sleep 50", 30, &heard);

	(void)state;
	assert_int_equal(result.end, SPAWN_EXITED);
	assert_true(result.seconds < 20);
}

static void test_flood(void **state)
{
	struct heard heard = {0};

	(void)state;
	assert_int_equal(run("yes", 60, &heard).end, SPAWN_FLOOD);
}

/* Also a long line comes to an end, and a background process doesn't keep us. */
static void test_background(void **state)
{
	struct heard heard = {0};

	(void)state;
	assert_int_equal(run("setsid sh -c 'echo $$; exec sleep 50' & sleep 0.5", 20, &heard).end,
			 SPAWN_EXITED);
	assert_true(heard.pid > 1);
	assert_int_equal(kill(heard.pid, 0), 0);
	spawn_end_all();
	assert_int_equal(kill(heard.pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void expect_command(struct lab_run *run, bool is_quick, const char *wanted)
{
	static const struct places places = {.vitrine = "/v",
					     .guest = "/g",
					     .initrd = "/i",
					     .labs = "/l",
					     .linux_kernel = "/k",
					     .linux_initrd = "/ki",
					     .scratch = "/s"};
	char *made = command_make(run, &places, is_quick);

	assert_string_equal(made, wanted);
	free(made);
}

static void test_commands(void **state)
{
	struct lab_run host = {.kind = LAB_RUN_HOST,
			       .quick = "b",
			       .by_kind = {[LAB_RUN_HOST] = "a {scratch}/x ${HOME} {no}"}};
	struct lab_run vm = {.kind = LAB_RUN_VM,
			     .program = "cost -n 2",
			     .cmdline = "noaslr",
			     .under = "taskset 1",
			     .by_kind = {[LAB_RUN_VM] = "-c 2"}};
	struct lab_run linux_run = {.kind = LAB_RUN_LINUX,
				    .program = "sh -c 'a; b'",
				    .stats = "t",
				    .by_kind = {[LAB_RUN_LINUX] = ""}};
	struct lab_run bare = {
		.kind = LAB_RUN_VM, .cmdline = "off", .by_kind = {[LAB_RUN_VM] = ""}};

	(void)state;
	expect_command(&host, false, "a /s/x ${HOME} {no}");
	expect_command(&host, true, "b");
	expect_command(&vm, true,
		       "exec taskset 1 /v run --no-reboot --initrd /i -c 2 --cmdline "
		       "'quiet noaslr init=/labs/start -- cost -n 2' /g");
	expect_command(&linux_run, false,
		       "exec /v run --no-reboot --initrd /ki --stats --json  --cmdline "
		       "'quiet panic=-1 rdinit=/labs/start -- sh%20-c%20%27a%3B%20b%27' /k");
	expect_command(&bare, false, "exec /v run --no-reboot  --cmdline 'off' /g");
}

static int prepare(void **state)
{
	(void)state;
	spawn_prepare();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	   cmocka_unit_test(test_signal),
		cmocka_unit_test(test_time_limit), cmocka_unit_test(test_has_said_all),
		cmocka_unit_test(test_flood),	   cmocka_unit_test(test_background),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
