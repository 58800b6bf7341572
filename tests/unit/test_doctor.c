/* SPDX-License-Identifier: MIT
 *
 * The doctor's judgement and its two ways to print, from tables of facts; no KVM, no host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/doctor.h"

/* A healthy VT-x machine: each test spoils something. */
static struct doctor_facts healthy(void)
{
	struct doctor_facts f = {
		.host = {.kernel = "6.1.0",
			 .cpu_model = "Test CPU",
			 .cpuid_vmx = true,
			 .flag_vmx = true,
			 .module_intel = true,
			 .cpu_count = 8,
			 .cpu_allowed = 8,
			 .memory_bytes = 16ull << 30,
			 .memory_free_bytes = 8ull << 30,
			 .kvm = {.access = HOST_ACCESS_OK,
				 .mode = 0660,
				 .group = "kvm",
				 .kvm_group = true,
				 .in_kvm_group = true},
			 .ept = 1,
			 .npt = -1,
			 .unrestricted_guest = 1,
			 .nested = 1,
			 .halt_poll_ns = 200000,
			 .thp = "madvise",
			 .vhost_net = HOST_ACCESS_OK,
			 .tun = HOST_ACCESS_OK,
			 .cgroup = {CGROUP_UNLIMITED, CGROUP_UNLIMITED, CGROUP_UNLIMITED}},
		.kvm = {.api_version = 12,
			.kind = KVM_HOST_VTX,
			.ring0_per_s = 4000000000,
			.ring3_per_s = 4000000000},
		.took_ms = 1234,
	};

	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		f.kvm.cap[i] = 1;
	f.kvm.cap[PROBE_CAP_MAX_VCPUS] = 1024;
	for (unsigned i = 0; i < PROBE_TRIAL_COUNT; i++)
		f.kvm.trial[i].outcome = OUTCOME_OK;
	for (unsigned i = 0; i < PROBE_COST_COUNT; i++)
		f.kvm.cost[i] = (struct probe_figure){900, 1500, 10};
	return f;
}

/* What a KVM without hardware under it answers. */
static struct doctor_facts deprivileged(void)
{
	struct doctor_facts f = healthy();

	f.host.cpuid_vmx = f.host.flag_vmx = f.host.module_intel = false;
	f.host.module_pvm = true;
	f.kvm.kind = KVM_HOST_DEPRIVILEGED;
	f.kvm.ring0_per_s = 1300000;
	f.kvm.trial[TRIAL_SYSCALL] = (struct probe_result){OUTCOME_WRONG_RING, 3};
	f.kvm.trial[TRIAL_INT_N] = (struct probe_result){OUTCOME_EXCEPTION, 6};
	f.kvm.trial[TRIAL_CMPXCHG16B] = (struct probe_result){OUTCOME_KVM_GAVE_UP, 1};
	f.kvm.trial[TRIAL_XSAVE].outcome = OUTCOME_ABSENT;
	f.kvm.trial[TRIAL_INT3] = (struct probe_result){OUTCOME_KVM_GAVE_UP, 1};
	f.kvm.trial[TRIAL_GDB_INT3] = (struct probe_result){OUTCOME_KVM_GAVE_UP, 1};
	f.kvm.trial[TRIAL_VMCALL].outcome = OUTCOME_STUCK;
	f.kvm.trial[TRIAL_VMMCALL].outcome = OUTCOME_ABANDONED;
	f.kvm.abandoned_count = 1;
	f.kvm.abandoned_pid = 4711;
	return f;
}

static struct doctor_facts unusable(int open_error)
{
	struct doctor_facts f = healthy();

	f.kvm = (struct probe_facts){.open_error = open_error};
	f.host.kvm.in_kvm_group = false;
	return f;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" lacks \"%s\"", text, part);
}

static void test_healthy_host(void **state)
{
	struct doctor_facts f = healthy();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	doctor_judge(&f, v);
	for (unsigned i = 0; i < DOCTOR_SUBJECT_COUNT; i++) {
		assert_int_equal(v[i].state, DOCTOR_OK);
		assert_string_equal(v[i].advice, "");
		assert_true(v[i].text[0]);
		assert_non_null(doctor_subject_key(i));
		assert_non_null(doctor_subject_title(i));
	}
	assert_int_equal(doctor_exit_status(v), 0);
	assert_string_equal(doctor_kind_text(&f), "VT-x (kvm_intel)");
}

