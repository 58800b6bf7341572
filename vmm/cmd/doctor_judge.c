/* SPDX-License-Identifier: MIT
 *
 * The doctor's verdicts on guests and debugging: from facts to plain words. What concerns the host
 * around KVM is in doctor_judge_host.c.
 */
#include "cmd/doctor_judge.h"

#include <string.h>

#include "cmd/cmd.h"

#define SANDBOX "scripts/sandbox --engine svm build/vitrine run IMAGE"

static const struct {
	const char *key, *title;
} subjects[DOCTOR_SUBJECT_COUNT] = {
	[SUBJECT_KVM] = {"kvm", "/dev/kvm"},
	[SUBJECT_BUNDLED_GUEST] = {"bundled_guest", "bundled guest"},
	[SUBJECT_STOCK_LINUX] = {"stock_linux", "stock Linux"},
	[SUBJECT_REAL_MODE] = {"real_mode", "16-bit code"},
	[SUBJECT_SMP] = {"smp", "several vCPUs"},
	[SUBJECT_GDB_SOFTWARE] = {"gdb_software_breakpoints", "gdb: break"},
	[SUBJECT_GDB_HARDWARE] = {"gdb_hardware_breakpoints", "gdb: hbreak, step"},
	[SUBJECT_HYPERCALL] = {"hypercall", "vmcall"},
	[SUBJECT_INTERFACE] = {"interface", "KVM's interface"},
	[SUBJECT_START_UP] = {"start_up", "VM start and end"},
	[SUBJECT_PAGING] = {"nested_paging", "nested paging"},
	[SUBJECT_HUGE_PAGES] = {"huge_pages", "huge pages"},
	[SUBJECT_MEMORY] = {"memory", "memory"},
	[SUBJECT_CPU] = {"cpu", "CPUs"},
	[SUBJECT_DISK] = {"disk", "disk I/O"},
	[SUBJECT_NETWORK] = {"network", "network"},
};

const char *doctor_subject_key(enum doctor_subject subject)
{
	return subjects[subject].key;
}

const char *doctor_subject_title(enum doctor_subject subject)
{
	return subjects[subject].title;
}

bool doctor_is_deprivileged(const struct doctor_facts *facts)
{
	return facts->kvm.kind == KVM_HOST_DEPRIVILEGED || probe_ring0_is_emulated(&facts->kvm);
}

const char *doctor_kind_text(const struct doctor_facts *facts)
{
	if (facts->kvm.open_error)
		return "not usable, see below";
	if (doctor_is_deprivileged(facts))
		return facts->host.module_pvm
			       ? "deprivileged (kvm_pvm): no VT-x or AMD-V underneath"
			       : "deprivileged: no VT-x or AMD-V underneath";
	return facts->kvm.kind == KVM_HOST_VTX ? "VT-x (kvm_intel)" : "AMD-V (kvm_amd)";
}

static bool trial_ok(const struct doctor_facts *facts, enum probe_trial trial)
{
	return facts->kvm.trial[trial].outcome == OUTCOME_OK;
}

/* The trial was made and the answer is no. */
static bool trial_failed(const struct doctor_facts *facts, enum probe_trial trial)
{
	switch (facts->kvm.trial[trial].outcome) {
	case OUTCOME_OK:
	case OUTCOME_ABSENT:
	case OUTCOME_NOT_TRIED:
	case OUTCOME_ERROR: return false;
	default: return true;
	}
}

static void judge_bundled_guest(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	char rate[32];

	if (!trial_ok(facts, TRIAL_RING3)) {
		verdict_set(v, DOCTOR_NO, "no: user programs (ring 3) do not run");
		verdict_advise(v, SANDBOX);
	} else if (doctor_is_deprivileged(facts)) {
		verdict_set(v, DOCTOR_LIMITED,
			    "works; its kernel is slow (ring 0 is emulated, %s instructions/s)",
			    doctor_format_rate(rate, sizeof(rate), facts->kvm.ring0_per_s));
	} else {
		verdict_set(v, DOCTOR_OK, "works");
	}
}

