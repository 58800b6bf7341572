/* SPDX-License-Identifier: MIT
 *
 * The keyboard controller in conversation with a driver that asks what Linux's i8042 and atkbd ask, and
 * with one that asks nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev/i8042.h"
#include "dev_fake.h"

struct fixture {
	struct device *dev;
	struct vm_control control;
	struct fake_line line;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_setup device_setup = {.control = &f->control, .irq = fake_irq(&f->line)};

	*state = f;
	return device_create(&i8042_ops, "i8042", &device_setup, &f->dev);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	device_destroy(f->dev);
	free(f);
	return 0;
}

static uint8_t status(struct fixture *f)
{
	return (uint8_t)dev_read_wide(f->dev, 1, 0, 1);
}

static void command(struct fixture *f, uint8_t byte)
{
	dev_write_wide(f->dev, 1, 0, 1, byte);
}

static void data(struct fixture *f, uint8_t byte)
{
	dev_write_wide(f->dev, 0, 0, 1, byte);
}

/* The next byte, which has to be there. */
static uint8_t get(struct fixture *f)
{
	assert_int_equal(status(f) & 0x01, 0x01);
	return (uint8_t)dev_read_wide(f->dev, 0, 0, 1);
}

static void assert_empty(struct fixture *f)
{
	assert_int_equal(status(f) & 0x01, 0);
}

static void test_controller_commands(void **state)
{
	static const struct {
		uint8_t command, answer;
	} table[] = {{0xaa, 0x55}, {0xab, 0x00}, {0x20, 0x65}, {0xc0, 0x80}, {0xd0, 0x03}};
	struct fixture *f = *state;

	assert_int_equal(status(f), 0x14);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		command(f, table[i].command);
		assert_int_equal(status(f), 0x1d);
		assert_int_equal(get(f), table[i].answer);
		assert_empty(f);
	}
}

static void test_command_byte(void **state)
{
	struct fixture *f = *state;

	command(f, 0x60);
	data(f, 0x44);
	command(f, 0x20);
	assert_int_equal(get(f), 0x64); /* the mouse port's disable bit stays */
	command(f, 0xad);
	command(f, 0x20);
	assert_int_equal(get(f), 0x74);
	command(f, 0xae);
	command(f, 0xa8);
	command(f, 0x20);
	assert_int_equal(get(f), 0x64);
	command(f, 0x60);
	data(f, 0x00);
	assert_int_equal(status(f) & 0x04, 0);
}

/* Linux, i8042_check_aux(): an answer at once, the wrong one; then the port test's failure. */
static void test_no_mouse_port(void **state)
{
	struct fixture *f = *state;

	command(f, 0xd3);
	data(f, 0x5a);
	assert_int_equal(status(f) & 0x21, 0x21);
	assert_int_not_equal(get(f), 0x5a);
	assert_empty(f);
	command(f, 0xd4); /* and who talks to the mouse all the same */
	data(f, 0xff);
	assert_int_equal(status(f) & 0x61, 0x61);
	assert_int_equal(get(f), 0xfe);
	assert_empty(f);
	assert_int_equal(f->line.calls, 0); /* what came was no keyboard's */
	command(f, 0xa9);
	uint8_t result = get(f);
	assert_true(result != 0x00 && result != 0xfa && result != 0xff);
	assert_empty(f);
}

static void test_keyboard(void **state)
{
	static const struct {
		uint8_t sent[2];
		unsigned sent_bytes;
		uint8_t answer[4];
		unsigned answer_bytes;
	} table[] = {
		{{0xff}, 1, {0xfa, 0xaa}, 2},
		{{0xf2}, 1, {0xfa, 0xab, 0x83}, 3},
		{{0xee}, 1, {0xee}, 1},
		{{0xed, 0x07}, 2, {0xfa, 0xfa}, 2},
		{{0xf3, 0x20}, 2, {0xfa, 0xfa}, 2},
		{{0xf0, 0x00}, 2, {0xfa, 0xfa, 0x02}, 3},
		{{0xf0, 0x03}, 2, {0xfa, 0xfa}, 2},
		{{0xf0, 0x00}, 2, {0xfa, 0xfa, 0x03}, 3},
		{{0xf4}, 1, {0xfa}, 1},
		{{0xf5}, 1, {0xfa}, 1},
		{{0xf6}, 1, {0xfa}, 1},
		{{0xed, 0xf2}, 2, {0xfa, 0xfa, 0xab, 0x83}, 4}, /* a command ends the wait */
		{{0xee, 0xfe}, 2, {0xee, 0xee}, 2},		/* resend */
	};
	struct fixture *f = *state;

	command(f, 0x60);
	data(f, 0x25); /* no translation */
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		for (unsigned n = 0; n < table[i].sent_bytes; n++)
			data(f, table[i].sent[n]);
		for (unsigned n = 0; n < table[i].answer_bytes; n++)
			assert_int_equal(get(f), table[i].answer[n]);
		assert_empty(f);
	}
	command(f, 0x60);
	data(f, 0x65);
	data(f, 0xf2);
	get(f);
	get(f);
	assert_int_equal(get(f), 0x41);
}

