/* SPDX-License-Identifier: MIT
 *
 * virtio-net (virtio 1.2 §5.1): features, configuration, queues. See net.h and net_internal.h.
 *
 * Queues (§5.1.2): receive and send of pair 0, of pair 1, …, then control; a driver without MQ knows one pair and
 * has its control queue as number 2, whatever we have behind. That one stays ours where vhost serves the pairs.
 */
#include "virtio/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net_internal.h"

#define CONTROL_WITHOUT_MQ 2

static void net_serve(struct virtio_device *vdev, unsigned index)
{
	struct vnet *net = (struct vnet *)vdev;

	if (index == net->control)
		vnet_control(net, vdev->queue[index]);
	else if (index % 2)
		vnet_send(net->send[index / 2]);
	else if (index / 2 < net->pair_count)
		vnet_receive(net->receive[index / 2]);
}

/* Nothing is in flight outside serve(): frames are copied by the back end. */
static void net_drain(struct virtio_device *vdev, unsigned index)
{
	struct vnet *net = (struct vnet *)vdev;

	if (index == net->control || index / 2 >= net->pair_count)
		return;
	if (index % 2)
		vnet_send_forget(net->send[index / 2]);
	else
		vnet_receive_forget(net->receive[index / 2]);
}

/* --- the back end calls, in the pair's thread */

static void readable(void *ctx)
{
	virtio_queue_serve(((struct vnet_receive *)ctx)->queue);
}

static void writable(void *ctx)
{
	const struct vnet_receive *receive = ctx;

	virtio_queue_serve(receive->net->send[receive->pair]->queue);
}

static void link_changed(void *ctx)
{
	struct vnet *net = ctx;
	uint16_t status = net_link_is_up(net->backend) ? VIRTIO_NET_S_LINK_UP : 0;

	virtio_set_config(&net->vdev, offsetof(struct virtio_net_config, status), &status,
			  sizeof(status));
}

/* --- negotiation */

static const struct {
	unsigned offload;
	uint64_t bits;
} offload_bits[] = {
	{NET_OFFLOAD_CSUM, VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
				   VIRTIO_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)},
	{NET_OFFLOAD_TSO4,
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4)},
	{NET_OFFLOAD_TSO6,
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6)},
	{NET_OFFLOAD_TSO_ECN,
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN)},
	{NET_OFFLOAD_UFO, VIRTIO_BIT(VIRTIO_NET_F_HOST_UFO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_UFO)},
};

#define OFFLOAD_COUNT (sizeof(offload_bits) / sizeof(*offload_bits))

static uint64_t features(const struct vnet *net)
{
	uint64_t bits = VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) |
			VIRTIO_BIT(VIRTIO_NET_F_MTU) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
			VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);

	for (unsigned i = 0; i < OFFLOAD_COUNT; i++)
		if (net->info.offloads & offload_bits[i].offload)
			bits |= offload_bits[i].bits;
	if (net->pair_count > 1)
		bits |= VIRTIO_BIT(VIRTIO_NET_F_MQ);
	return bits;
}

static bool uses_vhost(const struct vnet *net)
{
	return net->vhost[0] != NULL;
}

static void place_control(struct vnet *net)
{
	bool has_mq = virtio_has(&net->vdev, VIRTIO_NET_F_MQ);

	net->control = has_mq ? net->pair_count * 2 : CONTROL_WITHOUT_MQ;
	if (net->pair_count > 1)
		net->vdev.queue[CONTROL_WITHOUT_MQ]->outside = has_mq && uses_vhost(net);
}

/* What the driver takes, the back end may give from now on. */
static int net_start(struct virtio_device *vdev)
{
	struct vnet *net = (struct vnet *)vdev;
	unsigned offloads = 0;

	place_control(net);
	if (virtio_has(vdev, VIRTIO_NET_F_GUEST_CSUM))
		offloads |= NET_OFFLOAD_CSUM;
	if (virtio_has(vdev, VIRTIO_NET_F_GUEST_TSO4))
		offloads |= NET_OFFLOAD_TSO4;
	if (virtio_has(vdev, VIRTIO_NET_F_GUEST_TSO6))
		offloads |= NET_OFFLOAD_TSO6;
	if (virtio_has(vdev, VIRTIO_NET_F_GUEST_ECN))
		offloads |= NET_OFFLOAD_TSO_ECN;
	if (virtio_has(vdev, VIRTIO_NET_F_GUEST_UFO))
		offloads |= NET_OFFLOAD_UFO;
	if (net_set_offloads(net->backend, offloads) < 0)
		return -EIO;
	for (unsigned i = 0; i < net->pair_count && net->vhost[i]; i++)
		if (vhost_net_start(net->vhost[i], vdev->features) < 0)
			return -EIO;
	return 0;
}

static void net_reset(struct virtio_device *vdev)
{
	struct vnet *net = (struct vnet *)vdev;

	vnet_control_reset(net);
	net_set_queue_pairs(net->backend, 1);
	net_set_offloads(net->backend, 0);
}

/* --- queues that the kernel serves */

static int net_start_queue(struct virtio_device *vdev, unsigned index)
{
	return vhost_net_start_queue(((struct vnet *)vdev)->vhost[index / 2], index % 2,
				     vdev->queue[index]);
}

static void net_stop_queue(struct virtio_device *vdev, unsigned index)
{
	vhost_net_stop_queue(((struct vnet *)vdev)->vhost[index / 2], index % 2);
}

/* All pairs or none. */
static int create_vhost(struct vnet *net)
{
	int err = 0;

	for (unsigned i = 0; !err && i < net->pair_count; i++)
		err = vhost_net_create(net->vdev.mem, net->info.tap_fd[i], &net->vhost[i]);
	for (unsigned i = 0; err && i < net->pair_count; i++) {
		vhost_net_destroy(net->vhost[i]);
		net->vhost[i] = NULL;
	}
	net->vdev.withheld = err ? 0 : VHOST_NET_WITHHELD;
	return err;
}