/* What a distributor's kernel executes without asking CPUID, or because CPUID offers it. */
static const struct {
	enum probe_trial trial;
	const char *word;
} linux_needs[] = {
	{TRIAL_SYSCALL, "syscall"}, {TRIAL_SYSRET, "sysret"},	      {TRIAL_INT_N, "int n"},
	{TRIAL_INT3, "int3"},	    {TRIAL_CMPXCHG16B, "cmpxchg16b"}, {TRIAL_XSAVE, "xsave"},
	{TRIAL_XRSTOR, "xrstor"},
};

static void judge_stock_linux(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	char missing[100] = "";
	bool unknown = !trial_ok(facts, TRIAL_RING3);

	for (size_t i = 0; i < sizeof(linux_needs) / sizeof(*linux_needs); i++) {
		enum probe_outcome outcome = facts->kvm.trial[linux_needs[i].trial].outcome;
		size_t len = strlen(missing);

		unknown |= outcome == OUTCOME_NOT_TRIED || outcome == OUTCOME_ERROR;
		if (trial_failed(facts, linux_needs[i].trial))
			snprintf(missing + len, sizeof(missing) - len, "%s%s", len ? ", " : "",
				 linux_needs[i].word);
	}
	if (*missing) {
		verdict_set(v, DOCTOR_NO, "no: its kernel needs %s, which fail here", missing);
		verdict_advise(v, "use a host with VT-x or AMD-V, or: " SANDBOX);
	} else if (unknown) {
		verdict_set(v, DOCTOR_LIMITED, "uncertain: not all probes could be made");
		verdict_advise(v, "run vitrine doctor again when the machine is less busy");
	} else {
		verdict_set(v, DOCTOR_OK, "works");
	}
}

static void judge_real_mode(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	if (!trial_ok(facts, TRIAL_REAL_MODE))
		verdict_set(v, DOCTOR_NO, "no: real mode does not run (%s)",
			    probe_outcome_key(facts->kvm.trial[TRIAL_REAL_MODE].outcome));
	else if (doctor_is_deprivileged(facts))
		verdict_set(v, DOCTOR_LIMITED, "works, emulated");
	else if (facts->kvm.kind == KVM_HOST_VTX && facts->host.unrestricted_guest == 0)
		verdict_set(v, DOCTOR_LIMITED, "works, emulated (unrestricted_guest=N)");
	else
		verdict_set(v, DOCTOR_OK, "works");
}

static void judge_smp(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	int max = facts->kvm.cap[PROBE_CAP_MAX_VCPUS];

	if (!trial_ok(facts, TRIAL_SMP)) {
		verdict_set(v, DOCTOR_NO, "no: a second vCPU did not start (%s)",
			    probe_outcome_key(facts->kvm.trial[TRIAL_SMP].outcome));
		verdict_advise(v, "run guests with --cpus 1");
	} else {
		verdict_set(v, DOCTOR_OK, "works, up to %d", max);
	}
}

static void judge_gdb_software(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	if (trial_ok(facts, TRIAL_GDB_INT3)) {
		verdict_set(v, DOCTOR_OK, "software breakpoints work");
		return;
	}
	if (trial_ok(facts, TRIAL_INT3))
		verdict_set(v, DOCTOR_NO, "no software breakpoints: int3 goes past the debugger");
	else
		verdict_set(v, DOCTOR_NO, "no software breakpoints in ring 0: int3 fails here");
	if (trial_ok(facts, TRIAL_GDB_HARDWARE))
		verdict_advise(v, "use hardware breakpoints: hbreak (4 at a time)");
	else if (facts->kvm.kind == KVM_HOST_AMDV && strncmp(facts->host.hypervisor, "TCG", 3) == 0)
		verdict_advise(v, "QEMU's emulated AMD-V lacks both kinds of breakpoints: "
				  "scripts/sandbox --engine vtx has them");
	else
		verdict_advise(v, "debug on another host");
}

