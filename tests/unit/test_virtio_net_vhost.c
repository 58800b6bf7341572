/* SPDX-License-Identifier: MIT
 *
 * virtio-net whose rings the host's kernel serves: which of them it gets, and that the control queue stays ours
 * whatever its number is. vhost is a table here.
 */
#include "virtio_fakes.h"
#include "virtio_rig.h"

#include "virtio/net.h"
#include "virtio/vhost_net.h"
#include "virtio_net.h"

#define PAIRS 2

struct vhost_net {
	bool serves[2];
};

static struct vhost_net vhost[PAIRS];
static unsigned vhost_count;

int vhost_net_create(const struct gmem *mem, int tap_fd, struct vhost_net **out)
{
	(void)mem;
	(void)tap_fd;
	*out = &vhost[vhost_count++];
	return 0;
}

void vhost_net_destroy(struct vhost_net *pair)
{
	vhost_count -= pair != NULL;
}

int vhost_net_start(struct vhost_net *pair, uint64_t features)
{
	(void)pair;
	(void)features;
	return 0;
}

int vhost_net_start_queue(struct vhost_net *pair, unsigned index, struct virtio_queue *queue)
{
	(void)queue;
	assert_false(pair->serves[index]);
	pair->serves[index] = true;
	return 0;
}

void vhost_net_stop_queue(struct vhost_net *pair, unsigned index)
{
	assert_true(pair->serves[index]);
	pair->serves[index] = false;
}

static struct rig rig;
static struct virtio_net_options options = {.net = &wire};

static int create(void **state)
{
	(void)state;
	memset(&wire, 0, sizeof(wire));
	wire.info = (struct net_info){.name = "wire",
				      .mac = {2, 0, 0, 0, 0, 1},
				      .mtu = 1500,
				      .queue_pairs = PAIRS,
				      .tap_fd = {100, 101},
				      .vhost = NET_VHOST_ON};
	rig_open(&rig, &virtio_net_model, &options, GMEM_ANONYMOUS);
	assert_int_equal(rig.vdev->queue_count, 2 * PAIRS + 1);
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	rig_close(&rig);
	assert_int_equal(source_count, 0);
	assert_int_equal(vhost_count, 0);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_false(vhost[i].serves[0] || vhost[i].serves[1]);
	return 0;
}

/* "All frames, please": what the device answers, or -1. */
static int command(unsigned queue)
{
	static const uint8_t promiscuous[] = {VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1};
	uint8_t ack = 0xee;

	rig_send(&rig, queue, promiscuous, sizeof(promiscuous), 1);
	rig_turn(&rig, 1);
	return rig_take(&rig, queue, &ack, 1) == 1 ? ack : -1;
}

static const char *name_of(unsigned queue)
{
	static struct queue_counters counters;

	assert_true(virtio_queue_counters(rig.vdev, queue, &counters));
	return counters.name;
}

static void test_with_mq(void **state)
{
	(void)state;
	rig_start(&rig, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_MQ));
	for (unsigned i = 0; i < PAIRS; i++)
		assert_true(vhost[i].serves[0] && vhost[i].serves[1]);
	assert_int_equal(command(2), -1); /* vhost's */
	assert_int_equal(command(4), VIRTIO_NET_OK);
	assert_string_equal(name_of(2), "receive 1");
	assert_string_equal(name_of(4), "control");
}

/* virtio 1.2 §5.1.2: there it is number 2. */
static void test_without_mq(void **state)
{
	(void)state;
	rig_start(&rig, VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ));
	assert_true(vhost[0].serves[0] && vhost[0].serves[1]);
	assert_false(vhost[1].serves[0]);
	assert_int_equal(command(2), VIRTIO_NET_OK);
	assert_string_equal(name_of(2), "control");
	assert_false(rig_is_broken(&rig));
}

/* One driver after the other: who serves a queue is decided anew. */
static void test_change_of_drivers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		test_without_mq(NULL);
		virtio_write_status(rig.vdev, 0);
		test_with_mq(NULL);
		virtio_reset_queue(rig.vdev, 2);
		assert_false(vhost[1].serves[0]);
		virtio_write_status(rig.vdev, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_with_mq),
		TEST(test_without_mq),
		TEST(test_change_of_drivers),
	};

	return cmocka_run_group_tests_name("virtio_net_vhost", tests, NULL, NULL);
}
