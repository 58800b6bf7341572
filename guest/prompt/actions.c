/* SPDX-License-Identifier: MIT
 *
 * Words of the kernel command line that make this guest a test guest (tests/guest/guests.cfg).
 */
#include <stdint.h>

#include "guest/arch/insn.h"
#include "guest/drivers/console.h"
#include "guest/drivers/power.h"
#include "guest/drivers/serial.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/prompt/faults.h"
#include "guest/prompt/prompt.h"

#define FLOOD_BYTES 65536
#define FLOOD_LINE 64 /* "0000 abc…\n": the line's number makes each one different */
#define ECHO_LINE 256

static void act_panic(void)
{
	panic("asked for by the command line");
}

static void act_triple(void)
{
	faults_command("triple");
}

static void act_spin(void)
{
	print("spinning\n");
	irq_disable();
	for (;;)
		cpu_relax();
}

/* 1,024 lines of 64 bytes straight to the UART, with interrupts on. */
static void act_flood(void)
{
	char line[FLOOD_LINE + 1];

	for (unsigned i = 0; i < FLOOD_BYTES / FLOOD_LINE; i++) {
		size_t at = print_to(line, sizeof(line), "%04u ", i);

		for (; at < FLOOD_LINE - 1; at++)
			line[at] = (char)('a' + (i + at) % 26);
		line[at] = '\n';
		serial_write(line, FLOOD_LINE);
	}
	power_exit(0);
}

/* Gives back each line, until one says "quit". */
static void act_echo(void)
{
	char line[ECHO_LINE];
	unsigned length;

	print("echo: ready\n");
	for (;;) {
		length = 0;
		for (char c; (c = console_read()) != '\n' && c != '\r';)
			if (length < ECHO_LINE - 1)
				line[length++] = c;
		line[length] = 0;
		if (!strcmp(line, "quit"))
			power_exit(0);
		print("%s\n", line);
	}
}

const struct prompt_action prompt_action[] = {
	{"panic", act_panic}, {"triple", act_triple}, {"spin", act_spin},
	{"flood", act_flood}, {"echo", act_echo},     {"reboot", power_reboot},
};
const unsigned prompt_action_count = sizeof(prompt_action) / sizeof(prompt_action[0]);
