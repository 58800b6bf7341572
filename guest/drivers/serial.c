/* SPDX-License-Identifier: MIT
 *
 * UART driver. Each port access is a VM exit, so the line status is read once for 16 bytes.
 */
#include "guest/drivers/serial.h"

#include "guest/arch/insn.h"
#include "guest/arch/ioapic.h"

enum uart_register { DATA = 0, IER = 1, FCR = 2, IIR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6 };
#define IER_RECEIVED 0x01
#define IER_MODEM 0x08
#define IIR_NONE 0x01
#define MSR_CARRIER_CHANGED 0x08
#define MSR_CARRIER 0x80
#define FCR_ON_CLEAR 0x07
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through */
#define LSR_DATA_READY 0x01
#define LSR_TRANSMITTER_EMPTY 0x20
#define FIFO_BYTES 16
#define POLL_MAX 1000000 /* a transmitter that is never empty must not stop the kernel */
#define INPUT_BYTES 1024 /* a power of two */

static uint16_t base;
static char input[INPUT_BYTES]; /* filled by the interrupt, emptied with interrupts off */
static unsigned input_head, input_tail;
static void (*on_input)(const char *bytes, size_t count);
static void (*on_carrier)(bool there);

void serial_init(uint16_t port)
{
	base = port;
	if (!base)
		return;
	io_write8(base + IER, 0);
	io_write8(base + LCR, LCR_DLAB);
	io_write8(base + DATA, 1); /* divisor 1: 115200 */
	io_write8(base + IER, 0);
	io_write8(base + LCR, LCR_8N1);
	io_write8(base + FCR, FCR_ON_CLEAR);
	io_write8(base + MCR, MCR_DTR_RTS_OUT2);
}

static void receive(void)
{
	char burst[FIFO_BYTES];
	unsigned count = 0;

	while (io_read8(base + LSR) & LSR_DATA_READY) {
		const char c = (char)io_read8(base + DATA);

		if (on_input) {
			burst[count++] = c;
			if (count == FIFO_BYTES) {
				on_input(burst, count);
				count = 0;
			}
		} else if (input_head - input_tail < INPUT_BYTES) {
			input[input_head++ % INPUT_BYTES] = c;
		}
	}
	if (count)
		on_input(burst, count);
}

static void look_at_carrier(void)
{
	const uint8_t lines = io_read8(base + MSR);

	if (lines & MSR_CARRIER_CHANGED)
		on_carrier(lines & MSR_CARRIER);
}

/* The interrupt is an edge, and comes again only when nothing was left. */
static void interrupted(unsigned vector)
{
	(void)vector;
	do {
		receive();
		if (on_carrier)
			look_at_carrier();
	} while (!(io_read8(base + IIR) & IIR_NONE));
}

void serial_on_input(void (*received)(const char *bytes, size_t count), void (*carrier)(bool there))
{
	on_input = received;
	on_carrier = carrier;
	if (base)
		io_write8(base + IER, IER_RECEIVED | IER_MODEM);
}

void serial_listen(uint16_t irq)
{
	if (!base)
		return;
	ioapic_route(irq, false, interrupted);
	io_write8(base + IER, IER_RECEIVED);
}

static void wait_empty(void)
{
	for (unsigned i = 0; i < POLL_MAX; i++) {
		if (io_read8(base + LSR) & LSR_TRANSMITTER_EMPTY)
			return;
		cpu_relax();
	}
}

void serial_write(const char *bytes, size_t count)
{
	if (!base)
		return;
	for (size_t i = 0; i < count; i++) {
		if (i % FIFO_BYTES == 0)
			wait_empty();
		io_write8(base + DATA, bytes[i]);
	}
}

int serial_take(void)
{
	if (input_head == input_tail)
		return -1;
	return (unsigned char)input[input_tail++ % INPUT_BYTES];
}
