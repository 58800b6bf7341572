/* SPDX-License-Identifier: MIT
 *
 * The commands of gdb's protocol against a fake target: what each answers, what hostile ones answer, and
 * when vCPUs run and stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_gdb_target.h"

struct fixture {
	struct gdb_session session;
	struct fake_target fake;
	char sent[4 * GDB_FRAME_MAX];
	size_t sent_length;
	char payload[GDB_PACKET_MAX + 1];
};

static void collect(void *ctx, const void *bytes, size_t length)
{
	struct fixture *fixture = ctx;

	assert_true(length < sizeof(fixture->sent) - fixture->sent_length);
	memcpy(fixture->sent + fixture->sent_length, bytes, length);
	fixture->sent_length += length;
	fixture->sent[fixture->sent_length] = '\0';
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct gdb_target target;

	gdb_session_init(&fixture->session, collect, fixture);
	target = fake_target_init(&fixture->fake, &fixture->session);
	gdb_session_set_target(&fixture->session, &target);
	gdb_session_attach(&fixture->session);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	gdb_session_destroy(&fixture->session);
	free(fixture);
	return 0;
}

static void push(struct fixture *fixture, const char *payload, size_t length)
{
	static struct gdb_reply reply;
	static uint8_t frame[GDB_FRAME_MAX];
	size_t frame_length;

	gdb_reply_clear(&reply);
	gdb_reply_bytes(&reply, payload, length);
	frame_length = gdb_frame(&reply, frame);
	fixture->sent_length = 0;
	fixture->sent[0] = '\0';
	for (size_t i = 0; i < frame_length; i++)
		gdb_session_push(&fixture->session, frame[i]);
}

/* The last packet sent, without its frame. */
static const char *last_payload(struct fixture *fixture)
{
	char *begin = strrchr(fixture->sent, '$');
	char *end = strrchr(fixture->sent, '#');

	if (!begin || !end || end < begin)
		return "(nothing)";
	memcpy(fixture->payload, begin + 1, (size_t)(end - begin - 1));
	fixture->payload[end - begin - 1] = '\0';
	return fixture->payload;
}

static const char *ask(struct fixture *fixture, const char *payload)
{
	push(fixture, payload, strlen(payload));
	return last_payload(fixture);
}

static const char *run(struct fixture *fixture, const char *payload, unsigned instructions)
{
	ask(fixture, payload);
	fake_run(&fixture->fake, instructions);
	return last_payload(fixture);
}

