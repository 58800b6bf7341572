/* SPDX-License-Identifier: MIT
 *
 * The probe's parts that need no KVM: children under a limit, figures, classification, and facts
 * from a made-up /proc and /sys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm/probe.h"
#include "kvm/probe_box.h"
#include "kvm/probe_cgroup.h"
#include "kvm/probe_child.h"
#include "kvm/probe_files.h"
#include "kvm/probe_host.h"

/* --- children */

static void child_doubles(const void *ctx, void *result)
{
	*(int *)result = 2 * *(const int *)ctx;
}

static void child_crashes(const void *ctx, void *result)
{
	(void)ctx;
	(void)result;
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* As deaf as a process can make itself. */
static void child_hangs(const void *ctx, void *result)
{
	sigset_t all;

	(void)ctx;
	(void)result;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;)
		pause();
}

/* Counts the descriptors that it holds beside the standard streams and its pipe. */
static void child_counts_files(const void *ctx, void *result)
{
	(void)ctx;
	for (int fd = 4; fd < 256; fd++)
		*(int *)result += fcntl(fd, F_GETFD) >= 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void test_child_gives_its_result(void **state)
{
	int in = 21, out = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(probe_child_run(child_doubles, &in, &out, sizeof(out), 5000, &pid),
			 PROBE_CHILD_OK);
	assert_int_equal(out, 42);
}

static void test_child_crash_is_no_result(void **state)
{
	int out = 7;
	pid_t pid;

	(void)state;
	assert_int_equal(probe_child_run(child_crashes, NULL, &out, sizeof(out), 5000, &pid),
			 PROBE_CHILD_FAILED);
	assert_int_equal(out, 7);
}

static void test_child_that_hangs_is_killed(void **state)
{
	uint64_t start = now_ms();
	int out = 7;
	pid_t pid;

	(void)state;
	assert_int_equal(probe_child_run(child_hangs, NULL, &out, sizeof(out), 100, &pid),
			 PROBE_CHILD_KILLED);
	assert_true(now_ms() - start >= 100);
	assert_true(now_ms() - start < 3000);
	assert_int_equal(out, 7);
	assert_int_equal(kill(pid, 0), -1); /* gone and reaped */
}

static void test_child_that_outlives_its_signal_is_abandoned(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		child_hangs(NULL, NULL);
	/* SIGURG stands for a SIGKILL that does nothing. */
	assert_int_equal(probe_child_end(pid, SIGURG, 50), PROBE_CHILD_ABANDONED);
	assert_int_equal(probe_child_end(pid, SIGKILL, 2000), PROBE_CHILD_KILLED);
}

static void test_child_holds_no_file_of_ours(void **state)
{
	int out = -1, fd = open("/dev/null", O_RDONLY);
	pid_t pid;

	(void)state;
	assert_int_equal(probe_child_run(child_counts_files, NULL, &out, sizeof(out), 5000, &pid),
			 PROBE_CHILD_OK);
	assert_int_equal(out, 0);
	close(fd);
}

/* --- figures, names, classification */

static void test_figure(void **state)
{
	uint64_t odd[] = {50, 10, 30}, even[] = {4, 1, 3, 2}, one[] = {9};
	struct probe_figure figure = probe_figure_of(odd, 3);

	(void)state;
	assert_int_equal(figure.min_ns, 10);
	assert_int_equal(figure.median_ns, 30);
	assert_int_equal(figure.samples, 3);
	assert_int_equal(probe_figure_of(even, 4).median_ns, 3);
	assert_int_equal(probe_figure_of(one, 1).median_ns, 9);
	assert_int_equal(probe_figure_of(one, 0).samples, 0);
}

static void test_every_name_is_there(void **state)
{
	(void)state;
	for (enum probe_trial i = 0; i < PROBE_TRIAL_COUNT; i++) {
		assert_non_null(probe_trial_key(i));
		assert_non_null(probe_trial_title(i));
	}
	for (enum probe_outcome i = 0; i <= OUTCOME_ERROR; i++)
		assert_non_null(probe_outcome_key(i));
	for (enum probe_cost i = 0; i < PROBE_COST_COUNT; i++)
		assert_non_null(strstr(probe_cost_key(i), "_ns"));
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++)
		assert_non_null(probe_cap_info[i].name);
	assert_string_equal(probe_cap_info[PROBE_CAP_MAX_VCPUS].name, "MAX_VCPUS");
}

