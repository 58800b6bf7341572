/* SPDX-License-Identifier: MIT
 *
 * The parts of `vitrine doctor`: facts go in, verdicts come out, and two ways to print both. All of
 * this is pure; only cmd_doctor() itself touches the host.
 */
#ifndef VITRINE_CMD_DOCTOR_H
#define VITRINE_CMD_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "kvm/probe.h"
#include "kvm/probe_host.h"

struct doctor_facts {
	struct host_facts host;
	struct probe_facts kvm;
	uint64_t took_ms;
};

/* What is judged, in the order of the report. */
enum doctor_subject {
	SUBJECT_KVM,
	SUBJECT_BUNDLED_GUEST,
	SUBJECT_STOCK_LINUX,
	SUBJECT_REAL_MODE,
	SUBJECT_SMP,
	SUBJECT_GDB_SOFTWARE,
	SUBJECT_GDB_HARDWARE,
	SUBJECT_HYPERCALL,
	SUBJECT_INTERFACE,
	SUBJECT_START_UP,
	SUBJECT_PAGING,
	SUBJECT_HUGE_PAGES,
	SUBJECT_MEMORY,
	SUBJECT_CPU,
	SUBJECT_DISK,
	SUBJECT_NETWORK,
	DOCTOR_SUBJECT_COUNT
};

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_LIMITED, /* works, but slower or not in full */
	DOCTOR_NO
};

struct doctor_verdict {
	enum doctor_state state;
	char text[200];	  /* plain words, ASCII */
	char advice[240]; /* what to do about it; empty: nothing to do, or nothing can be done */
};

const char *doctor_subject_key(enum doctor_subject subject);
const char *doctor_subject_title(enum doctor_subject subject);

/* Fills in all DOCTOR_SUBJECT_COUNT verdicts. */
void doctor_judge(const struct doctor_facts *facts, struct doctor_verdict *verdicts);

/* What the probes, not the flags, say about ring 0. */
bool doctor_is_deprivileged(const struct doctor_facts *facts);
const char *doctor_kind_text(const struct doctor_facts *facts);

/* The process's exit status: 0 (stock Linux guests and all), 1 (limited), 4 (no usable KVM). */
#define DOCTOR_EXIT_LIMITED 1
int doctor_exit_status(const struct doctor_verdict *verdicts);

struct doctor_style {
	bool utf8;
	bool colour;
};

/* Both: 0 or -EIO. */
int doctor_print_report(FILE *out, const struct doctor_facts *facts,
			const struct doctor_verdict *verdicts, struct doctor_style style);
int doctor_print_json(FILE *out, const struct doctor_facts *facts,
		      const struct doctor_verdict *verdicts);

/* "  11.3 us", "1.13 M", "3.5 GiB": returns buf. */
const char *doctor_format_time(char *buf, size_t size_bytes, uint64_t ns, bool utf8);
const char *doctor_format_rate(char *buf, size_t size_bytes, uint64_t per_s);
const char *doctor_format_size(char *buf, size_t size_bytes, uint64_t bytes);

#endif
