/* SPDX-License-Identifier: MIT
 *
 * The UART's state machine over a console whose ring has as much room as a test wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/console.h"
#include "dev/uart.h"
#include "dev_fake.h"

enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

struct console {
	size_t room;
	uint8_t out[1 << 17];
	size_t out_bytes;
	bool refused;
	unsigned resumes;
	bool connected;
	bool left_alone; /* nobody is at the other end */
	struct console_receiver receiver;
};

bool console_put(struct console *console, uint8_t byte)
{
	if (console->room == 0) {
		console->refused = true;
		return false;
	}
	console->room--;
	console->out[console->out_bytes++ % sizeof(console->out)] = byte;
	return true;
}

void console_connect(struct console *console, const struct console_receiver *receiver)
{
	console->connected = receiver != NULL;
	if (receiver)
		console->receiver = *receiver;
}

bool console_has_peer(const struct console *console)
{
	return !console->left_alone;
}

void console_resume_input(struct console *console)
{
	console->resumes++;
}

struct fixture {
	struct device *dev;
	struct console console;
	struct fake_line line;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_setup device_setup = {.console = &f->console, .irq = fake_irq(&f->line)};

	f->console.room = SIZE_MAX;
	*state = f;
	return device_create(&uart_ops, "com1", &device_setup, &f->dev);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	device_destroy(f->dev);
	assert_false(f->console.connected);
	free(f);
	return 0;
}

static void room_for(struct fixture *f, size_t room)
{
	f->console.room = room;
	if (f->console.refused) {
		f->console.refused = false;
		f->console.receiver.drained(f->console.receiver.ctx);
	}
}

static size_t offer(struct fixture *f, const char *text)
{
	return f->console.receiver.receive(f->console.receiver.ctx, (const uint8_t *)text,
					   strlen(text));
}

static void open_line(struct fixture *f, uint8_t ier, uint8_t fcr)
{
	dev_write(f->dev, MCR, 0x0b); /* DTR, RTS, OUT2 */
	dev_write(f->dev, FCR, fcr);
	dev_write(f->dev, IER, ier);
}

static void test_power_on(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint8_t offset, value;
	} table[] = {{IER, 0}, {IIR, 0x01}, {LCR, 0}, {MCR, 0}, {LSR, 0x60}, {MSR, 0xb0}, {RBR, 0}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(dev_read(f->dev, table[i].offset), table[i].value);
	assert_int_equal(f->line.calls, 0);
}

/* Bits that exist read back, others don't: drivers tell models apart by this. */
static void test_register_bits(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, IER, 0xff);
	assert_int_equal(dev_read(f->dev, IER), 0x0f);
	dev_write(f->dev, IER, 0);
	dev_write(f->dev, MCR, 0xef);
	assert_int_equal(dev_read(f->dev, MCR), 0x0f);
	dev_write(f->dev, SCR, 0xa5);
	assert_int_equal(dev_read(f->dev, SCR), 0xa5);
	dev_write(f->dev, LSR, 0xff);
	assert_int_equal(dev_read(f->dev, LSR), 0x60);
	dev_write(f->dev, MSR, 0xff);
	assert_int_equal(dev_read(f->dev, MSR), 0xb0);
	dev_write(f->dev, FCR, 0x21); /* the 64-byte FIFO of a 16750 must not show */
	assert_int_equal(dev_read(f->dev, IIR), 0xc1);
	dev_write(f->dev, FCR, 0);
	assert_int_equal(dev_read(f->dev, IIR), 0x01);
}

static void test_divisor_latch(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, IER, 0x05);
	dev_write(f->dev, LCR, 0x83);
	dev_write(f->dev, 0, 0x34);
	dev_write(f->dev, 1, 0x12);
	assert_int_equal(dev_read(f->dev, 0), 0x34);
	assert_int_equal(dev_read(f->dev, 1), 0x12);
	dev_write(f->dev, LCR, 0x03);
	assert_int_equal(dev_read(f->dev, IER), 0x05);
	assert_int_equal(f->console.out_bytes, 0);
}

static void test_wide_access_is_bytes(void **state)
{
	struct fixture *f = *state;

	dev_write_wide(f->dev, 0, 0, 2, 0x0541); /* THR = 'A', IER = 5 */
	assert_int_equal(f->console.out_bytes, 1);
	assert_int_equal(f->console.out[0], 'A');
	assert_int_equal(dev_read_wide(f->dev, 0, IER, 1), 5);
	assert_int_equal(dev_read_wide(f->dev, 0, 4, 4), 0x00b06000u);
	assert_int_equal(dev_read_wide(f->dev, 0, 0, 8), 0x00b0600000010500ull);
}

