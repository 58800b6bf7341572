/* SPDX-License-Identifier: MIT
 *
 * A 16550A UART (National Semiconductor PC16550D datasheet §8): polled output, interrupt-driven
 * input.
 */
#ifndef GUEST_DRIVERS_SERIAL_H
#define GUEST_DRIVERS_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 115200 8N1 with FIFOs. Output works from here on; port 0: there is none, output is dropped. */
void serial_init(uint16_t port);

/* Starts input by interrupt. */
void serial_listen(uint16_t irq);

/* Who gets input from now on, in the interrupt, in place of serial_take(); and who hears, there too, that
 * the other end of the line came or went (the modem's carrier). */
void serial_on_input(void (*received)(const char *bytes, size_t count),
		     void (*carrier)(bool there));

/* Raw bytes, in bursts that fill the transmitter's FIFO. */
void serial_write(const char *bytes, size_t count);

/* The next byte of input, or -1. Interrupts off. */
int serial_take(void);

#endif
