/* SPDX-License-Identifier: MIT
 *
 * See block_hdd.h. Integers only: the same on every machine.
 */
#include "backend/block_hdd.h"

#define TRACK_TO_TRACK_NS 800000u
#define FULL_STROKE_NS 15000000u
#define FRACTION_BITS 32

void block_hdd_init(struct block_hdd *hdd, uint64_t size_bytes)
{
	uint64_t tracks = (size_bytes + BLOCK_HDD_TRACK_BYTES - 1) / BLOCK_HDD_TRACK_BYTES;

	*hdd = (struct block_hdd){.track_count = tracks};
}

/* The largest r with r * r <= n. */
static uint64_t square_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = 1ULL << 31; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	return root;
}

static uint64_t seek_ns(const struct block_hdd *hdd, uint64_t track)
{
	uint64_t distance = track > hdd->track ? track - hdd->track : hdd->track - track;
	uint64_t fraction;

	if (!distance)
		return 0;
	if (distance == 1 || hdd->track_count <= 2)
		return TRACK_TO_TRACK_NS;
	fraction = (uint64_t)(((unsigned __int128)(distance - 1) << FRACTION_BITS) /
			      (hdd->track_count - 2));
	return TRACK_TO_TRACK_NS +
	       ((FULL_STROKE_NS - TRACK_TO_TRACK_NS) * square_root(fraction) >> FRACTION_BITS / 2);
}

/* How long the platter turns until all bytes in front of this offset have passed the head. */
static uint64_t passing_ns(uint64_t offset_bytes)
{
	return (uint64_t)((unsigned __int128)offset_bytes * BLOCK_HDD_TURN_NS /
			  BLOCK_HDD_TRACK_BYTES);
}

/* Until the byte at this offset comes by. */
static uint64_t rotation_ns(uint64_t clock_ns, uint64_t offset_bytes)
{
	uint64_t angle_ns = clock_ns % BLOCK_HDD_TURN_NS;
	uint64_t wanted_ns = passing_ns(offset_bytes) % BLOCK_HDD_TURN_NS;

	return wanted_ns >= angle_ns ? wanted_ns - angle_ns
				     : wanted_ns + BLOCK_HDD_TURN_NS - angle_ns;
}

/* Tracks are skewed by as much as a step to the next one takes: data that run over an end are read on at once. */
uint64_t block_hdd_serve_ns(struct block_hdd *hdd, uint64_t offset_bytes, uint64_t len_bytes)
{
	uint64_t end_bytes = offset_bytes + len_bytes;
	uint64_t ns = seek_ns(hdd, offset_bytes / BLOCK_HDD_TRACK_BYTES);

	ns += rotation_ns(hdd->clock_ns + ns, offset_bytes);
	/* Both ends are rounded as rotation_ns() rounds: the next request in line finds no wait. */
	ns += passing_ns(end_bytes) - passing_ns(offset_bytes);
	hdd->clock_ns += ns;
	hdd->track = end_bytes / BLOCK_HDD_TRACK_BYTES;
	if (hdd->track == hdd->track_count)
		hdd->track--;
	return ns;
}