/* The interrupt comes on enabling with THR empty, goes by reading IIR, comes back after each byte. */
static void test_thre_interrupt(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x02, 0x01);
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
	assert_false(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc1);
	dev_write(f->dev, IER, 0x02); /* enabled already: no new event */
	assert_false(f->line.level);
	dev_write(f->dev, IER, 0x00);
	dev_write(f->dev, IER, 0x02); /* off and on again: an event */
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);

	dev_write(f->dev, THR, 'x');
	assert_true(f->line.level);
	unsigned rises = f->line.rises;
	dev_write(f->dev, THR, 'y'); /* without reading IIR: down and up, an edge to see */
	assert_true(f->line.level);
	assert_int_equal(f->line.rises, rises + 1);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
	assert_false(f->line.level);
	assert_memory_equal(f->console.out, "xy", 2);
}

/* A driver that never reads IIR: LSR alone must not take the THRE interrupt away. */
static void test_thre_survives_lsr(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x02, 0x01);
	dev_read(f->dev, LSR);
	dev_read(f->dev, MSR);
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
}

/* IIR that reports something else leaves the THRE interrupt waiting. */
static void test_thre_waits_behind_data(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x03, 0x01);
	assert_int_equal(offer(f, "a"), 1);
	assert_int_equal(dev_read(f->dev, IIR), 0xc4);
	assert_int_equal(dev_read(f->dev, IIR), 0xc4);
	assert_int_equal(dev_read(f->dev, RBR), 'a');
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
	assert_int_equal(dev_read(f->dev, IIR), 0xc1);
}

static void test_out2_gates(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, MCR, 0x03);
	dev_write(f->dev, IER, 0x02);
	assert_false(f->line.level);
	dev_write(f->dev, MCR, 0x0b);
	assert_true(f->line.level);
	dev_write(f->dev, MCR, 0x03);
	assert_false(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0x02); /* polled it is there all the time */
}

/* The ring is full: 16 bytes wait in the FIFO, THRE is clear, nothing is lost and nothing blocks. */
static void test_full_ring_fifo(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x02, 0x01);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
	f->console.room = 2;
	for (int i = 0; i < 18; i++)
		dev_write(f->dev, THR, (uint8_t)('a' + i));
	assert_int_equal(f->console.out_bytes, 2);
	assert_int_equal(dev_read(f->dev, LSR), 0x00);
	assert_false(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0xc1);
	room_for(f, 5);
	assert_int_equal(dev_read(f->dev, LSR), 0x00);
	assert_false(f->line.level); /* not empty yet */
	room_for(f, 100);
	assert_int_equal(dev_read(f->dev, LSR), 0x60);
	assert_true(f->line.level);
	assert_int_equal(f->line.rises, 4); /* enabled; 'a'; 'b'; now */
	assert_memory_equal(f->console.out, "abcdefghijklmnopqr", 18);
}

static void test_full_ring_without_fifo(void **state)
{
	struct fixture *f = *state;

	f->console.room = 0;
	dev_write(f->dev, THR, 'a');
	assert_int_equal(dev_read(f->dev, LSR), 0x00);
	dev_write(f->dev, THR, 'b'); /* overwrites, as on the chip */
	room_for(f, 10);
	assert_int_equal(f->console.out_bytes, 1);
	assert_int_equal(f->console.out[0], 'b');
	assert_int_equal(dev_read(f->dev, LSR), 0x60);
}

/* A flood by polling, with a reader that makes room now and then. */
static void test_flood(void **state)
{
	struct fixture *f = *state;
	unsigned polls = 0;

	f->console.room = 100;
	for (unsigned i = 0; i < 65536; i++) {
		while (!(dev_read(f->dev, LSR) & 0x20)) {
			assert_true(++polls < 10000000);
			if (polls % 7 == 0)
				room_for(f, polls % 300);
		}
		dev_write(f->dev, THR, (uint8_t)(i * 7));
	}
	room_for(f, SIZE_MAX);
	assert_int_equal(f->console.out_bytes, 65536);
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(f->console.out[i], (uint8_t)(i * 7));
}

