/* SPDX-License-Identifier: MIT
 *
 * The words of virtio=.
 */
#include "guest/virtio/options.h"

#include "guest/board/machine.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/virtio/spec.h"

static const struct {
	const char *word;
	uint64_t features;
} feature[] = {
	{"packed", VIRTIO_F_RING_PACKED},     {"event_idx", VIRTIO_F_EVENT_IDX},
	{"indirect", VIRTIO_F_INDIRECT_DESC}, {"in_order", VIRTIO_F_IN_ORDER},
	{"ring_reset", VIRTIO_F_RING_RESET},
};
#define FEATURE_COUNT (sizeof(feature) / sizeof(feature[0]))
#define DEFAULT_FEATURES (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static struct virtio_options options;
static bool is_read;

static void take_word(const char *word)
{
	if (!strcmp(word, "poll")) {
		options.poll = true;
		return;
	}
	if (!strcmp(word, "intx")) {
		options.intx = true;
		return;
	}
	options.given = true;
	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if (!strcmp(word, feature[i].word)) {
			options.features |= feature[i].features;
			return;
		}
	if (strcmp(word, "none"))
		panic("virtio=%s: the words are packed event_idx indirect in_order ring_reset none "
		      "poll intx",
		      word);
}

static void read_words(char *words)
{
	char *start = words;

	for (char *at = words;; at++) {
		const char end = *at;

		if (end && end != ',')
			continue;
		*at = 0;
		take_word(start);
		if (!end)
			return;
		start = at + 1;
	}
}

const struct virtio_options *virtio_options(void)
{
	char words[96];

	if (is_read)
		return &options;
	is_read = true;
	if (machine_option("virtio", words, sizeof(words)))
		read_words(words);
	if (!options.given)
		options.features = DEFAULT_FEATURES;
	return &options;
}

void virtio_feature_names(uint64_t features, char *text, unsigned size)
{
	unsigned length = 0;

	text[0] = 0;
	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if (features & feature[i].features)
			length += print_to(text + length, size - length, "%s%s", length ? " " : "",
					   feature[i].word);
}
