/* SPDX-License-Identifier: MIT
 *
 * vitrine doctor's report for people: facts first, then what will work, the sum of it last.
 */
#include "cmd/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cmd/cmd.h"

#define TITLE_COLUMNS 18
#define TRIAL_COLUMNS 26
#define COST_COLUMNS 34
#define LINE_COLUMNS 78

const char *doctor_format_time(char *buf, size_t size_bytes, uint64_t ns, bool utf8)
{
	if (ns < 1000)
		snprintf(buf, size_bytes, "%6" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(buf, size_bytes, "%6.1f %s", (double)ns / 1e3, utf8 ? "µs" : "us");
	else if (ns < 10000000000)
		snprintf(buf, size_bytes, "%6.1f ms", (double)ns / 1e6);
	else
		snprintf(buf, size_bytes, "%6.1f s ", (double)ns / 1e9);
	return buf;
}

const char *doctor_format_rate(char *buf, size_t size_bytes, uint64_t per_s)
{
	if (!per_s)
		snprintf(buf, size_bytes, "?");
	else if (per_s < 1000000)
		snprintf(buf, size_bytes, "%.0f k", (double)per_s / 1e3);
	else if (per_s < 1000000000)
		snprintf(buf, size_bytes, "%.1f M", (double)per_s / 1e6);
	else
		snprintf(buf, size_bytes, "%.1f G", (double)per_s / 1e9);
	return buf;
}

const char *doctor_format_size(char *buf, size_t size_bytes, uint64_t bytes)
{
	if (bytes >> 30)
		snprintf(buf, size_bytes, "%.1f GiB", (double)bytes / (1 << 30));
	else
		snprintf(buf, size_bytes, "%" PRIu64 " MiB", bytes >> 20);
	return buf;
}

struct report {
	FILE *out;
	struct doctor_style style;
};

static void put_heading(const struct report *r, const char *text)
{
	fprintf(r->out, "\n%s%s%s\n", r->style.colour ? "\033[1m" : "", text,
		r->style.colour ? "\033[0m" : "");
}

static void put_mark(const struct report *r, enum doctor_state state)
{
	static const char *const utf8[] = {"✓", "!", "✗"}, *const ascii[] = {"+", "!", "x"};
	static const char *const colour[] = {"\033[32m", "\033[33m", "\033[31m"};

	fprintf(r->out, "  %s%s%s ", r->style.colour ? colour[state] : "",
		r->style.utf8 ? utf8[state] : ascii[state], r->style.colour ? "\033[0m" : "");
}

static void put_fact(const struct report *r, const char *title, const char *text)
{
	fprintf(r->out, "    %-*s %s\n", TITLE_COLUMNS, title, text);
}

static void put_host(const struct report *r, const struct doctor_facts *facts)
{
	const struct host_facts *host = &facts->host;
	char text[256], size[32];

	put_heading(r, "Host");
	snprintf(text, sizeof(text), "%s, %u CPU%s, %s",
		 *host->cpu_model ? host->cpu_model : "unknown CPU", host->cpu_count,
		 host->cpu_count == 1 ? "" : "s",
		 doctor_format_size(size, sizeof(size), host->memory_bytes));
	put_fact(r, "machine", text);
	if (host->hypervisor_bit) {
		snprintf(text, sizeof(text), "a virtual machine itself (%s)",
			 *host->hypervisor ? host->hypervisor : "nameless");
		put_fact(r, "", text);
	}
	put_fact(r, "kernel", host->kernel);
	put_fact(r, "KVM", doctor_kind_text(facts));
}

static const char *exception_name(uint32_t vector)
{
	switch (vector) {
	case 3: return " (#BP)";
	case 6: return " (#UD)";
	case 13: return " (#GP)";
	case 14: return " (#PF)";
	default: return "";
	}
}

static void format_outcome(char *buf, size_t size_bytes, const struct probe_result *result)
{
	switch (result->outcome) {
	case OUTCOME_OK: snprintf(buf, size_bytes, "works"); return;
	case OUTCOME_NOT_TRIED: snprintf(buf, size_bytes, "not tried: out of time"); return;
	case OUTCOME_ABSENT: snprintf(buf, size_bytes, "not offered to guests"); return;
	case OUTCOME_EXCEPTION:
		snprintf(buf, size_bytes, "raises exception %u%s", result->detail,
			 exception_name(result->detail));
		return;
	case OUTCOME_WRONG_RING:
		snprintf(buf, size_bytes, "arrives in ring %u", result->detail);
		return;
	case OUTCOME_KVM_GAVE_UP:
		snprintf(buf, size_bytes, "KVM gives up (internal error %u)", result->detail);
		return;
	case OUTCOME_TRIPLE_FAULT: snprintf(buf, size_bytes, "triple fault"); return;
	case OUTCOME_OTHER_EXIT:
		snprintf(buf, size_bytes, "ends in exit %u", result->detail);
		return;
	case OUTCOME_WRONG_STOP:
		snprintf(buf, size_bytes, "stops at the wrong place (%+d bytes)",
			 (int32_t)result->detail);
		return;
	case OUTCOME_WRONG_RESULT:
		snprintf(buf, size_bytes, "wrong result (0x%x)", result->detail);
		return;
	case OUTCOME_STUCK: snprintf(buf, size_bytes, "never comes back"); return;
	case OUTCOME_KILLED: snprintf(buf, size_bytes, "never comes back; was killed"); return;
	case OUTCOME_ABANDONED:
		snprintf(buf, size_bytes, "never comes back, and cannot be killed");
		return;
	case OUTCOME_ERROR:
		snprintf(buf, size_bytes, "could not be tried: %s", strerror((int)result->detail));
		return;
	}
}

static enum doctor_state outcome_state(enum probe_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OK: return DOCTOR_OK;
	case OUTCOME_NOT_TRIED:
	case OUTCOME_ABSENT:
	case OUTCOME_ERROR: return DOCTOR_LIMITED;
	default: return DOCTOR_NO;
	}
}

