/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the doctor's judgement.
 */
#ifndef VITRINE_CMD_DOCTOR_JUDGE_H
#define VITRINE_CMD_DOCTOR_JUDGE_H

#include "cmd/doctor.h"

/* Sets state and text (printf's format and arguments), clears the advice; then the advice. */
#define verdict_set(verdict, new_state, ...)                          \
	((verdict)->state = (new_state), (verdict)->advice[0] = '\0', \
	 (void)snprintf((verdict)->text, sizeof((verdict)->text), __VA_ARGS__))
#define verdict_advise(verdict, ...) \
	((void)snprintf((verdict)->advice, sizeof((verdict)->advice), __VA_ARGS__))

/* DOCTOR_NO: nothing that needs KVM has to be judged. */
void judge_kvm(const struct doctor_facts *facts, struct doctor_verdict *verdict);
void judge_interface(const struct doctor_facts *facts, struct doctor_verdict *verdict);
void judge_start_up(const struct doctor_facts *facts, struct doctor_verdict *verdict);

/* SUBJECT_PAGING and all behind it. */
void judge_host(const struct doctor_facts *facts, struct doctor_verdict *verdicts);

#endif
