/* SPDX-License-Identifier: MIT
 *
 * Probing the host's KVM: its kind, its capabilities, and the sequence of probes in children.
 * CPUID flags: Intel SDM vol. 2 (CPUID leaf 1), AMD APM vol. 3 appendix E (leaf 8000_0001h).
 */
#include "kvm/probe.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "kvm/probe_child.h"
#include "kvm/probe_trials.h"

#define CPUID_1_ECX_VMX (1u << 5)
#define CPUID_80000001_ECX_SVM (1u << 2)

/* After this long no further probe is started; a probe itself ends after at most its limit. */
#define PROBE_TOTAL_MS 7000
#define PROBE_LIMIT_MS 1500

/* --- kind */

enum kvm_host_kind kvm_host_classify_facts(bool cpu_vmx, bool cpu_svm, bool vendor_module,
					   bool pvm_module)
{
	if (!cpu_vmx && !cpu_svm)
		return KVM_HOST_DEPRIVILEGED;
	if (pvm_module && !vendor_module)
		return KVM_HOST_DEPRIVILEGED;
	return cpu_vmx ? KVM_HOST_VTX : KVM_HOST_AMDV;
}

enum kvm_host_kind kvm_host_classify(void)
{
	unsigned a, b, c, d;
	bool vmx = __get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_1_ECX_VMX);
	bool svm = __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & CPUID_80000001_ECX_SVM);
	bool vendor_module = true, pvm_module = false;

	if (vmx || svm) {
		pvm_module = access("/sys/module/kvm_pvm", F_OK) == 0;
		vendor_module = access(vmx ? "/sys/module/kvm_intel" : "/sys/module/kvm_amd",
				       F_OK) == 0;
	}
	return kvm_host_classify_facts(vmx, svm, vendor_module, pvm_module);
}

/* --- capabilities */

static const int cap_number[PROBE_CAP_COUNT] = {
	KVM_CAP_USER_MEMORY,	    KVM_CAP_IRQCHIP,	       KVM_CAP_IRQFD,
	KVM_CAP_IOEVENTFD,	    KVM_CAP_IMMEDIATE_EXIT,    KVM_CAP_SIGNAL_MSI,
	KVM_CAP_SYNC_REGS,	    KVM_CAP_SPLIT_IRQCHIP,     KVM_CAP_X2APIC_API,
	KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_READONLY_MEM,      KVM_CAP_ADJUST_CLOCK,
	KVM_CAP_SET_GUEST_DEBUG,    KVM_CAP_X86_DISABLE_EXITS, KVM_CAP_DIRTY_LOG_RING,
	KVM_CAP_NR_MEMSLOTS,	    KVM_CAP_NR_VCPUS,	       KVM_CAP_MAX_VCPUS,
};

const struct probe_cap_info probe_cap_info[PROBE_CAP_COUNT] = {
	{"USER_MEMORY", PROBE_CAP_REQUIRED, false, "guest RAM"},
	{"IRQCHIP", PROBE_CAP_REQUIRED, false, "interrupt controllers in the kernel"},
	{"IRQFD", PROBE_CAP_REQUIRED, false,
	 "interrupts from devices without a system call of the vCPU"},
	{"IOEVENTFD", PROBE_CAP_REQUIRED, false, "doorbells that don't stop the vCPU"},
	{"IMMEDIATE_EXIT", PROBE_CAP_REQUIRED, false, "stopping a vCPU without a race"},
	{"SIGNAL_MSI", PROBE_CAP_USED, false, "message-signalled interrupts"},
	{"SYNC_REGS", PROBE_CAP_USED, false, "hypercalls without extra system calls"},
	{"SPLIT_IRQCHIP", PROBE_CAP_USED, false, "--irqchip split"},
	{"X2APIC_API", PROBE_CAP_USED, false, "more than 255 vCPUs"},
	{"TSC_DEADLINE_TIMER", PROBE_CAP_USED, false, "the guest's cheapest timer"},
	{"READONLY_MEM", PROBE_CAP_USED, false,
	 "ROM: without it the guest can overwrite its firmware"},
	{"ADJUST_CLOCK", PROBE_CAP_USED, false, "setting the guest's kvmclock"},
	{"SET_GUEST_DEBUG", PROBE_CAP_USED, false, "--gdb: breakpoints and single step"},
	{"X86_DISABLE_EXITS", PROBE_CAP_INFO, false,
	 "HLT and PAUSE without exits (a CPU for each vCPU)"},
	{"DIRTY_LOG_RING", PROBE_CAP_INFO, false, "tracking written pages (snapshots)"},
	{"NR_MEMSLOTS", PROBE_CAP_INFO, true, "memory slots per VM"},
	{"NR_VCPUS", PROBE_CAP_INFO, true, "vCPUs recommended per VM"},
	{"MAX_VCPUS", PROBE_CAP_INFO, true, "vCPUs possible per VM"},
};

static void read_capabilities(int kvm_fd, struct probe_facts *facts)
{
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++) {
		int value = ioctl(kvm_fd, KVM_CHECK_EXTENSION, cap_number[i]);

		facts->cap[i] = value < 0 ? 0 : value;
	}
}