static void put_trials(const struct report *r, const struct probe_facts *kvm)
{
	char text[80];

	put_heading(r, "What guest code can do here");
	for (enum probe_trial i = 0; i < PROBE_TRIAL_COUNT; i++) {
		format_outcome(text, sizeof(text), &kvm->trial[i]);
		put_mark(r, outcome_state(kvm->trial[i].outcome));
		fprintf(r->out, "%-*s %s\n", TRIAL_COLUMNS, probe_trial_title(i), text);
	}
}

static void put_speed(const struct report *r, const char *title, uint64_t per_s, const char *note)
{
	char rate[32];

	doctor_format_rate(rate, sizeof(rate), per_s);
	fprintf(r->out, "    %-*s %10s instructions/s%s\n", COST_COLUMNS - 12, title, rate, note);
}

static void put_figures(const struct report *r, const struct probe_facts *kvm)
{
	char median[32], least[32];

	put_heading(r, "How fast");
	put_speed(r, "guest ring 0", kvm->ring0_per_s,
		  probe_ring0_is_emulated(kvm) ? ", emulated" : ", native");
	put_speed(r, "guest ring 3", kvm->ring3_per_s, "");
	fprintf(r->out, "    %-*s    median     least\n", COST_COLUMNS, "");
	for (enum probe_cost i = 0; i < PROBE_COST_COUNT; i++) {
		const struct probe_figure *cost = &kvm->cost[i];

		if (!cost->samples) {
			fprintf(r->out, "    %-*s not measured\n", COST_COLUMNS,
				probe_cost_title(i));
			continue;
		}
		doctor_format_time(median, sizeof(median), cost->median_ns, r->style.utf8);
		doctor_format_time(least, sizeof(least), cost->min_ns, r->style.utf8);
		fprintf(r->out, "    %-*s %s %s\n", COST_COLUMNS, probe_cost_title(i), median,
			least);
	}
}

