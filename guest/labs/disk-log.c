/* SPDX-License-Identifier: MIT
 *
 * Reads what `vitrine run --disk …,record=LOG` has recorded (vmm/backend/block_log.h has the format), or QEMU's
 * driver blklogwrites.
 *
 *   disk-log list LOG                  one line for each write and flush
 *   disk-log travel LOG                how far the head went, by the word that each block begins with
 *   disk-log replay LOG IMAGE COUNT    the first COUNT writes onto IMAGE; says "all" if there are no more
 *   disk-log count LOG                 how many writes there are
 */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "lab.h"

#define SECTOR 512
#define WORD_BYTES 32
#define WORDS_MAX 64

enum kind { WRITE = 1, DISCARD, ZEROES, FLUSH, DONE };

struct vitrine_header {
	char magic[8];
	uint32_t version, flags;
	uint64_t size, reserved;
};

struct record {
	uint32_t kind, error;
	uint64_t sequence, offset, length;
};

/* Of Linux's dm-log-writes and QEMU's blklogwrites, in sectors of 512 bytes; each takes a sector. */
#define QEMU_MAGIC 0x6a736677736872ull
struct qemu_header {
	uint64_t magic, version, entries;
	uint32_t sector_bytes;
};
struct qemu_entry {
	uint64_t sector, count, flags, data_bytes;
};
enum qemu_flag { QEMU_FLUSH = 1, QEMU_DISCARD = 4, QEMU_MARK = 8 };

struct log {
	FILE *file;
	struct record record;
	char *data; /* of a write */
	bool is_qemu;
	uint64_t entries_left; /* QEMU's */
	uint64_t disk_bytes;   /* ours says */
};

static bool log_open(struct log *log, const char *path)
{
	struct vitrine_header header;
	struct qemu_header qemu;

	*log = (struct log){.file = fopen(path, "re")};
	if (!log->file || fread(&header, sizeof(header), 1, log->file) != 1)
		return false;
	memcpy(&qemu, &header, sizeof(qemu));
	log->is_qemu = qemu.magic == QEMU_MAGIC && qemu.sector_bytes == SECTOR;
	log->entries_left = qemu.entries;
	log->disk_bytes = header.size;
	if (log->is_qemu)
		return fseek(log->file, SECTOR, SEEK_SET) == 0;
	return memcmp(header.magic, "VITRDLOG", sizeof(header.magic)) == 0;
}

/* As a record of ours. */
static bool read_qemu_entry(struct log *log)
{
	char sector[SECTOR];
	struct qemu_entry entry;

	if (!log->entries_left-- || fread(sector, sizeof(sector), 1, log->file) != 1)
		return false;
	memcpy(&entry, sector, sizeof(entry));
	log->record = (struct record){
		.kind = entry.flags & QEMU_MARK	     ? DONE
			: entry.flags & QEMU_DISCARD ? DISCARD
			: entry.count		     ? WRITE
						     : FLUSH,
		.offset = entry.sector * SECTOR,
		.length = entry.count * SECTOR,
	};
	return true;
}

/* The next record; false: there is none, or it isn't whole. */
static bool log_next(struct log *log)
{
	free(log->data);
	log->data = NULL;
	if (log->is_qemu ? !read_qemu_entry(log)
			 : fread(&log->record, sizeof(log->record), 1, log->file) != 1)
		return false;
	if (log->record.kind != WRITE)
		return true;
	log->data = malloc(log->record.length + 1);
	return log->data && fread(log->data, log->record.length, 1, log->file) == 1;
}

static int list(struct log *log)
{
	while (log_next(log))
		if (log->record.kind == FLUSH)
			printf("flush\n");
		else if (log->record.kind != DONE)
			printf("%s %lu + %lu\n", log->record.kind == WRITE ? "write" : "zeroes",
			       log->record.offset, log->record.length);
	return 0;
}

