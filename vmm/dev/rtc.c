/* SPDX-License-Identifier: MIT
 *
 * MC146818 clock and CMOS RAM. See rtc.h.
 *
 * The guest's time is the host's UTC plus an offset that the guest changes by setting its clock.
 * Nothing ticks here: cmos[] holds a snapshot of the time that is renewed when it is looked at.
 *   - Register A, where a guest polls "update in progress", takes a new snapshot and always says no:
 *     the time read next is of one moment. A snapshot older than SNAPSHOT_NS is renewed as well.
 *   - The flags of register C are worked out on reading it, from how far time has come.
 *   - The one timer runs only while an enabled interrupt is neither pending nor impossible, and never
 *     fires earlier than after EVENT_MIN_NS: a guest that asks for 8192 interrupts a second and
 *     serves them gets a thousand, each standing for the ones before it.
 */
#include "dev/rtc.h"

#include <time.h>

#include "board/board.h"
#include "dev/byte_access.h"
#include "dev/host_clock.h"
#include "loop/loop.h"
#include "memory_map.h"

#define CMOS_BYTES 128
#define SNAPSHOT_NS (10 * 1000 * 1000)
#define EVENT_MIN_NS (1000 * 1000)
#define SECONDS_PER_DAY 86400
#define YEAR_2200 7258118400LL /* seconds since 1970 */
#define NEVER INT64_MAX

enum rtc_register {
	SECONDS = 0x00,
	SECONDS_ALARM = 0x01,
	MINUTES = 0x02,
	MINUTES_ALARM = 0x03,
	HOURS = 0x04,
	HOURS_ALARM = 0x05,
	DAY_OF_WEEK = 0x06, /* 1: Sunday */
	DAY_OF_MONTH = 0x07,
	MONTH = 0x08,
	YEAR = 0x09,
	REGISTER_A = 0x0a,
	REGISTER_B = 0x0b,
	REGISTER_C = 0x0c,
	REGISTER_D = 0x0d,
	BASE_MEMORY = 0x15,	/* 16 bits, KiB */
	EXTENDED_MEMORY = 0x17, /* 16 bits, KiB above 1 MiB; again at 0x30 */
	EXTENDED_MEMORY_2 = 0x30,
	CENTURY = 0x32,
	MEMORY_ABOVE_16M = 0x34, /* 16 bits, units of 64 KiB */
	MEMORY_ABOVE_4G = 0x5b,	 /* 24 bits, units of 64 KiB */
	LAST_CPU = 0x5f
};

enum {
	A_RATE_MASK = 0x0f,
	A_DIVIDER_32KHZ = 0x20,
	A_RATE_1024HZ = 0x06,
	A_MASK = 0x7f, /* UIP is read-only */

	B_SET = 0x80,
	B_PIE = 0x40,
	B_AIE = 0x20,
	B_UIE = 0x10,
	B_BINARY = 0x04,
	B_24H = 0x02,

	C_IRQF = 0x80,
	C_FLAGS = 0x70, /* PF, AF, UF: the same bits as their enables in B */

	D_VALID = 0x80,

	HOUR_PM = 0x80,
	ALARM_ANY = 0xc0 /* both bits set: every value matches */
};

struct rtc {
	struct device dev;
	struct irq_line irq;
	struct loop_timer *timer;
	uint8_t index;
	uint8_t cmos[CMOS_BYTES];
	int64_t offset_ns;	/* guest's clock minus host's */
	int64_t snapshot_ns;	/* guest's clock, of the time in cmos[] */
	int64_t flags_until_ns; /* guest's clock up to which events are in cmos[REGISTER_C] */
	bool irq_level;
};

static int64_t guest_clock_ns(const struct rtc *rtc)
{
	return host_clock_realtime_ns() + rtc->offset_ns;
}

/* --- the registers' number formats ---------------------------------------------------------- */

static uint8_t encode(const struct rtc *rtc, int value)
{
	return (uint8_t)(rtc->cmos[REGISTER_B] & B_BINARY ? value : value / 10 * 16 + value % 10);
}

static int decode(const struct rtc *rtc, uint8_t byte)
{
	return rtc->cmos[REGISTER_B] & B_BINARY ? byte : (byte >> 4) * 10 + (byte & 0x0f);
}

static uint8_t encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->cmos[REGISTER_B] & B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct rtc *rtc, uint8_t byte)
{
	if (rtc->cmos[REGISTER_B] & B_24H)
		return decode(rtc, byte);
	return decode(rtc, byte & (uint8_t)~HOUR_PM) % 12 + (byte & HOUR_PM ? 12 : 0);
}

