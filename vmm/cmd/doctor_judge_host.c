/* SPDX-License-Identifier: MIT
 *
 * The doctor's verdicts on /dev/kvm and on the host around it, with what to do about each defect.
 */
#include "cmd/doctor_judge.h"

#include <errno.h>
#include <string.h>

#define KVM_API_VERSION_EXPECTED 12
#define NS_PER_MS 1000000

/* Where a launcher's users begin to notice. */
#define SLOW_CREATE_VM_NS (10 * NS_PER_MS)
#define SLOW_SPLIT_IRQCHIP_NS (10 * NS_PER_MS)
#define SLOW_TEAR_DOWN_NS (50 * NS_PER_MS)

#define SMALL_MEMORY_BYTES (512ull << 20)
#define SMALL_PIDS 64

/* --- /dev/kvm */

static void judge_missing(const struct host_facts *host, struct doctor_verdict *v)
{
	bool off = (host->cpuid_vmx && !host->flag_vmx) || (host->cpuid_svm && !host->flag_svm);

	verdict_set(v, DOCTOR_NO, "there is none");
	if (host->flag_vmx || host->flag_svm)
		verdict_advise(v,
			       "sudo modprobe %s; in a container: start it with --device /dev/kvm",
			       host->flag_vmx ? "kvm_intel" : "kvm_amd");
	else if (off)
		verdict_advise(
			v, "the CPU can, but it is switched off: enable %s in the firmware setup",
			host->cpuid_vmx ? "VT-x" : "AMD-V (SVM)");
	else if (host->hypervisor_bit)
		verdict_advise(v,
			       "this machine is a VM without nested virtualization: switch that on "
			       "in its hypervisor, or take a machine with VT-x or AMD-V");
	else
		verdict_advise(v,
			       "this CPU shows neither VT-x nor AMD-V: look for the switch in the "
			       "firmware setup, or take another machine");
}

static void judge_denied(const struct host_kvm_device *kvm, struct doctor_verdict *v)
{
	bool group_fits = strcmp(kvm->group, "kvm") == 0 && (kvm->mode & 060) == 060;
	const char *groupadd = kvm->kvm_group ? "" : "sudo groupadd --system kvm; ";

	if (kvm->is_root) {
		verdict_set(v, DOCTOR_NO, "root may not open it");
		verdict_advise(v,
			       "a container's device policy forbids it: start the container with "
			       "--device /dev/kvm");
		return;
	}
	verdict_set(v, DOCTOR_NO, "no permission: it is for group %s, mode %04o",
		    *kvm->group ? kvm->group : "(nameless)", kvm->mode);
	if (group_fits && !kvm->in_kvm_group)
		verdict_advise(v, "sudo usermod -aG kvm \"$USER\", then log in again (group kvm)");
	else
		verdict_advise(
			v,
			"%ssudo chgrp kvm /dev/kvm; sudo chmod 660 /dev/kvm; sudo usermod -aG "
			"kvm \"$USER\", then log in again (group kvm)",
			groupadd);
}

static void judge_create_error(int error, struct doctor_verdict *v)
{
	verdict_set(v, DOCTOR_NO, "it opens, but no VM can be made: %s", strerror(error));
	if (error == EBUSY)
		verdict_advise(v,
			       "another hypervisor holds the CPU's extension: end it (VirtualBox, "
			       "VMware)");
	else if (error == ENOMEM)
		verdict_advise(v, "free some memory, or raise the limits of this control group");
}

static void judge_no_process(struct doctor_verdict *v)
{
	verdict_set(v, DOCTOR_NO, "not tried: no process could be started for it");
	verdict_advise(v,
		       "raise the limit of processes: ulimit -u, or the control group's pids.max");
}

void judge_kvm(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	const struct probe_facts *kvm = &facts->kvm;
	const struct probe_result *ring0 = &kvm->trial[TRIAL_RING0];

	if (kvm->open_error == EACCES || kvm->open_error == EPERM)
		judge_denied(&facts->host.kvm, v);
	else if (kvm->open_error == ENOTTY)
		verdict_set(v, DOCTOR_NO, "it is something else, not KVM's device");
	else if (kvm->open_error == ENOENT || kvm->open_error == ENXIO || kvm->open_error == ENODEV)
		judge_missing(&facts->host, v);
	else if (kvm->open_error == EAGAIN)
		judge_no_process(v);
	else if (kvm->open_error)
		verdict_set(v, DOCTOR_NO, "it does not open: %s", strerror(kvm->open_error));
	else if (kvm->api_version != KVM_API_VERSION_EXPECTED)
		verdict_set(v, DOCTOR_NO, "its API version is %d, not %d", kvm->api_version,
			    KVM_API_VERSION_EXPECTED);
	else if (kvm->create_vm_error)
		judge_create_error(kvm->create_vm_error, v);
	else if (ring0->outcome != OUTCOME_OK)
		verdict_set(v, DOCTOR_NO, "a first vCPU did not run (%s %u)",
			    probe_outcome_key(ring0->outcome), ring0->detail);
	else
		verdict_set(v, DOCTOR_OK, "usable, API version %d", kvm->api_version);
}