static void judge_gdb_hardware(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	bool hbreak = trial_ok(facts, TRIAL_GDB_HARDWARE), step = trial_ok(facts, TRIAL_GDB_STEP);
	bool early = facts->kvm.trial[TRIAL_GDB_STEP].outcome == OUTCOME_WRONG_STOP;

	if (hbreak && step)
		verdict_set(v, DOCTOR_OK, "hardware breakpoints and single steps work");
	else
		verdict_set(v, hbreak || step || early ? DOCTOR_LIMITED : DOCTOR_NO,
			    "hardware breakpoints %s, single steps %s",
			    hbreak ? "work" : "do not work",
			    step    ? "work"
			    : early ? "have to be repeated"
				    : "do not work");
}

static void judge_hypercall(const struct doctor_facts *facts, struct doctor_verdict *v)
{
	bool vmcall = trial_ok(facts, TRIAL_VMCALL), vmmcall = trial_ok(facts, TRIAL_VMMCALL);

	if (vmcall && vmmcall)
		verdict_set(v, DOCTOR_OK, "vmcall and vmmcall both work");
	else if (vmcall || vmmcall)
		verdict_set(v, DOCTOR_OK, "%s works, %s does not", vmcall ? "vmcall" : "vmmcall",
			    vmcall ? "vmmcall" : "vmcall");
	else
		verdict_set(v, DOCTOR_LIMITED,
			    "never returns from ring 0: hypercalls go through a port instead");
}

static void set_all_unusable(struct doctor_verdict *verdicts)
{
	for (unsigned i = SUBJECT_BUNDLED_GUEST; i <= SUBJECT_START_UP; i++)
		verdict_set(&verdicts[i], DOCTOR_NO, "not without a usable KVM");
	for (unsigned i = SUBJECT_BUNDLED_GUEST; i <= SUBJECT_STOCK_LINUX; i++)
		verdict_advise(&verdicts[i], "meanwhile: " SANDBOX);
}

void doctor_judge(const struct doctor_facts *facts, struct doctor_verdict *verdicts)
{
	judge_kvm(facts, &verdicts[SUBJECT_KVM]);
	if (verdicts[SUBJECT_KVM].state == DOCTOR_NO) {
		set_all_unusable(verdicts);
	} else {
		judge_bundled_guest(facts, &verdicts[SUBJECT_BUNDLED_GUEST]);
		judge_stock_linux(facts, &verdicts[SUBJECT_STOCK_LINUX]);
		judge_real_mode(facts, &verdicts[SUBJECT_REAL_MODE]);
		judge_smp(facts, &verdicts[SUBJECT_SMP]);
		judge_gdb_software(facts, &verdicts[SUBJECT_GDB_SOFTWARE]);
		judge_gdb_hardware(facts, &verdicts[SUBJECT_GDB_HARDWARE]);
		judge_hypercall(facts, &verdicts[SUBJECT_HYPERCALL]);
		judge_interface(facts, &verdicts[SUBJECT_INTERFACE]);
		judge_start_up(facts, &verdicts[SUBJECT_START_UP]);
	}
	judge_host(facts, verdicts);
}

static bool is_essential(enum doctor_subject subject)
{
	return subject <= SUBJECT_SMP || subject == SUBJECT_INTERFACE;
}

int doctor_exit_status(const struct doctor_verdict *verdicts)
{
	if (verdicts[SUBJECT_KVM].state == DOCTOR_NO)
		return VITRINE_EXIT_HOST;
	if (verdicts[SUBJECT_STOCK_LINUX].state != DOCTOR_OK)
		return DOCTOR_EXIT_LIMITED;
	for (unsigned i = SUBJECT_BUNDLED_GUEST; i < DOCTOR_SUBJECT_COUNT; i++)
		if (is_essential(i) && verdicts[i].state == DOCTOR_NO)
			return DOCTOR_EXIT_LIMITED;
	return VITRINE_EXIT_OK;
}