/* Writing on although THRE is clear loses bytes, nothing else. */
static void test_hostile_flood(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, FCR, 0x01);
	f->console.room = 0;
	for (unsigned i = 0; i < 100000; i++)
		dev_write(f->dev, THR, (uint8_t)i);
	room_for(f, SIZE_MAX);
	assert_int_equal(f->console.out_bytes, 16);
	assert_int_equal(f->console.out[15], 15);
}

static void test_fcr_clears_tx(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x02, 0x01);
	assert_int_equal(dev_read(f->dev, IIR), 0xc2);
	f->console.room = 0;
	dev_write(f->dev, THR, 'a');
	assert_false(f->line.level);
	dev_write(f->dev, FCR, 0x05);
	assert_int_equal(dev_read(f->dev, LSR), 0x60);
	assert_true(f->line.level);
	room_for(f, 10);
	assert_int_equal(f->console.out_bytes, 0);
}

static void test_trigger_and_timeout(void **state)
{
	static const struct {
		uint8_t fcr;
		unsigned trigger;
	} table[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		open_line(f, 0x01, table[i].fcr | 0x02);
		for (unsigned n = 1; n <= 16; n++) {
			assert_int_equal(offer(f, "z"), 1);
			assert_int_equal(dev_read(f->dev, IIR),
					 n >= table[i].trigger ? 0xc4 : 0xcc);
			assert_true(f->line.level);
		}
		assert_int_equal(offer(f, "z"), 0);
		for (unsigned n = 16; n > 0; n--) {
			assert_int_equal(dev_read(f->dev, LSR), 0x61);
			assert_int_equal(dev_read(f->dev, RBR), 'z');
		}
		assert_int_equal(dev_read(f->dev, LSR), 0x60);
		assert_false(f->line.level);
	}
}

static void test_input_flow(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x01, 0x01);
	assert_int_equal(offer(f, "0123456789abcdefXYZ"), 16);
	for (int i = 0; i < 15; i++) {
		dev_read(f->dev, RBR);
		assert_int_equal(f->console.resumes, 0);
	}
	assert_int_equal(dev_read(f->dev, RBR), 'f');
	assert_int_equal(f->console.resumes, 1);
	assert_int_equal(dev_read(f->dev, RBR), 0); /* empty: no more resumes for that */
	assert_int_equal(f->console.resumes, 1);
	assert_int_equal(offer(f, "XYZ"), 3);
	dev_write(f->dev, FCR, 0x03); /* RX FIFO reset */
	assert_int_equal(dev_read(f->dev, LSR), 0x60);
	assert_int_equal(f->console.resumes, 1);
	assert_false(f->line.level);
}

/* Nothing is taken before the guest listens; what drivers begin with does not count. */
static void test_input_before_listening(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(offer(f, "q"), 0);
	dev_write(f->dev, FCR, 0x07);
	dev_write(f->dev, IER, 0x0f); /* a probe of what bits there are */
	dev_write(f->dev, IER, 0x00);
	dev_write(f->dev, MCR, 0x0b);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(dev_read(f->dev, LSR), 0x60);
		assert_int_equal(dev_read(f->dev, RBR), 0);
	}
	for (int i = 0; i < 100; i++) { /* output by polling */
		assert_int_equal(dev_read(f->dev, LSR), 0x60);
		dev_write(f->dev, THR, 'x');
	}
	assert_int_equal(offer(f, "q"), 0);
	assert_int_equal(f->console.resumes, 0);
	dev_write(f->dev, IER, 0x01);
	assert_int_equal(f->console.resumes, 1);
	assert_int_equal(offer(f, "q"), 1);
	dev_write(f->dev, IER, 0x00); /* Linux does so for each console line */
	assert_int_equal(offer(f, "r"), 1);
	assert_int_equal(dev_read(f->dev, RBR), 'q');
	assert_int_equal(dev_read(f->dev, RBR), 'r');
}

/* A guest without interrupts that waits for a key. */
static void test_input_by_polling(void **state)
{
	struct fixture *f = *state;
	unsigned polls = 0;

	assert_int_equal(offer(f, "q"), 0);
	while (f->console.resumes == 0 && polls++ < 1000)
		assert_int_equal(dev_read(f->dev, LSR), 0x60);
	assert_in_range(polls, 1, 999);
	assert_int_equal(offer(f, "q"), 1);
	assert_int_equal(dev_read(f->dev, LSR), 0x61);
	assert_int_equal(dev_read(f->dev, RBR), 'q');
}

