/* SPDX-License-Identifier: MIT
 *
 * Keyboard controller. See i8042.h. After IBM's PS/2 Hardware Interface Technical Reference, keyboard
 * and auxiliary device controller.
 *
 * There is no mouse port, and a driver must find that out quickly: Linux waits half a second for each
 * answer that does not come. So every command to the port is answered at once: the loop-back (0xD3) with the
 * wrong byte, the port test (0xA9) with an error, a byte for the device (0xD4) with "resend", and the
 * port's disable bit in the command byte cannot be cleared.
 */
#include "dev/i8042.h"

#include <errno.h>

#include "bus/vm_control.h"

#define QUEUE_BYTES 16
#define RAM_BYTES 32
#define REGION_DATA 0
#define REGION_COMMAND 1

enum {
	STATUS_OBF = 0x01, /* output buffer full: there is a byte to read */
	STATUS_SYS = 0x04,
	STATUS_COMMAND = 0x08,	/* the last write was to 0x64 */
	STATUS_UNLOCKED = 0x10, /* no key switch */
	STATUS_AUX = 0x20,
	STATUS_TIMEOUT = 0x40,

	/* command byte: cell 0 of the controller's RAM */
	CTR_KBD_INT = 0x01,
	CTR_SYS = 0x04,
	CTR_KBD_DISABLE = 0x10,
	CTR_AUX_DISABLE = 0x20,
	CTR_TRANSLATE = 0x40,

	OUTPUT_PORT_RUN = 0x01, /* 0 here resets the CPU */
	OUTPUT_PORT_A20 = 0x02,
	INPUT_PORT_UNLOCKED = 0x80
};

enum i8042_command {
	READ_RAM = 0x20,  /* .. 0x3f */
	WRITE_RAM = 0x60, /* .. 0x7f, then the byte */
	AUX_DISABLE = 0xa7,
	AUX_ENABLE = 0xa8,
	AUX_TEST = 0xa9,
	SELF_TEST = 0xaa,
	KBD_TEST = 0xab,
	KBD_DISABLE = 0xad,
	KBD_ENABLE = 0xae,
	READ_INPUT_PORT = 0xc0,
	READ_OUTPUT_PORT = 0xd0,
	WRITE_OUTPUT_PORT = 0xd1, /* these four: then the byte */
	KBD_LOOP = 0xd2,
	AUX_LOOP = 0xd3,
	AUX_SEND = 0xd4,
	PULSE = 0xf0 /* .. 0xff: low bits are lines to pulse, 0 pulses */
};

enum keyboard_command {
	KEY_SET_LEDS = 0xed, /* then the LEDs */
	KEY_ECHO = 0xee,
	KEY_SCAN_SET = 0xf0, /* then 1..3, or 0: tell */
	KEY_IDENTIFY = 0xf2,
	KEY_SET_RATE = 0xf3, /* then the rate */
	KEY_ENABLE = 0xf4,
	KEY_DISABLE = 0xf5,
	KEY_DEFAULTS = 0xf6,
	KEY_RESEND = 0xfe,
	KEY_RESET = 0xff
};

#define KEY_ACK 0xfa
#define KEY_TEST_PASSED 0xaa
#define SELF_TEST_PASSED 0x55
#define PORT_TEST_PASSED 0x00
#define PORT_TEST_CLOCK_LOW 0x01
#define NOTHING 0 /* no command is waiting for its byte: no command has this code */

struct output {
	uint8_t byte;
	uint8_t status; /* STATUS_AUX, STATUS_TIMEOUT */
};

struct i8042 {
	struct device dev;
	struct vm_control *control;
	struct irq_line irq;
	struct output queue[QUEUE_BYTES];
	unsigned head;
	unsigned count;
	uint8_t last_byte; /* read again while the queue is empty */
	uint8_t ram[RAM_BYTES];
	uint8_t output_port;
	uint8_t status;		  /* STATUS_COMMAND */
	uint8_t controller_waits; /* command whose byte comes next, or NOTHING */
	uint8_t keyboard_waits;
	uint8_t scan_set;
	uint8_t last_sent; /* what the keyboard resends */
	bool scanning;
	bool irq_level;
};

/* --- output queue and interrupt ---------------------------------------------------------------- */

static void set_irq(struct i8042 *kbd, bool level)
{
	if (level == kbd->irq_level)
		return;
	kbd->irq_level = level;
	irq_line_set(&kbd->irq, level);
}