static void test_answers(void **state)
{
	static const struct {
		const char *command;
		const char *answer;
	} cases[] = {
		{"?", "T05thread:01;"},
		{"qC", "QC01"},
		{"qCRC:0,10", ""},
		{"qAttached", "1"},
		{"qfThreadInfo", "m01,02"},
		{"qsThreadInfo", "l"},
		{"qThreadExtraInfo,1", "7643505520302c2072756e6e696e67"},
		{"qThreadExtraInfo,2", "7643505520312c2068616c746564"},
		{"qThreadExtraInfo,3", "E03"},
		{"qThreadExtraInfo,0", "E03"},
		{"qThreadExtraInfo,", "E03"},
		{"vCont?", "vCont;c;C;s;S"},
		{"vMustReplyEmpty", ""},
		{"!", ""},
		{"", ""},
		{"T1", "OK"},
		{"T2", "OK"},
		{"T3", "E03"},
		{"Tffffffffffffffff", "E03"},
		{"T", "E03"},
		{"Hg2", "OK"},
		{"qC", "QC02"},
		{"Hg0", "OK"},
		{"Hg-1", "OK"},
		{"qC", "QC02"},
		{"Hc-1", "OK"},
		{"Hg3", "E03"},
		{"Hx1", "E03"},
		{"H", "E03"},
		{"Hg1", "OK"},
		{"m", "E22"},
		{"m,", "E22"},
		{"mffffffff80000000", "E22"},
		{"mffffffff80000000,4", "90909090"},
		{"mffffffff8000fffe,4", "9090"},
		{"m0,4", "E14"},
		{"mffffffffffffffff,ffffffffffffffff", "E14"},
		{"mffffffff80000000,0", "E14"},
		{"Mffffffff80000ffe,4:01020304", "OK"},
		{"mffffffff80000ffd,6", "900102030490"},
		{"Mffffffff80000ffe,4:010203", "E22"},
		{"Mffffffff80000ffe,4:0102030g", "E22"},
		{"Mffffffff80000ffe,ffffffffffffffff:01", "E22"},
		{"Mffffffff8000effe,4:01020304", "E14"}, /* half of it is ROM */
		{"M0,1:00", "E14"},
		{"Xffffffff80001000,0:", "OK"},
		{"Xffffffff80001000,2:ab", "OK"},
		{"mffffffff80001000,3", "616290"},
		{"Xffffffff80001000,3:ab", "E22"},
		{"Xffffffff80001000,1:ab", "E22"},
		{"p0", "0077665544332211"},
		{"p10", "00000080ffffffff"},
		{"p11", "46000000"},
		{"p12", "08000000"},
		{"p18", "xxxxxxxxxxxxxxxxxxxx"},
		{"p3a", "001000008088ffff"},
		{"p47", "00000000"},
		{"p48", "E22"},
		{"pffffffffffffffff", "E22"},
		{"p", "E22"},
		{"P0=0100000000000000", "OK"},
		{"p0", "0100000000000000"},
		{"P0=01", "E22"},
		{"P0", "E22"},
		{"P12=08000000", "OK"},
		{"P12=10000000", "E.this register can only be read"},
		{"P18=00000000000000000000", "OK"},
		{"P99=00", "E22"},
		{"G00", "E22"},
		{"G0g00000000000000", "E22"},
		{"G0200000000000000xxxxxxxxxxxxxxxx", "OK"},
		{"p0", "0200000000000000"},
		{"Z", "E22"},
		{"Z5,ffffffff80000000,1", "E22"},
		{"Z0,ffffffff80000000", "E22"},
		{"Z0,0,1", "E14"},
		{"Z2,ffffffff80002000,3", "E.x86 watches 1, 2, 4 or 8 bytes at an aligned address"},
		{"Z2,ffffffff80002001,2", "E.x86 watches 1, 2, 4 or 8 bytes at an aligned address"},
		{"Z3,ffffffff80002000,0", "E.x86 watches 1, 2, 4 or 8 bytes at an aligned address"},
		{"Z4,ffffffff80002000,100000001",
		 "E.x86 watches 1, 2, 4 or 8 bytes at an aligned address"},
		{"z0,ffffffff80000000,1", "OK"},
		{"z9,ffffffff80000000,1", "E22"},
		{"vCont;", "E22"},
		{"vCont;x", "E22"},
		{"vCont;c:3", "E22"},
		{"vCont;C", "E22"},
		{"vCont", "E.Vitrine runs one vCPU or all"},
		{"qXfer:features:read:target.xml:0,5", "m<?xml"},
		{"qXfer:features:read:target.xml:ffffff,5", "E22"},
		{"qXfer:features:read:target.xml:0", "E22"},
		{"qXfer:features:read:other.xml:0,5", ""},
		{"qRcmd,4", "E22"},
		{"qRcmd,zz", "E22"},
		{"QUnknown", ""},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(ask(fixture, cases[i].command), cases[i].answer) != 0)
			fail_msg("%s → %s, not %s", cases[i].command, last_payload(fixture),
				 cases[i].answer);
	assert_false(fixture->fake.running);
}

static void test_acknowledgement(void **state)
{
	struct fixture *fixture = *state;
	size_t length;

	ask(fixture, "?");
	assert_string_equal(fixture->sent, "+$T05thread:01;#07");
	length = fixture->sent_length;
	gdb_session_push(&fixture->session, '-');
	assert_int_equal(fixture->sent_length, 2 * length - 1);
	for (const char *at = "$?#00"; *at; at++)
		gdb_session_push(&fixture->session, (uint8_t)*at);
	assert_int_equal(fixture->sent[fixture->sent_length - 1], '-');
	assert_string_equal(ask(fixture, "QStartNoAckMode"), "OK");
	assert_int_equal(fixture->sent[0], '+');
	ask(fixture, "?");
	assert_int_equal(fixture->sent[0], '$');
	gdb_session_push(&fixture->session, '-');
	assert_int_equal(fixture->sent_length, length - 1);
}

