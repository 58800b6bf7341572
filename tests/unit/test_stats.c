/* SPDX-License-Identifier: MIT
 *
 * KVM's statistics files, well-formed and hostile, and the report at the end of a run.
 */
#include "observe/stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/kvm.h>

#include "python_json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define NAME_BYTES 48

/* --- KVM's files --- */

static uint64_t value_of(const struct kvm_stats *stats, const char *name)
{
	const struct kvm_stat *stat = kvm_stats_find(stats, name);

	return stat ? stat->value : 0;
}

/* struct kvm_stats_desc with a name of fixed size. */
struct file_desc {
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
	uint32_t offset;
	uint32_t bucket_size;
	char name[NAME_BYTES];
};
_Static_assert(offsetof(struct file_desc, name) == sizeof(struct kvm_stats_desc), "descriptor");

/* As KVM lays it out: header, id, descriptors, data. */
struct file {
	struct kvm_stats_header header;
	char id[NAME_BYTES];
	struct file_desc desc[3];
	uint64_t data[8];
};

static struct file make_file(void)
{
	struct file f = {
		.header = {.name_size = NAME_BYTES,
			   .num_desc = 3,
			   .id_offset = offsetof(struct file, id),
			   .desc_offset = offsetof(struct file, desc),
			   .data_offset = offsetof(struct file, data)},
		.id = "kvm-1/vcpu-0",
		.desc = {{.size = 1, .offset = 0, .name = "exits"},
			 {.size = 6, .offset = 8, .name = "halt_wait_hist"},
			 {.size = 1, .offset = 56, .name = "pf_fixed"}},
		.data = {100, 1, 2, 3, 4, 5, 6, UINT64_MAX},
	};

	return f;
}

static void reads_scalars(void **state)
{
	struct kvm_stats stats = {0};
	struct file f = make_file();

	(void)state;
	assert_int_equal(kvm_stats_add(&stats, &f, sizeof(f)), 0);
	assert_int_equal(stats.count, 2);
	assert_string_equal(stats.stat[0].name, "exits");
	assert_int_equal(value_of(&stats, "exits"), 100);
	assert_int_equal(value_of(&stats, "pf_fixed"), UINT64_MAX);
	assert_int_equal(value_of(&stats, "halt_wait_hist"), 0);
	kvm_stats_free(&stats);
	assert_int_equal(stats.count, 0);
}

static void adds_vcpus_up(void **state)
{
	struct kvm_stats stats = {0};
	struct file f = make_file();

	(void)state;
	f.data[7] = 7;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(kvm_stats_add(&stats, &f, sizeof(f)), 0);
	strcpy(f.desc[0].name, "hypercalls");
	assert_int_equal(kvm_stats_add(&stats, &f, sizeof(f)), 0);
	assert_int_equal(stats.count, 3);
	assert_int_equal(value_of(&stats, "exits"), 400);
	assert_int_equal(value_of(&stats, "pf_fixed"), 35);
	assert_int_equal(value_of(&stats, "hypercalls"), 100);
	kvm_stats_free(&stats);
}

enum { BAD_COUNT = 11 };

static void spoil(struct file *f, unsigned how)
{
	switch (how) {
	case 0: f->header.num_desc = 4; break; /* the fourth would lie in the data */
	case 1: f->header.num_desc = UINT32_MAX; break;
	case 2: f->header.name_size = UINT32_MAX; break;
	case 3: f->header.desc_offset = UINT32_MAX; break;
	case 4: f->header.desc_offset = sizeof(*f) - 1; break;
	case 5: f->header.data_offset = UINT32_MAX; break;
	case 6: f->header.data_offset = sizeof(*f) - 56; break; /* one too far for pf_fixed */
	case 7: f->desc[2].offset = 57; break;
	case 8: f->desc[2].offset = UINT32_MAX; break;
	case 9: f->desc[0].offset = UINT32_MAX - 7; break;
	case 10: f->header.data_offset = sizeof(*f); break;
	}
}