struct travel {
	char word[WORD_BYTES];
	uint64_t requests, bytes_moved, backwards;
	double arm_ms;
};

#define TRACK (1 << 20)

/* What seek=hdd takes for a way of the arm (vmm/backend/block_hdd.h). */
static double arm_ms(uint64_t from, uint64_t to, uint64_t disk_bytes)
{
	const double tracks = (double)disk_bytes / TRACK;
	const uint64_t a = from / TRACK, b = to / TRACK;
	const double way = (double)(a > b ? a - b : b - a);

	return way > 0 ? 0.8 + 14.2 * sqrt((way - 1) / (tracks - 2)) : 0;
}

/* By the first word of the data; the last place is for all others. */
static struct travel *travel_of(struct travel *all, const char *data, uint64_t length)
{
	const size_t limit = length < WORD_BYTES - 1 ? length : WORD_BYTES - 1;
	const size_t end = strcspn(data, " \n");
	unsigned i = 0;

	while (i < WORDS_MAX - 1 && all[i].word[0] &&
	       (strlen(all[i].word) != end || strncmp(all[i].word, data, end) != 0))
		i++;
	if (!all[i].word[0])
		memcpy(all[i].word, data, end < limit ? end : limit);
	return &all[i];
}

static int travel(struct log *log)
{
	static struct travel all[WORDS_MAX];
	uint64_t head = 0;

	while (log_next(log)) {
		const uint64_t at = log->record.offset;
		struct travel *one;

		if (log->record.kind != WRITE)
			continue;
		log->data[log->record.length] = 0;
		one = travel_of(all, log->data, log->record.length);
		if (one->requests) { /* the way to the first one is no choice of anybody */
			one->bytes_moved += at > head ? at - head : head - at;
			one->backwards += at < head;
			one->arm_ms += arm_ms(head, at, log->disk_bytes);
		}
		one->requests++;
		head = at + log->record.length;
	}
	for (unsigned i = 0; i < WORDS_MAX && all[i].requests; i++)
		lab_row("travel", "round=%s requests=%lu mib=%.1f backwards=%lu arm_ms=%.1f",
			all[i].word, all[i].requests, (double)all[i].bytes_moved / (1 << 20),
			all[i].backwards, all[i].arm_ms);
	return 0;
}

/* A write that fills with zeroes counts as one. */
static bool is_change(const struct record *record)
{
	return record->kind == WRITE || record->kind == ZEROES;
}

static int apply(const struct log *log, int image)
{
	char *data = log->data ? log->data : calloc(1, log->record.length);
	const ssize_t done = pwrite(image, data, log->record.length, (off_t)log->record.offset);

	if (!log->data)
		free(data);
	return done == (ssize_t)log->record.length ? 0 : -1;
}

static int replay(struct log *log, const char *path, uint64_t count)
{
	const int image = open(path, O_WRONLY | O_CLOEXEC);

	if (image < 0)
		lab_die(path);
	while (count && log_next(log)) {
		if (!is_change(&log->record))
			continue;
		if (apply(log, image))
			lab_die(path);
		count--;
	}
	printf("%s\n", count ? "all" : "part");
	return close(image);
}

static int count(struct log *log)
{
	uint64_t changes = 0;

	while (log_next(log))
		changes += is_change(&log->record);
	printf("%lu\n", changes);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";
	struct log log;

	if (argc < 3 || !log_open(&log, argv[2])) {
		fprintf(stderr,
			"disk-log list|travel|count LOG, disk-log replay LOG IMAGE COUNT\n");
		return 2;
	}
	if (strcmp(command, "list") == 0)
		return list(&log);
	if (strcmp(command, "travel") == 0)
		return travel(&log);
	if (strcmp(command, "count") == 0)
		return count(&log);
	if (strcmp(command, "replay") == 0 && argc == 5)
		return replay(&log, argv[3], strtoull(argv[4], NULL, 0));
	return 2;
}
