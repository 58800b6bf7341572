/* SPDX-License-Identifier: MIT
 *
 * Figures: how fast guest code runs, and what exits, doorbells, wake-ups and VMs cost on this host.
 * Everything is bounded by a number of samples and by time, whichever ends first.
 */
#include "kvm/probe_trials.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "kvm/probe_box.h"
#include "loop/clock.h"

#define NS_PER_MS 1000000ull
#define SAMPLE_MAX 1000
#define SERIES_MS 60 /* one series of samples */
#define WAKE_SAMPLES 40
#define WAKE_LIMIT_MS 50 /* one wake-up */
#define START_UP_ROUNDS 5
#define START_UP_MS 600 /* all rounds: the first one counts in any case */

static const struct {
	const char *key, *title;
} costs[PROBE_COST_COUNT] = {
	[COST_EXIT_PIO] = {"exit_pio_ns", "exit for port I/O"},
	[COST_EXIT_MMIO] = {"exit_mmio_ns", "exit for MMIO"},
	[COST_IOEVENTFD_PIO] = {"ioeventfd_pio_ns", "doorbell (ioeventfd), port I/O"},
	[COST_IOEVENTFD_MMIO] = {"ioeventfd_mmio_ns", "doorbell (ioeventfd), MMIO"},
	[COST_HLT_WAKE] = {"hlt_wake_ns", "wake-up from HLT (irqfd)"},
	[COST_CREATE_VM] = {"create_vm_ns", "create a VM"},
	[COST_CREATE_IRQCHIP] = {"create_irqchip_ns", "create the irqchip"},
	[COST_SPLIT_IRQCHIP] = {"split_irqchip_ns", "enable a split irqchip"},
	[COST_CREATE_VCPU] = {"create_vcpu_ns", "create a vCPU"},
	[COST_TEAR_DOWN] = {"tear_down_ns", "tear a VM down"},
};

const char *probe_cost_key(enum probe_cost cost)
{
	return costs[cost].key;
}

const char *probe_cost_title(enum probe_cost cost)
{
	return costs[cost].title;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct probe_figure probe_figure_of(uint64_t *sample_ns, uint32_t count)
{
	if (!count)
		return (struct probe_figure){0};
	qsort(sample_ns, count, sizeof *sample_ns, compare_u64);
	return (struct probe_figure){sample_ns[0], sample_ns[count / 2], count};
}

void probe_speed_child(const void *ctx, void *result)
{
	unsigned ring = *(const unsigned *)ctx;
	struct probe_speed *out = result;
	struct kvm_regs regs;
	struct box box;
	uint64_t start;

	if (box_create(&box, 1, false) || box_enter_long(&box, box_spin, ring) ||
	    box_set_alarm(&box, 0, SPEED_MS))
		return;
	start = clock_read_ns(CLOCK_MONOTONIC);
	if (box_run(&box, 0) != -EINTR)
		return;
	start = clock_read_ns(CLOCK_MONOTONIC) - start;
	if (ioctl(box.vcpu_fd[0], KVM_GET_REGS, &regs) == 0)
		out->per_s = (uint64_t)(2.0 * 1e9 * (double)regs.rcx / (double)start);
}

/* Samples of "KVM_RUN until the expected exit", in the caller's array; less than that: an error. */
static uint32_t sample_exits(struct box *box, uint32_t exit_reason, uint64_t *sample_ns)
{
	uint64_t end = clock_read_ns(CLOCK_MONOTONIC) + SERIES_MS * NS_PER_MS, last, now;
	uint32_t count = 0;

	if (box_run(box, 0)) /* the first one faults pages in */
		return 0;
	for (last = clock_read_ns(CLOCK_MONOTONIC); count < SAMPLE_MAX && last < end; last = now) {
		if (box_run(box, 0) || box->run[0]->exit_reason != exit_reason)
			return 0;
		now = clock_read_ns(CLOCK_MONOTONIC);
		sample_ns[count++] = now - last;
	}
	return count;
}

static int add_bell(const struct box *box, uint64_t address, bool pio)
{
	struct kvm_ioeventfd bell = {.addr = address,
				     .len = pio ? 1 : 0,
				     .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				     .flags = pio ? KVM_IOEVENTFD_FLAG_PIO : 0};

	return ioctl(box->vm_fd, KVM_IOEVENTFD, &bell) < 0 ? -errno : 0;
}

/* A round of BOX_BELL_COUNT doorbells ends in one exit, whose own cost is taken off. */
static struct probe_figure bell_figure(uint64_t *sample_ns, uint32_t count, uint64_t exit_ns)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t rest = sample_ns[i] > exit_ns ? sample_ns[i] - exit_ns : 0;

		sample_ns[i] = rest / BOX_BELL_COUNT;
	}
	return probe_figure_of(sample_ns, count);
}

