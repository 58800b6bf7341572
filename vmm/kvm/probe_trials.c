/* SPDX-License-Identifier: MIT
 *
 * Trials: what a guest can do here. Each is one row of the table, one label of probe_code.S, and
 * one throw-away VM.
 */
#include "kvm/probe_trials.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/probe_box.h"

#define VECTOR_BREAKPOINT 3
#define VECTOR_UD 6
#define DR7_ENABLE_0 0x402

/* How a trial ends if all is well. */
enum expectation {
	EXPECT_DONE,	   /* PORT_DONE */
	EXPECT_REAL,	   /* PORT_DONE with the value that went through memory and an interrupt */
	EXPECT_BREAKPOINT, /* exception 3 */
	EXPECT_LANDING_3,  /* mailbox written in ring 3, then ud2 */
	EXPECT_LANDING_0,  /* mailbox written in ring 0, then ud2 */
	EXPECT_DEBUG	   /* KVM_EXIT_DEBUG at stop */
};

struct trial {
	const char *key, *title;
	const uint8_t *label;
	enum expectation expect;
	unsigned ring;
	uint32_t debug; /* KVM_GUESTDBG_*, if not 0 */
	const uint8_t *stop;
};

static const struct trial trials[PROBE_TRIAL_COUNT] = {
	[TRIAL_RING0] = {"ring0", "64-bit code in ring 0", box_done, .expect = EXPECT_DONE},
	[TRIAL_RING3] = {"ring3", "64-bit code in ring 3", box_ring3, .expect = EXPECT_LANDING_3,
			 .ring = 3},
	[TRIAL_REAL_MODE] = {"real_mode", "16-bit real mode", box_real, .expect = EXPECT_REAL},
	[TRIAL_SYSCALL] = {"syscall", "syscall from ring 3", box_ring3_syscall,
			   .expect = EXPECT_LANDING_0, .ring = 3},
	[TRIAL_SYSRET] = {"sysret", "sysret to ring 3", box_sysret, .expect = EXPECT_LANDING_3},
	[TRIAL_INT_N] = {"int_n", "int n from ring 3", box_ring3_int, .expect = EXPECT_LANDING_0,
			 .ring = 3},
	[TRIAL_CMPXCHG16B] = {"cmpxchg16b", "cmpxchg16b in ring 0", box_cmpxchg16b,
			      .expect = EXPECT_DONE},
	[TRIAL_XSAVE] = {"xsave", "xsave in ring 0", box_xsave, .expect = EXPECT_DONE},
	[TRIAL_XRSTOR] = {"xrstor", "xrstor in ring 0", box_xrstor, .expect = EXPECT_DONE},
	[TRIAL_INT3] = {"int3", "int3 in ring 0", box_int3, .expect = EXPECT_BREAKPOINT},
	[TRIAL_GDB_INT3] = {"gdb_int3", "debug stop at int3", box_int3, .expect = EXPECT_DEBUG,
			    .debug = KVM_GUESTDBG_USE_SW_BP, .stop = box_int3},
	[TRIAL_GDB_HARDWARE] = {"gdb_hardware", "debug stop at an address", box_nops,
				.expect = EXPECT_DEBUG, .debug = KVM_GUESTDBG_USE_HW_BP,
				.stop = box_nops_second},
	[TRIAL_GDB_STEP] = {"gdb_step", "single step", box_nops, .expect = EXPECT_DEBUG,
			    .debug = KVM_GUESTDBG_SINGLESTEP, .stop = box_nops_second},
	[TRIAL_SMP] = {"smp", "starting a second vCPU", box_start_others, .expect = EXPECT_REAL},
	[TRIAL_VMCALL] = {"vmcall", "vmcall in ring 0", box_vmcall, .expect = EXPECT_DONE},
	[TRIAL_VMMCALL] = {"vmmcall", "vmmcall in ring 0", box_vmmcall, .expect = EXPECT_DONE},
};

static const char *const outcome_key[] = {
	[OUTCOME_NOT_TRIED] = "not_tried",
	[OUTCOME_OK] = "ok",
	[OUTCOME_ABSENT] = "absent",
	[OUTCOME_EXCEPTION] = "exception",
	[OUTCOME_WRONG_RING] = "wrong_ring",
	[OUTCOME_KVM_GAVE_UP] = "kvm_gave_up",
	[OUTCOME_TRIPLE_FAULT] = "triple_fault",
	[OUTCOME_OTHER_EXIT] = "other_exit",
	[OUTCOME_WRONG_STOP] = "wrong_stop",
	[OUTCOME_WRONG_RESULT] = "wrong_result",
	[OUTCOME_STUCK] = "stuck",
	[OUTCOME_KILLED] = "killed",
	[OUTCOME_ABANDONED] = "abandoned",
	[OUTCOME_ERROR] = "error",
};

const char *probe_trial_key(enum probe_trial trial)
{
	return trials[trial].key;
}

const char *probe_trial_title(enum probe_trial trial)
{
	return trials[trial].title;
}

const char *probe_outcome_key(enum probe_outcome outcome)
{
	return outcome_key[outcome];
}

static struct probe_result outcome(enum probe_outcome what, uint32_t detail)
{
	return (struct probe_result){what, detail};
}

static uint8_t port_value(const struct kvm_run *run)
{
	return *((const uint8_t *)run + run->io.data_offset);
}

