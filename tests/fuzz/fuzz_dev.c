/* SPDX-License-Identifier: MIT
 *
 * Random accesses, lines, keys, input, full rings and passing time against every device. libFuzzer:
 *
 *     make fuzz-dev && build/fuzz/fuzz_dev -max_total_time=120
 *
 * An input is a list of steps of four bytes: what, where, two bytes of value.
 */
#include "../unit/dev_fake.h"

#include "backend/console.h"
#include "board/board.h"
#include "dev/acpi_pm.h"
#include "dev/acpi_sleep.h"
#include "dev/debug_exit.h"
#include "dev/i8042.h"
#include "dev/ioapic.h"
#include "dev/pvpanic.h"
#include "dev/rtc.h"
#include "dev/uart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct console {
	bool full;
	bool refused;
	struct console_receiver receiver;
};

bool console_put(struct console *console, uint8_t byte)
{
	(void)byte;
	console->refused |= console->full;
	return !console->full;
}

void console_connect(struct console *console, const struct console_receiver *receiver)
{
	if (receiver)
		console->receiver = *receiver;
}

void console_resume_input(struct console *console)
{
	(void)console;
}

static const struct target {
	const struct device_ops *ops;
	uint16_t window_bytes;
	uint8_t regions;
} targets[] = {
	{&uart_ops, 8, 1},     {&rtc_ops, 2, 1},	 {&i8042_ops, 1, 2},
	{&acpi_pm_ops, 16, 1}, {&acpi_sleep_ops, 8, 1},	 {&debug_exit_ops, 4, 1},
	{&pvpanic_ops, 1, 1},  {&ioapic_ops, 0x1000, 1},
};

static void send_msi(void *ctx, uint64_t address, uint32_t data)
{
	(void)ctx;
	(void)address;
	(void)data;
}

static void access_device(const struct target *target, struct device *dev, const uint8_t *step)
{
	unsigned width = 1u << (step[0] >> 4 & 3);
	unsigned region = target->regions > 1 ? step[1] >> 7 : 0;
	uint64_t offset = step[1] & 0x7f;
	uint64_t value = (step[2] | (uint64_t)step[3] << 8) * 0x0001000100010001ull;

	if (target->window_bytes > 256)
		offset = offset << 3 & ~7ull;
	else
		offset %= target->window_bytes;
	if (offset + width > target->window_bytes)
		return; /* the bus lets no such access through */
	target->ops->register_name(region, offset, step[0] & 1);
	if (step[0] & 1)
		dev_write_wide(dev, region, offset, width, value >> (64 - 8 * width));
	else
		dev_read_wide(dev, region, offset, width);
}

static void disturb(const struct target *target, struct device *dev, struct console *console,
		    const uint8_t *step)
{
	if (target->ops == &ioapic_ops) {
		ioapic_set_level(dev, step[1], step[2] & 1);
		ioapic_eoi(dev, step[3]);
	} else if (target->ops == &i8042_ops) {
		i8042_key(dev, step + 1, step[0] >> 6);
	} else if (target->ops == &uart_ops) {
		console->full = step[1] & 1;
		console->receiver.receive(console->receiver.ctx, step, step[2] % 5);
		if (!console->full && console->refused) {
			console->refused = false;
			console->receiver.drained(console->receiver.ctx);
		}
	} else if (target->ops->power_button) {
		target->ops->power_button(dev);
	}
	if (step[0] & 0x80)
		fake_realtime_ns -= (int64_t)step[3]
				    << (step[2] & 31); /* the host's clock is set */
	/* At most 20 ms: the longest wait would else be long for the fuzzer, too. */
	fake_time_pass((int64_t)(step[1] | step[2] << 8) * 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct board board = {
		.memory_bytes = 1ULL << 32, .cpu_count = 2, .irqchip = BOARD_IRQCHIP_SPLIT};
	struct vm_control control = {0};
	struct console console = {0};
	struct fake_line line = {0};
	struct device_setup setup = {.loop = fake_loop(),
				     .control = &control,
				     .console = &console,
				     .board = &board,
				     .irq = fake_irq(&line)};
	struct device *dev;

	if (size < 1)
		return 0;
	const struct target *target = &targets[data[0] % (sizeof(targets) / sizeof(*targets))];
	fake_realtime_ns = 1781526645LL * NS_PER_SECOND;
	if (device_create(target->ops, "fuzz", &setup, &dev))
		abort();
	if (target->ops == &ioapic_ops)
		ioapic_connect(dev, &(struct ioapic_backend){.send_msi = send_msi});
	for (size_t i = 1; i + 4 <= size; i += 4) {
		if (data[i] & 2)
			disturb(target, dev, &console, data + i);
		else
			access_device(target, dev, data + i);
	}
	device_destroy(dev);
	return 0;
}
