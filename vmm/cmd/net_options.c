/* SPDX-License-Identifier: MIT
 *
 * See net_options.h.
 */
#include "cmd/net_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/paths.h"
#include "cmd/keyvals.h"

#define MTU_MIN 68 /* RFC 791: what IPv4 needs */
#define MTU_MAX 65520
#define MTU_ETHERNET 1500
#define PATH_BYTES 4096
#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

/* What a parser of a value has at hand, and where its complaint goes. */
struct parse {
	struct net_card_options *options;
	const char *text;
	char *err;
	size_t err_size;
};

static int complain(const struct parse *parse, const char *advice)
{
	snprintf(parse->err, parse->err_size, "--net %s: %s", parse->text, advice);
	return -EINVAL;
}

static int choose(const struct parse *parse, const char *value, const char *const *choices,
		  const char *advice, int *choice)
{
	*choice = keyvals_choose(value, choices);
	return *choice < 0 ? complain(parse, advice) : 0;
}

static int parse_number(const char *value, unsigned min, unsigned max, unsigned *number)
{
	char *end;
	unsigned long parsed = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || parsed < min || parsed > max)
		return -EINVAL;
	*number = (unsigned)parsed;
	return 0;
}

/* --- the values, one function each --- */

static int parse_model(const struct parse *parse, const char *value)
{
	static const char *const models[] = {"virtio", "e1000", "ne2k", NULL};
	int model = 0,
	    error = choose(parse, value, models, "model must be virtio, e1000 or ne2k", &model);

	parse->options->model = (enum net_model)model;
	return error;
}

static int parse_transport(const struct parse *parse, const char *value)
{
	static const char *const transports[] = {"pci", "mmio", NULL};
	int transport = 0,
	    error = choose(parse, value, transports, "transport must be pci or mmio", &transport);

	parse->options->transport = transport ? NET_TRANSPORT_MMIO : NET_TRANSPORT_PCI;
	return error;
}

static int parse_ring(const struct parse *parse, const char *value)
{
	static const char *const rings[] = {"split", "packed", NULL};
	int ring = 0, error = choose(parse, value, rings, "ring must be split or packed", &ring);

	parse->options->packed_ring = ring == 1;
	return error;
}

static int parse_vhost(const struct parse *parse, const char *value)
{
	static const char *const choices[] = {"auto", "off", "on", NULL};
	int choice = 0,
	    error = choose(parse, value, choices, "vhost must be on, off or auto", &choice);

	parse->options->backend.vhost = (enum net_vhost)choice;
	return error;
}

static bool looks_like_mac(const char *value)
{
	unsigned at = 0;

	for (; at < 17 && value[at]; at++)
		if (at % 3 == 2 ? value[at] != ':' : !isxdigit((unsigned char)value[at]))
			return false;
	return at == 17 && !value[17];
}

static int parse_mac(const struct parse *parse, const char *value)
{
	uint8_t *mac = parse->options->backend.mac, any = 0;

	if (!looks_like_mac(value))
		return complain(parse, "mac must be six bytes, as in 52:56:00:12:34:56");
	for (unsigned i = 0; i < 6; i++) {
		mac[i] = (uint8_t)strtoul(value + 3 * i, NULL, 16);
		any |= mac[i];
	}
	if (!any || mac[0] & 1)
		return complain(parse, "mac must be one card's: not zero, and the first byte even");
	parse->options->has_mac = true;
	return 0;
}

static int parse_mtu(const struct parse *parse, const char *value)
{
	if (parse_number(value, MTU_MIN, MTU_MAX, &parse->options->backend.mtu))
		return complain(parse, "mtu must be a number from 68 to 65520");
	return 0;
}

static int parse_queues(const struct parse *parse, const char *value)
{
	if (parse_number(value, 1, NET_QUEUE_PAIRS_MAX, &parse->options->backend.queue_pairs))
		return complain(parse, "queues must be a number from 1 to 8");
	return 0;
}

static int parse_hostfwd(const struct parse *parse, const char *value)
{
	struct net_options *backend = &parse->options->backend;

	if (backend->hostfwd_count == ARRAY_SIZE(backend->hostfwd))
		return complain(parse, "a card has up to 16 hostfwd");
	backend->hostfwd[backend->hostfwd_count++] = value; /* net_open() looks closer */
	return 0;
}

static int parse_pcap(const struct parse *parse, const char *value)
{
	parse->options->backend.pcap = value;
	return 0;
}

static int parse_lose(const struct parse *parse, const char *value)
{
	if (parse_number(value, 2, 1000000, &parse->options->backend.lose))
		return complain(parse,
				"lose must be a number from 2 to 1000000: of so many packets one");
	return 0;
}

static int parse_ifname(const struct parse *parse, const char *value)
{
	parse->options->backend.ifname = value;
	return 0;
}

static int parse_id(const struct parse *parse, const char *value)
{
	parse->options->id = value;
	return 0;
}

/* --- which key goes with what --- */

#define ANY 7u
#define USER (1u << NET_USER)
#define TAP (1u << NET_TAP)

static const struct {
	const char *key;
	unsigned kinds;
	bool virtio_only;
	int (*parse)(const struct parse *parse, const char *value);
} keys[] = {
	{"model", ANY, false, parse_model},	 {"transport", ANY, true, parse_transport},
	{"ring", ANY, true, parse_ring},	 {"mac", ANY, false, parse_mac},
	{"mtu", ANY, false, parse_mtu},		 {"id", ANY, false, parse_id},
	{"pcap", ANY, false, parse_pcap},	 {"lose", ANY, false, parse_lose},
	{"hostfwd", USER, false, parse_hostfwd}, {"ifname", TAP, false, parse_ifname},
	{"queues", TAP, true, parse_queues},	 {"vhost", TAP, true, parse_vhost},
};