static void test_classification(void **state)
{
	static const struct {
		bool vmx, svm, vendor, pvm;
		enum kvm_host_kind kind;
	} row[] = {
		{true, false, true, false, KVM_HOST_VTX},
		{false, true, true, false, KVM_HOST_AMDV},
		{false, false, false, true, KVM_HOST_DEPRIVILEGED},
		{false, false, true, false, KVM_HOST_DEPRIVILEGED}, /* built in, but no flag */
		{true, false, false, true, KVM_HOST_DEPRIVILEGED},
		{true, false, true, true, KVM_HOST_VTX},
		{true, false, false, false, KVM_HOST_VTX}, /* a container without /sys */
		{false, true, false, false, KVM_HOST_AMDV},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_int_equal(
			kvm_host_classify_facts(row[i].vmx, row[i].svm, row[i].vendor, row[i].pvm),
			row[i].kind);
}

static void test_emulated_ring0(void **state)
{
	struct probe_facts facts = {.ring0_per_s = 2000000, .ring3_per_s = 3000000000};

	(void)state;
	assert_true(probe_ring0_is_emulated(&facts));
	facts.ring0_per_s = 0; /* it never came back */
	assert_true(probe_ring0_is_emulated(&facts));
	facts.ring0_per_s = 700000000;
	assert_false(probe_ring0_is_emulated(&facts));
	facts.ring3_per_s = 0;
	assert_false(probe_ring0_is_emulated(&facts));
}

/* The blob must fit between its page and the stack, and each exception has a stub of its own. */
static void test_guest_code_fits(void **state)
{
	(void)state;
	assert_true(&box_real[0] == &box_code[0]);
	assert_true(BOX_AT(box_code_end) < BOX_STACK_GPA - 0x1000);
	assert_true(box_code_end - box_stubs >= 32 * BOX_STUB_BYTES);
	for (unsigned vector = 0; vector < 32; vector++) {
		const uint8_t *stub = box_stubs + vector * BOX_STUB_BYTES;

		assert_int_equal(stub[0], 0xb0); /* mov $vector, %al */
		assert_int_equal(stub[1], vector);
	}
}

/* --- facts from files */

static void put_file(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_root(void **state)
{
	char *root = strdup("/tmp/vitrine-probe-XXXXXX");

	*state = root;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return system(command);
}

static void test_fields_and_words(void **state)
{
	static const char text[] = "model\t\t: 17\nmodel name\t: A: B\nflags\t: fpu vmx_not svm\n"
				   "MemTotal:  100 kB";
	const char *flags = files_find_field(text, "flags");

	(void)state;
	assert_int_equal(strncmp(files_find_field(text, "model"), "17\n", 3), 0);
	assert_int_equal(strncmp(files_find_field(text, "model name"), "A: B\n", 5), 0);
	assert_int_equal(atoi(files_find_field(text, "MemTotal")), 100);
	assert_null(files_find_field(text, "Mem"));
	assert_null(files_find_field("", "x"));
	assert_null(files_find_field("\n\n", "x"));
	assert_null(files_find_field("x", "x"));
	assert_true(files_have_word(flags, "svm"));
	assert_true(files_have_word(flags, "fpu"));
	assert_false(files_have_word(flags, "vmx"));
	assert_false(files_have_word(flags, "MemTotal:"));
	assert_false(files_have_word(NULL, "vmx"));
	assert_false(files_have_word("", "vmx"));
}

static void test_small_files(void **state)
{
	const char *root = *state;
	char word[8], tiny[4];

	put_file(root, "/choice", "always [madvise] never\n");
	put_file(root, "/none", "always\n");
	put_file(root, "/open", "a [unfinished");
	put_file(root, "/yes", "Y\n");
	put_file(root, "/minus", "-1\n");
	put_file(root, "/empty", "");
	files_read_choice(root, "/choice", word, sizeof(word));
	assert_string_equal(word, "madvise");
	files_read_choice(root, "/none", word, sizeof(word));
	assert_string_equal(word, "");
	files_read_choice(root, "/open", word, sizeof(word));
	assert_string_equal(word, "unfinis"); /* cut to its room */
	assert_int_equal(files_read_flag(root, "/yes"), 1);
	assert_int_equal(files_read_flag(root, "/minus"), -1);
	assert_int_equal(files_read_flag(root, "/absent"), -1);
	assert_int_equal(files_read_number(root, "/minus", 5), -1);
	assert_int_equal(files_read_number(root, "/empty", 5), 5);
	assert_int_equal(files_read_number(root, "/absent", 5), 5);
	assert_int_equal(files_read_text(root, "/none", tiny, sizeof(tiny)), 0);
	assert_string_equal(tiny, "alw");
}

static void test_cgroup_v2_takes_the_tightest(void **state)
{
	const char *root = *state;
	struct cgroup_limits limits;

	put_file(root, "/proc/self/cgroup", "0::/user/me\n");
	put_file(root, "/sys/fs/cgroup/user/me/memory.max", "max\n");
	put_file(root, "/sys/fs/cgroup/user/memory.max", "1073741824\n");
	put_file(root, "/sys/fs/cgroup/user/me/pids.max", "100\n");
	put_file(root, "/sys/fs/cgroup/user/pids.max", "200\n");
	put_file(root, "/sys/fs/cgroup/user/me/cpu.max", "max 100000\n");
	put_file(root, "/sys/fs/cgroup/cpu.max", "150000 100000\n");
	cgroup_read_limits(root, &limits);
	assert_int_equal(limits.memory_bytes, 1073741824);
	assert_int_equal(limits.pids, 100);
	assert_int_equal(limits.cpu_percent, 150);
}

static void test_cgroup_v1(void **state)
{
	const char *root = *state;
	struct cgroup_limits limits;

	put_file(root, "/proc/self/cgroup",
		 "5:memory:/a\n4:cpu:/\n1:name=systemd:/\nnonsense\n0::/\n");
	put_file(root, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912\n");
	put_file(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
	put_file(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	cgroup_read_limits(root, &limits);
	assert_int_equal(limits.memory_bytes, 536870912);
	assert_int_equal(limits.cpu_percent, 50);
	assert_true(limits.pids == CGROUP_UNLIMITED);
}

static void test_cgroup_nonsense_is_no_limit(void **state)
{
	static const char *const cpu_max[] = {
		"", "max", "-1 100000", "100", "5 0", "x y", "99999999999999999999 1"};
	const char *root = *state;
	struct cgroup_limits limits;
	char deep[3000] = "0::";

	put_file(root, "/proc/self/cgroup", "0::/g\n");
	for (size_t i = 0; i < sizeof(cpu_max) / sizeof(*cpu_max); i++) {
		put_file(root, "/sys/fs/cgroup/g/cpu.max", cpu_max[i]);
		cgroup_read_limits(root, &limits);
		assert_true(limits.cpu_percent == CGROUP_UNLIMITED);
	}
	memset(deep + 3, '/', sizeof(deep) - 4); /* longer than any path of ours */
	put_file(root, "/proc/self/cgroup", deep);
	cgroup_read_limits(root, &limits);
	assert_true(limits.memory_bytes == CGROUP_UNLIMITED);
}

static void test_host_facts(void **state)
{
	const char *root = *state;
	struct host_facts host;

	put_file(root, "/proc/cpuinfo", "model name\t: Test CPU\nflags\t\t: fpu vmx\n\n");
	put_file(root, "/proc/meminfo",
		 "MemTotal: 2048 kB\nMemAvailable: 1024 kB\nHugePages_Total: 8\n"
		 "HugePages_Free: 3\nHugepagesize: 2048 kB\n");
	put_file(root, "/proc/sys/vm/overcommit_memory", "2\n");
	put_file(root, "/proc/self/mountinfo",
		 "30 1 0:2 / /sys/fs/cgroup rw - cgroup2 c rw,favordynmods\n");
	put_file(root, "/sys/module/kvm_intel/parameters/ept", "N\n");
	put_file(root, "/sys/module/kvm_intel/parameters/nested", "Y\n");
	put_file(root, "/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	put_file(root, "/sys/module/kvm/parameters/nx_huge_pages", "never\n");
	put_file(root, "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	put_file(root, "/dev/net/tun", "");
	host_facts_read(root, &host);
	assert_string_equal(host.cpu_model, "Test CPU");
	assert_true(host.flag_vmx);
	assert_false(host.flag_svm);
	assert_int_equal(host.memory_bytes, 2 << 20);
	assert_int_equal(host.memory_free_bytes, 1 << 20);
	assert_int_equal(host.hugetlb_pages, 8);
	assert_int_equal(host.hugetlb_free, 3);
	assert_int_equal(host.hugetlb_page_bytes, 2 << 20);
	assert_int_equal(host.overcommit, 2);
	assert_true(host.favordynmods);
	assert_true(host.module_intel);
	assert_false(host.module_amd);
	assert_int_equal(host.ept, 0);
	assert_int_equal(host.npt, -1);
	assert_int_equal(host.nested, 1);
	assert_int_equal(host.halt_poll_ns, 200000);
	assert_string_equal(host.nx_huge_pages, "never");
	assert_string_equal(host.thp, "never");
	assert_string_equal(host.thp_shmem, "");
	assert_int_equal(host.tun, HOST_ACCESS_OK);
	assert_int_equal(host.vhost_net, HOST_ACCESS_MISSING);
	assert_int_equal(host.kvm.access, HOST_ACCESS_MISSING);
}

static void test_host_without_files(void **state)
{
	struct host_facts host;

	host_facts_read(*state, &host);
	assert_string_equal(host.cpu_model, "");
	assert_int_equal(host.memory_bytes, 0);
	assert_int_equal(host.overcommit, -1);
	assert_int_equal(host.halt_poll_ns, -1);
	assert_true(host.cpu_count >= 1);
	assert_true(host.cgroup.memory_bytes == CGROUP_UNLIMITED);
}

#define with_root(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_child_gives_its_result),
		cmocka_unit_test(test_child_crash_is_no_result),
		cmocka_unit_test(test_child_that_hangs_is_killed),
		cmocka_unit_test(test_child_that_outlives_its_signal_is_abandoned),
		cmocka_unit_test(test_child_holds_no_file_of_ours),
		cmocka_unit_test(test_figure),
		cmocka_unit_test(test_every_name_is_there),
		cmocka_unit_test(test_classification),
		cmocka_unit_test(test_emulated_ring0),
		cmocka_unit_test(test_guest_code_fits),
		cmocka_unit_test(test_fields_and_words),
		with_root(test_small_files),
		with_root(test_cgroup_v2_takes_the_tightest),
		with_root(test_cgroup_v1),
		with_root(test_cgroup_nonsense_is_no_limit),
		with_root(test_host_facts),
		with_root(test_host_without_files),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