static void refuses_what_leaves_the_file(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BAD_COUNT; i++) {
		struct kvm_stats stats = {0};
		struct file f = make_file(), *copy = malloc(sizeof(f));

		spoil(&f, i);
		memcpy(copy, &f, sizeof(f)); /* on the heap: the sanitizer sees one byte too many */
		int err = kvm_stats_add(&stats, copy, sizeof(f));
		if (i == 0) /* whatever the data mean as a descriptor: no crash, no read outside */
			assert_true(err == 0 || err == -EPROTO);
		else if (err != -EPROTO)
			fail_msg("case %u: %d", i, err);
		kvm_stats_free(&stats);
		free(copy);
	}
	for (size_t size = 0; size < sizeof(struct file); size++) {
		struct kvm_stats stats = {0};
		struct file f = make_file();
		void *copy = malloc(size + 1);

		memcpy(copy, &f, size);
		assert_int_equal(kvm_stats_add(&stats, copy, size), -EPROTO);
		kvm_stats_free(&stats);
		free(copy);
	}
}

static void names_without_end_are_cut(void **state)
{
	struct kvm_stats stats = {0};
	struct file f = make_file();

	(void)state;
	memset(f.desc[0].name, 'x', NAME_BYTES);
	f.desc[2].name[0] = '\0';
	assert_int_equal(kvm_stats_add(&stats, &f, sizeof(f)), 0);
	assert_int_equal(stats.count, 1);
	assert_int_equal(strlen(stats.stat[0].name), KVM_STAT_NAME_BYTES - 1);
	kvm_stats_free(&stats);
}

static void old_kernels_are_told_apart(void **state)
{
	struct kvm_stats stats;
	FILE *null = fopen("/dev/null", "r");
	int fd = fileno(null);

	(void)state;
	assert_int_equal(kvm_stats_open(fd), -ENOTSUP);
	assert_int_equal(kvm_stats_collect(&fd, 1, &stats), -EPROTO); /* empty */
	assert_int_equal(stats.count, 0);
	fclose(null);
	assert_int_equal(kvm_stats_collect((const int[]){-1}, 1, &stats), -EBADF);
	assert_int_equal(stats.count, 0);
}

/* --- the report --- */

static const struct vcpu_counters counters[2] = {
	{.exits = {[EXIT_PIO_WRITE] = 12345, [EXIT_HLT] = 400, [EXIT_MMIO_READ] = 99},
	 .unmapped_reads = 3,
	 .rom_writes = 1},
	{.exits = {[EXIT_PIO_WRITE] = 5, [EXIT_HLT] = 700}, .unmapped_writes = 1000000},
};
static const struct stats_window windows[] = {{"com1", 0, 3, 12000}, {"rtc", 0, 0, 0}};
static const struct stats_figure figures[] = {
	{"balloon0", "virtio-pci", {"actual_bytes", 1 << 20, false}},
	{"disk0", "virtio-pci", {"errors", 0, false}},
};
static struct kvm_stat kvm_stat[] = {{"exits", 20000}, {"pf_fixed", 512}, {"nothing", 0}};
static const struct kvm_stats kvm = {kvm_stat, 3};

static struct stats_input input(void)
{
	return (struct stats_input){
		.vcpu = counters,
		.vcpu_count = 2,
		.run_ns = 2000000000,
		.end = VM_END_DEBUG_EXIT,
		.end_value = 7,
		.image = "Linux \"6.1\"",
		.window = windows,
		.window_count = COUNT(windows),
		.figure = figures,
		.figure_count = COUNT(figures),
		.kvm = &kvm,
	};
}

static char *report(const struct stats_input *in, bool json, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	assert_int_equal(stats_print(out, in, json), 0);
	fclose(out);
	return text;
}