static void test_deprivileged_host(void **state)
{
	struct doctor_facts f = deprivileged();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	doctor_judge(&f, v);
	assert_int_equal(doctor_exit_status(v), DOCTOR_EXIT_LIMITED);
	assert_int_equal(v[SUBJECT_KVM].state, DOCTOR_OK);
	assert_int_equal(v[SUBJECT_BUNDLED_GUEST].state, DOCTOR_LIMITED);
	assert_has(v[SUBJECT_BUNDLED_GUEST].text, "1.3 M instructions/s");
	assert_int_equal(v[SUBJECT_STOCK_LINUX].state, DOCTOR_NO);
	assert_has(v[SUBJECT_STOCK_LINUX].text, "syscall, int n, int3, cmpxchg16b, which");
	assert_has(v[SUBJECT_STOCK_LINUX].advice, "scripts/sandbox --engine svm");
	assert_int_equal(v[SUBJECT_GDB_SOFTWARE].state, DOCTOR_NO);
	assert_has(v[SUBJECT_GDB_SOFTWARE].advice, "hbreak");
	assert_int_equal(v[SUBJECT_HYPERCALL].state, DOCTOR_LIMITED);
	assert_int_equal(v[SUBJECT_SMP].state, DOCTOR_OK);
	assert_has(doctor_kind_text(&f), "deprivileged");
}

/* Flags that promise hardware are not believed when ring 0 crawls. */
static void test_probe_beats_flags(void **state)
{
	struct doctor_facts f = healthy();

	(void)state;
	f.kvm.ring0_per_s = 1000000;
	assert_true(doctor_is_deprivileged(&f));
}

static void test_trials_that_were_not_made(void **state)
{
	struct doctor_facts f = healthy();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	f.kvm.trial[TRIAL_INT3].outcome = OUTCOME_NOT_TRIED;
	doctor_judge(&f, v);
	assert_int_equal(v[SUBJECT_STOCK_LINUX].state, DOCTOR_LIMITED);
	assert_int_equal(doctor_exit_status(v), DOCTOR_EXIT_LIMITED);
	f.kvm.trial[TRIAL_INT3].outcome = OUTCOME_OK;
	f.kvm.trial[TRIAL_XSAVE].outcome = OUTCOME_ABSENT; /* the CPU has none: Linux asks first */
	doctor_judge(&f, v);
	assert_int_equal(v[SUBJECT_STOCK_LINUX].state, DOCTOR_OK);
}

static void test_no_kvm(void **state)
{
	static const struct {
		int error;
		bool cpuid_vmx, flag_vmx, hypervisor;
		const char *text, *advice;
	} row[] = {
		{ENOENT, true, true, false, "there is none", "modprobe kvm_intel"},
		{ENXIO, true, true, false, "there is none", "modprobe kvm_intel"},
		{ENOENT, true, false, false, "there is none", "enable VT-x in the firmware"},
		{ENOENT, false, false, true, "there is none", "nested virtualization"},
		{ENOENT, false, false, false, "there is none", "neither VT-x nor AMD-V"},
		{EACCES, true, true, false, "no permission", "sudo usermod -aG kvm \"$USER\""},
		{ENOTTY, true, true, false, "not KVM's device", ""},
		{EAGAIN, true, true, false, "no process", "ulimit -u"},
		{EMFILE, true, true, false, "does not open", ""},
	};
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct doctor_facts f = unusable(row[i].error);

		f.host.cpuid_vmx = row[i].cpuid_vmx;
		f.host.flag_vmx = row[i].flag_vmx;
		f.host.hypervisor_bit = row[i].hypervisor;
		doctor_judge(&f, v);
		assert_int_equal(doctor_exit_status(v), VITRINE_EXIT_HOST);
		assert_has(v[SUBJECT_KVM].text, row[i].text);
		assert_has(v[SUBJECT_KVM].advice, row[i].advice);
		assert_int_equal(v[SUBJECT_BUNDLED_GUEST].state, DOCTOR_NO);
		assert_has(v[SUBJECT_STOCK_LINUX].advice, "scripts/sandbox");
	}
}

