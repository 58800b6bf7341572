/* SPDX-License-Identifier: MIT
 *
 * The table of a run's figures and the same as JSON. See stats.h.
 */
#include "observe/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "observe/json.h"

#define BAR_WIDTH 20u
#define VCPU_COLUMNS_MAX 8u

struct totals {
	struct vcpu_counters sum;
	uint64_t exits;
	double exits_per_second;
};

static struct totals add_up(const struct stats_input *input)
{
	struct totals t = {0};

	for (unsigned i = 0; i < input->vcpu_count; i++) {
		const struct vcpu_counters *c = &input->vcpu[i];

		for (unsigned r = 0; r < EXIT_REASON_COUNT; r++) {
			t.sum.exits[r] += c->exits[r];
			t.exits += c->exits[r];
		}
		t.sum.unmapped_reads += c->unmapped_reads;
		t.sum.unmapped_writes += c->unmapped_writes;
		t.sum.rom_writes += c->rom_writes;
	}
	if (input->run_ns)
		t.exits_per_second = (double)t.exits * 1e9 / (double)input->run_ns;
	return t;
}

/* --- for people --- */

const char *stats_grouped(uint64_t value, char text[32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);
	char *to = text;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

static unsigned columns(const struct stats_input *input)
{
	if (input->vcpu_count < 2)
		return 0;
	return input->vcpu_count < VCPU_COLUMNS_MAX ? input->vcpu_count : VCPU_COLUMNS_MAX;
}

/* Reasons by how often they occurred, most frequent first; equal ones keep their order. */
static void sort_reasons(const struct totals *t, enum exit_reason order[EXIT_REASON_COUNT])
{
	for (unsigned i = 0; i < EXIT_REASON_COUNT; i++) {
		unsigned k = i;

		for (; k > 0 && t->sum.exits[order[k - 1]] < t->sum.exits[i]; k--)
			order[k] = order[k - 1];
		order[k] = (enum exit_reason)i;
	}
}

static void print_reason(FILE *out, const struct stats_input *input, const struct totals *t,
			 enum exit_reason reason)
{
	char text[32];
	uint64_t count = t->sum.exits[reason];
	double share = (double)count / (double)t->exits;
	unsigned bar = (unsigned)(share * BAR_WIDTH + 0.5);

	fprintf(out, "  %-16s %14s %5.1f %%  %-*.*s", exit_reason_name(reason),
		stats_grouped(count, text), share * 100, (int)BAR_WIDTH, (int)bar,
		"####################");
	for (unsigned i = 0; i < columns(input); i++)
		fprintf(out, " %12s", stats_grouped(input->vcpu[i].exits[reason], text));
	fputc('\n', out);
}

static void print_exits(FILE *out, const struct stats_input *input, const struct totals *t)
{
	enum exit_reason order[EXIT_REASON_COUNT];
	char text[32];

	fprintf(out, "%-18s %14s %7s  %-*s", "exits to userspace", "all", "", (int)BAR_WIDTH, "");
	for (unsigned i = 0; i < columns(input); i++)
		fprintf(out, "       vcpu %u", i);
	fputc('\n', out);
	sort_reasons(t, order);
	for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
		if (t->sum.exits[order[i]])
			print_reason(out, input, t, order[i]);
	fprintf(out, "  %-16s %14s", "total", stats_grouped(t->exits, text));
	if (input->run_ns)
		fprintf(out, "   %s per second",
			stats_grouped((uint64_t)(t->exits_per_second + 0.5), text));
	fputc('\n', out);
	if (input->vcpu_count > VCPU_COLUMNS_MAX)
		fprintf(out, "  (%u more vCPUs: --json shows each)\n",
			input->vcpu_count - VCPU_COLUMNS_MAX);
}

static void print_nobody(FILE *out, const struct vcpu_counters *sum)
{
	char reads[32], writes[32];

	if (sum->unmapped_reads || sum->unmapped_writes)
		fprintf(out, "where no device is: %s reads, %s writes\n",
			stats_grouped(sum->unmapped_reads, reads),
			stats_grouped(sum->unmapped_writes, writes));
	if (sum->rom_writes)
		fprintf(out, "writes to read-only memory: %s\n",
			stats_grouped(sum->rom_writes, writes));
}

static void print_windows(FILE *out, const struct stats_input *input)
{
	char reads[32], writes[32];

	bool headed = false;

	for (unsigned i = 0; i < input->window_count; i++) {
		const struct stats_window *w = &input->window[i];

		if (!w->reads && !w->writes)
			continue;
		if (!headed)
			fprintf(out, "%-18s %14s %14s\n", "devices", "reads", "writes");
		headed = true;
		fprintf(out, "  %-12s [%u] %14s %14s\n", w->device, w->region,
			stats_grouped(w->reads, reads), stats_grouped(w->writes, writes));
	}
}

static void print_kvm(FILE *out, const struct kvm_stats *kvm)
{
	char text[32];

	if (!kvm) {
		fputs("KVM's own counters: this kernel has none to read (Linux 5.14 has)\n", out);
		return;
	}
	fputs("KVM's own counters\n", out);
	for (unsigned i = 0; i < kvm->count; i++)
		if (kvm->stat[i].value)
			fprintf(out, "  %-28s %20s\n", kvm->stat[i].name,
				stats_grouped(kvm->stat[i].value, text));
}

static void print_cost(FILE *out, const char *span, uint64_t kvm_ns, uint64_t vitrine_ns)
{
	if (kvm_ns || vitrine_ns)
		fprintf(out, "CPU time from %s: %.3f ms in KVM, %.3f ms in Vitrine\n", span,
			(double)kvm_ns / 1e6, (double)vitrine_ns / 1e6);
}

static void print_table(FILE *out, const struct stats_input *input, const struct totals *t)
{
	if (input->image)
		fprintf(out, "%s\n", input->image);
	if (input->image_detail && *input->image_detail)
		fprintf(out, "%s\n", input->image_detail);
	fprintf(out, "%u vCPU%s, %.6f s, ended by %s", input->vcpu_count,
		input->vcpu_count == 1 ? "" : "s", (double)input->run_ns / 1e9,
		vm_end_name(input->end));
	if (input->end == VM_END_DEBUG_EXIT)
		fprintf(out, " (%" PRIu32 ")", input->end_value);
	else if (input->end == VM_END_TRIPLE_FAULT)
		fprintf(out, " (vCPU %" PRIu32 ")", input->end_value);
	fputc('\n', out);
	print_cost(out, "exec to first KVM_RUN", input->startup_kvm_ns, input->startup_vitrine_ns);
	print_cost(out, "last exit to the end", input->teardown_kvm_ns, input->teardown_vitrine_ns);
	print_exits(out, input, t);
	print_nobody(out, &t->sum);
	print_windows(out, input);
	stats_print_queues(out, input);
	stats_print_figures(out, input);
	print_kvm(out, input->kvm);
}

/* --- for programs --- */

static void json_counters(struct json *j, const struct vcpu_counters *c)
{
	json_object(j, "exits");
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++) {
		char key[32];

		snprintf(key, sizeof(key), "%s", exit_reason_name((enum exit_reason)r));
		for (char *p = key; *p; p++)
			if (*p == '-')
				*p = '_';
		json_u64(j, key, c->exits[r]);
	}
	json_end(j);
	json_u64(j, "unmapped_reads", c->unmapped_reads);
	json_u64(j, "unmapped_writes", c->unmapped_writes);
	json_u64(j, "rom_writes", c->rom_writes);
}