static void update_irq(struct i8042 *kbd)
{
	set_irq(kbd, kbd->count > 0 && !(kbd->queue[kbd->head].status & STATUS_AUX) &&
			     (kbd->ram[0] & CTR_KBD_INT));
}

/* A full queue loses the byte, as a guest deserves that asks and never reads. */
static void answer(struct i8042 *kbd, uint8_t byte, uint8_t status)
{
	if (kbd->count < QUEUE_BYTES)
		kbd->queue[(kbd->head + kbd->count++) % QUEUE_BYTES] = (struct output){
			.byte = byte, .status = status};
}

static uint8_t read_data(struct i8042 *kbd)
{
	if (kbd->count > 0) {
		kbd->last_byte = kbd->queue[kbd->head].byte;
		kbd->head = (kbd->head + 1) % QUEUE_BYTES;
		kbd->count--;
		set_irq(kbd, false); /* the next byte is a new edge */
	}
	return kbd->last_byte;
}

static uint8_t read_status(const struct i8042 *kbd)
{
	return kbd->status | STATUS_UNLOCKED | (kbd->ram[0] & CTR_SYS ? STATUS_SYS : 0) |
	       (kbd->count > 0 ? STATUS_OBF | kbd->queue[kbd->head].status : 0);
}

/* --- the keyboard ------------------------------------------------------------------------------ */

static void keyboard_say(struct i8042 *kbd, uint8_t byte)
{
	kbd->last_sent = byte;
	answer(kbd, byte, 0);
}

static void keyboard_defaults(struct i8042 *kbd)
{
	kbd->scan_set = 2;
	kbd->scanning = true;
	kbd->keyboard_waits = NOTHING;
}

static void keyboard_parameter(struct i8042 *kbd, uint8_t command, uint8_t byte)
{
	keyboard_say(kbd, KEY_ACK);
	if (command != KEY_SCAN_SET)
		return; /* LEDs and rate: nobody sees them */
	if (byte == 0)
		keyboard_say(kbd, kbd->scan_set);
	else if (byte <= 3)
		kbd->scan_set = byte;
}

static void keyboard_command(struct i8042 *kbd, uint8_t command)
{
	switch (command) {
	case KEY_ECHO: keyboard_say(kbd, KEY_ECHO); return;
	case KEY_RESEND: answer(kbd, kbd->last_sent, 0); return;
	default: break;
	}
	keyboard_say(kbd, KEY_ACK);
	switch (command) {
	case KEY_SET_LEDS:
	case KEY_SCAN_SET:
	case KEY_SET_RATE: kbd->keyboard_waits = command; break;
	case KEY_IDENTIFY:
		keyboard_say(kbd, 0xab); /* an MF2 keyboard; the controller translates the 83 */
		keyboard_say(kbd, kbd->ram[0] & CTR_TRANSLATE ? 0x41 : 0x83);
		break;
	case KEY_ENABLE: kbd->scanning = true; break;
	case KEY_DISABLE:
		keyboard_defaults(kbd);
		kbd->scanning = false;
		break;
	case KEY_DEFAULTS: keyboard_defaults(kbd); break;
	case KEY_RESET:
		keyboard_defaults(kbd);
		keyboard_say(kbd, KEY_TEST_PASSED);
		break;
	default: break; /* acknowledged, without effect */
	}
}

/* A byte for the keyboard. Commands start at 0xed: one ends the wait for another's parameter. */
static void keyboard_receive(struct i8042 *kbd, uint8_t byte)
{
	uint8_t waiting = kbd->keyboard_waits;

	kbd->ram[0] &= (uint8_t)~CTR_KBD_DISABLE; /* talking to it switches it on */
	kbd->keyboard_waits = NOTHING;
	if (waiting != NOTHING && byte < KEY_SET_LEDS)
		keyboard_parameter(kbd, waiting, byte);
	else
		keyboard_command(kbd, byte);
}

int i8042_key(struct device *dev, const uint8_t *scancodes, size_t count)
{
	struct i8042 *kbd = (struct i8042 *)dev;
	int err = 0;

	pthread_mutex_lock(&dev->lock);
	if (!kbd->scanning || (kbd->ram[0] & CTR_KBD_DISABLE) || count > QUEUE_BYTES - kbd->count)
		err = -EAGAIN;
	for (size_t i = 0; !err && i < count; i++)
		keyboard_say(kbd, scancodes[i]);
	update_irq(kbd);
	pthread_mutex_unlock(&dev->lock);
	return err;
}