static void test_permission_advice_fits_the_file(void **state)
{
	struct doctor_facts f = unusable(EACCES);
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	doctor_judge(&f, v);
	assert_null(strstr(v[SUBJECT_KVM].advice, "chgrp"));
	assert_has(v[SUBJECT_KVM].text, "group kvm, mode 0660");
	strcpy(f.host.kvm.group, "root"); /* usermod alone would not help */
	f.host.kvm.mode = 0600;
	doctor_judge(&f, v);
	assert_has(v[SUBJECT_KVM].advice, "chgrp kvm /dev/kvm");
	assert_null(strstr(v[SUBJECT_KVM].advice, "groupadd"));
	f.host.kvm.kvm_group = false;
	doctor_judge(&f, v);
	assert_has(v[SUBJECT_KVM].advice, "groupadd --system kvm");
	assert_has(v[SUBJECT_KVM].advice, "log in again (group kvm)"); /* not cut */
	f.host.kvm.is_root = true;
	doctor_judge(&f, v);
	assert_has(v[SUBJECT_KVM].advice, "--device /dev/kvm");
}

static void test_kvm_that_opens_but_does_not_work(void **state)
{
	struct doctor_facts f = healthy();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	f.kvm.create_vm_error = EBUSY;
	doctor_judge(&f, v);
	assert_int_equal(doctor_exit_status(v), VITRINE_EXIT_HOST);
	assert_has(v[SUBJECT_KVM].advice, "another hypervisor");
	f = healthy();
	f.kvm.api_version = 11;
	doctor_judge(&f, v);
	assert_int_equal(doctor_exit_status(v), VITRINE_EXIT_HOST);
	f = healthy();
	f.kvm.trial[TRIAL_RING0] = (struct probe_result){OUTCOME_OTHER_EXIT, 9};
	doctor_judge(&f, v);
	assert_int_equal(doctor_exit_status(v), VITRINE_EXIT_HOST);
}

static void spoil_ept(struct doctor_facts *f)
{
	f->host.ept = 0;
}
static void spoil_real_mode(struct doctor_facts *f)
{
	f->host.unrestricted_guest = 0;
}
static void spoil_step(struct doctor_facts *f)
{
	f->kvm.trial[TRIAL_GDB_STEP] = (struct probe_result){OUTCOME_WRONG_STOP, (uint32_t)-1};
}
static void spoil_thp(struct doctor_facts *f)
{
	strcpy(f->host.thp, "never");
}
static void spoil_overcommit(struct doctor_facts *f)
{
	f->host.overcommit = 2;
}
static void spoil_cgroup(struct doctor_facts *f)
{
	f->host.cgroup.memory_bytes = 64 << 20;
}
static void spoil_quota(struct doctor_facts *f)
{
	f->host.cgroup.cpu_percent = 50;
}
static void spoil_io_uring(struct doctor_facts *f)
{
	f->host.io_uring_error = EPERM;
}
static void spoil_tun(struct doctor_facts *f)
{
	f->host.tun = HOST_ACCESS_MISSING;
}
static void spoil_vhost(struct doctor_facts *f)
{
	f->host.vhost_net = HOST_ACCESS_DENIED;
}
static void spoil_create_vm(struct doctor_facts *f)
{
	f->kvm.cost[COST_CREATE_VM].median_ns = 30000000;
}
static void spoil_sync_regs(struct doctor_facts *f)
{
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		if (strcmp(probe_cap_info[i].name, "SYNC_REGS") == 0)
			f->kvm.cap[i] = 0;
}

static void test_each_defect_has_its_advice(void **state)
{
	static const struct {
		void (*spoil)(struct doctor_facts *f);
		enum doctor_subject subject;
		const char *text, *advice;
	} row[] = {
		{spoil_real_mode, SUBJECT_REAL_MODE, "emulated (unrestricted_guest=N)", ""},
		{spoil_step, SUBJECT_GDB_HARDWARE, "single steps have to be repeated", ""},
		{spoil_ept, SUBJECT_PAGING, "EPT is off", "ept=1"},
		{spoil_thp, SUBJECT_HUGE_PAGES, "off", "echo madvise"},
		{spoil_overcommit, SUBJECT_MEMORY, "overcommit", "vm.overcommit_memory=0"},
		{spoil_cgroup, SUBJECT_MEMORY, "64 MiB", "memory.max"},
		{spoil_quota, SUBJECT_CPU, "50 %", "cpu.max"},
		{spoil_io_uring, SUBJECT_DISK, "io_uring", "kernel.io_uring_disabled=0"},
		{spoil_tun, SUBJECT_NETWORK, "tap devices: missing", "modprobe -a tun"},
		{spoil_vhost, SUBJECT_NETWORK, "vhost-net: no permission", "/dev/vhost-net"},
		{spoil_create_vm, SUBJECT_START_UP, "30.0 ms", "favordynmods"},
		{spoil_sync_regs, SUBJECT_INTERFACE, "lacks SYNC_REGS", "newer host kernel"},
	};
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct doctor_facts f = healthy();

		row[i].spoil(&f);
		doctor_judge(&f, v);
		assert_int_equal(v[row[i].subject].state, DOCTOR_LIMITED);
		assert_has(v[row[i].subject].text, row[i].text);
		assert_has(v[row[i].subject].advice, row[i].advice);
		assert_int_equal(doctor_exit_status(v), 0); /* guests run nevertheless */
	}
}