void probe_exits_child(const void *ctx, void *result)
{
	enum probe_cost cost = *(const enum probe_cost *)ctx;
	bool mmio = cost == COST_EXIT_MMIO;
	struct probe_figure *out = result;
	uint64_t sample_ns[SAMPLE_MAX];
	struct box box;

	if (box_create(&box, 1, false) || box_enter_long(&box, mmio ? box_mmio : box_pio, 0))
		return;
	*out = probe_figure_of(sample_ns,
			       sample_exits(&box, mmio ? KVM_EXIT_MMIO : KVM_EXIT_IO, sample_ns));
	if (cost == COST_EXIT_PIO || cost == COST_EXIT_MMIO || !out->samples)
		return;
	uint64_t exit_ns = out->median_ns;
	bool pio = cost == COST_IOEVENTFD_PIO;

	*out = (struct probe_figure){0};
	if (add_bell(&box, pio ? PORT_BELL : BOX_BELL_GPA, pio) == 0 &&
	    box_enter_long(&box, pio ? box_bell_pio : box_bell_mmio, 0) == 0)
		*out = bell_figure(sample_ns, sample_exits(&box, KVM_EXIT_IO, sample_ns), exit_ns);
}

/* --- wake-up */

static void *run_halting(void *ctx)
{
	while (box_run(ctx, 0) == -EINTR)
		;
	return NULL;
}

/* A write to the eventfd becomes BOX_WAKE_VECTOR at vCPU 0. */
static int route_wake(const struct box *box, int event_fd)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)event_fd, .gsi = 0};
	struct kvm_irq_routing *routing = calloc(1, sizeof(*routing) +
							    sizeof(struct kvm_irq_routing_entry));
	int err = 0;

	if (!routing)
		return -ENOMEM;
	routing->nr = 1;
	routing->entries[0] = (struct kvm_irq_routing_entry){
		.gsi = 0,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = BOX_APIC_GPA, .data = BOX_WAKE_VECTOR},
	};
	if (ioctl(box->vm_fd, KVM_SET_GSI_ROUTING, routing) < 0 ||
	    ioctl(box->vm_fd, KVM_IRQFD, &irqfd) < 0)
		err = -errno;
	free(routing);
	return err;
}

static int enable_lapic(const struct box *box)
{
	struct kvm_lapic_state lapic;
	uint32_t spurious = 0x1ff; /* vector 0xff, software enable */

	if (ioctl(box->vcpu_fd[0], KVM_GET_LAPIC, &lapic) < 0)
		return -errno;
	memcpy(lapic.regs + APIC_SPURIOUS, &spurious, sizeof(spurious));
	return ioctl(box->vcpu_fd[0], KVM_SET_LAPIC, &lapic) < 0 ? -errno : 0;
}

/* One wake-up, with the vCPU asleep for longer than KVM polls (halt_poll_ns); 0: it never came. */
static uint64_t sample_wake(const struct box *box, int event_fd)
{
	const struct timespec asleep = {.tv_nsec = 1000000};
	volatile uint8_t *seen = box->ram + BOX_MAILBOX_GPA + MAILBOX_SEEN;
	uint64_t start, now;

	nanosleep(&asleep, NULL);
	*seen = 0;
	start = clock_read_ns(CLOCK_MONOTONIC);
	if (eventfd_write(event_fd, 1))
		return 0;
	do {
		sched_yield(); /* there may be one CPU only */
		now = clock_read_ns(CLOCK_MONOTONIC);
	} while (!*seen && now - start < WAKE_LIMIT_MS * NS_PER_MS);
	return *seen ? now - start : 0;
}