static int parse_kind(const struct parse *parse, const char *word, const char *value)
{
	struct net_card_options *options = parse->options;

	if (!value && strcmp(word, "none") == 0)
		options->none = true;
	else if (!value && strcmp(word, "user") == 0)
		options->backend.kind = NET_USER;
	else if (!value && strcmp(word, "tap") == 0)
		options->backend.kind = NET_TAP;
	else if (!value && strncmp(word, "switch:", 7) == 0)
		options->backend.kind = NET_SWITCH;
	else
		return complain(parse, "must begin with user, tap, switch:NAME or none");
	if (options->backend.kind == NET_SWITCH)
		options->backend.switch_name = word + 7;
	return 0;
}

static int unknown_key(const struct parse *parse, const char *key)
{
	char text[256];
	size_t len = (size_t)snprintf(text, sizeof(text), "'%.40s' is not one of", key);

	for (unsigned i = 0; i < ARRAY_SIZE(keys) && len < sizeof(text); i++)
		if (keys[i].kinds & 1u << parse->options->backend.kind)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						" %s=", keys[i].key);
	return complain(parse, text);
}

/* One key=value; *virtio_key is set to the first that only virtio has. */
static int take(const struct parse *parse, const char *key, const char *value,
		const char **virtio_key)
{
	char text[80];

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key) != 0 ||
		    !(keys[i].kinds & 1u << parse->options->backend.kind))
			continue;
		if (!value || !value[0]) {
			snprintf(text, sizeof(text), "%s needs a value: %s=…", key, key);
			return complain(parse, text);
		}
		if (keys[i].virtio_only && !*virtio_key)
			*virtio_key = keys[i].key;
		return keys[i].parse(parse, value);
	}
	return unknown_key(parse, key);
}

static int parse_words(const struct parse *parse)
{
	struct net_card_options *options = parse->options;
	char *rest = options->words, *key = rest, *value = NULL;
	const char *virtio_key = NULL;
	char text[80];
	int error;

	keyvals_next(&rest, &key, &value);
	error = parse_kind(parse, key, value);
	if (!error && options->none && rest)
		return complain(parse, "none stands alone");
	while (!error && keyvals_next(&rest, &key, &value))
		error = take(parse, key, value, &virtio_key);
	if (!error && (options->backend.pcap || options->backend.lose)) {
		if (options->backend.vhost == NET_VHOST_ON)
			return complain(parse, "pcap= and lose= don't see what vhost=on passes by");
		options->backend.vhost = NET_VHOST_OFF;
	}
	if (!error && virtio_key && options->model != NET_MODEL_VIRTIO) {
		snprintf(text, sizeof(text), "%s= is for model=virtio only", virtio_key);
		return complain(parse, text);
	}
	return error;
}

int net_card_options_parse(const char *text, struct net_card_options *options, char *err,
			   size_t err_size)
{
	struct parse parse = {.options = options, .text = text, .err_size = err_size};
	int error;

	parse.err = err;
	*options = (struct net_card_options){.backend.queue_pairs = 1, .words = strdup(text)};
	if (!options->words)
		return -ENOMEM;
	error = parse_words(&parse);
	if (error)
		net_card_options_free(options);
	/* The emulated cards' drivers know frames of Ethernet's own size. */
	else if (options->model != NET_MODEL_VIRTIO && !options->backend.mtu &&
		 options->backend.kind != NET_TAP)
		options->backend.mtu = MTU_ETHERNET;
	return error;
}

void net_card_options_free(struct net_card_options *options)
{
	free(options->words);
	options->words = NULL;
}

/* FNV-1a: no secret, only spread. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
	return hash;
}

void net_card_choose_mac(struct net_card_options *options, char *const *argv, unsigned index)
{
	uint8_t *mac = options->backend.mac;
	uint64_t hash = 0xcbf29ce484222325;
	char folder[PATH_BYTES];

	if (options->has_mac)
		return;
	if (getcwd(folder, sizeof(folder)))
		hash = hash_bytes(hash, folder, strlen(folder));
	for (; *argv; argv++) /* its end too, so that "a b" is not "ab" */
		hash = hash_bytes(hash, *argv, strlen(*argv) + 1);
	hash = hash_bytes(hash, &index, sizeof(index));
	hash ^= hash >> 32;
	mac[0] = 0x52; /* locally administered, of one card */
	mac[1] = 0x56;
	for (unsigned i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(hash >> 8 * i);
}

static int open_card(const struct net_card_options *options, const struct net *with,
		     struct net **out, char *err, size_t err_size)
{
	struct net_options backend = options->backend;
	char helper[PATH_BYTES];

	backend.with = with;
	backend.helper = helper;
	if (backend.kind == NET_USER &&
	    path_find_program("vitrine-slirp", helper, sizeof(helper))) {
		snprintf(err, err_size,
			 "--net user: vitrine-slirp is missing beside vitrine and in libexec; "
			 "'make' builds it, 'make install' installs it");
		return -ENOENT;
	}
	return net_open(&backend, out, err, err_size);
}

int net_cards_open(const struct net_card_options *options, unsigned count, struct net **net,
		   char *err, size_t err_size)
{
	const struct net *with = NULL;

	for (unsigned i = 0; i < count; i++) {
		int error = open_card(&options[i], with, &net[i], err, err_size);

		if (error) {
			while (i--)
				net_close(net[i]);
			return error;
		}
		if (!with && options[i].backend.kind == NET_USER)
			with = net[i];
	}
	return 0;
}