/* --- the controller ---------------------------------------------------------------------------- */

static void write_output_port(struct i8042 *kbd, uint8_t value)
{
	kbd->output_port = value;
	if (!(value & OUTPUT_PORT_RUN))
		vm_control_request(kbd->control, VM_END_RESET, 0);
}

static void write_command(struct i8042 *kbd, uint8_t command)
{
	kbd->status |= STATUS_COMMAND;
	kbd->controller_waits = NOTHING;
	switch (command) {
	case READ_RAM ... READ_RAM + RAM_BYTES - 1:
		answer(kbd, kbd->ram[command - READ_RAM], 0);
		break;
	case WRITE_RAM ... WRITE_RAM + RAM_BYTES - 1:
	case WRITE_OUTPUT_PORT:
	case KBD_LOOP:
	case AUX_LOOP:
	case AUX_SEND: kbd->controller_waits = command; break;
	case AUX_TEST: answer(kbd, PORT_TEST_CLOCK_LOW, 0); break;
	case SELF_TEST:
		kbd->ram[0] |= CTR_SYS;
		answer(kbd, SELF_TEST_PASSED, 0);
		break;
	case KBD_TEST: answer(kbd, PORT_TEST_PASSED, 0); break;
	case KBD_DISABLE: kbd->ram[0] |= CTR_KBD_DISABLE; break;
	case KBD_ENABLE: kbd->ram[0] &= (uint8_t)~CTR_KBD_DISABLE; break;
	case READ_INPUT_PORT: answer(kbd, INPUT_PORT_UNLOCKED, 0); break;
	case READ_OUTPUT_PORT: answer(kbd, kbd->output_port, 0); break;
	case PULSE ... 0xff:
		if (!(command & OUTPUT_PORT_RUN))
			vm_control_request(kbd->control, VM_END_RESET, 0);
		break;
	default: break; /* AUX_ENABLE, AUX_DISABLE among them: it stays disabled */
	}
}

static void write_data(struct i8042 *kbd, uint8_t byte)
{
	uint8_t command = kbd->controller_waits;

	kbd->status &= (uint8_t)~STATUS_COMMAND;
	kbd->controller_waits = NOTHING;
	switch (command) {
	case WRITE_RAM: kbd->ram[0] = byte | CTR_AUX_DISABLE; break;
	case WRITE_RAM + 1 ... WRITE_RAM + RAM_BYTES - 1:
		kbd->ram[command - WRITE_RAM] = byte;
		break;
	case WRITE_OUTPUT_PORT: write_output_port(kbd, byte); break;
	case KBD_LOOP: answer(kbd, byte, 0); break;
	case AUX_LOOP: answer(kbd, (uint8_t)~byte, STATUS_AUX); break;
	case AUX_SEND: answer(kbd, KEY_RESEND, STATUS_AUX | STATUS_TIMEOUT); break;
	default: keyboard_receive(kbd, byte); break;
	}
}

/* --- the device -------------------------------------------------------------------------------- */

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct i8042 *kbd = (struct i8042 *)dev;
	uint8_t value;

	(void)width; /* one byte wide, each of them */
	if (offset != 0)
		return UINT64_MAX;
	if (region == REGION_COMMAND)
		return read_status(kbd);
	value = read_data(kbd);
	update_irq(kbd);
	return value;
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct i8042 *kbd = (struct i8042 *)dev;

	(void)width;
	if (offset != 0)
		return;
	if (region == REGION_COMMAND)
		write_command(kbd, (uint8_t)value);
	else
		write_data(kbd, (uint8_t)value);
	update_irq(kbd);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	if (offset != 0)
		return NULL;
	if (region == REGION_DATA)
		return "DATA";
	return is_write ? "COMMAND" : "STATUS";
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct i8042 *kbd = (struct i8042 *)dev;

	kbd->control = setup->control;
	kbd->irq = setup->irq;
	kbd->ram[0] = CTR_KBD_INT | CTR_SYS | CTR_AUX_DISABLE | CTR_TRANSLATE;
	kbd->output_port = OUTPUT_PORT_RUN | OUTPUT_PORT_A20;
	keyboard_defaults(kbd);
	return setup->control ? 0 : -EINVAL;
}

const struct device_ops i8042_ops = {
	.name = "i8042",
	.state_bytes = sizeof(struct i8042),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
};