static void test_slow_vm_with_the_cure_in_place_has_no_advice(void **state)
{
	struct doctor_facts f = healthy();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	spoil_create_vm(&f);
	f.host.favordynmods = true;
	doctor_judge(&f, v);
	assert_string_equal(v[SUBJECT_START_UP].advice, "");
}

static void test_missing_required_capability_limits(void **state)
{
	struct doctor_facts f = healthy();
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		f.kvm.cap[i] = 0;
	doctor_judge(&f, v);
	assert_int_equal(v[SUBJECT_INTERFACE].state, DOCTOR_NO);
	assert_int_equal(doctor_exit_status(v), DOCTOR_EXIT_LIMITED);
}

static void spoil_smp(struct doctor_facts *f)
{
	f->kvm.trial[TRIAL_SMP].outcome = OUTCOME_STUCK;
}
static void spoil_xrstor(struct doctor_facts *f)
{
	f->kvm.trial[TRIAL_XRSTOR].outcome = OUTCOME_KVM_GAVE_UP;
}
static void spoil_ring3(struct doctor_facts *f)
{
	f->kvm.trial[TRIAL_RING3].outcome = OUTCOME_TRIPLE_FAULT;
}

static void test_what_limits_guests_is_in_the_exit_status(void **state)
{
	static const struct {
		void (*spoil)(struct doctor_facts *f);
		enum doctor_subject subject;
		const char *text;
	} row[] = {
		{spoil_smp, SUBJECT_SMP, "(stuck)"},
		{spoil_xrstor, SUBJECT_STOCK_LINUX, "needs xrstor, which"},
		{spoil_ring3, SUBJECT_BUNDLED_GUEST, "ring 3"},
	};
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct doctor_facts f = healthy();

		row[i].spoil(&f);
		doctor_judge(&f, v);
		assert_int_equal(v[row[i].subject].state, DOCTOR_NO);
		assert_has(v[row[i].subject].text, row[i].text);
		assert_int_equal(doctor_exit_status(v), DOCTOR_EXIT_LIMITED);
	}
}

/* --- printing */

static char *print(const struct doctor_facts *f, bool json, struct doctor_style style)
{
	struct doctor_verdict v[DOCTOR_SUBJECT_COUNT];
	size_t size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	doctor_judge(f, v);
	if (json)
		assert_int_equal(doctor_print_json(out, f, v), 0);
	else
		assert_int_equal(doctor_print_report(out, f, v, style), 0);
	fclose(out);
	return text;
}

static void test_report_in_ascii_is_ascii(void **state)
{
	struct doctor_facts f = deprivileged();
	char *text = print(&f, false, (struct doctor_style){0});

	(void)state;
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	assert_has(text, "x syscall from ring 3        arrives in ring 3");
	assert_has(text, "x int n from ring 3          raises exception 6 (#UD)");
	assert_has(text, "1.5 us");
	assert_has(text, "process 4711");
	assert_has(text, "bundled guest works here, stock Linux does not");
	free(text);
}

static void test_report_in_colour(void **state)
{
	struct doctor_facts f = healthy();
	char *text = print(&f, false, (struct doctor_style){.utf8 = true, .colour = true});

	(void)state;
	assert_has(text, "\033[32m✓\033[0m stock Linux");
	assert_has(text, "1.5 µs");
	assert_has(text, "MAX_VCPUS=1024");
	assert_has(text, "Everything works here");
	free(text);
}