static void test_supported(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(
		ask(fixture, "qSupported:xmlRegisters=i386;swbreak+;hwbreak+"),
		"PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+");
	assert_string_equal(
		ask(fixture, "qSupported"),
		"PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;vContSupported+");
}

/* The target description names the registers in the order and width of the table. */
static void test_description(void **state)
{
	const char *at = gdb_target_xml;
	unsigned number = 0;

	(void)state;
	while ((at = strstr(at, "<reg name="))) {
		unsigned bits = 0;

		assert_int_equal(sscanf(at, "<reg name='%*[^']' bitsize='%u'", &bits), 1);
		assert_int_equal(bits, 8 * gdb_register_bytes(number));
		number++;
		at++;
	}
	assert_int_equal(number, gdb_register_count());
	assert_int_equal(gdb_register_bytes(number), 0);
}

static void test_all_registers(void **state)
{
	struct fixture *fixture = *state;
	unsigned bytes = 0;
	char *all;

	for (unsigned number = 0; number < gdb_register_count(); number++)
		bytes += gdb_register_bytes(number);
	all = strdup(ask(fixture, "g"));
	assert_int_equal(strlen(all), 2 * bytes);
	fixture->fake.regs[0].general.rbx = 7;
	all = realloc(all, 2 * bytes + 2);
	memmove(all + 1, all, 2 * bytes + 1);
	all[0] = 'G';
	assert_string_equal(ask(fixture, all), "OK");
	assert_int_equal(fixture->fake.regs[0].general.rbx, 0);
	assert_true(fixture->fake.regs[0].general.rip == FAKE_BASE);
	free(all);
}

static void test_software_breakpoint(void **state)
{
	struct fixture *fixture = *state;
	struct fake_target *fake = &fixture->fake;

	ask(fixture, "qSupported:swbreak+");
	assert_string_equal(ask(fixture, "Z0,ffffffff80000100,1"), "OK");
	assert_string_equal(ask(fixture, "Z0,ffffffff80000100,1"), "OK");
	assert_int_equal(fake->memory[0x100], 0xcc);
	assert_string_equal(ask(fixture, "mffffffff800000ff,3"), "909090");
	assert_string_equal(run(fixture, "vCont;c", 1000), "T05swbreak:;thread:02;");
	assert_true(fake->debug[0].software_breakpoints && fake->debug[1].enabled);
	assert_true(fake->regs[1].general.rip == FAKE_BASE + 0x100);
	/* gdb writes under it: the new byte appears when it goes */
	assert_string_equal(ask(fixture, "Mffffffff800000ff,2:c3eb"), "OK");
	assert_int_equal(fake->memory[0x100], 0xcc);
	assert_string_equal(ask(fixture, "mffffffff80000100,1"), "eb");
	assert_string_equal(ask(fixture, "z0,ffffffff80000100,1"), "OK");
	assert_int_equal(fake->memory[0x100], 0xeb);
	/* the guest writes over it: that stays */
	ask(fixture, "Z0,ffffffff80000100,1");
	fake->memory[0x100] = 0x55;
	ask(fixture, "z0,ffffffff80000100,1");
	assert_int_equal(fake->memory[0x100], 0x55);
}

static void test_hardware_breakpoints(void **state)
{
	struct fixture *fixture = *state;
	char command[64];

	ask(fixture, "qSupported:hwbreak+");
	for (unsigned i = 0; i < VCPU_HW_BREAKPOINT_MAX; i++) {
		snprintf(command, sizeof(command), "Z1,%llx,1", FAKE_BASE + 0x100 + i);
		assert_string_equal(ask(fixture, command), "OK");
	}
	assert_string_equal(ask(fixture, "Z1,ffffffff80000200,1"),
			    "E.all 4 hardware breakpoints are in use");
	assert_string_equal(ask(fixture, "Z0,ffffffff80000200,1"), "OK");
	assert_string_equal(run(fixture, "vCont;c", 1000), "T05hwbreak:;thread:02;");
	assert_string_equal(ask(fixture, "z1,ffffffff80000101,1"), "OK");
	assert_string_equal(ask(fixture, "Z1,ffffffff80000200,1"), "OK");
	assert_string_equal(ask(fixture, "D"), "OK");
	assert_false(fixture->fake.debug[0].enabled);
	assert_int_equal(fixture->fake.memory[0x200], 0x90);
	assert_true(fixture->fake.running && fixture->session.closing);
}