void probe_wake_child(const void *ctx, void *result)
{
	struct probe_figure *out = result;
	uint64_t sample_ns[WAKE_SAMPLES];
	uint32_t count = 0;
	int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_t thread;
	struct box box;

	(void)ctx;
	if (box_create(&box, 1, true) || box_enter_long(&box, box_halt, 0) || enable_lapic(&box) ||
	    route_wake(&box, event_fd) || pthread_create(&thread, NULL, run_halting, &box))
		return;
	(void)sample_wake(&box, event_fd); /* the first one faults pages in */
	while (count < WAKE_SAMPLES && (sample_ns[count] = sample_wake(&box, event_fd)))
		count++;
	*out = probe_figure_of(sample_ns, count);
}

/* --- start-up and tear-down */

struct start_up_samples {
	uint64_t vm[START_UP_ROUNDS], irqchip[START_UP_ROUNDS], vcpu[START_UP_ROUNDS];
	uint64_t tear_down[START_UP_ROUNDS];
};

static bool start_up_round(struct start_up_samples *s, unsigned i)
{
	struct box box = {.vm_fd = -1};
	uint64_t t[4];
	bool ok;

	box.kvm_fd = box_open();
	t[0] = clock_read_ns(CLOCK_MONOTONIC);
	box.vm_fd = ioctl(box.kvm_fd, KVM_CREATE_VM, 0);
	t[1] = clock_read_ns(CLOCK_MONOTONIC);
	ok = box.vm_fd >= 0 && ioctl(box.vm_fd, KVM_CREATE_IRQCHIP, 0) == 0;
	t[2] = clock_read_ns(CLOCK_MONOTONIC);
	box.vcpu_fd[0] = ok ? ioctl(box.vm_fd, KVM_CREATE_VCPU, 0) : -1;
	t[3] = clock_read_ns(CLOCK_MONOTONIC);
	s->vm[i] = t[1] - t[0];
	s->irqchip[i] = t[2] - t[1];
	s->vcpu[i] = t[3] - t[2];
	box.vcpu_count = box.vcpu_fd[0] >= 0;
	t[0] = clock_read_ns(CLOCK_MONOTONIC);
	box_destroy(&box);
	s->tear_down[i] = clock_read_ns(CLOCK_MONOTONIC) - t[0];
	return box.vcpu_count;
}

void probe_start_up_child(const void *ctx, void *result)
{
	struct probe_start_up *out = result;
	struct start_up_samples s;
	uint64_t end = clock_read_ns(CLOCK_MONOTONIC) + START_UP_MS * NS_PER_MS;
	uint32_t n = 0;

	(void)ctx;
	do {
		if (!start_up_round(&s, n))
			return;
		n++;
	} while (n < START_UP_ROUNDS && clock_read_ns(CLOCK_MONOTONIC) < end);
	*out = (struct probe_start_up){probe_figure_of(s.vm, n), probe_figure_of(s.irqchip, n),
				       probe_figure_of(s.vcpu, n), probe_figure_of(s.tear_down, n)};
}

void probe_split_irqchip_child(const void *ctx, void *result)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = 24};
	struct probe_figure *out = result;
	uint64_t sample_ns[START_UP_ROUNDS], start;
	uint32_t n = 0;

	(void)ctx;
	for (int kvm_fd = box_open(); n < START_UP_ROUNDS; n++) {
		int vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);

		start = clock_read_ns(CLOCK_MONOTONIC);
		if (vm_fd < 0 || ioctl(vm_fd, KVM_ENABLE_CAP, &cap) < 0)
			return;
		sample_ns[n] = clock_read_ns(CLOCK_MONOTONIC) - start;
		close(vm_fd);
	}
	*out = probe_figure_of(sample_ns, n);
}
