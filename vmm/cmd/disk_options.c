/* SPDX-License-Identifier: MIT
 *
 * See disk_options.h.
 */
#include "cmd/disk_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/keyvals.h"
#include "cmd/run_options.h"
#include "virtio/blk.h"

static const char allowed[] =
	"allowed behind the path: ro, snapshot, format=raw|qcow2, cache=none|writeback|writethrough|unsafe, "
	"id=, queues=, iops=, bps=, seek=hdd, transport=pci|mmio, model=virtio|ide-pio|ide-dma|cdrom, "
	"ring=packed|split, aio=auto|io_uring|threads, record=FILE";

struct parser {
	struct disk_options *options;
	char *err;
	size_t err_size;
	bool format_given;
};

static int bad(struct parser *parser, const char *key, const char *value, const char *wanted)
{
	snprintf(parser->err, parser->err_size, "%s=%s: must be %s", key, value ? value : "",
		 wanted);
	return -EINVAL;
}

/* Index of the value among choices into *out. */
static int choose(struct parser *parser, const char *key, const char *value,
		  const char *const *choices, const char *wanted, int *out)
{
	int index = keyvals_choose(value, choices);

	if (index < 0)
		return bad(parser, key, value, wanted);
	*out = index;
	return 0;
}

static int take_choice(struct parser *parser, const char *key, const char *value)
{
	static const char *const formats[] = {"raw", "qcow2", NULL};
	static const char *const caches[] = {"writeback", "none", "writethrough", "unsafe", NULL};
	static const char *const models[] = {"virtio", "ide-pio", "ide-dma", "cdrom", NULL};
	static const char *const transports[] = {"pci", "mmio", NULL};
	static const char *const rings[] = {"split", "packed", NULL};
	static const char *const aios[] = {"auto", "io_uring", "threads", NULL};
	static const char *const seeks[] = {"hdd", NULL};
	struct disk_options *options = parser->options;
	int index = 0;
	int err = 0;

	if (!strcmp(key, "format")) {
		err = choose(parser, key, value, formats, "raw or qcow2", &index);
		options->format = (enum disk_format)index;
		parser->format_given = true;
	} else if (!strcmp(key, "cache")) {
		err = choose(parser, key, value, caches, "none, writeback, writethrough or unsafe",
			     &index);
		options->block.cache = (enum block_cache)index;
	} else if (!strcmp(key, "aio")) {
		err = choose(parser, key, value, aios, "auto, io_uring or threads", &index);
		options->block.aio = (enum block_aio)index;
	} else if (!strcmp(key, "model")) {
		err = choose(parser, key, value, models, "virtio, ide-pio, ide-dma or cdrom",
			     &index);
		options->model = (enum disk_model)index;
	} else if (!strcmp(key, "transport")) {
		err = choose(parser, key, value, transports, "pci or mmio", &index);
		options->transport = index ? DISK_TRANSPORT_MMIO : DISK_TRANSPORT_PCI;
	} else if (!strcmp(key, "ring")) {
		err = choose(parser, key, value, rings, "packed or split", &index);
		options->packed_ring = index;
	} else if (!strcmp(key, "seek")) {
		err = choose(parser, key, value, seeks, "hdd", &index);
		options->block.seek_hdd = true;
	} else {
		snprintf(parser->err, parser->err_size, "%s: not known; %s", key, allowed);
		err = -EINVAL;
	}
	return err;
}

static int take_queues(struct parser *parser, const char *value)
{
	char *end = NULL;
	unsigned long count = value ? strtoul(value, &end, 10) : 0;

	if (!value || end == value || *end || count < 1 || count > VIRTIO_BLK_QUEUES_MAX)
		return bad(parser, "queues", value, "a number from 1 to 16");
	parser->options->queues = (unsigned)count;
	return 0;
}

static int take_rate(struct parser *parser, const char *key, const char *value, uint64_t *rate)
{
	if (!value || parse_size(value, rate) < 0 || !*rate)
		return bad(parser, key, value, "a number a second: 500, 10K, 20M, …");
	return 0;
}

