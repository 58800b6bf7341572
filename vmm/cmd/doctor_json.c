/* SPDX-License-Identifier: MIT
 *
 * vitrine doctor --json: one object with all facts, figures and verdicts. Units stand in the names;
 * null is what isn't known, wasn't measured, or has no limit.
 */
#include "cmd/doctor.h"

#include <string.h>

#include "observe/json.h"

/* -1: unknown. */
static void put_flag(struct json *j, const char *key, int flag)
{
	if (flag < 0)
		json_null(j, key);
	else
		json_bool(j, key, flag);
}

static void put_limit(struct json *j, const char *key, uint64_t limit)
{
	if (limit == CGROUP_UNLIMITED)
		json_null(j, key);
	else
		json_u64(j, key, limit);
}

static const char *access_key(enum host_access access)
{
	static const char *const key[] = {"missing", "denied", "usable"};

	return key[access];
}

static const char *kind_key(const struct doctor_facts *facts)
{
	if (facts->kvm.open_error)
		return "unusable";
	if (doctor_is_deprivileged(facts))
		return "deprivileged";
	return facts->kvm.kind == KVM_HOST_VTX ? "vtx" : "amdv";
}

static void put_kvm(struct json *j, const struct doctor_facts *facts)
{
	const struct probe_facts *kvm = &facts->kvm;

	json_object(j, "kvm");
	json_string(j, "kind", kind_key(facts));
	json_string(j, "open_error", kvm->open_error ? strerror(kvm->open_error) : NULL);
	json_u64(j, "api_version", (uint64_t)kvm->api_version);
	json_string(j, "create_vm_error",
		    kvm->create_vm_error ? strerror(kvm->create_vm_error) : NULL);
	json_bool(j, "ring0_is_emulated", probe_ring0_is_emulated(kvm));
	json_u64(j, "ring0_instructions_per_s", kvm->ring0_per_s);
	json_u64(j, "ring3_instructions_per_s", kvm->ring3_per_s);
	json_u64(j, "abandoned_probes", kvm->abandoned_count);
	json_object(j, "capabilities");
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		json_u64(j, probe_cap_info[i].name, (uint64_t)kvm->cap[i]);
	json_end(j);
	json_end(j);
}

static void put_trials(struct json *j, const struct probe_facts *kvm)
{
	json_object(j, "trials");
	for (enum probe_trial i = 0; i < PROBE_TRIAL_COUNT; i++) {
		json_object(j, probe_trial_key(i));
		json_bool(j, "ok", kvm->trial[i].outcome == OUTCOME_OK);
		json_string(j, "outcome", probe_outcome_key(kvm->trial[i].outcome));
		json_i64(j, "detail", (int32_t)kvm->trial[i].detail);
		json_end(j);
	}
	json_end(j);
}

/* null: not measured. */
static void put_costs(struct json *j, const struct probe_facts *kvm)
{
	json_object(j, "costs");
	for (enum probe_cost i = 0; i < PROBE_COST_COUNT; i++) {
		const struct probe_figure *cost = &kvm->cost[i];

		if (!cost->samples) {
			json_null(j, probe_cost_key(i));
			continue;
		}
		json_object(j, probe_cost_key(i));
		json_u64(j, "min", cost->min_ns);
		json_u64(j, "median", cost->median_ns);
		json_u64(j, "samples", cost->samples);
		json_end(j);
	}
	json_end(j);
}

static void put_kvm_device(struct json *j, const struct host_kvm_device *kvm)
{
	char mode[8];

	json_object(j, "kvm_device");
	json_string(j, "access", access_key(kvm->access));
	json_string(j, "group", kvm->group);
	snprintf(mode, sizeof(mode), "%04o", kvm->mode & 07777);
	json_string(j, "mode", mode);
	json_bool(j, "in_kvm_group", kvm->in_kvm_group);
	json_end(j);
}

