/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the doctor's judgement.
 */
#ifndef VITRINE_CMD_DOCTOR_JUDGE_H
#define VITRINE_CMD_DOCTOR_JUDGE_H

#include "cmd/doctor.h"

/* Sets state and text, clears the advice; then the advice. */
void verdict_set(struct doctor_verdict *verdict, enum doctor_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void verdict_advise(struct doctor_verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* DOCTOR_NO: nothing that needs KVM has to be judged. */
void judge_kvm(const struct doctor_facts *facts, struct doctor_verdict *verdict);
void judge_interface(const struct doctor_facts *facts, struct doctor_verdict *verdict);
void judge_start_up(const struct doctor_facts *facts, struct doctor_verdict *verdict);

/* SUBJECT_PAGING and all behind it. */
void judge_host(const struct doctor_facts *facts, struct doctor_verdict *verdicts);

#endif