static int take_text(struct parser *parser, const char *key, const char *value, const char **out)
{
	if (!value || !*value)
		return bad(parser, key, value, "a text");
	*out = value;
	return 0;
}

static int take(struct parser *parser, const char *key, const char *value)
{
	struct block_options *block = &parser->options->block;

	if (!value && !strcmp(key, "ro"))
		block->read_only = true;
	else if (!value && !strcmp(key, "snapshot"))
		block->snapshot = true;
	else if (!strcmp(key, "queues"))
		return take_queues(parser, value);
	else if (!strcmp(key, "iops"))
		return take_rate(parser, key, value, &block->iops);
	else if (!strcmp(key, "bps"))
		return take_rate(parser, key, value, &block->bytes_per_s);
	else if (!strcmp(key, "id"))
		return take_text(parser, key, value, &parser->options->id);
	else if (!strcmp(key, "record"))
		return take_text(parser, key, value, &block->record);
	else
		return take_choice(parser, key, value);
	return 0;
}

/* Cuts the path off *rest: up to the first single comma; ",," stands for one of the path's own. */
static char *take_path(char **rest)
{
	char *path = *rest;
	char *to = path;
	char *from = path;

	while (*from && (*from != ',' || from[1] == ',')) {
		from += *from == ',';
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return path;
}

/* What qemu-storage-daemon does for us. */
static bool is_plain(const struct block_options *block, const char *id)
{
	return !block->snapshot && !block->seek_hdd && !block->iops && !block->bytes_per_s &&
	       !block->record && !id &&
	       (block->cache == BLOCK_CACHE_WRITEBACK || block->cache == BLOCK_CACHE_NONE);
}

static bool looks_like_qcow2(const char *path)
{
	const char *end = strrchr(path, '.');

	return end && strcmp(end, ".qcow2") == 0;
}

static int check(struct parser *parser)
{
	const struct disk_options *options = parser->options;
	const char *problem = NULL;

	if (!options->block.path[0])
		problem = "a path is missing";
	else if (options->model != DISK_MODEL_VIRTIO &&
		 (options->transport != DISK_TRANSPORT_DEFAULT || options->queues))
		problem = "transport= and queues= are for model=virtio";
	else if (options->format == DISK_FORMAT_QCOW2 && options->model != DISK_MODEL_VIRTIO)
		problem = "format=qcow2 needs model=virtio (qemu-storage-daemon serves its rings)";
	else if (options->format == DISK_FORMAT_QCOW2 && !is_plain(&options->block, options->id))
		problem =
			"format=qcow2 goes with ro, cache=none|writeback, queues=, transport= and ring=";
	else if (!parser->format_given && looks_like_qcow2(options->block.path))
		problem = "add format=qcow2, or format=raw if that is what is in it";
	else if (options->transport == DISK_TRANSPORT_MMIO && options->queues > 1)
		problem = "transport=mmio has one interrupt; use queues=1, or transport=pci";
	if (!problem)
		return 0;
	snprintf(parser->err, parser->err_size, "%s", problem);
	return -EINVAL;
}

int disk_options_parse(const char *text, struct disk_options *options, char *err, size_t err_size)
{
	struct parser parser = {.options = options, .err = err, .err_size = err_size};
	char *rest, *key, *value;
	int error = 0;

	*options = (struct disk_options){.packed_ring = true, .words = strdup(text)};
	if (!options->words) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	rest = options->words;
	options->block.path = take_path(&rest);
	while (!error && keyvals_next(&rest, &key, &value))
		error = take(&parser, key, value);
	if (!error && options->model == DISK_MODEL_CDROM)
		options->block.read_only = true;
	if (!error)
		error = check(&parser);
	if (error)
		disk_options_free(options);
	return error;
}

void disk_options_free(struct disk_options *options)
{
	free(options->words);
	options->words = NULL;
}