static void test_report_without_kvm_has_no_figures(void **state)
{
	struct doctor_facts f = unusable(EACCES);
	char *text = print(&f, false, (struct doctor_style){0});

	(void)state;
	assert_null(strstr(text, "How fast"));
	assert_has(text, "usermod -aG kvm");
	free(text);
}

/* Whether Python, if there is one, reads the text as JSON. */
static void assert_parses(const char *text)
{
	FILE *python;

	if (system("command -v python3 >/dev/null 2>&1"))
		skip();
	python = popen("python3 -m json.tool >/dev/null", "w");
	fputs(text, python);
	assert_int_equal(pclose(python), 0);
}

static void test_json(void **state)
{
	struct doctor_facts f = deprivileged();
	char *text;

	(void)state;
	strcpy(f.host.cpu_model, "\"Bad\\CPU\"\t\x80\x01");
	f.kvm.cost[COST_HLT_WAKE].samples = 0;
	f.host.cgroup.pids = 99;
	text = print(&f, true, (struct doctor_style){0});
	assert_parses(text);
	assert_has(text, "\"exit_status\": 1");
	assert_has(text, "\"kind\": \"deprivileged\"");
	assert_has(text, "\"open_error\": null");
	assert_has(text, "\"hlt_wake_ns\": null");
	assert_has(text, "\"median\": 1500");
	assert_has(text, "\"outcome\": \"wrong_ring\"");
	assert_has(text, "\"cgroup_memory_bytes\": null");
	assert_has(text, "\"cgroup_pids\": 99");
	assert_has(text, "\"npt\": null");
	assert_has(text, "\"abandoned_probes\": 1");
	assert_has(text, "\\\"Bad\\\\CPU\\\"");
	free(text);
	f = unusable(ENOENT);
	text = print(&f, true, (struct doctor_style){0});
	assert_parses(text);
	assert_has(text, "\"kind\": \"unusable\"");
	free(text);
}

static void test_formats(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(doctor_format_time(buf, sizeof(buf), 0, false), "     0 ns");
	assert_string_equal(doctor_format_time(buf, sizeof(buf), 999, false), "   999 ns");
	assert_string_equal(doctor_format_time(buf, sizeof(buf), 1000, false), "   1.0 us");
	assert_string_equal(doctor_format_time(buf, sizeof(buf), 1000, true), "   1.0 µs");
	assert_string_equal(doctor_format_time(buf, sizeof(buf), 1500000, true), "   1.5 ms");
	assert_string_equal(doctor_format_rate(buf, sizeof(buf), 0), "?");
	assert_string_equal(doctor_format_rate(buf, sizeof(buf), 1300000), "1.3 M");
	assert_string_equal(doctor_format_rate(buf, sizeof(buf), 3000000000), "3.0 G");
	assert_string_equal(doctor_format_size(buf, sizeof(buf), 3ull << 29), "1.5 GiB");
	assert_string_equal(doctor_format_size(buf, sizeof(buf), 64 << 20), "64 MiB");
}

/* As main() would call it for the first time: getopt_long() keeps a place in argv. */
static int doctor(const char *argument)
{
	char name[] = "vitrine doctor", copy[32];
	char *argv[] = {name, copy, NULL};

	snprintf(copy, sizeof(copy), "%s", argument);
	optind = 0;
	return cmd_doctor(2, argv);
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(doctor("now"), VITRINE_EXIT_USAGE);
	assert_int_equal(doctor("--jsom"), VITRINE_EXIT_USAGE);
	assert_int_equal(doctor("--json=x"), VITRINE_EXIT_USAGE);
	assert_int_equal(doctor("--help"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy_host),
		cmocka_unit_test(test_deprivileged_host),
		cmocka_unit_test(test_probe_beats_flags),
		cmocka_unit_test(test_trials_that_were_not_made),
		cmocka_unit_test(test_no_kvm),
		cmocka_unit_test(test_permission_advice_fits_the_file),
		cmocka_unit_test(test_kvm_that_opens_but_does_not_work),
		cmocka_unit_test(test_each_defect_has_its_advice),
		cmocka_unit_test(test_slow_vm_with_the_cure_in_place_has_no_advice),
		cmocka_unit_test(test_missing_required_capability_limits),
		cmocka_unit_test(test_what_limits_guests_is_in_the_exit_status),
		cmocka_unit_test(test_report_in_ascii_is_ascii),
		cmocka_unit_test(test_report_in_colour),
		cmocka_unit_test(test_report_without_kvm_has_no_figures),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