/* One edge for each byte; none with the interrupt off. */
static void test_interrupt(void **state)
{
	struct fixture *f = *state;

	data(f, 0xff);
	assert_true(f->line.level);
	assert_int_equal(f->line.rises, 1);
	get(f);
	assert_true(f->line.level);
	assert_int_equal(f->line.rises, 2);
	get(f);
	assert_false(f->line.level);
	command(f, 0x60);
	data(f, 0x64);
	data(f, 0xee);
	assert_false(f->line.level);
	command(f, 0x60); /* on again with a byte waiting */
	data(f, 0x65);
	assert_true(f->line.level);
}

static void test_keys(void **state)
{
	static const uint8_t typed[] = {0x1e, 0x9e};
	uint8_t many[17] = {0};
	struct fixture *f = *state;

	assert_int_equal(i8042_key(f->dev, typed, 2), 0);
	assert_int_equal(get(f), 0x1e);
	assert_int_equal(get(f), 0x9e);
	assert_int_equal(i8042_key(f->dev, many, 17), -EAGAIN);
	assert_int_equal(i8042_key(f->dev, many, 16), 0);
	assert_int_equal(i8042_key(f->dev, many, 1), -EAGAIN);
	for (int i = 0; i < 16; i++)
		get(f);
	assert_empty(f);
	data(f, 0xf5);
	get(f);
	assert_int_equal(i8042_key(f->dev, typed, 2), -EAGAIN);
	data(f, 0xf4);
	get(f);
	command(f, 0xad);
	assert_int_equal(i8042_key(f->dev, typed, 2), -EAGAIN);
	data(f, 0xee); /* talking to it switches it on */
	get(f);
	assert_int_equal(i8042_key(f->dev, typed, 2), 0);
}

static void test_loop_and_ram(void **state)
{
	struct fixture *f = *state;

	command(f, 0xd2);
	data(f, 0x42);
	assert_int_equal(status(f) & 0x21, 0x01);
	assert_int_equal(get(f), 0x42);
	for (unsigned cell = 1; cell < 32; cell++) {
		command(f, (uint8_t)(0x60 + cell));
		data(f, (uint8_t)(cell * 5));
	}
	for (unsigned cell = 1; cell < 32; cell++) {
		command(f, (uint8_t)(0x20 + cell));
		assert_int_equal(get(f), (uint8_t)(cell * 5));
	}
}

static void test_reset(void **state)
{
	static const struct {
		int command, data; /* data -1: none */
		enum vm_end end;
	} table[] = {
		{0xfe, -1, VM_END_RESET},  {0xf0, -1, VM_END_RESET},   {0xff, -1, VM_END_NONE},
		{0xfd, -1, VM_END_NONE},   {0xd1, 0xfe, VM_END_RESET}, {0xd1, 0xdf, VM_END_NONE},
		{0xd1, 0x03, VM_END_NONE},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		atomic_store(&f->control.request, 0);
		command(f, (uint8_t)table[i].command);
		if (table[i].data >= 0)
			data(f, (uint8_t)table[i].data);
		assert_int_equal(vm_control_pending(&f->control, NULL), table[i].end);
	}
}

/* Every command with every kind of data behind it, never reading: the queue stays bounded. */
static void test_hostile(void **state)
{
	struct fixture *f = *state;
	unsigned left = 0;

	for (unsigned c = 0; c < 256; c++)
		for (unsigned d = 0; d < 256; d += 5) {
			command(f, (uint8_t)c);
			data(f, (uint8_t)d);
			data(f, (uint8_t)~d);
			dev_write_wide(f->dev, 0, 0, 4, 0xffffffff);
			dev_read_wide(f->dev, 1, 0, 8);
		}
	for (; status(f) & 0x01; left++)
		dev_read_wide(f->dev, 0, 0, 2);
	assert_int_equal(left, 16);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_controller_commands),
		TEST(test_command_byte),
		TEST(test_no_mouse_port),
		TEST(test_keyboard),
		TEST(test_interrupt),
		TEST(test_keys),
		TEST(test_loop_and_ram),
		TEST(test_reset),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests_name("i8042", tests, NULL, NULL);
}
