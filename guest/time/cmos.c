/* SPDX-License-Identifier: MIT
 *
 * Its registers change once a second, so they are read until two rounds agree.
 */
#include "guest/time/cmos.h"

#include "guest/arch/insn.h"
#include "guest/arch/spinlock.h"
#include "guest/lib/string.h"
#include "guest/time/wall.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define STATUS_B_BINARY 0x04
#define STATUS_B_24_HOURS 0x02
#define HOUR_PM 0x80
#define ROUNDS_MAX 10

enum cmos_register {
	CMOS_SECOND = 0,
	CMOS_MINUTE = 2,
	CMOS_HOUR = 4,
	CMOS_DAY = 7,
	CMOS_MONTH = 8,
	CMOS_YEAR = 9,
	CMOS_STATUS_B = 11
};

struct cmos_time {
	uint8_t second, minute, hour, day, month, year;
};

static struct spinlock lock; /* index and data belong together */

static uint8_t read(enum cmos_register reg)
{
	const uint64_t flags = spin_lock(&lock);
	uint8_t value;

	io_write8(CMOS_INDEX, reg);
	value = io_read8(CMOS_DATA);
	spin_unlock(&lock, flags);
	return value;
}

static struct cmos_time read_all(void)
{
	return (struct cmos_time){read(CMOS_SECOND), read(CMOS_MINUTE), read(CMOS_HOUR),
				  read(CMOS_DAY),    read(CMOS_MONTH),	read(CMOS_YEAR)};
}

static uint8_t decimal(uint8_t bcd)
{
	return (bcd >> 4) * 10 + (bcd & 15);
}

static void to_binary(struct cmos_time *time, uint8_t status)
{
	const bool afternoon = !(status & STATUS_B_24_HOURS) && (time->hour & HOUR_PM);

	if (afternoon)
		time->hour &= ~HOUR_PM;
	if (!(status & STATUS_B_BINARY))
		for (uint8_t *field = &time->second; field <= &time->year; field++)
			*field = decimal(*field);
	if (!(status & STATUS_B_24_HOURS))
		time->hour = time->hour % 12 + (afternoon ? 12 : 0);
}

bool cmos_read(uint64_t *seconds)
{
	struct cmos_time time = read_all(), again = read_all();

	for (unsigned i = 0; memcmp(&time, &again, sizeof(time)); i++) {
		if (i == ROUNDS_MAX)
			return false;
		time = again;
		again = read_all();
	}
	to_binary(&time, read(CMOS_STATUS_B));
	if (time.second > 59 || time.minute > 59 || time.hour > 23 || !time.day || time.day > 31 ||
	    !time.month || time.month > 12 || time.year > 99)
		return false;
	*seconds = wall_days(2000 + time.year, time.month, time.day) * 86400 + time.hour * 3600 +
		   time.minute * 60 + time.second;
	return true;
}
