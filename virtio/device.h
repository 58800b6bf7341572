/* SPDX-License-Identifier: MIT
 *
 * What a virtio device is to its transport, and the reverse (virtio 1.2 chapters 2 and 3).
 *
 *     transport (mmio.c, pci.c)      registers, feature and status protocol, interrupts
 *     struct virtio_device           features, status, queues: device.c
 *     model (blk.c, net.c, …)        configuration space, and what the requests mean
 *
 * Each queue has a kick eventfd that hangs in an event loop: the main one, or the model's own thread
 * (loop/loop_thread.h). When it rings, the model's serve() is called in that thread with the queue's
 * lock held. vCPU threads only touch registers.
 *
 * Lock order: the transport's dev.lock, then one queue's lock, then what a transport has of its own, then
 * config_lock.
 */
#ifndef VITRINE_VIRTIO_DEVICE_H
#define VITRINE_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/device.h"
#include "virtio/queue.h"
#include "virtio_ring.h"

#define VIRTIO_QUEUE_MAX 32
#define VIRTIO_CONFIG_MAX 256

struct virtio_device;

/* One kind of device. Constant. */
struct virtio_model {
	const char *name;   /* "virtio-blk" */
	uint16_t device_id; /* §5 */
	uint32_t pci_class; /* class << 16 | subclass << 8 | interface, for virtio-pci */
	size_t state_bytes; /* of the model's own struct, which starts with struct virtio_device */

	/* Sets vdev->offered (device bits), config, adds queues; setup->options is the model's own.
	 * 0 or -errno; destroy() is not called after an error. */
	int (*realize)(struct virtio_device *vdev, const struct device_setup *setup);
	void (*destroy)(struct virtio_device *vdev); /* optional; stopped before */

	/* Optional: the driver wrote [offset, offset + len) of the configuration space; stored already where
	 * vdev->config_writable says so. Transport's lock held. */
	void (*config_written)(struct virtio_device *vdev, unsigned offset, unsigned len_bytes);
	/* Optional: before somebody reads it. config_lock held. */
	void (*config_read)(struct virtio_device *vdev);

	/* Optional: the driver has finished negotiating (DRIVER_OK): vdev->features counts. Queues go live
	 * afterwards, so it may decide which of them are served outside. Transport's lock held; an error sets
	 * NEEDS_RESET. */
	int (*start)(struct virtio_device *vdev);
	/* The queue's kick rang, or it went live with work in it. In the queue's loop; its lock held. */
	void (*serve)(struct virtio_device *vdev, unsigned queue);
	/* Optional: wait until no chain of this queue is in flight and let none come; its lock held. */
	void (*drain)(struct virtio_device *vdev, unsigned queue);
	/* Optional: device reset, after all queues were drained and stopped. Transport's lock held. */
	void (*reset)(struct virtio_device *vdev);

	/* Optional: what device_ops.figure() tells. */
	bool (*figure)(struct virtio_device *vdev, unsigned index, struct device_figure *out);
	/* Optional: "receive 0"; without it "queue N". */
	void (*queue_name)(struct virtio_device *vdev, unsigned queue, char *name, unsigned size);

	/* For queues that somebody else serves (vhost; queue->outside): instead of serve(). start_queue():
	 * the ring is at queue->config; kicks are queue->kick_fd, interrupts go into
	 * virtio_queue_call_fd(). 0 or -errno. stop_queue() waits until the other side has let go. */
	int (*start_queue)(struct virtio_device *vdev, unsigned queue);
	void (*stop_queue)(struct virtio_device *vdev, unsigned queue);
};

struct virtio_queue {
	struct virtio_device *vdev;
	unsigned index;
	struct virtq *ring;
	pthread_mutex_t lock;
	struct loop *loop;  /* whose thread serves it; NULL: none */
	bool outside;	    /* somebody else serves it: start_queue(). Without a loop always */
	int kick_fd;	    /* eventfd; KVM signals it */
	uint16_t chain_max; /* descriptors in one chain */

	/* transport's lock */
	struct virtq_config config;
	bool enabled; /* the driver said so */
	bool live;    /* being served; also under the queue's lock */
};

/* What a transport does for its device. Any thread; never blocks, takes none of the locks above its own. */
struct virtio_transport_ops {
	void (*interrupt)(struct virtio_device *vdev, unsigned queue); /* a used buffer */
	void (*config_interrupt)(struct virtio_device *vdev);
	/* An eventfd that makes a used-buffer interrupt of this queue; -1: none now. */
	int (*call_fd)(struct virtio_device *vdev, unsigned queue);
	/* Optional: the status or the configuration space changed, in case the guest reads them without us. */
	void (*refresh)(struct virtio_device *vdev);
};