/* --- time of day ------------------------------------------------------------------------------- */

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* As gmtime_r(), which would look for the host's time zone first: a file, and 30 KiB of library. */
static struct tm calendar(int64_t seconds)
{
	int days = (int)(seconds / 86400), of_day = (int)(seconds % 86400), year = 1970, month = 0;

	struct tm tm = {.tm_sec = of_day % 60,
			.tm_min = of_day / 60 % 60,
			.tm_hour = of_day / 3600,
			.tm_wday = (days + 4) % 7}; /* 1970 began with a Thursday */

	for (; days >= 365 + is_leap(year); year++)
		days -= 365 + is_leap(year);

	const int month_days[] = {31, 28 + is_leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	for (; days >= month_days[month]; month++)
		days -= month_days[month];
	tm.tm_year = year - 1900;
	tm.tm_mon = month;
	tm.tm_mday = days + 1;
	return tm;
}

static void take_snapshot(struct rtc *rtc)
{
	struct tm tm;

	if (rtc->cmos[REGISTER_B] & B_SET)
		return; /* the guest is writing the time: it stands still */
	rtc->snapshot_ns = guest_clock_ns(rtc);
	tm = calendar(rtc->snapshot_ns / NS_PER_SECOND);
	rtc->cmos[SECONDS] = encode(rtc, tm.tm_sec);
	rtc->cmos[MINUTES] = encode(rtc, tm.tm_min);
	rtc->cmos[HOURS] = encode_hour(rtc, tm.tm_hour);
	rtc->cmos[DAY_OF_WEEK] = encode(rtc, tm.tm_wday + 1);
	rtc->cmos[DAY_OF_MONTH] = encode(rtc, tm.tm_mday);
	rtc->cmos[MONTH] = encode(rtc, tm.tm_mon + 1);
	rtc->cmos[YEAR] = encode(rtc, tm.tm_year % 100);
	rtc->cmos[CENTURY] = encode(rtc, (tm.tm_year + 1900) / 100);
}

/* Makes what stands in cmos[] the time. Nonsense (month 99) is carried over into the next larger unit;
 * a time outside 1970..2199 leaves the clock alone: nanoseconds in 64 bits must never wrap. */
static void commit_time(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->cmos[SECONDS]),
		.tm_min = decode(rtc, rtc->cmos[MINUTES]),
		.tm_hour = decode_hour(rtc, rtc->cmos[HOURS]),
		.tm_mday = decode(rtc, rtc->cmos[DAY_OF_MONTH]),
		.tm_mon = decode(rtc, rtc->cmos[MONTH]) - 1,
		.tm_year = decode(rtc, rtc->cmos[CENTURY]) * 100 + decode(rtc, rtc->cmos[YEAR]) -
			   1900,
	};
	int64_t seconds = timegm(&tm);

	if (seconds < 0 || seconds >= YEAR_2200)
		return;
	rtc->offset_ns = seconds * NS_PER_SECOND - host_clock_realtime_ns();
	rtc->snapshot_ns = rtc->flags_until_ns = seconds * NS_PER_SECOND;
}

/* --- interrupt flags --------------------------------------------------------------------------- */

static int64_t period_ns(const struct rtc *rtc)
{
	unsigned rate = rtc->cmos[REGISTER_A] & A_RATE_MASK;

	if (rate == 0)
		return 0;
	if (rate < 3)
		rate += 7; /* with a 32 kHz crystal 1 and 2 are the same as 8 and 9 */
	return NS_PER_SECOND * (1 << (rate - 1)) / 32768;
}

static bool alarm_matches(uint8_t byte, int alarm_value, int value)
{
	return (byte & ALARM_ANY) == ALARM_ANY || alarm_value == value;
}

/* The first second after `second` at which the alarm matches, or NEVER. Skips whole hours and minutes
 * that don't match, so it is done after some 1,500 steps at worst. */
static int64_t next_alarm(const struct rtc *rtc, int64_t second)
{
	uint8_t sec = rtc->cmos[SECONDS_ALARM];
	uint8_t min = rtc->cmos[MINUTES_ALARM];
	uint8_t hour = rtc->cmos[HOURS_ALARM];
	int64_t end = second + 1 + SECONDS_PER_DAY;
	int64_t at = second + 1;

	while (at < end) {
		if (!alarm_matches(hour, decode_hour(rtc, hour), (int)(at / 3600 % 24)))
			at += 3600 - at % 3600;
		else if (!alarm_matches(min, decode(rtc, min), (int)(at / 60 % 60)))
			at += 60 - at % 60;
		else if (!alarm_matches(sec, decode(rtc, sec), (int)(at % 60)))
			at++;
		else
			return at;
	}
	return NEVER;
}