/* Opening, and a first VM: the parts that fail for lack of rights or memory. In a child, too. */
static void ask_child(const void *ctx, void *result)
{
	struct probe_facts *facts = result;
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	(void)ctx;
	if (kvm_fd < 0) {
		facts->open_error = errno;
		return;
	}
	facts->api_version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
	if (facts->api_version < 0) {
		facts->open_error = ENOTTY; /* a file, but not KVM's */
		return;
	}
	facts->kind = kvm_host_classify();
	read_capabilities(kvm_fd, facts);
	if (ioctl(kvm_fd, KVM_CREATE_VM, 0) < 0)
		facts->create_vm_error = errno;
}

/* --- the sequence */

struct prober {
	struct probe_facts *facts;
	struct timespec start;
};

static bool out_of_time(const struct prober *prober)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - prober->start.tv_sec) * 1000 +
		       (now.tv_nsec - prober->start.tv_nsec) / 1000000 >
	       PROBE_TOTAL_MS;
}

static enum probe_child_end run_child(struct prober *prober, probe_child_fn *fn, const void *ctx,
				      void *result, size_t result_bytes)
{
	pid_t pid = 0;
	enum probe_child_end end = probe_child_run(fn, ctx, result, result_bytes, PROBE_LIMIT_MS,
						   &pid);

	if (end == PROBE_CHILD_ABANDONED) {
		prober->facts->abandoned_count++;
		prober->facts->abandoned_pid = pid;
	}
	return end;
}

static void run_trial(struct prober *prober, enum probe_trial trial)
{
	struct probe_result *result = &prober->facts->trial[trial];

	if (out_of_time(prober))
		return;
	switch (run_child(prober, probe_trial_child, &trial, result, sizeof *result)) {
	case PROBE_CHILD_OK: return;
	case PROBE_CHILD_KILLED: result->outcome = OUTCOME_KILLED; return;
	case PROBE_CHILD_ABANDONED: result->outcome = OUTCOME_ABANDONED; return;
	case PROBE_CHILD_FAILED: result->outcome = OUTCOME_ERROR; return;
	}
}

static uint64_t run_speed(struct prober *prober, unsigned ring)
{
	struct probe_speed speed = {0};

	if (!out_of_time(prober))
		run_child(prober, probe_speed_child, &ring, &speed, sizeof speed);
	return speed.per_s;
}

static void run_cost(struct prober *prober, enum probe_cost cost, probe_child_fn *fn)
{
	struct probe_figure *figure = &prober->facts->cost[cost];

	if (!out_of_time(prober))
		run_child(prober, fn, &cost, figure, sizeof *figure);
}

static void run_start_up(struct prober *prober)
{
	struct probe_start_up s = {0};
	struct probe_figure *cost = prober->facts->cost;

	if (!out_of_time(prober))
		run_child(prober, probe_start_up_child, NULL, &s, sizeof s);
	cost[COST_CREATE_VM] = s.create_vm;
	cost[COST_CREATE_IRQCHIP] = s.create_irqchip;
	cost[COST_CREATE_VCPU] = s.create_vcpu;
	cost[COST_TEAR_DOWN] = s.tear_down;
}

/* The harmless first, figures before anything that may leave a thread spinning beside them. */
void probe_kvm(struct probe_facts *facts)
{
	struct prober prober = {.facts = facts};

	*facts = (struct probe_facts){0};
	clock_gettime(CLOCK_MONOTONIC, &prober.start);
	switch (run_child(&prober, ask_child, NULL, facts, sizeof(*facts))) {
	case PROBE_CHILD_OK: break;
	case PROBE_CHILD_FAILED: facts->open_error = EAGAIN; break;
	case PROBE_CHILD_KILLED:
	case PROBE_CHILD_ABANDONED: facts->open_error = ETIMEDOUT; break;
	}
	if (facts->open_error || facts->create_vm_error)
		return;
	for (enum probe_trial t = TRIAL_RING0; t < TRIAL_VMCALL; t++)
		run_trial(&prober, t);
	facts->ring0_per_s = run_speed(&prober, 0);
	facts->ring3_per_s = run_speed(&prober, 3);
	run_cost(&prober, COST_EXIT_PIO, probe_exits_child);
	run_cost(&prober, COST_EXIT_MMIO, probe_exits_child);
	run_cost(&prober, COST_IOEVENTFD_PIO, probe_exits_child);
	run_cost(&prober, COST_IOEVENTFD_MMIO, probe_exits_child);
	run_cost(&prober, COST_HLT_WAKE, probe_wake_child);
	run_cost(&prober, COST_SPLIT_IRQCHIP, probe_split_irqchip_child);
	run_start_up(&prober);
	run_trial(&prober, TRIAL_VMCALL);
	run_trial(&prober, TRIAL_VMMCALL);
}

bool probe_ring0_is_emulated(const struct probe_facts *facts)
{
	return facts->ring3_per_s > 0 && facts->ring0_per_s < facts->ring3_per_s / 20;
}