static void must_contain(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void prints_a_table(void **state)
{
	struct stats_input in = input();
	size_t size;
	char *text = report(&in, false, &size);

	(void)state;
	must_contain(text, "Linux \"6.1\"\n2 vCPUs, 2.000000 s, ended by debug-exit (7)\n");
	must_contain(text, "  pio-write                12,350  91.2 %  ##################  "
			   "       12,345            5\n");
	must_contain(text, "  hlt                       1,100   8.1 %  ##");
	must_contain(text, "  total                    13,549   6,775 per second\n");
	must_contain(text, "where no device is: 3 reads, 1,000,000 writes\n");
	must_contain(text, "writes to read-only memory: 1\n");
	must_contain(text, "  com1         [0]              3         12,000\n");
	must_contain(text, "  pf_fixed                                      512\n");
	must_contain(text, "figures of devices\n"
			   "  balloon0     actual_bytes                          1,048,576\n");
	assert_null(strstr(text, "errors"));
	assert_null(strstr(text, "mmio-write"));
	assert_null(strstr(text, "rtc"));
	assert_null(strstr(text, "nothing"));
	assert_true(strstr(text, "pio-write") < strstr(text, "  hlt"));
	assert_true(strstr(text, "  hlt") < strstr(text, "mmio-read"));
	free(text);
}

static void prints_an_empty_run(void **state)
{
	struct stats_input in = {.end = VM_END_HOST_ERROR};
	size_t size;
	char *text = report(&in, false, &size), answer[256];

	(void)state;
	must_contain(text, "0 vCPUs, 0.000000 s, ended by host error\n");
	must_contain(text, "this kernel has none to read");
	free(text);
	text = report(&in, true, &size);
	assert_int_equal(python_json(text, size,
				     "[d[k] for k in (\"kvm\", \"image\", \"vcpus\", "
				     "\"exits_total\", \"exits_per_second\")]",
				     answer, sizeof(answer)),
			 0);
	assert_string_equal(answer, "[None, None, [], 0, 0]");
	free(text);
}

static void one_vcpu_has_no_columns(void **state)
{
	struct stats_input in = input();
	size_t size;

	(void)state;
	in.vcpu_count = 1;
	char *text = report(&in, false, &size);
	must_contain(text, "1 vCPU, ");
	assert_null(strstr(text, "vcpu 0"));
	free(text);
}

static void many_vcpus_are_summed(void **state)
{
	struct vcpu_counters *many = calloc(255, sizeof(*many));
	struct stats_input in = {.vcpu = many, .vcpu_count = 255, .run_ns = 1};
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 255; i++)
		many[i].exits[EXIT_HLT] = 1ull << 40;
	char *text = report(&in, false, &size);
	must_contain(text, "280,375,465,082,880");
	must_contain(text, "(247 more vCPUs: --json shows each)");
	free(text);
	free(many);
}

static void prints_json(void **state)
{
	static const struct {
		const char *expression, *wanted;
	} cases[] = {
		{"d[\"image\"]", "Linux \"6.1\""},
		{"d[\"end\"], d[\"end_value\"]", "('debug-exit', 7)"},
		{"d[\"run_ns\"], d[\"exits_total\"]", "(2000000000, 13549)"},
		{"d[\"exits_per_second\"]", "6774.5"},
		{"d[\"exits\"][\"pio_write\"], d[\"exits\"][\"ioapic_eoi\"]", "(12350, 0)"},
		{"len(d[\"exits\"])", "14"},
		{"[v[\"exits\"][\"hlt\"] for v in d[\"vcpus\"]]", "[400, 700]"},
		{"[d[k] for k in (\"unmapped_reads\", \"unmapped_writes\", \"rom_writes\")]",
		 "[3, 1000000, 1]"},
		{"d[\"windows\"][0]",
		 "{'device': 'com1', 'region': 0, 'reads': 3, 'writes': 12000}"},
		{"d[\"figures\"][0]", "{'device': 'balloon0', 'model': 'virtio-pci', 'figure': "
				      "'actual_bytes', 'value': 1048576}"},
		{"len(d[\"figures\"])", "2"},
		{"d[\"kvm\"]", "{'exits': 20000, 'pf_fixed': 512, 'nothing': 0}"},
		{"all(k == k.lower() and \"-\" not in k for k in list(d) + list(d[\"exits\"]))",
		 "True"},
	};
	struct stats_input in = input();
	size_t size;
	char *text = report(&in, true, &size), answer[256];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
			python_json(text, size, cases[i].expression, answer, sizeof(answer)), 0);
		assert_string_equal(answer, cases[i].wanted);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_scalars),
		cmocka_unit_test(adds_vcpus_up),
		cmocka_unit_test(refuses_what_leaves_the_file),
		cmocka_unit_test(names_without_end_are_cut),
		cmocka_unit_test(old_kernels_are_told_apart),
		cmocka_unit_test(prints_a_table),
		cmocka_unit_test(prints_an_empty_run),
		cmocka_unit_test(one_vcpu_has_no_columns),
		cmocka_unit_test(many_vcpus_are_summed),
		cmocka_unit_test(prints_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
