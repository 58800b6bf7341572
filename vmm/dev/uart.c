/* SPDX-License-Identifier: MIT
 *
 * 16550A serial port. See uart.h; names and rules are those of the PC16550D data sheet.
 *
 * Sending takes no time: a byte written to THR goes to the console at once and THR is empty again.
 * Only when the console's ring is full do bytes wait in the transmit FIFO (one byte without FIFOs);
 * THRE then stays clear until drained() comes, so nothing is lost and no vCPU ever waits.
 *
 * Receiving: the console offers bytes, we take what fits into the FIFO. There is no character clock, so
 * the time-out interrupt, due after four character times, is raised as soon as bytes below the
 * trigger level lie there: the sender has paused, for all that the guest can tell. Nothing is taken
 * before somebody listens, that is, enables the receive interrupt and OUT2, or polls LSR with nothing else
 * to wait for: input piped into the VM would otherwise fall to the FIFO reset and the reads that drivers
 * begin with.
 */
#include "dev/uart.h"

#include <string.h>

#include "backend/console.h"
#include "dev/byte_access.h"

#define FIFO_BYTES 16
#define IDLE_POLLS_TO_LISTEN 16

enum uart_register {
	THR = 0, /* RBR when read, DLL with DLAB */
	IER = 1, /* DLM with DLAB */
	FCR = 2, /* IIR when read */
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7
};

enum {
	IER_RDI = 0x01, /* received data, and time-out */
	IER_THRI = 0x02,
	IER_RLSI = 0x04,
	IER_MSI = 0x08,
	IER_MASK = 0x0f,

	IIR_NONE = 0x01,
	IIR_MSI = 0x00,
	IIR_THRI = 0x02,
	IIR_RDI = 0x04,
	IIR_RLSI = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	FCR_CLEAR_TX = 0x04,
	FCR_TRIGGER_SHIFT = 6,

	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_MASK = 0x1f,

	LSR_DR = 0x01,
	LSR_OE = 0x02,
	LSR_THRE = 0x20,
	LSR_TEMT = 0x40,

	MSR_DELTA_RI = 0x04, /* trailing edge of RI only */
	MSR_DELTA_DCD = 0x08,
	MSR_DELTAS = 0x0f,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80
};

struct fifo {
	uint8_t byte[FIFO_BYTES];
	unsigned head;
	unsigned count;
};

struct uart {
	struct device dev;
	struct console *console; /* NULL: nobody at the other end */
	struct irq_line irq;
	struct fifo rx;
	struct fifo tx;	       /* only what the console's ring had no room for */
	bool irq_level;	       /* what the line was last set to */
	bool thre_armed;       /* THR became empty, and IIR has not said so yet */
	bool overrun;	       /* LSR.OE */
	bool listening;	       /* the guest wants input; stays so */
	bool carrier;	       /* the console has another end */
	uint8_t idle_polls;    /* LSR reads since the last THR write that said: idle */
	bool input_refused;    /* console_resume_input() is owed */
	bool fifo_enabled;     /* FCR bit 0 */
	uint8_t trigger_bytes; /* FCR bits 7:6 */
	uint8_t msr_deltas;    /* MSR bits 3:0 */
	uint8_t ier, lcr, mcr, scr, dll, dlm;
};

static void fifo_put(struct fifo *fifo, uint8_t byte)
{
	fifo->byte[(fifo->head + fifo->count++) % FIFO_BYTES] = byte;
}

static uint8_t fifo_take(struct fifo *fifo)
{
	uint8_t byte = fifo->byte[fifo->head];

	fifo->head = (fifo->head + 1) % FIFO_BYTES;
	fifo->count--;
	return byte;
}

static unsigned fifo_capacity(const struct uart *uart)
{
	return uart->fifo_enabled ? FIFO_BYTES : 1;
}

/* --- interrupts ------------------------------------------------------------------------------ */

/* The source of highest priority, as IIR names it. */
static uint8_t interrupt_id(const struct uart *uart)
{
	if ((uart->ier & IER_RLSI) && uart->overrun)
		return IIR_RLSI;
	if ((uart->ier & IER_RDI) && uart->rx.count > 0)
		return !uart->fifo_enabled || uart->rx.count >= uart->trigger_bytes ? IIR_RDI
										    : IIR_TIMEOUT;
	if ((uart->ier & IER_THRI) && uart->thre_armed)
		return IIR_THRI;
	if ((uart->ier & IER_MSI) && uart->msr_deltas)
		return IIR_MSI;
	return IIR_NONE;
}