/* When, after the moment up to which flags are set, the event of this flag comes next. */
static int64_t next_event_ns(const struct rtc *rtc, uint8_t flag)
{
	int64_t from_ns = rtc->flags_until_ns;
	int64_t second = from_ns / NS_PER_SECOND;
	int64_t period = period_ns(rtc);
	int64_t alarm;

	if (flag == B_PIE)
		return period ? (from_ns / period + 1) * period : NEVER;
	if (rtc->cmos[REGISTER_B] & B_SET)
		return NEVER;
	if (flag == B_UIE)
		return (second + 1) * NS_PER_SECOND;
	alarm = next_alarm(rtc, second);
	return alarm == NEVER ? NEVER : alarm * NS_PER_SECOND;
}

static const uint8_t all_flags[] = {B_PIE, B_AIE, B_UIE};

/* Sets the flags of all that has happened up to now. */
static void update_flags(struct rtc *rtc)
{
	int64_t now_ns = guest_clock_ns(rtc);

	if (now_ns < rtc->flags_until_ns) /* the host's clock was set back */
		rtc->flags_until_ns = now_ns;
	for (unsigned i = 0; i < sizeof(all_flags); i++)
		if (!(rtc->cmos[REGISTER_C] & all_flags[i]) &&
		    next_event_ns(rtc, all_flags[i]) <= now_ns)
			rtc->cmos[REGISTER_C] |= all_flags[i];
	rtc->flags_until_ns = now_ns;
}

static void arm_timer(struct rtc *rtc, uint8_t enabled)
{
	int64_t next_ns = NEVER;
	int64_t delay_ns;

	for (unsigned i = 0; i < sizeof(all_flags); i++) {
		if (enabled & all_flags[i]) {
			int64_t event_ns = next_event_ns(rtc, all_flags[i]);

			next_ns = event_ns < next_ns ? event_ns : next_ns;
		}
	}
	if (next_ns == NEVER)
		return;
	delay_ns = next_ns - rtc->flags_until_ns;
	loop_timer_arm(rtc->timer, (uint64_t)(delay_ns > EVENT_MIN_NS ? delay_ns : EVENT_MIN_NS));
}

/* Line and timer follow registers B and C. */
static void update_irq(struct rtc *rtc)
{
	uint8_t enabled = rtc->cmos[REGISTER_B] & C_FLAGS;
	bool level;

	if (!enabled && !rtc->irq_level)
		return; /* the usual case: nobody wants interrupts, no clock is read */
	update_flags(rtc);
	level = rtc->cmos[REGISTER_C] & enabled;
	if (level != rtc->irq_level) {
		rtc->irq_level = level;
		irq_line_set(&rtc->irq, level);
	}
	if (rtc->timer && enabled && !level)
		arm_timer(rtc, enabled);
}

static void timer_expired(void *ctx)
{
	struct rtc *rtc = ctx;

	pthread_mutex_lock(&rtc->dev.lock);
	update_irq(rtc);
	pthread_mutex_unlock(&rtc->dev.lock);
}

/* Reading C takes all flags and with them the interrupt. */
static uint8_t read_register_c(struct rtc *rtc)
{
	uint8_t flags;

	update_flags(rtc);
	flags = rtc->cmos[REGISTER_C];
	rtc->cmos[REGISTER_C] = 0;
	if (flags & rtc->cmos[REGISTER_B])
		flags |= C_IRQF;
	update_irq(rtc);
	return flags;
}

/* --- the device -------------------------------------------------------------------------------- */

static bool is_time(uint8_t index)
{
	switch (index) {
	case SECONDS:
	case MINUTES:
	case HOURS:
	case DAY_OF_WEEK:
	case DAY_OF_MONTH:
	case MONTH:
	case YEAR:
	case CENTURY: return true;
	default: return false;
	}
}

static uint8_t read_cmos(struct rtc *rtc, uint8_t index)
{
	int64_t age_ns = guest_clock_ns(rtc) - rtc->snapshot_ns;

	if (index == REGISTER_A || (is_time(index) && (age_ns < 0 || age_ns > SNAPSHOT_NS)))
		take_snapshot(rtc);
	return index == REGISTER_C ? read_register_c(rtc) : rtc->cmos[index];
}