/* Those that are there as a paragraph, the missing ones a line each with what they are for. */
static void put_capabilities(const struct report *r, const struct probe_facts *kvm)
{
	size_t column = LINE_COLUMNS;
	char word[64];

	put_heading(r, "KVM's capabilities");
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++) {
		if (!kvm->cap[i])
			continue;
		if (probe_cap_info[i].is_count)
			snprintf(word, sizeof(word), "%s=%d", probe_cap_info[i].name, kvm->cap[i]);
		else
			snprintf(word, sizeof(word), "%s", probe_cap_info[i].name);
		if (column + 1 + strlen(word) > LINE_COLUMNS) {
			fprintf(r->out, "%s   ", column == LINE_COLUMNS ? "" : "\n");
			column = 3;
		}
		fprintf(r->out, " %s", word);
		column += 1 + strlen(word);
	}
	putc('\n', r->out);
	for (unsigned i = 0; i < PROBE_CAP_COUNT; i++) {
		if (kvm->cap[i])
			continue;
		put_mark(r,
			 probe_cap_info[i].need == PROBE_CAP_REQUIRED ? DOCTOR_NO : DOCTOR_LIMITED);
		fprintf(r->out, "%-*s missing: %s\n", TITLE_COLUMNS, probe_cap_info[i].name,
			probe_cap_info[i].use);
	}
}

static void put_verdicts(const struct report *r, const struct doctor_verdict *verdicts)
{
	put_heading(r, "What will work");
	for (enum doctor_subject i = 0; i < DOCTOR_SUBJECT_COUNT; i++) {
		put_mark(r, verdicts[i].state);
		fprintf(r->out, "%-*s %s\n", TITLE_COLUMNS, doctor_subject_title(i),
			verdicts[i].text);
		if (verdicts[i].advice[0])
			fprintf(r->out, "      %s %s\n", r->style.utf8 ? "→" : "->",
				verdicts[i].advice);
	}
}

static const char *sum_text(const struct doctor_verdict *verdicts)
{
	switch (doctor_exit_status(verdicts)) {
	case VITRINE_EXIT_OK:
		for (unsigned i = 0; i < DOCTOR_SUBJECT_COUNT; i++)
			if (verdicts[i].state != DOCTOR_OK)
				return "Stock Linux and the bundled guest work here; the marks tell the "
				       "rest.";
		return "Everything works here, stock Linux guests included.";
	case DOCTOR_EXIT_LIMITED:
		if (verdicts[SUBJECT_STOCK_LINUX].state == DOCTOR_NO &&
		    verdicts[SUBJECT_BUNDLED_GUEST].state != DOCTOR_NO)
			return "The bundled guest works here, stock Linux does not.";
		return "Limited: the marks tell what works, and what to do about the rest.";
	default: return "No usable KVM: the arrows say what to do.";
	}
}

static void put_sum(const struct report *r, const struct doctor_facts *facts,
		    const struct doctor_verdict *verdicts)
{
	fprintf(r->out, "\n%s (%" PRIu64 ".%" PRIu64 " s)\n", sum_text(verdicts),
		facts->took_ms / 1000, facts->took_ms % 1000 / 100);
	if (facts->kvm.abandoned_count)
		fprintf(r->out,
			"%u of the probes cannot be ended; one is process %d, spinning in the kernel.\n",
			facts->kvm.abandoned_count, (int)facts->kvm.abandoned_pid);
}

int doctor_print_report(FILE *out, const struct doctor_facts *facts,
			const struct doctor_verdict *verdicts, struct doctor_style style)
{
	struct report r = {out, style};

	fputs("vitrine doctor: what this host can do\n", out);
	put_host(&r, facts);
	if (verdicts[SUBJECT_KVM].state != DOCTOR_NO) {
		put_trials(&r, &facts->kvm);
		put_figures(&r, &facts->kvm);
		put_capabilities(&r, &facts->kvm);
	}
	put_verdicts(&r, verdicts);
	put_sum(&r, facts, verdicts);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