/* Waiting for a full ring is no waiting for input. */
static void test_flood_is_not_listening(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(offer(f, "q"), 0);
	f->console.room = 0;
	dev_write(f->dev, THR, 'x');
	for (int i = 0; i < 1000; i++)
		assert_int_equal(dev_read(f->dev, LSR), 0x00);
	assert_int_equal(offer(f, "q"), 0);
}

static void test_without_fifo_one_byte(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x01, 0x00);
	assert_int_equal(offer(f, "ab"), 1);
	assert_int_equal(dev_read(f->dev, IIR), 0x04);
	assert_int_equal(dev_read(f->dev, RBR), 'a');
	assert_int_equal(f->console.resumes, 1);
}

static void test_carrier_is_the_other_end(void **state)
{
	struct fixture *f = *state;
	const struct console_receiver *receiver = &f->console.receiver;

	dev_write(f->dev, MCR, 0x08); /* OUT2 */
	dev_write(f->dev, IER, 0x08);
	dev_read(f->dev, MSR);
	receiver->peer_changed(receiver->ctx, true);
	assert_false(f->line.level);
	receiver->peer_changed(receiver->ctx, false);
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0x00);
	assert_int_equal(dev_read(f->dev, MSR), 0x38); /* DSR, CTS; the carrier changed */
	assert_false(f->line.level);
	assert_int_equal(dev_read(f->dev, MSR), 0x30);
	receiver->peer_changed(receiver->ctx, true);
	assert_int_equal(dev_read(f->dev, MSR), 0xb8);
	dev_write(f->dev, MCR, 0x18); /* in loopback the outside isn't seen */
	dev_read(f->dev, MSR);
	receiver->peer_changed(receiver->ctx, false);
	assert_int_equal(dev_read(f->dev, MSR), 0x80);
}

static void test_loopback_modem_lines(void **state)
{
	/* MCR in loopback -> MSR 7:4, by the data sheet: DTR->DSR, RTS->CTS, OUT1->RI, OUT2->DCD */
	static const struct {
		uint8_t mcr, msr;
	} table[] = {{0x10, 0x00}, {0x11, 0x20}, {0x12, 0x10}, {0x14, 0x40},
		     {0x18, 0x80}, {0x1a, 0x90}, {0x1f, 0xf0}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		dev_write(f->dev, MCR, table[i].mcr);
		assert_int_equal(dev_read(f->dev, MSR) & 0xf0, table[i].msr);
		assert_int_equal(dev_read(f->dev, MSR) & 0x0f, 0);
	}
}

static void test_loopback_deltas(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, MCR, 0x18); /* OUT2 stays: interrupts get out */
	dev_read(f->dev, MSR);
	dev_write(f->dev, IER, 0x08);
	assert_false(f->line.level);
	dev_write(f->dev, MCR, 0x1a);
	assert_true(f->line.level);
	assert_int_equal(dev_read(f->dev, IIR), 0x00);
	assert_int_equal(dev_read(f->dev, MSR), 0x91);
	assert_false(f->line.level);
	dev_write(f->dev, MCR, 0x1e); /* RI rises: no event */
	assert_int_equal(dev_read(f->dev, MSR), 0xd0);
	dev_write(f->dev, MCR, 0x1a); /* RI falls: an event */
	assert_int_equal(dev_read(f->dev, MSR), 0x94);
}

static void test_loopback_data_and_overrun(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, MCR, 0x1b);
	dev_write(f->dev, FCR, 0x07);
	dev_write(f->dev, IER, 0x05);
	assert_int_equal(offer(f, "outside"), 0);
	for (int i = 0; i < 16; i++)
		dev_write(f->dev, THR, (uint8_t)('a' + i));
	assert_int_equal(dev_read(f->dev, LSR), 0x61);
	dev_write(f->dev, THR, 'q');
	assert_int_equal(dev_read(f->dev, IIR), 0xc6); /* line status comes before data */
	assert_int_equal(dev_read(f->dev, LSR), 0x63);
	assert_int_equal(dev_read(f->dev, LSR), 0x61);
	assert_int_equal(dev_read(f->dev, IIR), 0xc4);
	for (int i = 0; i < 16; i++)
		assert_int_equal(dev_read(f->dev, RBR), 'a' + i);
	assert_int_equal(f->console.out_bytes, 0);

	dev_write(f->dev, FCR, 0); /* one byte: the newer wins */
	dev_write(f->dev, THR, '1');
	dev_write(f->dev, THR, '2');
	assert_int_equal(dev_read(f->dev, LSR), 0x63);
	assert_int_equal(dev_read(f->dev, RBR), '2');
	dev_write(f->dev, MCR, 0x0b);
	assert_int_equal(f->console.resumes, 1); /* "outside" is offered again */
}