static void write_register_b(struct rtc *rtc, uint8_t value)
{
	bool was_setting = rtc->cmos[REGISTER_B] & B_SET;

	update_flags(rtc);
	if (value & B_SET) {
		take_snapshot(rtc); /* in the old format; no effect if it stands already */
		value &= (uint8_t)~B_UIE;
	}
	rtc->cmos[REGISTER_B] = value;
	if (was_setting && !(value & B_SET))
		commit_time(rtc);
	take_snapshot(rtc); /* in the new format */
	update_irq(rtc);
}

static void write_cmos(struct rtc *rtc, uint8_t index, uint8_t value)
{
	switch (index) {
	case REGISTER_A:
		update_flags(rtc);
		rtc->cmos[REGISTER_A] = value & A_MASK;
		update_irq(rtc);
		break;
	case REGISTER_B: write_register_b(rtc, value); break;
	case REGISTER_C:
	case REGISTER_D: break;
	default:
		if (is_time(index))
			take_snapshot(rtc);
		rtc->cmos[index] = value;
		if (is_time(index) && !(rtc->cmos[REGISTER_B] & B_SET))
			commit_time(rtc);
		if (index == SECONDS_ALARM || index == MINUTES_ALARM || index == HOURS_ALARM)
			update_irq(rtc);
		break;
	}
}

static uint8_t read_byte(struct device *dev, uint64_t offset)
{
	struct rtc *rtc = (struct rtc *)dev;

	return offset == 1 ? read_cmos(rtc, rtc->index) : 0xff; /* the index is write-only */
}

static void write_byte(struct device *dev, uint64_t offset, uint8_t value)
{
	struct rtc *rtc = (struct rtc *)dev;

	if (offset == 0)
		rtc->index = value % CMOS_BYTES; /* bit 7 masks the NMI: there is none */
	else if (offset == 1)
		write_cmos(rtc, rtc->index, value);
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	(void)region;
	return byte_access_read(dev, offset, width, read_byte);
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	(void)region;
	byte_access_write(dev, offset, width, value, write_byte);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)is_write;
	return offset == 0 ? "INDEX" : offset == 1 ? "DATA" : NULL;
}

static void put_cells(struct rtc *rtc, unsigned index, unsigned len_bytes, uint64_t value,
		      uint64_t limit)
{
	value = value < limit ? value : limit;
	for (unsigned i = 0; i < len_bytes; i++)
		rtc->cmos[index + i] = (uint8_t)(value >> 8 * i);
}

static void put_memory_sizes(struct rtc *rtc, const struct board *board)
{
	uint64_t low = board->memory_bytes < GPA_HOLE_START ? board->memory_bytes : GPA_HOLE_START;
	uint64_t above_1m = low > 0x100000 ? low - 0x100000 : 0;
	uint64_t above_16m = low > 0x1000000 ? low - 0x1000000 : 0;

	put_cells(rtc, BASE_MEMORY, 2, GPA_LOW_RAM_END / 1024, 640);
	put_cells(rtc, EXTENDED_MEMORY, 2, above_1m / 1024, 0xffff);
	put_cells(rtc, EXTENDED_MEMORY_2, 2, above_1m / 1024, 0xffff);
	put_cells(rtc, MEMORY_ABOVE_16M, 2, above_16m / 65536, 0xffff);
	put_cells(rtc, MEMORY_ABOVE_4G, 3, (board->memory_bytes - low) / 65536, 0xffffff);
	put_cells(rtc, LAST_CPU, 1, board->cpu_count - 1, 0xff);
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct rtc *rtc = (struct rtc *)dev;

	rtc->irq = setup->irq;
	rtc->cmos[REGISTER_A] = A_DIVIDER_32KHZ | A_RATE_1024HZ;
	rtc->cmos[REGISTER_B] = B_24H;
	rtc->cmos[REGISTER_D] = D_VALID;
	rtc->flags_until_ns = guest_clock_ns(rtc);
	take_snapshot(rtc);
	if (setup->board)
		put_memory_sizes(rtc, setup->board);
	return setup->loop ? loop_timer_create(setup->loop, timer_expired, rtc, &rtc->timer) : 0;
}

static void destroy(struct device *dev)
{
	loop_timer_destroy(((struct rtc *)dev)->timer);
}

const struct device_ops rtc_ops = {
	.name = "mc146818",
	.state_bytes = sizeof(struct rtc),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
	.destroy = destroy,
};