/* Firmware can't be written, deprivileged KVM has no int3: debug registers serve both. */
static void test_break_falls_back(void **state)
{
	struct fixture *fixture = *state;
	struct fake_target *fake = &fixture->fake;

	ask(fixture, "qSupported:swbreak+;hwbreak+");
	assert_string_equal(ask(fixture, "Z0,ffffffff8000f000,1"), "OK");
	fake->deprivileged = true;
	assert_string_equal(ask(fixture, "Z0,ffffffff80000100,1"), "OK");
	assert_string_equal(ask(fixture, "Z0,ffffffff80000101,1"), "OK");
	assert_string_equal(ask(fixture, "Z1,ffffffff80000102,1"), "OK");
	assert_memory_equal(ask(fixture, "Z0,ffffffff80000103,1"), "E.deprivileged KVM", 18);
	assert_string_equal(ask(fixture, "Z2,ffffffff80002000,1"),
			    "E.deprivileged KVM has no watchpoints");
	assert_int_equal(fake->memory[0x100], 0x90);
	assert_string_equal(run(fixture, "vCont;c", 1000), "T05swbreak:;thread:02;");
	assert_memory_equal(fixture->sent, "+$O", 3); /* says what does not work here */
	fake->regs[0].system.cs.selector = 0x33;
	assert_string_equal(ask(fixture, "vCont;s:1;c"), "E.deprivileged KVM can't step in ring 3");
	assert_false(fake->running);
}

static void test_step(void **state)
{
	struct fixture *fixture = *state;
	struct fake_target *fake = &fixture->fake;

	assert_string_equal(run(fixture, "vCont;s:2", 10), "T05thread:02;");
	assert_int_equal(fake->only, 1);
	assert_true(fake->regs[0].general.rip == FAKE_BASE);
	assert_true(fake->regs[1].general.rip == FAKE_BASE + 0x11);
	assert_false(fake->debug[0].enabled || fake->debug[0].single_step);
	assert_string_equal(run(fixture, "vCont;s:2;c", 10), "T05thread:02;");
	assert_int_equal(fake->only, GDB_ALL_CPUS);
	assert_true(fake->regs[0].general.rip == FAKE_BASE + 1);
	assert_string_equal(run(fixture, "s", 10), "T05thread:02;");
	assert_string_equal(run(fixture, "Sff;ffffffff80000020", 10), "T05thread:02;");
	assert_true(fake->regs[1].general.rip == FAKE_BASE + 0x21);
	ask(fixture, "Hc1");
	assert_string_equal(run(fixture, "s", 10), "T05thread:01;");
	assert_int_equal(fake->only, 0);
	assert_true(fake->regs[0].general.rip == FAKE_BASE + 2);
}