void judge_interface(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	enum doctor_state state = DOCTOR_OK;
	char missing[160] = "";

	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++) {
		size_t len = strlen(missing);

		if (facts->kvm.cap[i] || probe_cap_info[i].need == PROBE_CAP_INFO)
			continue;
		if (probe_cap_info[i].need == PROBE_CAP_REQUIRED)
			state = DOCTOR_NO;
		else if (state == DOCTOR_OK)
			state = DOCTOR_LIMITED;
		snprintf(missing + len, sizeof(missing) - len, "%s%s", len ? ", " : "",
			 probe_cap_info[i].name);
	}
	if (state == DOCTOR_OK) {
		verdict_set(v, state, "has all that is used");
	} else {
		verdict_set(v, state, "lacks %s", missing);
		verdict_advise(v, "a newer host kernel than %s may have it", facts->host.kernel);
	}
}

void judge_start_up(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	const struct probe_figure *cost = facts->kvm.cost;
	uint64_t create_ns = cost[COST_CREATE_VM].median_ns;
	uint64_t end_ns = cost[COST_TEAR_DOWN].median_ns;
	char start_text[32], end_text[32];
	const char *start = doctor_format_time(start_text, sizeof(start_text), create_ns, false);
	const char *end = doctor_format_time(end_text, sizeof(end_text), end_ns, false);

	start += strspn(start, " "); /* the padding of a column */
	end += strspn(end, " ");
	if (!cost[COST_CREATE_VM].samples)
		verdict_set(v, DOCTOR_LIMITED, "could not be measured");
	else if (create_ns > SLOW_CREATE_VM_NS || end_ns > SLOW_TEAR_DOWN_NS ||
		 cost[COST_SPLIT_IRQCHIP].median_ns > SLOW_SPLIT_IRQCHIP_NS)
		verdict_set(v, DOCTOR_LIMITED, "slow: KVM takes %s to make a VM, %s to end it",
			    start, end);
	else
		verdict_set(v, DOCTOR_OK, "KVM takes %s to make a VM, %s to end it", start, end);
	if (create_ns > SLOW_CREATE_VM_NS && !facts->host.favordynmods &&
	    strcmp(facts->host.nx_huge_pages, "never") != 0)
		verdict_advise(v, "sudo mount -o remount,favordynmods /sys/fs/cgroup, or boot the "
				  "host with kvm.nx_huge_pages=never");
}

/* --- the host around KVM */

static void judge_paging(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	bool intel = facts->kvm.kind == KVM_HOST_VTX;
	int on = intel ? facts->host.ept : facts->host.npt;
	const char *name = intel ? "EPT" : "NPT";

	if (facts->kvm.open_error) {
		verdict_set(v, DOCTOR_NO, "not known without KVM");
	} else if (doctor_is_deprivileged(facts)) {
		verdict_set(v, DOCTOR_LIMITED,
			    "no: guest page tables are shadowed, changing them is slow");
	} else if (on == 0) {
		verdict_set(v, DOCTOR_LIMITED, "%s is off: guest page tables are shadowed, slow",
			    name);
		verdict_advise(v, "load %s with %s=1, if the CPU has it",
			       intel ? "kvm_intel" : "kvm_amd", intel ? "ept" : "npt");
	} else if (on < 0) {
		verdict_set(v, DOCTOR_LIMITED, "%s: not known (no module parameter to read)", name);
	} else {
		verdict_set(v, DOCTOR_OK, "%s", name);
	}
}

static void judge_huge_pages(const struct host_facts *host, struct doctor_verdict *v)
{
	if (strcmp(host->thp, "always") == 0 || strcmp(host->thp, "madvise") == 0) {
		verdict_set(v, DOCTOR_OK, "transparent (%s); %llu of %llu reserved ones are free",
			    host->thp, (unsigned long long)host->hugetlb_free,
			    (unsigned long long)host->hugetlb_pages);
	} else if (*host->thp) {
		verdict_set(v, DOCTOR_LIMITED, "transparent ones are off: guest RAM is slower");
		verdict_advise(v, "echo madvise | sudo tee "
				  "/sys/kernel/mm/transparent_hugepage/enabled");
	} else {
		verdict_set(v, DOCTOR_LIMITED, "this kernel has no transparent ones");
	}
}