/* The landing code left its CS in the mailbox and then executed ud2. */
static struct probe_result judge_landing(const struct box *box, const struct trial *trial,
					 uint8_t vector)
{
	uint16_t cs;
	unsigned wanted_ring = trial->expect == EXPECT_LANDING_3 ? 3 : 0;

	if (vector != VECTOR_UD || !box->ram[BOX_MAILBOX_GPA + MAILBOX_SEEN])
		return outcome(OUTCOME_EXCEPTION, vector);
	memcpy(&cs, box->ram + BOX_MAILBOX_GPA + MAILBOX_CS, sizeof cs);
	return (cs & 3) == wanted_ring ? outcome(OUTCOME_OK, 0)
				       : outcome(OUTCOME_WRONG_RING, cs & 3);
}

static struct probe_result judge_port(const struct box *box, const struct trial *trial,
				      const struct kvm_run *run)
{
	uint8_t value = port_value(run);

	if (run->io.port == PORT_EXCEPTION) {
		if (trial->expect == EXPECT_LANDING_3 || trial->expect == EXPECT_LANDING_0)
			return judge_landing(box, trial, value);
		if (trial->expect == EXPECT_BREAKPOINT && value == VECTOR_BREAKPOINT)
			return outcome(OUTCOME_OK, 0);
		return outcome(OUTCOME_EXCEPTION, value);
	}
	if (run->io.port == PORT_DONE && ((trial->expect == EXPECT_DONE && value == 1) ||
					  (trial->expect == EXPECT_REAL && value == BOX_REAL_SEEN)))
		return outcome(OUTCOME_OK, 0);
	return outcome(OUTCOME_WRONG_RESULT, value);
}

static struct probe_result judge_stop(const struct trial *trial, const struct kvm_run *run)
{
	uint64_t pc = run->debug.arch.pc;

	if (trial->expect != EXPECT_DEBUG)
		return outcome(OUTCOME_OTHER_EXIT, run->exit_reason);
	if (pc != BOX_AT(trial->stop))
		return outcome(OUTCOME_WRONG_STOP, (uint32_t)(pc - BOX_AT(trial->stop)));
	return outcome(OUTCOME_OK, 0);
}

static struct probe_result judge(const struct box *box, const struct trial *trial,
				 const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO: return judge_port(box, trial, run);
	case KVM_EXIT_INTERNAL_ERROR: return outcome(OUTCOME_KVM_GAVE_UP, run->internal.suberror);
	case KVM_EXIT_SHUTDOWN: return outcome(OUTCOME_TRIPLE_FAULT, 0);
	case KVM_EXIT_DEBUG: return judge_stop(trial, run);
	default: return outcome(OUTCOME_OTHER_EXIT, run->exit_reason);
	}
}

static int set_debug(const struct box *box, const struct trial *trial)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | trial->debug};

	if (!trial->debug)
		return 0;
	if (trial->debug == KVM_GUESTDBG_USE_HW_BP) {
		debug.arch.debugreg[0] = BOX_AT(trial->stop);
		debug.arch.debugreg[7] = DR7_ENABLE_0;
	}
	return ioctl(box->vcpu_fd[0], KVM_SET_GUEST_DEBUG, &debug) < 0 ? -errno : 0;
}

static struct probe_result run_once(struct box *box, const struct trial *trial, unsigned vcpu)
{
	int err = box_set_alarm(box, vcpu, TRIAL_ALARM_MS);

	if (err)
		return outcome(OUTCOME_ERROR, (uint32_t)-err);
	/* An application processor answers EAGAIN until its SIPI came, and signals may be spurious. */
	do
		err = box_run(box, vcpu);
	while ((err == -EAGAIN || err == -EINTR) && !box_alarm_rang(box, vcpu));
	if (err == -EINTR || err == -EAGAIN)
		return outcome(OUTCOME_STUCK, 0);
	return err ? outcome(OUTCOME_ERROR, (uint32_t)-err) : judge(box, trial, box->run[vcpu]);
}

/* vCPU 0 halts in the kernel after its INIT and SIPI; the process's end is this thread's end. */
static void *run_sender(void *ctx)
{
	struct box *box = ctx;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (box_run(box, 0) == -EINTR)
		;
	return NULL;
}

static struct probe_result run_smp(struct box *box, const struct trial *trial)
{
	pthread_t sender;
	int err = pthread_create(&sender, NULL, run_sender, box);

	return err ? outcome(OUTCOME_ERROR, (uint32_t)err) : run_once(box, trial, 1);
}

static int enter(struct box *box, const struct trial *trial)
{
	if (trial->label == box_real)
		return box_enter_real(box, trial->label);
	return box_enter_long(box, trial->label, trial->ring);
}

static bool is_absent(const struct box *box, enum probe_trial id)
{
	return (id == TRIAL_CMPXCHG16B && !box->cx16) ||
	       ((id == TRIAL_XSAVE || id == TRIAL_XRSTOR) && !box->xsave);
}

void probe_trial_child(const void *ctx, void *result)
{
	enum probe_trial id = *(const enum probe_trial *)ctx;
	const struct trial *trial = &trials[id];
	struct probe_result *out = result;
	bool smp = id == TRIAL_SMP;
	struct box box;
	int err = box_create(&box, smp ? 2 : 1, smp);

	if (!err)
		err = enter(&box, trial);
	if (!err)
		err = set_debug(&box, trial);
	if (err)
		*out = outcome(OUTCOME_ERROR, (uint32_t)-err);
	else if (is_absent(&box, id))
		*out = outcome(OUTCOME_ABSENT, 0);
	else
		*out = smp ? run_smp(&box, trial) : run_once(&box, trial, 0);
}
