/* SPDX-License-Identifier: MIT
 *
 * vitrine doctor --json: one object with all facts, figures and verdicts (RFC 8259). The texts in it
 * are ASCII; a byte beyond that, from a CPU's name, is taken as Latin-1.
 */
#include "cmd/doctor.h"

#include <inttypes.h>
#include <string.h>

/* A writer that knows whether a comma is due and how deep it is. */
struct json {
	FILE *out;
	unsigned depth;
	bool comma;
};

static void put_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

static void put_key(struct json *j, const char *key)
{
	fprintf(j->out, "%s\n%*s", j->comma ? "," : "", (int)j->depth * 2, "");
	put_string(j->out, key);
	fputs(": ", j->out);
	j->comma = true;
}

static void open_object(struct json *j, const char *key)
{
	if (key)
		put_key(j, key);
	putc('{', j->out);
	j->depth++;
	j->comma = false;
}

static void close_object(struct json *j)
{
	j->depth--;
	fprintf(j->out, "\n%*s}", (int)j->depth * 2, "");
	j->comma = true;
}

static void put_text(struct json *j, const char *key, const char *text)
{
	put_key(j, key);
	put_string(j->out, text);
}

static void put_number(struct json *j, const char *key, uint64_t value)
{
	put_key(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

static void put_bool(struct json *j, const char *key, bool value)
{
	put_key(j, key);
	fputs(value ? "true" : "false", j->out);
}

static void put_null(struct json *j, const char *key)
{
	put_key(j, key);
	fputs("null", j->out);
}

/* -1: unknown. */
static void put_flag(struct json *j, const char *key, int flag)
{
	if (flag < 0)
		put_null(j, key);
	else
		put_bool(j, key, flag);
}

static void put_limit(struct json *j, const char *key, uint64_t limit)
{
	if (limit == CGROUP_UNLIMITED)
		put_null(j, key);
	else
		put_number(j, key, limit);
}

static const char *access_key(enum host_access access)
{
	static const char *const key[] = {"missing", "denied", "usable"};

	return key[access];
}

static const char *kind_key(const struct doctor_facts *facts)
{
	if (facts->kvm.open_error)
		return "none";
	if (doctor_is_deprivileged(facts))
		return "deprivileged";
	return facts->kvm.kind == KVM_HOST_VTX ? "vtx" : "amdv";
}

static void put_kvm(struct json *j, const struct doctor_facts *facts)
{
	const struct probe_facts *kvm = &facts->kvm;

	open_object(j, "kvm");
	put_text(j, "kind", kind_key(facts));
	put_text(j, "open_error", kvm->open_error ? strerror(kvm->open_error) : "");
	put_number(j, "api_version", (uint64_t)kvm->api_version);
	put_text(j, "create_vm_error", kvm->create_vm_error ? strerror(kvm->create_vm_error) : "");
	put_bool(j, "ring0_is_emulated", probe_ring0_is_emulated(kvm));
	put_number(j, "ring0_instructions_per_s", kvm->ring0_per_s);
	put_number(j, "ring3_instructions_per_s", kvm->ring3_per_s);
	put_number(j, "abandoned_probes", kvm->abandoned_count);
	open_object(j, "capabilities");
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		put_number(j, probe_cap_info[i].name, (uint64_t)kvm->cap[i]);
	close_object(j);
	close_object(j);
}

static void put_trials(struct json *j, const struct probe_facts *kvm)
{
	open_object(j, "trials");
	for (enum probe_trial i = 0; i < PROBE_TRIAL_COUNT; i++) {
		open_object(j, probe_trial_key(i));
		put_bool(j, "ok", kvm->trial[i].outcome == OUTCOME_OK);
		put_text(j, "outcome", probe_outcome_key(kvm->trial[i].outcome));
		put_number(j, "detail", kvm->trial[i].detail);
		close_object(j);
	}
	close_object(j);
}

/* null: not measured. */
static void put_costs(struct json *j, const struct probe_facts *kvm)
{
	open_object(j, "costs");
	for (enum probe_cost i = 0; i < PROBE_COST_COUNT; i++) {
		const struct probe_figure *cost = &kvm->cost[i];

		if (!cost->samples) {
			put_null(j, probe_cost_key(i));
			continue;
		}
		open_object(j, probe_cost_key(i));
		put_number(j, "min", cost->min_ns);
		put_number(j, "median", cost->median_ns);
		put_number(j, "samples", cost->samples);
		close_object(j);
	}
	close_object(j);
}

static void put_kvm_device(struct json *j, const struct host_kvm_device *kvm)
{
	char mode[8];

	open_object(j, "kvm_device");
	put_text(j, "access", access_key(kvm->access));
	put_text(j, "group", kvm->group);
	snprintf(mode, sizeof(mode), "%04o", kvm->mode & 07777);
	put_text(j, "mode", mode);
	put_bool(j, "in_kvm_group", kvm->in_kvm_group);
	close_object(j);
}

static void put_machine(struct json *j, const struct host_facts *host)
{
	put_text(j, "kernel", host->kernel);
	put_text(j, "cpu_model", host->cpu_model);
	put_text(j, "hypervisor", host->hypervisor);
	put_bool(j, "is_virtual_machine", host->hypervisor_bit);
	put_bool(j, "cpuid_vmx", host->cpuid_vmx);
	put_bool(j, "cpuid_svm", host->cpuid_svm);
	put_bool(j, "cpuinfo_vmx", host->flag_vmx);
	put_bool(j, "cpuinfo_svm", host->flag_svm);
	put_number(j, "cpus", host->cpu_count);
	put_number(j, "cpus_allowed", host->cpu_allowed);
	put_number(j, "memory_bytes", host->memory_bytes);
	put_number(j, "memory_available_bytes", host->memory_free_bytes);
}

static void put_modules(struct json *j, const struct host_facts *host)
{
	put_bool(j, "kvm_intel", host->module_intel);
	put_bool(j, "kvm_amd", host->module_amd);
	put_bool(j, "kvm_pvm", host->module_pvm);
	put_flag(j, "ept", host->ept);
	put_flag(j, "npt", host->npt);
	put_flag(j, "unrestricted_guest", host->unrestricted_guest);
	put_flag(j, "nested", host->nested);
	put_limit(j, "halt_poll_ns",
		  host->halt_poll_ns < 0 ? CGROUP_UNLIMITED : (uint64_t)host->halt_poll_ns);
	put_text(j, "nx_huge_pages", host->nx_huge_pages);
	put_bool(j, "favordynmods", host->favordynmods);
}

static void put_host(struct json *j, const struct host_facts *host)
{
	open_object(j, "host");
	put_machine(j, host);
	put_modules(j, host);
	put_kvm_device(j, &host->kvm);
	put_text(j, "transparent_hugepage", host->thp);
	put_text(j, "transparent_hugepage_shmem", host->thp_shmem);
	put_number(j, "hugetlb_pages", host->hugetlb_pages);
	put_number(j, "hugetlb_free", host->hugetlb_free);
	put_number(j, "hugetlb_page_bytes", host->hugetlb_page_bytes);
	put_limit(j, "overcommit_memory",
		  host->overcommit < 0 ? CGROUP_UNLIMITED : (uint64_t)host->overcommit);
	put_text(j, "io_uring_error", host->io_uring_error ? strerror(host->io_uring_error) : "");
	put_text(j, "vhost_net", access_key(host->vhost_net));
	put_text(j, "tun", access_key(host->tun));
	put_limit(j, "cgroup_memory_bytes", host->cgroup.memory_bytes);
	put_limit(j, "cgroup_pids", host->cgroup.pids);
	put_limit(j, "cgroup_cpu_percent", host->cgroup.cpu_percent);
	close_object(j);
}

static void put_verdicts(struct json *j, const struct doctor_verdict *verdicts)
{
	static const char *const state[] = {"ok", "limited", "no"};

	open_object(j, "verdicts");
	for (enum doctor_subject i = 0; i < DOCTOR_SUBJECT_COUNT; i++) {
		open_object(j, doctor_subject_key(i));
		put_text(j, "state", state[verdicts[i].state]);
		put_text(j, "text", verdicts[i].text);
		put_text(j, "advice", verdicts[i].advice);
		close_object(j);
	}
	close_object(j);
}

void doctor_print_json(FILE *out, const struct doctor_facts *facts,
		       const struct doctor_verdict *verdicts)
{
	struct json j = {.out = out};

	open_object(&j, NULL);
	put_text(&j, "vitrine", VITRINE_VERSION);
	put_number(&j, "exit_status", (uint64_t)doctor_exit_status(verdicts));
	put_number(&j, "took_ms", facts->took_ms);
	put_kvm(&j, facts);
	put_trials(&j, &facts->kvm);
	put_costs(&j, &facts->kvm);
	put_host(&j, &facts->host);
	put_verdicts(&j, verdicts);
	close_object(&j);
	putc('\n', out);
}