static void test_watchpoints(void **state)
{
	static const struct {
		const char *insert, *remove, *stop;
	} cases[] = {
		{"Z2,ffffffff80002000,1", "z2,ffffffff80002000,1",
		 "T05watch:ffffffff80002000;thread:02;"},
		{"Z3,ffffffff80002000,8", "z3,ffffffff80002000,8",
		 "T05rwatch:ffffffff80002000;thread:02;"},
		{"Z4,ffffffff80002000,4", "z4,ffffffff80002000,4",
		 "T05awatch:ffffffff80002000;thread:02;"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(ask(fixture, cases[i].insert), "OK");
		fixture->fake.regs[1].general.rip = FAKE_BASE + 0x3f0;
		assert_string_equal(run(fixture, "vCont;c", 1000), cases[i].stop);
		assert_string_equal(ask(fixture, cases[i].remove), "OK");
	}
}

/* Two vCPUs stop at once: a watchpoint is told later, as soon as gdb has put it in again. */
static void test_two_stops(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu_debug_stop at_break = {.rip = FAKE_BASE + 0x100, .exception = 3};
	struct vcpu_debug_stop at_watch = {.rip = FAKE_BASE + 0x401, .exception = 1, .dr6 = 1};

	ask(fixture, "Z0,ffffffff80000100,1");
	ask(fixture, "Z2,ffffffff80002000,1");
	ask(fixture, "vCont;c");
	gdb_session_post_stop(&fixture->session, 0, &at_break);
	gdb_session_post_stop(&fixture->session, 1, &at_watch);
	gdb_session_settle(&fixture->session);
	assert_string_equal(last_payload(fixture), "T05thread:01;");
	gdb_session_settle(&fixture->session); /* the second wake-up finds nothing to say */
	ask(fixture, "z0,ffffffff80000100,1");
	ask(fixture, "z2,ffffffff80002000,1");
	assert_string_equal(run(fixture, "vCont;s:1", 1), "T05thread:01;");
	ask(fixture, "Z2,ffffffff80002000,1");
	assert_string_equal(ask(fixture, "vCont;c"), "T05watch:ffffffff80002000;thread:02;");
	assert_false(fixture->fake.running);
	assert_string_equal(ask(fixture, "vCont;c"), "(nothing)");
	assert_true(fixture->fake.running);
	assert_int_equal(fixture->fake.injected[0] + fixture->fake.injected[1], 0);
}

/* gdb takes its breakpoints out while the VM stands. A second vCPU that had stopped at one of them must
 * not see its debug exception as the guest's own: the instruction has not run, and will hit again. */
static void test_second_stop_is_not_the_guests(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu_debug_stop at_int3 = {.rip = FAKE_BASE + 0x100, .exception = 3};
	struct vcpu_debug_stop at_slot = {.rip = FAKE_BASE + 0x200, .exception = 1, .dr6 = 1};

	ask(fixture, "Z0,ffffffff80000100,1");
	ask(fixture, "Z1,ffffffff80000200,1");
	ask(fixture, "vCont;c");
	gdb_session_post_stop(&fixture->session, 0, &at_int3);
	gdb_session_post_stop(&fixture->session, 1, &at_slot);
	gdb_session_push(&fixture->session, 3); /* a stop is told rather than the interrupt */
	assert_string_equal(last_payload(fixture), "T05thread:01;");
	ask(fixture, "z0,ffffffff80000100,1");
	ask(fixture, "z1,ffffffff80000200,1");
	assert_string_equal(run(fixture, "vCont;s:1", 1), "T05thread:01;");
	ask(fixture, "vCont;c");
	assert_int_equal(fixture->fake.injected[0] + fixture->fake.injected[1], 0);
}

/* int3 that is the guest's own is given back to it. */
static void test_foreign_exceptions(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu_debug_stop trap = {.rip = FAKE_BASE, .exception = 1, .dr6 = 1 << 14};

	fixture->fake.memory[0x300] = 0xcc;
	assert_string_equal(ask(fixture, "Z0,ffffffff80000500,1"), "OK");
	assert_string_equal(run(fixture, "vCont;c", 0x520), "T05thread:02;");
	assert_int_equal(fixture->fake.injected[1], 1);
	assert_true(fixture->fake.regs[1].general.rip == FAKE_BASE + 0x500);
	ask(fixture, "vCont;c");
	gdb_session_post_stop(&fixture->session, 0, &trap);
	gdb_session_settle(&fixture->session);
	assert_string_equal(last_payload(fixture), "(nothing)");
	assert_int_equal(fixture->fake.injected[0], 2);
	assert_true(fixture->fake.running);
}

static void test_interrupt(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(run(fixture, "c", 10), "(nothing)");
	assert_true(fixture->fake.running);
	assert_memory_equal(ask(fixture, "g"), "E.", 2); /* it runs: nothing can be read */
	gdb_session_push(&fixture->session, 3);
	assert_string_equal(last_payload(fixture), "T02thread:01;");
	assert_false(fixture->fake.running);
	fixture->sent_length = 0;
	gdb_session_push(&fixture->session, 3); /* it stands already */
	assert_int_equal(fixture->sent_length, 0);
	assert_string_equal(ask(fixture, "?"), "T02thread:01;");
}

static void test_reset(void **state)
{
	struct fixture *fixture = *state;
	struct gdb_target target;

	ask(fixture, "Z1,ffffffff80000100,1");
	ask(fixture, "Z0,ffffffff80000200,1");
	ask(fixture, "vCont;c");
	gdb_session_set_target(&fixture->session, NULL);
	gdb_session_push(&fixture->session, 3);
	assert_memory_equal(ask(fixture, "?"), "E.", 2);
	target = fake_target_init(&fixture->fake, &fixture->session);
	gdb_session_set_target(&fixture->session, &target);
	assert_true(fixture->fake.debug[1].hw[0].used);
	assert_false(fixture->fake.debug[1].software_breakpoints);
	fixture->fake.running = true; /* vm_start() */
	fixture->fake.only = GDB_ALL_CPUS;
	fake_run(&fixture->fake, 1000);
	assert_string_equal(last_payload(fixture), "T05thread:02;");
}

static void test_end(void **state)
{
	struct fixture *fixture = *state;

	ask(fixture, "vCont;c");
	gdb_session_report_end(&fixture->session, 12);
	assert_string_equal(last_payload(fixture), "W0c");
	assert_true(fixture->session.closing);
	fixture->sent_length = 0;
	gdb_session_report_end(&fixture->session, 12);
	gdb_session_push(&fixture->session, 3);
	assert_int_equal(fixture->sent_length, 0);
}

static void test_kill(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(ask(fixture, "vKill;1"), "OK");
	assert_true(fixture->fake.killed && fixture->session.closing);
	assert_string_equal(ask(fixture, "g"), "(nothing)"); /* detached */
	gdb_session_attach(&fixture->session);
	fixture->fake.killed = false;
	assert_string_equal(ask(fixture, "k"), "(nothing)");
	assert_true(fixture->fake.killed);
}

static const char *monitor(struct fixture *fixture, const char *text)
{
	static char plain[GDB_PACKET_MAX];
	char command[64] = "qRcmd,";
	struct gdb_cursor answer;
	size_t length;

	for (size_t i = 0; text[i]; i++)
		sprintf(command + 6 + 2 * i, "%02x", text[i]);
	answer.at = ask(fixture, command);
	answer.left = strlen(answer.at);
	length = answer.left / 2;
	assert_true(gdb_take_hex(&answer, plain, length));
	plain[length] = '\0';
	return plain;
}

static void test_monitor(void **state)
{
	struct fixture *fixture = *state;
	uint64_t *table = (uint64_t *)fixture->fake.memory;

	assert_non_null(strstr(monitor(fixture, "help"), "monitor walk"));
	assert_non_null(strstr(monitor(fixture, "helpless"), "does not know"));
	assert_non_null(strstr(monitor(fixture, ""), "does not know"));
	assert_non_null(strstr(monitor(fixture, "walk"), "needs an address"));
	assert_non_null(strstr(monitor(fixture, "exits"), "vCPU 0"));
	assert_non_null(strstr(monitor(fixture, "walk 0x1000"), "outside RAM"));
	fixture->fake.regs[0].system.cr3 = FAKE_GPA;
	memset(table, 0, 4096);
	assert_non_null(strstr(monitor(fixture, "walk 0x1000"), "not present"));
	table[511] = (FAKE_GPA + 0x1000) | 3;
	table[512 + 510] = (FAKE_GPA + 0x2000) | 3;
	table[1024 + 1] = 0x40000000 | 0x83;
	assert_non_null(
		strstr(monitor(fixture, "walk ffffffff80201234"), "page  of 2048 KiB: 0x40001234"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_acknowledgement),
		TEST(test_supported),
		TEST(test_description),
		TEST(test_all_registers),
		TEST(test_software_breakpoint),
		TEST(test_hardware_breakpoints),
		TEST(test_break_falls_back),
		TEST(test_step),
		TEST(test_watchpoints),
		TEST(test_two_stops),
		TEST(test_second_stop_is_not_the_guests),
		TEST(test_foreign_exceptions),
		TEST(test_interrupt),
		TEST(test_reset),
		TEST(test_end),
		TEST(test_kill),
		TEST(test_monitor),
	};

	return cmocka_run_group_tests_name("gdb session", tests, NULL, NULL);
}