/* On a PC the interrupt output reaches the bus through a gate that OUT2 opens. */
static void update_irq(struct uart *uart)
{
	bool level = (uart->mcr & MCR_OUT2) && interrupt_id(uart) != IIR_NONE;

	if (level == uart->irq_level)
		return;
	uart->irq_level = level;
	irq_line_set(&uart->irq, level);
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t id = interrupt_id(uart);

	if (id == IIR_THRI)
		uart->thre_armed = false;
	return id | (uart->fifo_enabled ? IIR_FIFO : 0);
}

/* --- receiving --------------------------------------------------------------------------------- */

static bool wants_input(const struct uart *uart)
{
	return uart->listening && !(uart->mcr & MCR_LOOP);
}

/* After anything that may have made room or opened the line. Waits until the FIFO is empty, so that a
 * long input costs one wake-up of the loop for each FIFO and not for each byte. */
static void resume_input(struct uart *uart)
{
	/* Probing drivers write all of IER to see what sticks, but with OUT2 low. */
	uart->listening |= (uart->ier & IER_RDI) && (uart->mcr & MCR_OUT2);
	if (!uart->input_refused || !wants_input(uart) || uart->rx.count > 0)
		return;
	uart->input_refused = false;
	console_resume_input(uart->console);
}

static size_t receive(void *ctx, const uint8_t *data, size_t len_bytes)
{
	struct uart *uart = ctx;
	size_t taken = 0;

	pthread_mutex_lock(&uart->dev.lock);
	while (wants_input(uart) && taken < len_bytes && uart->rx.count < fifo_capacity(uart))
		fifo_put(&uart->rx, data[taken++]);
	uart->input_refused = taken < len_bytes;
	update_irq(uart);
	pthread_mutex_unlock(&uart->dev.lock);
	return taken;
}

static uint8_t read_rbr(struct uart *uart)
{
	uint8_t byte = uart->rx.count > 0 ? fifo_take(&uart->rx) : 0;

	resume_input(uart);
	return byte;
}

/* --- sending ----------------------------------------------------------------------------------- */

/* Hands waiting bytes on. THR running empty is what arms its interrupt. */
static void flush_tx(struct uart *uart)
{
	while (uart->tx.count > 0) {
		if (uart->console && !console_put(uart->console, uart->tx.byte[uart->tx.head]))
			return;
		fifo_take(&uart->tx);
		uart->thre_armed = uart->tx.count == 0;
	}
}

static void drained(void *ctx)
{
	struct uart *uart = ctx;

	pthread_mutex_lock(&uart->dev.lock);
	flush_tx(uart);
	update_irq(uart);
	pthread_mutex_unlock(&uart->dev.lock);
}

/* A loopback byte comes in on our own receiver. */
static void loop_back(struct uart *uart, uint8_t byte)
{
	if (uart->rx.count < fifo_capacity(uart)) {
		fifo_put(&uart->rx, byte);
	} else {
		uart->overrun = true;
		if (!uart->fifo_enabled) /* RBR is overwritten; a full FIFO keeps what it has */
			uart->rx.byte[uart->rx.head] = byte;
	}
	uart->thre_armed = true;
}

static void write_thr(struct uart *uart, uint8_t byte)
{
	/* The write takes the interrupt back, the emptying brings it anew: an edge-triggered
	 * interrupt controller has to see both. */
	uart->thre_armed = false;
	uart->idle_polls = 0;
	update_irq(uart);
	if (uart->mcr & MCR_LOOP) {
		loop_back(uart, byte);
		return;
	}
	if (uart->tx.count < fifo_capacity(uart))
		fifo_put(&uart->tx, byte);
	else if (!uart->fifo_enabled)
		uart->tx.byte[uart->tx.head] = byte; /* the guest did not wait for THRE */
	flush_tx(uart);
}

/* --- the other registers ----------------------------------------------------------------------- */

static void write_ier(struct uart *uart, uint8_t value)
{
	if ((value & ~uart->ier & IER_THRI) && uart->tx.count == 0)
		uart->thre_armed = true;
	uart->ier = value & IER_MASK;
	resume_input(uart);
}

static void clear_tx(struct uart *uart)
{
	if (uart->tx.count > 0)
		uart->thre_armed = true;
	uart->tx.count = 0;
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	static const uint8_t trigger_bytes[] = {1, 4, 8, 14};
	bool enable = value & FCR_ENABLE;
	bool toggled = enable != uart->fifo_enabled;

	uart->fifo_enabled = enable;
	if (toggled || (enable && (value & FCR_CLEAR_RX)))
		uart->rx.count = 0;
	if (toggled || (enable && (value & FCR_CLEAR_TX)))
		clear_tx(uart);
	if (enable) /* without bit 0 the others are not programmed */
		uart->trigger_bytes = trigger_bytes[value >> FCR_TRIGGER_SHIFT];
	resume_input(uart);
}

