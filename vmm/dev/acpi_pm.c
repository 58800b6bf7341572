/* SPDX-License-Identifier: MIT
 *
 * PM1a event and control blocks, PM timer. See acpi_pm.h.
 *
 *     +0 PM1_STS  +2 PM1_EN  +4 PM1_CNT  +6 reserved  +8 PM_TMR (32 bits)  +12 reserved
 *
 * The timer's carry (TMR_STS at each change of its bit 31, every ten minutes) is found by comparing
 * when somebody looks; the loop timer runs only while the guest has it enabled and not yet got it.
 */
#include "dev/acpi_pm.h"

#include <errno.h>

#include "bus/vm_control.h"
#include "dev/host_clock.h"
#include "loop/loop.h"

#define PM_TIMER_HZ 3579545

enum pm_register { PM1_STS = 0, PM1_EN = 2, PM1_CNT = 4, PM_TMR = 8 };

/* PM1_STS and PM1_EN */
#define TMR (1u << 0)
#define GBL (1u << 5)
#define PWRBTN (1u << 8)
#define SLPBTN (1u << 9)
#define RTC (1u << 10)
#define EN_MASK (TMR | GBL | PWRBTN | SLPBTN | RTC)
/* PM1_CNT */
#define SCI_EN (1u << 0)
#define BM_RLD (1u << 1)
#define SLP_TYP_SHIFT 10
#define SLP_TYP_MASK (7u << SLP_TYP_SHIFT)
#define SLP_EN (1u << 13)

struct acpi_pm {
	struct device dev;
	struct vm_control *control;
	struct irq_line sci;
	struct loop_timer *carry_timer;
	int64_t start_ns;
	uint64_t carries; /* changes of bit 31 that TMR_STS has been set for */
	uint16_t status;
	uint16_t enable;
	uint16_t cnt;
	bool sci_level;
};

static uint64_t timer_ticks(const struct acpi_pm *pm)
{
	uint64_t ns = (uint64_t)(host_clock_monotonic_ns() - pm->start_ns);

	return ns / NS_PER_SECOND * PM_TIMER_HZ + ns % NS_PER_SECOND * PM_TIMER_HZ / NS_PER_SECOND;
}

/* Finds a carry, sets the SCI to what the registers say, and arms the timer for the next carry. */
static void update(struct acpi_pm *pm)
{
	uint64_t ticks = timer_ticks(pm);
	bool level;

	if (ticks >> 31 != pm->carries) {
		pm->carries = ticks >> 31;
		pm->status |= TMR;
	}
	level = pm->status & pm->enable;
	if (level != pm->sci_level) {
		pm->sci_level = level;
		irq_line_set(&pm->sci, level);
	}
	if (pm->carry_timer && (pm->enable & TMR) && !(pm->status & TMR)) {
		uint64_t left = ((pm->carries + 1) << 31) - ticks;

		loop_timer_arm(pm->carry_timer, (left + 1) * NS_PER_SECOND / PM_TIMER_HZ + 1);
	}
}

static void carry_expired(void *ctx)
{
	struct acpi_pm *pm = ctx;

	pthread_mutex_lock(&pm->dev.lock);
	update(pm);
	pthread_mutex_unlock(&pm->dev.lock);
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;

	if (!setup->control)
		return -EINVAL;
	pm->control = setup->control;
	pm->sci = setup->irq;
	pm->start_ns = host_clock_monotonic_ns();
	if (!setup->loop)
		return 0;
	return loop_timer_create(setup->loop, carry_expired, pm, &pm->carry_timer);
}

static void destroy(struct device *dev)
{
	loop_timer_destroy(((struct acpi_pm *)dev)->carry_timer);
}

/* Byte `offset` of the window, with the timer standing at ticks. */
static uint8_t read_byte(const struct acpi_pm *pm, uint32_t ticks, uint64_t offset)
{
	unsigned shift = offset & 1 ? 8 : 0;

	if (offset >= PM_TMR)
		return offset < PM_TMR + 4 ? (uint8_t)(ticks >> 8 * (offset - PM_TMR)) : 0;
	switch (offset & ~1ULL) {
	case PM1_STS: return (uint8_t)(pm->status >> shift);
	case PM1_EN: return (uint8_t)(pm->enable >> shift);
	case PM1_CNT: return (uint8_t)((pm->cnt | SCI_EN) >> shift);
	default: return 0;
	}
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	uint64_t value = 0;

	(void)region;
	if (offset < PM_TMR)
		update(pm);
	uint32_t ticks = (uint32_t)timer_ticks(pm); /* once: all bytes are of one moment */
	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)read_byte(pm, ticks, offset + i) << 8 * i;
	return value;
}

static void write_cnt(struct acpi_pm *pm, uint16_t value)
{
	pm->cnt = value & (BM_RLD | SLP_TYP_MASK);
	if ((value & SLP_EN) && (value & SLP_TYP_MASK) >> SLP_TYP_SHIFT == ACPI_SLP_TYP_S5)
		vm_control_request(pm->control, VM_END_POWEROFF, 0);
}

static void write_byte(struct acpi_pm *pm, uint64_t offset, uint8_t value)
{
	unsigned shift = offset & 1 ? 8 : 0;
	uint16_t bits = (uint16_t)(value << shift);
	uint16_t keep = (uint16_t)(0xff00 >> shift); /* the register's other byte */

	switch (offset & ~1ULL) {
	case PM1_STS: pm->status &= (uint16_t)~bits; break; /* write 1 to clear */
	case PM1_EN: pm->enable = (pm->enable & keep) | (bits & EN_MASK); break;
	case PM1_CNT: write_cnt(pm, (pm->cnt & keep) | bits); break;
	default: break;
	}
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;

	(void)region;
	update(pm); /* a carry that is due must not outlive the write that clears it */
	for (unsigned i = 0; i < width; i++)
		write_byte(pm, offset + i, (uint8_t)(value >> 8 * i));
	update(pm);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)is_write;
	if (offset >= PM_TMR)
		return offset < PM_TMR + 4 ? "PM_TMR" : NULL;
	switch (offset & ~1ULL) {
	case PM1_STS: return "PM1_STS";
	case PM1_EN: return "PM1_EN";
	case PM1_CNT: return "PM1_CNT";
	default: return NULL;
	}
}

static void power_button(struct device *dev)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;

	pthread_mutex_lock(&dev->lock);
	pm->status |= PWRBTN;
	update(pm);
	pthread_mutex_unlock(&dev->lock);
}

const struct device_ops acpi_pm_ops = {
	.name = "acpi-pm",
	.state_bytes = sizeof(struct acpi_pm),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
	.destroy = destroy,
	.power_button = power_button,
};