/* With everything pending at once IIR goes through the sources in the data sheet's order. */
static void test_priority(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, MCR, 0x18);
	dev_read(f->dev, MSR);
	dev_write(f->dev, IER, 0x0f);
	dev_write(f->dev, MCR, 0x1a); /* CTS changes */
	dev_write(f->dev, THR, '1');
	dev_write(f->dev, THR, '2'); /* overrun, data, THRE */
	assert_int_equal(dev_read(f->dev, IIR), 0x06);
	dev_read(f->dev, LSR);
	assert_int_equal(dev_read(f->dev, IIR), 0x04);
	dev_read(f->dev, RBR);
	assert_int_equal(dev_read(f->dev, IIR), 0x02);
	assert_int_equal(dev_read(f->dev, IIR), 0x00);
	assert_true(f->line.level);
	dev_read(f->dev, MSR);
	assert_int_equal(dev_read(f->dev, IIR), 0x01);
	assert_false(f->line.level);
}

/* What Linux's 8250 driver looks for at start-up before it trusts the THRE interrupt. */
static void test_linux_thre_probe(void **state)
{
	struct fixture *f = *state;

	dev_write(f->dev, MCR, 0x08);
	dev_write(f->dev, IER, 0x02);
	uint8_t first = dev_read(f->dev, IIR);
	dev_write(f->dev, IER, 0x00);
	dev_write(f->dev, IER, 0x02);
	uint8_t second = dev_read(f->dev, IIR);
	assert_int_equal(first & 0x01, 0);
	assert_int_equal(second & 0x01, 0);
}

static void test_line_changes_only(void **state)
{
	struct fixture *f = *state;

	open_line(f, 0x05, 0x01);
	for (int i = 0; i < 1000; i++) {
		dev_write(f->dev, THR, 'x');
		dev_read(f->dev, LSR);
		dev_read(f->dev, IIR);
	}
	assert_int_equal(f->line.calls, 0);
}

static void test_no_console(void **state)
{
	struct device_setup none = {0};
	struct device *dev;

	(void)state;
	assert_int_equal(device_create(&uart_ops, "com1", &none, &dev), 0);
	for (int i = 0; i < 100; i++)
		dev_write(dev, THR, 'x');
	assert_int_equal(dev_read(dev, LSR), 0x60);
	assert_int_equal(dev_read(dev, RBR), 0);
	dev_write(dev, MCR, 0x0b);
	device_destroy(dev);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(uart_ops.register_name(0, 0, true), "THR");
	assert_string_equal(uart_ops.register_name(0, 0, false), "RBR");
	assert_string_equal(uart_ops.register_name(0, 2, true), "FCR");
	assert_string_equal(uart_ops.register_name(0, 2, false), "IIR");
	assert_string_equal(uart_ops.register_name(0, 5, false), "LSR");
	assert_null(uart_ops.register_name(0, 8, false));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on),
		TEST(test_register_bits),
		TEST(test_divisor_latch),
		TEST(test_wide_access_is_bytes),
		TEST(test_thre_interrupt),
		TEST(test_thre_survives_lsr),
		TEST(test_thre_waits_behind_data),
		TEST(test_out2_gates),
		TEST(test_full_ring_fifo),
		TEST(test_full_ring_without_fifo),
		TEST(test_flood),
		TEST(test_hostile_flood),
		TEST(test_fcr_clears_tx),
		TEST(test_trigger_and_timeout),
		TEST(test_input_flow),
		TEST(test_input_before_listening),
		TEST(test_input_by_polling),
		TEST(test_flood_is_not_listening),
		TEST(test_without_fifo_one_byte),
		TEST(test_carrier_is_the_other_end),
		TEST(test_loopback_modem_lines),
		TEST(test_loopback_deltas),
		TEST(test_loopback_data_and_overrun),
		TEST(test_priority),
		TEST(test_linux_thre_probe),
		TEST(test_line_changes_only),
		cmocka_unit_test(test_no_console),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
