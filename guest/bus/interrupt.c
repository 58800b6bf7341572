/* SPDX-License-Identifier: MIT
 *
 * A list per vector. It only grows, and a handler is called once it is complete.
 */
#include "guest/bus/interrupt.h"

#include <stddef.h>

#include "guest/arch/ioapic.h"
#include "guest/arch/segments.h"
#include "guest/arch/trap.h"

#define GSI_COUNT 24

static struct interrupt *listener[VECTOR_TICK]; /* by vector */
static uint64_t counts[VECTOR_TICK];
static unsigned next_message = VECTOR_MSI;

static void call_all(unsigned vector)
{
	counts[vector]++;
	for (struct interrupt *i = listener[vector]; i; i = i->next)
		i->handle(i->context);
}

static void join(struct interrupt *interrupt, unsigned vector)
{
	interrupt->next = listener[vector];
	__atomic_store_n(&listener[vector], interrupt, __ATOMIC_RELEASE); /* seen by call_all */
}

bool interrupt_listen_gsi(struct interrupt *interrupt, unsigned gsi, bool level)
{
	if (gsi >= GSI_COUNT)
		return false;
	join(interrupt, VECTOR_GSI + gsi);
	ioapic_route(gsi, level, call_all);
	return true;
}

unsigned interrupt_listen_message(struct interrupt *interrupt)
{
	if (next_message == VECTOR_TICK)
		return 0;
	join(interrupt, next_message);
	trap_set_handler(next_message, call_all);
	return next_message++;
}

uint64_t interrupt_count(unsigned vector)
{
	return vector < VECTOR_TICK ? counts[vector] : 0;
}

const char *interrupt_describe(unsigned vector)
{
	return vector >= VECTOR_MSI ? "PCI-MSI" : "IO-APIC";
}