static void json_vcpus(struct json *j, const struct stats_input *input)
{
	json_array(j, "vcpus");
	for (unsigned i = 0; i < input->vcpu_count; i++) {
		json_object(j, NULL);
		json_u64(j, "vcpu", i);
		json_counters(j, &input->vcpu[i]);
		json_end(j);
	}
	json_end(j);
}

static void json_windows(struct json *j, const struct stats_input *input)
{
	json_array(j, "windows");
	for (unsigned i = 0; i < input->window_count; i++) {
		json_object(j, NULL);
		json_string(j, "device", input->window[i].device);
		json_u64(j, "region", input->window[i].region);
		json_u64(j, "reads", input->window[i].reads);
		json_u64(j, "writes", input->window[i].writes);
		json_end(j);
	}
	json_end(j);
}

static void json_kvm(struct json *j, const struct kvm_stats *kvm)
{
	if (!kvm) {
		json_null(j, "kvm");
		return;
	}
	json_object(j, "kvm");
	for (unsigned i = 0; i < kvm->count; i++)
		json_u64(j, kvm->stat[i].name, kvm->stat[i].value);
	json_end(j);
}

static int print_json(FILE *out, const struct stats_input *input, const struct totals *t)
{
	struct json j;

	json_open(&j, out);
	json_object(&j, NULL);
	json_string(&j, "image", input->image);
	json_string(&j, "image_detail", input->image_detail);
	json_string(&j, "end", vm_end_name(input->end));
	json_u64(&j, "end_value", input->end_value);
	json_u64(&j, "run_ns", input->run_ns);
	json_u64(&j, "startup_kvm_ns", input->startup_kvm_ns);
	json_u64(&j, "startup_vitrine_ns", input->startup_vitrine_ns);
	json_u64(&j, "teardown_kvm_ns", input->teardown_kvm_ns);
	json_u64(&j, "teardown_vitrine_ns", input->teardown_vitrine_ns);
	json_u64(&j, "vcpu_count", input->vcpu_count);
	json_u64(&j, "exits_total", t->exits);
	json_double(&j, "exits_per_second", t->exits_per_second);
	json_counters(&j, &t->sum);
	json_vcpus(&j, input);
	json_windows(&j, input);
	stats_json_queues(&j, input);
	stats_json_figures(&j, input);
	json_kvm(&j, input->kvm);
	json_end(&j);
	return json_close(&j);
}

int stats_print(FILE *out, const struct stats_input *input, bool json)
{
	struct totals totals = add_up(input);

	if (json)
		return print_json(out, input, &totals);
	print_table(out, input, &totals);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