static void judge_memory(const struct host_facts *host, struct doctor_verdict *v)
{
	char left[32], limit[32];
	bool limited = host->cgroup.memory_bytes < host->memory_bytes;

	doctor_format_size(left, sizeof(left), host->memory_free_bytes);
	doctor_format_size(limit, sizeof(limit), host->cgroup.memory_bytes);
	if (host->cgroup.memory_bytes < SMALL_MEMORY_BYTES) {
		verdict_set(v, DOCTOR_LIMITED, "this control group may use %s only", limit);
		verdict_advise(v, "raise its memory.max, or run guests with a small --memory");
	} else if (host->overcommit == 2) {
		verdict_set(v, DOCTOR_LIMITED,
			    "%s free, but overcommit is off: all guest RAM counts at "
			    "once",
			    left);
		verdict_advise(v, "sudo sysctl vm.overcommit_memory=0");
	} else if (host->memory_free_bytes < SMALL_MEMORY_BYTES) {
		verdict_set(v, DOCTOR_LIMITED, "%s free only", left);
		verdict_advise(v, "run guests with a small --memory");
	} else {
		verdict_set(v, DOCTOR_OK, "%s free%s%s", left,
			    limited ? ", limit of the control group " : "", limited ? limit : "");
	}
}

static void judge_cpu(const struct host_facts *host, struct doctor_verdict *v)
{
	unsigned long long percent = host->cgroup.cpu_percent;

	if (percent < 100) {
		verdict_set(v, DOCTOR_LIMITED, "this control group gets %llu %% of one CPU",
			    percent);
		verdict_advise(v, "raise its cpu.max");
	} else if (host->cgroup.pids < SMALL_PIDS) {
		verdict_set(v, DOCTOR_LIMITED, "this control group may have %llu threads only",
			    (unsigned long long)host->cgroup.pids);
		verdict_advise(v, "raise its pids.max: each vCPU is a thread");
	} else if (host->cpu_allowed < 2) {
		verdict_set(v, DOCTOR_LIMITED, "one: vCPUs and the event loop take turns");
	} else if (percent / 100 < host->cpu_allowed) {
		verdict_set(v, DOCTOR_OK, "%u, limit of the control group %llu %%",
			    host->cpu_allowed, percent);
	} else {
		verdict_set(v, DOCTOR_OK, "%u", host->cpu_allowed);
	}
}

static void judge_disk(const struct host_facts *host, struct doctor_verdict *v)
{
	if (!host->io_uring_error) {
		verdict_set(v, DOCTOR_OK, "io_uring works");
		return;
	}
	verdict_set(v, DOCTOR_LIMITED, "io_uring does not work (%s): disks are slower",
		    strerror(host->io_uring_error));
	if (host->io_uring_error == EPERM)
		verdict_advise(v,
			       "sudo sysctl kernel.io_uring_disabled=0; in a container its seccomp "
			       "profile may forbid it");
	else if (host->io_uring_error == ENOSYS)
		verdict_advise(v, "a host kernel of 5.1 or newer has it");
}

static const char *access_text(enum host_access access)
{
	static const char *const text[] = {"missing", "no permission", "usable"};

	return text[access];
}

static void judge_network(const struct host_facts *host, struct doctor_verdict *v)
{
	bool tun = host->tun == HOST_ACCESS_OK, vhost = host->vhost_net == HOST_ACCESS_OK;

	verdict_set(v, tun && vhost ? DOCTOR_OK : DOCTOR_LIMITED,
		    "user-mode works; tap devices: %s; vhost-net: %s", access_text(host->tun),
		    access_text(host->vhost_net));
	if (host->tun == HOST_ACCESS_MISSING || host->vhost_net == HOST_ACCESS_MISSING)
		verdict_advise(v, "sudo modprobe -a%s%s",
			       host->tun == HOST_ACCESS_MISSING ? " tun" : "",
			       host->vhost_net == HOST_ACCESS_MISSING ? " vhost_net" : "");
	else if (!tun || !vhost)
		verdict_advise(v,
			       "for tap and vhost-net, run as root or give yourself the right to "
			       "/dev/%s",
			       tun ? "vhost-net" : "net/tun");
}

void judge_host(const struct doctor_facts *facts, struct doctor_verdict *verdicts)
{
	judge_paging(facts, &verdicts[SUBJECT_PAGING]);
	judge_huge_pages(&facts->host, &verdicts[SUBJECT_HUGE_PAGES]);
	judge_memory(&facts->host, &verdicts[SUBJECT_MEMORY]);
	judge_cpu(&facts->host, &verdicts[SUBJECT_CPU]);
	judge_disk(&facts->host, &verdicts[SUBJECT_DISK]);
	judge_network(&facts->host, &verdicts[SUBJECT_NETWORK]);
}