/* First member of each model's own struct. */
struct virtio_device {
	const struct virtio_model *model;
	const char *name; /* of the instance: "disk0" */
	const struct gmem *mem;
	struct loop *main_loop;

	const struct virtio_transport_ops *transport;
	void *transport_ctx;

	uint64_t offered;  /* all feature bits on offer */
	uint64_t withheld; /* ring features that this device can't have */
	uint64_t features; /* what the driver accepted; valid from FEATURES_OK on */
	_Atomic uint8_t status;
	_Atomic uint32_t config_generation;
	atomic_bool told_broken; /* one line on the host per reset, and not too many */

	pthread_mutex_t config_lock;
	uint64_t tell_until_ns; /* config_lock: lines on the host are counted up to then */
	unsigned told;		/* config_lock: how many there were */
	uint8_t config[VIRTIO_CONFIG_MAX]; /* device-specific configuration (§2.5); config_lock */
	uint8_t config_writable[VIRTIO_CONFIG_MAX]; /* bits a driver may write */
	unsigned config_bytes;

	unsigned queue_count;
	struct virtio_queue *queue[VIRTIO_QUEUE_MAX];
};

/* --- for models */

/* Adds the next queue, served in loop; NULL: outside, see start_queue(). In realize(). 0 or -errno. */
int virtio_add_queue(struct virtio_device *vdev, uint16_t size_max, uint16_t chain_max,
		     struct loop *loop);

/* Takes all queues away, where a model's loops go before the device does: in destroy(). */
void virtio_remove_queues(struct virtio_device *vdev);

static inline bool virtio_has(const struct virtio_device *vdev, unsigned feature)
{
	return vdev->features >> feature & 1;
}

/* Publishes what was pushed and interrupts the driver if it wants that. Queue's lock held. */
void virtio_queue_publish(struct virtio_queue *queue);
/* After virtq_pop() said -EPROTO, or the model met nonsense that it can't answer: sets NEEDS_RESET, tells the
 * driver, and says so on the host once per reset, and not more than a few times a minute: a guest may reset as
 * often as it likes. why may be NULL: the queue's own fault. Any lock. */
void virtio_device_break(struct virtio_device *vdev, unsigned queue, const char *why);
/* What config_read() gives has changed: new generation, and an interrupt where a driver runs. Any lock. */
void virtio_config_changed(struct virtio_device *vdev);
/* The same, after writing to the configuration space. */
void virtio_set_config(struct virtio_device *vdev, unsigned offset, const void *src,
		       unsigned len_bytes);
/* Rings a queue's kick from inside: serve() will be called. Any thread. */
void virtio_queue_kick(struct virtio_queue *queue);
/* Serves a queue that is live, for a reason other than a kick. Its loop's thread; lock not held. */
void virtio_queue_serve(struct virtio_queue *queue);
int virtio_queue_call_fd(struct virtio_queue *queue);

/* What device_ops.queue() and figure() want to know. */
bool virtio_queue_counters(struct virtio_device *vdev, unsigned index, struct queue_counters *out);
bool virtio_device_figure(struct virtio_device *vdev, unsigned index, struct device_figure *out);

/* --- for transports; transport's lock held */

/* setup->options is the model's own; ring_features: VIRTIO_F_* bits offered beside the model's. */
int virtio_device_create(const struct virtio_model *model, const char *name,
			 const struct device_setup *setup, uint64_t ring_features,
			 struct virtio_device **out);
void virtio_device_destroy(struct virtio_device *vdev); /* NULL is fine; resets first */

/* The driver writes driver features, 32 bits at a time; taken over at FEATURES_OK. */
void virtio_write_features(struct virtio_device *vdev, unsigned word, uint32_t value);
/* §2.1, §3.1: what the driver wrote; 0 resets. */
void virtio_write_status(struct virtio_device *vdev, uint8_t status);
/* Queue fields must not change while it is enabled. 0 or -errno (then NEEDS_RESET is set). */
void virtio_enable_queue(struct virtio_device *vdev, unsigned queue);
void virtio_reset_queue(struct virtio_device *vdev, unsigned queue);
void virtio_read_config(struct virtio_device *vdev, unsigned offset, void *dst, unsigned len_bytes);
void virtio_write_config(struct virtio_device *vdev, unsigned offset, const void *src,
			 unsigned len_bytes);

#endif
