/* SPDX-License-Identifier: MIT
 *
 * See small_options.h.
 */
#include "cmd/small_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/keyvals.h"
#include "cmd/run_options.h"

#define NS_PER_MS 1000000ULL

struct parser {
	void *options;
	struct placement *placement;
	const char *allowed;
	char *err;
	size_t err_size;
};

/* One word. 1: it is this option's, 0: it isn't, -EINVAL: it is and is wrong; then err is filled in. value is NULL
 * where the word has no '='. */
typedef int take_fn(struct parser *parser, const char *key, const char *value);

static int wrong(struct parser *parser, const char *key, const char *value, const char *wanted)
{
	snprintf(parser->err, parser->err_size, "%s%s%s: must be %s", key, value ? "=" : "",
		 value ? value : "", wanted);
	return -EINVAL;
}

static int choose(struct parser *parser, const char *key, const char *value, const char *first,
		  const char *second, bool *is_second)
{
	const char *const choices[] = {first, second, NULL};
	int index = keyvals_choose(value, choices);
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "%s or %s", first, second);
	if (index < 0)
		return wrong(parser, key, value, wanted);
	*is_second = index;
	return 1;
}

static int take_placement(struct parser *parser, const char *key, const char *value)
{
	bool packed = true;
	int result;

	if (!strcmp(key, "transport"))
		return choose(parser, key, value, "pci", "mmio", &parser->placement->mmio);
	if (strcmp(key, "ring") != 0)
		return 0;
	result = choose(parser, key, value, "split", "packed", &packed);
	parser->placement->packed_ring = packed;
	return result;
}

static int parse_words(struct parser *parser, const char *text, take_fn *take, char *err,
		       size_t err_size)
{
	char *words = strdup(text);
	char *rest = words;
	char *key;
	char *value;
	int result = 1;

	parser->err = err;
	parser->err_size = err_size;
	if (!words) {
		snprintf(err, err_size, "out of memory");
		return -EINVAL;
	}
	parser->placement->packed_ring = true;
	while (result > 0 && keyvals_next(&rest, &key, &value)) {
		result = take_placement(parser, key, value);
		if (result == 0)
			result = take(parser, key, value);
		if (result == 0)
			snprintf(parser->err, parser->err_size, "%s: not known; allowed: %s", key,
				 parser->allowed);
	}
	free(words);
	return result > 0 ? 0 : -EINVAL;
}

static int require(struct parser *parser, bool given, const char *what)
{
	if (given)
		return 0;
	snprintf(parser->err, parser->err_size, "%s is missing; allowed: %s", what,
		 parser->allowed);
	return -EINVAL;
}

/* A text that must fit. */
static int copy(struct parser *parser, const char *key, const char *value, char *to, size_t to_size)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "1 to %zu characters", to_size - 1);
	if (!value || !value[0] || strlen(value) >= to_size)
		return wrong(parser, key, value, wanted);
	memcpy(to, value, strlen(value) + 1);
	return 1;
}

/* A line in the form of --serial's, kept as it is. */
static int copy_line(struct parser *parser, const char *key, const char *value, char *to)
{
	return value ? wrong(parser, key, value, "written as in --serial")
		     : copy(parser, "line", key, to, PATH_MAX);
}

/* --- --rng */

static int take_nothing(struct parser *parser, const char *key, const char *value)
{
	(void)parser;
	return !key[0] && !value; /* "--rng" alone */
}

int rng_options_parse(const char *text, struct rng_options *options, char *err, size_t err_size)
{
	struct parser parser = {.options = options,
				.placement = &options->placement,
				.allowed = "transport=pci|mmio, ring=packed|split"};

	*options = (struct rng_options){0};
	return parse_words(&parser, text, take_nothing, err, err_size);
}

/* --- --virtio-console */

static int take_hvc(struct parser *parser, const char *key, const char *value)
{
	struct hvc_options *options = parser->options;

	return options->line[0] ? 0 : copy_line(parser, key, value, options->line);
}

int hvc_options_parse(const char *text, struct hvc_options *options, char *err, size_t err_size)
{
	struct parser parser = {
		options, &options->placement,
		"stdio, none, pty, file:PATH or unix:PATH, then transport=, ring=", err, err_size};
	int error;

	*options = (struct hvc_options){0};
	error = parse_words(&parser, text, take_hvc, err, err_size);
	return error ? error : require(&parser, options->line[0], "where it leads to");
}

/* --- --port */

