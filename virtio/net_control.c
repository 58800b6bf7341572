/* SPDX-License-Identifier: MIT
 *
 * The control queue (virtio 1.2 §5.1.6.5): receive filter, MAC address, queue pairs, offloads.
 */
#include <string.h>

#include "virtio/chains.h"
#include "virtio/net_internal.h"

#define ADDRESS_BYTES 6

/* A command and where its data stand in the chain. */
struct command {
	struct vnet *net;
	const struct virtq_chain *chain;
	uint32_t at; /* offset of what was not read yet */
};

static bool take(struct command *command, void *dst, uint32_t len_bytes)
{
	if (virtq_chain_read(command->chain, command->at, dst, len_bytes) != len_bytes)
		return false;
	command->at += len_bytes;
	return true;
}

static bool set_receive_mode(struct command *command, uint8_t which)
{
	struct vnet_filter *filter = &command->net->filter;
	uint8_t on;

	if (!take(command, &on, sizeof(on)) || on > 1)
		return false;
	if (which == VIRTIO_NET_CTRL_RX_PROMISC)
		filter->promiscuous = on;
	else if (which == VIRTIO_NET_CTRL_RX_ALLMULTI)
		filter->all_multicast = on;
	else
		return false;
	return true;
}

/* §5.1.6.5.2: a count and so many addresses; more than we keep means that all pass, and is not looked at: a
 * chain can hold hundreds of millions. */
static bool take_table(struct command *command, struct vnet_filter *filter)
{
	uint32_t count;
	uint32_t kept;

	if (!take(command, &count, sizeof(count)) ||
	    count > (command->chain->out_bytes - command->at) / ADDRESS_BYTES)
		return false;
	kept = VNET_FILTER_MAX - filter->count;
	if (count <= kept)
		kept = count;
	else
		filter->overflow = true;
	if (!take(command, filter->address + filter->count, kept * ADDRESS_BYTES))
		return false;
	filter->count += kept;
	command->at += (count - kept) * ADDRESS_BYTES;
	return true;
}

static bool set_table(struct command *command)
{
	struct vnet_filter filter = {.promiscuous = command->net->filter.promiscuous,
				     .all_multicast = command->net->filter.all_multicast};

	for (unsigned table = 0; table < 2; table++) /* unicast, multicast */
		if (!take_table(command, &filter))
			return false;
	command->net->filter = filter;
	return true;
}

static bool set_mac(struct command *command, uint8_t which)
{
	uint8_t mac[6];

	if (which == VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return set_table(command);
	if (which != VIRTIO_NET_CTRL_MAC_ADDR_SET || !take(command, mac, sizeof(mac)) || mac[0] & 1)
		return false;
	memcpy(command->net->mac, mac, sizeof(mac));
	return true;
}

static bool set_pairs(struct command *command)
{
	uint16_t pairs;

	if (!virtio_has(&command->net->vdev, VIRTIO_NET_F_MQ) ||
	    !take(command, &pairs, sizeof(pairs)) || pairs < 1 || pairs > command->net->pair_count)
		return false;
	if (net_set_queue_pairs(command->net->backend, pairs) < 0)
		return false;
	command->net->active_pairs = pairs;
	return true;
}

static bool set_offloads(struct command *command)
{
	static const struct {
		unsigned feature, offload;
	} map[] = {
		{VIRTIO_NET_F_GUEST_CSUM, NET_OFFLOAD_CSUM},
		{VIRTIO_NET_F_GUEST_TSO4, NET_OFFLOAD_TSO4},
		{VIRTIO_NET_F_GUEST_TSO6, NET_OFFLOAD_TSO6},
		{VIRTIO_NET_F_GUEST_ECN, NET_OFFLOAD_TSO_ECN},
		{VIRTIO_NET_F_GUEST_UFO, NET_OFFLOAD_UFO},
	};
	uint64_t wanted;
	unsigned offloads = 0;

	if (!virtio_has(&command->net->vdev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
	    !take(command, &wanted, sizeof(wanted)) || wanted & ~command->net->vdev.features)
		return false;
	for (unsigned i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (wanted >> map[i].feature & 1)
			offloads |= map[i].offload;
	return net_set_offloads(command->net->backend, offloads) == 0;
}

static bool obey(struct command *command)
{
	struct virtio_net_control control;

	if (!take(command, &control, sizeof(control)))
		return false;
	switch (control.class) {
	case VIRTIO_NET_CTRL_RX: return set_receive_mode(command, control.command);
	case VIRTIO_NET_CTRL_MAC: return set_mac(command, control.command);
	case VIRTIO_NET_CTRL_MQ:
		return control.command == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && set_pairs(command);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return control.command == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET &&
		       set_offloads(command);
	default: return false;
	}
}

static enum chain_verdict answer(void *ctx, const struct virtq_chain *chain,
				 uint32_t *written_bytes)
{
	struct vnet *net = ctx;
	struct command command = {.net = net, .chain = chain};
	uint8_t ack;

	pthread_mutex_lock(&net->filter_lock);
	ack = obey(&command) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	pthread_mutex_unlock(&net->filter_lock);
	*written_bytes = virtq_chain_write(chain, 0, &ack, sizeof(ack));
	return CHAIN_DONE;
}

void vnet_control(struct vnet *net, struct virtio_queue *queue)
{
	virtio_serve_chains(queue, answer, net, NULL);
}

/* §5.1.6.5.1: a device whose driver never says what it wants gives it all. */
void vnet_control_reset(struct vnet *net)
{
	pthread_mutex_lock(&net->filter_lock);
	net->filter = (struct vnet_filter){.promiscuous = true};
	memcpy(net->mac, net->info.mac, sizeof(net->mac));
	net->active_pairs = 1;
	pthread_mutex_unlock(&net->filter_lock);
}

static bool is_listed(const struct vnet_filter *filter, const uint8_t address[6])
{
	for (unsigned i = 0; i < filter->count; i++)
		if (!memcmp(filter->address[i], address, 6))
			return true;
	return false;
}

static bool takes_all(const struct vnet_filter *filter)
{
	return filter->promiscuous || filter->overflow;
}

bool vnet_filters(struct vnet *net)
{
	bool filters;

	pthread_mutex_lock(&net->filter_lock);
	filters = !takes_all(&net->filter);
	pthread_mutex_unlock(&net->filter_lock);
	return filters;
}

bool vnet_wants(struct vnet *net, const uint8_t address[6])
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct vnet_filter *filter = &net->filter;
	bool wanted;

	pthread_mutex_lock(&net->filter_lock);
	wanted = takes_all(filter) || !memcmp(address, net->mac, 6) ||
		 !memcmp(address, broadcast, 6) || (address[0] & 1 && filter->all_multicast) ||
		 is_listed(filter, address);
	pthread_mutex_unlock(&net->filter_lock);
	return wanted;
}