/* vhost=auto takes it where it is to be had. */
static int choose_vhost(struct vnet *net)
{
	int err;

	if (net->info.tap_fd[0] < 0 || net->info.vhost == NET_VHOST_OFF)
		return 0;
	err = create_vhost(net);
	if (err && net->info.vhost == NET_VHOST_ON)
		fprintf(stderr,
			"vitrine: --net tap,vhost=on: /dev/vhost-net: %s; load the module vhost_net, "
			"or leave vhost= away\n",
			strerror(-err));
	return net->info.vhost == NET_VHOST_ON ? err : 0;
}

/* --- life cycle */

/* The queue that may turn out to be control hangs in our loop too. */
static int add_vhost_pair(struct vnet *net)
{
	int err = 0;

	for (unsigned i = 0; !err && i < 2; i++) {
		bool is_ours = net->vdev.queue_count == CONTROL_WITHOUT_MQ;

		err = virtio_add_queue(&net->vdev, VNET_QUEUE_SIZE, VNET_QUEUE_SIZE,
				       is_ours ? net->vdev.main_loop : NULL);
	}
	return err;
}

static int create_pair(struct vnet *net, unsigned pair)
{
	char name[32];
	struct loop *loop;
	int err = 0;

	if (uses_vhost(net))
		return add_vhost_pair(net);
	net->send[pair] = calloc(1, sizeof(struct vnet_send));
	net->receive[pair] = calloc(1, sizeof(struct vnet_receive));
	if (!net->send[pair] || !net->receive[pair])
		return -ENOMEM;
	snprintf(name, sizeof(name), "%s.%u", net->vdev.name, pair);
	err = loop_thread_create(name, &net->thread[pair]);
	if (err)
		return err;
	loop = loop_thread_loop(net->thread[pair]);
	for (unsigned i = 0; !err && i < 2; i++)
		err = virtio_add_queue(&net->vdev, VNET_QUEUE_SIZE, VNET_CHAIN_MAX, loop);
	if (err)
		return err;
	net->receive[pair]->net = net->send[pair]->net = net;
	net->receive[pair]->pair = net->send[pair]->pair = pair;
	net->receive[pair]->queue = net->vdev.queue[pair * 2];
	net->send[pair]->queue = net->vdev.queue[pair * 2 + 1];
	return net_listen(net->backend, pair, loop, readable, writable, net->receive[pair]);
}

static void net_destroy(struct virtio_device *vdev)
{
	struct vnet *net = (struct vnet *)vdev;

	net_on_link_change(net->backend, NULL, NULL);
	for (unsigned i = 0; i < net->pair_count; i++) {
		loop_thread_stop(net->thread[i]);
		if (net->thread[i])
			net_listen(net->backend, i, loop_thread_loop(net->thread[i]), NULL, NULL,
				   NULL);
	}
	virtio_remove_queues(vdev);
	for (unsigned i = 0; i < net->pair_count; i++) {
		loop_thread_destroy(net->thread[i]);
		vhost_net_destroy(net->vhost[i]);
		if (net->receive[i])
			free(net->receive[i]->spill);
		free(net->receive[i]);
		free(net->send[i]);
	}
	pthread_mutex_destroy(&net->filter_lock);
}

static void fill_config(struct vnet *net)
{
	struct virtio_net_config config = {
		.status = net_link_is_up(net->backend) ? VIRTIO_NET_S_LINK_UP : 0,
		.max_virtqueue_pairs = (uint16_t)net->pair_count,
		.mtu = net->info.mtu,
	};

	memcpy(config.mac, net->info.mac, sizeof(config.mac));
	memcpy(net->vdev.config, &config, sizeof(config));
	net->vdev.config_bytes = sizeof(config);
}

static int net_realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	struct vnet *net = (struct vnet *)vdev;
	int err = 0;

	net->backend = ((const struct virtio_net_options *)setup->options)->net;
	net->info = net_get_info(net->backend);
	net->pair_count = net->info.queue_pairs;
	net->control = net->pair_count * 2;
	pthread_mutex_init(&net->filter_lock, NULL);
	vnet_control_reset(net);
	fill_config(net);
	err = choose_vhost(net);
	vdev->offered = features(net);
	for (unsigned i = 0; !err && i < net->pair_count; i++)
		err = create_pair(net, i);
	if (!err)
		err = virtio_add_queue(vdev, VNET_QUEUE_SIZE, VNET_CHAIN_MAX, setup->loop);
	for (unsigned i = 0; !err && !uses_vhost(net) && i < net->pair_count; i++)
		err = loop_thread_start(net->thread[i]);
	if (err) {
		net_destroy(vdev);
		return err;
	}
	net_on_link_change(net->backend, link_changed, net);
	return 0;
}

static void net_queue_name(struct virtio_device *vdev, unsigned index, char *name, unsigned size)
{
	if (index == ((struct vnet *)vdev)->control)
		snprintf(name, size, "control");
	else
		snprintf(name, size, "%s %u", index % 2 ? "send" : "receive", index / 2);
}

const struct virtio_model virtio_net_model = {
	.name = "virtio-net",
	.device_id = VIRTIO_ID_NET,
	.pci_class = 0x020000, /* network, Ethernet */
	.state_bytes = sizeof(struct vnet),
	.realize = net_realize,
	.destroy = net_destroy,
	.start = net_start,
	.serve = net_serve,
	.drain = net_drain,
	.reset = net_reset,
	.start_queue = net_start_queue,
	.stop_queue = net_stop_queue,
	.queue_name = net_queue_name,
};