static int take_port(struct parser *parser, const char *key, const char *value)
{
	struct port_options *options = parser->options;

	if (!strcmp(key, "name"))
		return copy(parser, key, value, options->name, sizeof(options->name));
	if (!strncmp(key, "unix:", 5))
		return copy_line(parser, key, value, options->line);
	return 0;
}

int port_options_parse(const char *text, struct port_options *options, char *err, size_t err_size)
{
	struct parser parser = {.options = options,
				.placement = &options->placement,
				.allowed = "name=NAME,unix:PATH, then transport=, ring="};
	int error;

	*options = (struct port_options){0};
	error = parse_words(&parser, text, take_port, err, err_size);
	if (!error)
		error = require(&parser, options->name[0], "name=NAME");
	return error ? error : require(&parser, options->line[0], "unix:PATH");
}

/* --- --balloon */

static int take_balloon(struct parser *parser, const char *key, const char *value)
{
	struct virtio_balloon_options *balloon =
		&((struct balloon_options *)parser->options)->balloon;
	unsigned ms = 0;

	if (!value && parse_size(key, &balloon->target_bytes) == 0)
		return 1;
	if (!strcmp(key, "reporting"))
		return choose(parser, key, value, "off", "on", &balloon->reporting);
	if (!strcmp(key, "deflate-on-oom"))
		return choose(parser, key, value, "off", "on", &balloon->deflate_on_oom);
	if (strcmp(key, "stats") != 0)
		return 0;
	if (!value || parse_duration(value, &ms) < 0 || ms == 0)
		return wrong(parser, key, value, "a time such as 1s or 500ms");
	balloon->stats_interval_ns = ms * NS_PER_MS;
	return 1;
}

int balloon_options_parse(const char *text, struct balloon_options *options, char *err,
			  size_t err_size)
{
	struct parser parser = {
		.options = options,
		.placement = &options->placement,
		.allowed = "SIZE (0, 128M, …), reporting=on|off, deflate-on-oom=on|off, "
			   "stats=TIME, transport=, ring="};

	*options = (struct balloon_options){.balloon = {.reporting = true, .deflate_on_oom = true}};
	return parse_words(&parser, text, take_balloon, err, err_size);
}

/* --- --vsock */

static int take_vsock(struct parser *parser, const char *key, const char *value)
{
	struct virtio_vsock_options *vsock = &((struct vsock_options *)parser->options)->vsock;
	char *end = NULL;

	if (!strncmp(key, "unix:", 5) && !value)
		return copy(parser, "unix", key + 5, vsock->path, sizeof(vsock->path));
	if (strcmp(key, "cid") != 0)
		return 0;
	if (value)
		vsock->cid = strtoull(value, &end, 10);
	if (!value || end == value || *end || vsock->cid < VSOCK_CID_MIN ||
	    vsock->cid > VSOCK_CID_MAX)
		return wrong(parser, key, value, "a number from 3 to 4294967294");
	return 1;
}

int vsock_options_parse(const char *text, struct vsock_options *options, char *err, size_t err_size)
{
	struct parser parser = {.options = options,
				.placement = &options->placement,
				.allowed = "cid=N,unix:PATH, then transport=, ring="};
	int error;

	*options = (struct vsock_options){.vsock = {.listen_fd = -1}};
	error = parse_words(&parser, text, take_vsock, err, err_size);
	if (!error)
		error = require(&parser, options->vsock.cid, "cid=N");
	return error ? error : require(&parser, options->vsock.path[0], "unix:PATH");
}

/* --- --share */

static int take_share(struct parser *parser, const char *key, const char *value)
{
	struct share_options *options = parser->options;

	if (!options->folder[0])
		return value ? wrong(parser, key, value, "a folder whose path has no '='")
			     : copy(parser, "folder", key, options->folder, PATH_MAX);
	if (!strcmp(key, "tag"))
		return copy(parser, key, value, options->tag, sizeof(options->tag));
	if (strcmp(key, "ro") != 0 || value)
		return 0;
	options->read_only = true;
	return 1;
}

int share_options_parse(const char *text, unsigned number, struct share_options *options, char *err,
			size_t err_size)
{
	struct parser parser = {.options = options,
				.placement = &options->placement,
				.allowed = "DIR, then tag=NAME, ro, transport="};
	int error;

	*options = (struct share_options){0};
	snprintf(options->tag, sizeof(options->tag), "share%u", number);
	error = parse_words(&parser, text, take_share, err, err_size);
	return error ? error : require(&parser, options->folder[0], "the folder");
}