static void put_machine(struct json *j, const struct host_facts *host)
{
	json_string(j, "kernel", host->kernel);
	json_string(j, "cpu_model", host->cpu_model);
	json_string(j, "hypervisor", host->hypervisor);
	json_bool(j, "is_virtual_machine", host->hypervisor_bit);
	json_bool(j, "cpuid_vmx", host->cpuid_vmx);
	json_bool(j, "cpuid_svm", host->cpuid_svm);
	json_bool(j, "cpuinfo_vmx", host->flag_vmx);
	json_bool(j, "cpuinfo_svm", host->flag_svm);
	json_u64(j, "cpus", host->cpu_count);
	json_u64(j, "cpus_allowed", host->cpu_allowed);
	json_u64(j, "memory_bytes", host->memory_bytes);
	json_u64(j, "memory_available_bytes", host->memory_free_bytes);
}

static void put_modules(struct json *j, const struct host_facts *host)
{
	json_bool(j, "kvm_intel", host->module_intel);
	json_bool(j, "kvm_amd", host->module_amd);
	json_bool(j, "kvm_pvm", host->module_pvm);
	put_flag(j, "ept", host->ept);
	put_flag(j, "npt", host->npt);
	put_flag(j, "unrestricted_guest", host->unrestricted_guest);
	put_flag(j, "nested", host->nested);
	put_limit(j, "halt_poll_ns",
		  host->halt_poll_ns < 0 ? CGROUP_UNLIMITED : (uint64_t)host->halt_poll_ns);
	json_string(j, "nx_huge_pages", host->nx_huge_pages);
	json_bool(j, "favordynmods", host->favordynmods);
}

static void put_host(struct json *j, const struct host_facts *host)
{
	json_object(j, "host");
	put_machine(j, host);
	put_modules(j, host);
	put_kvm_device(j, &host->kvm);
	json_string(j, "transparent_hugepage", host->thp);
	json_string(j, "transparent_hugepage_shmem", host->thp_shmem);
	json_u64(j, "hugetlb_pages", host->hugetlb_pages);
	json_u64(j, "hugetlb_free", host->hugetlb_free);
	json_u64(j, "hugetlb_page_bytes", host->hugetlb_page_bytes);
	put_limit(j, "overcommit_memory",
		  host->overcommit < 0 ? CGROUP_UNLIMITED : (uint64_t)host->overcommit);
	json_string(j, "io_uring_error",
		    host->io_uring_error ? strerror(host->io_uring_error) : NULL);
	json_string(j, "vhost_net", access_key(host->vhost_net));
	json_string(j, "tun", access_key(host->tun));
	put_limit(j, "cgroup_memory_bytes", host->cgroup.memory_bytes);
	put_limit(j, "cgroup_pids", host->cgroup.pids);
	put_limit(j, "cgroup_cpu_percent", host->cgroup.cpu_percent);
	json_end(j);
}

static void put_verdicts(struct json *j, const struct doctor_verdict *verdicts)
{
	static const char *const state[] = {"ok", "limited", "no"};

	json_object(j, "verdicts");
	for (enum doctor_subject i = 0; i < DOCTOR_SUBJECT_COUNT; i++) {
		json_object(j, doctor_subject_key(i));
		json_string(j, "state", state[verdicts[i].state]);
		json_string(j, "text", verdicts[i].text);
		json_string(j, "advice", verdicts[i].advice);
		json_end(j);
	}
	json_end(j);
}

int doctor_print_json(FILE *out, const struct doctor_facts *facts,
		      const struct doctor_verdict *verdicts)
{
	struct json j;

	json_open(&j, out);
	json_object(&j, NULL);
	json_string(&j, "vitrine", VITRINE_VERSION);
	json_u64(&j, "exit_status", (uint64_t)doctor_exit_status(verdicts));
	json_u64(&j, "took_ms", facts->took_ms);
	put_kvm(&j, facts);
	put_trials(&j, &facts->kvm);
	put_costs(&j, &facts->kvm);
	put_host(&j, &facts->host);
	put_verdicts(&j, verdicts);
	json_end(&j);
	return json_close(&j);
}