/* MSR bits 7:4: a modem that is always ready and has a carrier while the line has another end; or in
 * loopback our own outputs. */
static uint8_t modem_lines(const struct uart *uart)
{
	if (!(uart->mcr & MCR_LOOP))
		return (uart->carrier ? MSR_DCD : 0) | MSR_DSR | MSR_CTS;
	return (uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void write_mcr(struct uart *uart, uint8_t value)
{
	uint8_t before = modem_lines(uart);

	uart->mcr = value & MCR_MASK;
	uint8_t after = modem_lines(uart);
	uint8_t changed = (before ^ after) >> 4;
	if (after & MSR_RI) /* RI counts when it ends */
		changed &= (uint8_t)~MSR_DELTA_RI;
	uart->msr_deltas |= changed;
	resume_input(uart);
}

static void peer_changed(void *ctx, bool connected)
{
	struct uart *uart = ctx;

	pthread_mutex_lock(&uart->dev.lock);
	if (uart->carrier != connected && !(uart->mcr & MCR_LOOP))
		uart->msr_deltas |= MSR_DELTA_DCD;
	uart->carrier = connected;
	update_irq(uart);
	pthread_mutex_unlock(&uart->dev.lock);
}

static uint8_t read_lsr(struct uart *uart)
{
	uint8_t lsr = (uart->rx.count > 0 ? LSR_DR : 0) | (uart->overrun ? LSR_OE : 0) |
		      (uart->tx.count == 0 ? LSR_THRE | LSR_TEMT : 0);

	uart->overrun = false;
	if (lsr == (LSR_THRE | LSR_TEMT) && !uart->listening &&
	    ++uart->idle_polls == IDLE_POLLS_TO_LISTEN) {
		uart->listening = true;
		resume_input(uart);
	}
	return lsr;
}

static uint8_t read_msr(struct uart *uart)
{
	uint8_t msr = modem_lines(uart) | uart->msr_deltas;

	uart->msr_deltas = 0;
	return msr;
}

/* --- the device -------------------------------------------------------------------------------- */

static uint8_t read_byte(struct device *dev, uint64_t offset)
{
	struct uart *uart = (struct uart *)dev;
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case THR: return dlab ? uart->dll : read_rbr(uart);
	case IER: return dlab ? uart->dlm : uart->ier;
	case FCR: return read_iir(uart);
	case LCR: return uart->lcr;
	case MCR: return uart->mcr;
	case LSR: return read_lsr(uart);
	case MSR: return read_msr(uart);
	case SCR: return uart->scr;
	default: return 0xff;
	}
}

static void write_byte(struct device *dev, uint64_t offset, uint8_t value)
{
	struct uart *uart = (struct uart *)dev;
	bool dlab = uart->lcr & LCR_DLAB;

	switch (offset) {
	case THR:
		if (dlab)
			uart->dll = value;
		else
			write_thr(uart, value);
		break;
	case IER:
		if (dlab)
			uart->dlm = value;
		else
			write_ier(uart, value);
		break;
	case FCR: write_fcr(uart, value); break;
	case LCR: uart->lcr = value; break;
	case MCR: write_mcr(uart, value); break;
	case SCR: uart->scr = value; break;
	default: break; /* LSR and MSR are the chip's own */
	}
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	uint64_t value = byte_access_read(dev, offset, width, read_byte);

	(void)region;
	update_irq((struct uart *)dev);
	return value;
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	(void)region;
	byte_access_write(dev, offset, width, value, write_byte);
	update_irq((struct uart *)dev);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	static const char *const names[] = {
		[IER] = "IER", [LCR] = "LCR", [MCR] = "MCR",
		[LSR] = "LSR", [MSR] = "MSR", [SCR] = "SCR",
	};

	(void)region;
	if (offset == THR)
		return is_write ? "THR" : "RBR";
	if (offset == FCR)
		return is_write ? "FCR" : "IIR";
	return offset <= SCR ? names[offset] : NULL;
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct uart *uart = (struct uart *)dev;

	uart->console = setup->console;
	uart->irq = setup->irq;
	uart->trigger_bytes = 1;
	uart->dll = 12; /* 9600 baud, as PC firmware leaves it; nothing here depends on it */
	uart->carrier = !uart->console || console_has_peer(uart->console);
	if (uart->console)
		console_connect(uart->console,
				&(struct console_receiver){.receive = receive,
							   .drained = drained,
							   .peer_changed = peer_changed,
							   .ctx = uart});
	return 0;
}

static void destroy(struct device *dev)
{
	struct uart *uart = (struct uart *)dev;

	if (uart->console)
		console_connect(uart->console, NULL);
}

const struct device_ops uart_ops = {
	.name = "16550a",
	.state_bytes = sizeof(struct uart),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
	.destroy = destroy,
};
