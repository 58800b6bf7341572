/* SPDX-License-Identifier: MIT
 *
 * Console: line ends, the lock, the choice of the way out.
 */
#include "guest/drivers/console.h"

#include <stdbool.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/spinlock.h"
#include "guest/board/machine.h"
#include "guest/drivers/serial.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"

#define CHUNK_BYTES 1024

static struct spinlock lock;
static bool use_hypercalls, in_panic;
static char chunk[CHUNK_BYTES]; /* under the lock; in the image, so its GPA is known */

void console_init(void)
{
	serial_init(machine.serial_port);
}

void console_use_hypercalls(void)
{
	char choice[8];

	if (machine_option("console", choice, sizeof(choice)) && !strcmp(choice, "uart"))
		return;
	use_hypercalls = pv_use(PV_CONSOLE, hypercall_features() & HYPERCALL_FEATURE_CONSOLE);
}

const char *console_name(void)
{
	return use_hypercalls ? "hypercalls" : "UART";
}

/* The VMM takes a part, or nothing, while its own reader is slow. Returns how much it took in the end: all,
 * or what came before an error. */
static size_t write_by_hypercalls(size_t length)
{
	size_t done = 0;

	while (done < length) {
		const int64_t taken = hypercall(HYPERCALL_CONSOLE_WRITE, image_gpa(chunk) + done,
						length - done);

		if (taken < 0)
			break;
		pv_counted(PV_CONSOLE);
		if (!taken)
			hypercall(HYPERCALL_YIELD, 0, 0);
		done += (size_t)taken;
	}
	return done;
}

static void flush(size_t length)
{
	const size_t done = use_hypercalls ? write_by_hypercalls(length) : 0;

	if (done < length)
		serial_write(chunk + done, length - done);
}

static void write_locked(const char *text, size_t length)
{
	size_t used = 0, start = 0;

	while (start < length) {
		size_t end = start;

		while (end < length && end - start < CHUNK_BYTES / 2 && text[end] != '\n')
			end++;
		if (used + (end - start) + 2 > CHUNK_BYTES) {
			flush(used);
			used = 0;
		}
		memcpy(chunk + used, text + start, end - start);
		used += end - start;
		if (end < length && text[end] == '\n') {
			chunk[used++] = '\r';
			chunk[used++] = '\n';
			end++;
		}
		start = end;
	}
	flush(used);
}

void console_write(const char *text, size_t length)
{
	const uint64_t flags = in_panic ? 0 : spin_lock(&lock);

	write_locked(text, length);
	if (!in_panic)
		spin_unlock(&lock, flags);
}

void console_write_raw(const char *bytes, size_t count)
{
	const uint64_t flags = in_panic ? 0 : spin_lock(&lock);

	while (count) {
		const size_t part = count < CHUNK_BYTES ? count : CHUNK_BYTES;

		memcpy(chunk, bytes, part);
		flush(part);
		bytes += part;
		count -= part;
	}
	if (!in_panic)
		spin_unlock(&lock, flags);
}

char console_read(void)
{
	int c;

	irq_disable();
	while ((c = serial_take()) < 0)
		cpu_sleep();
	irq_enable();
	return (char)c;
}

void console_take_over(void)
{
	in_panic = true;
}
