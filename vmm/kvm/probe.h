/* SPDX-License-Identifier: MIT
 *
 * What kind of /dev/kvm this host has: a classification that costs next to nothing (for `run`), and
 * the thorough probing with throw-away vCPUs (for `doctor`).
 */
#ifndef VITRINE_KVM_PROBE_H
#define VITRINE_KVM_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum kvm_host_kind {
	KVM_HOST_VTX,	      /* kvm_intel */
	KVM_HOST_AMDV,	      /* kvm_amd */
	KVM_HOST_DEPRIVILEGED /* ring 0 goes through KVM's instruction emulator */
};

/* Which kind it is, from the CPU's own flags and the loaded modules: two CPUID instructions (where
 * this host is a VM itself, each costs an exit: about 35 us in all) and up to two access() calls.
 *
 * How sure: kvm_intel and kvm_amd refuse to work on a CPU without their flag, so DEPRIVILEGED for
 * want of it is certain, kvm_fd being a working /dev/kvm. With the flag the answer is the hardware
 * kind, unless kvm_pvm is loaded and the vendor's module is not. It is wrong in one case only: the
 * vendor's driver is built in but was refused by the firmware's switch, and another KVM drives
 * /dev/kvm. probe_kvm() runs ring-0 code and sees even that. */
enum kvm_host_kind kvm_host_classify(void);

/* The decision alone. vendor_module: kvm_intel or kvm_amd, whichever fits the CPU's flag. */
enum kvm_host_kind kvm_host_classify_facts(bool cpu_vmx, bool cpu_svm, bool vendor_module,
					   bool pvm_module);

/* --- capabilities */

enum probe_cap_need {
	PROBE_CAP_REQUIRED, /* vitrine doesn't run without */
	PROBE_CAP_USED,	    /* something is slower or missing without */
	PROBE_CAP_INFO	    /* a fact to know */
};

struct probe_cap_info {
	const char *name; /* without KVM_CAP_ */
	enum probe_cap_need need;
	bool is_count; /* its value is a number to show */
	const char *use;
};

#define PROBE_CAP_COUNT 18
#define PROBE_CAP_MAX_VCPUS 17 /* whose value is wanted */
extern const struct probe_cap_info probe_cap_info[PROBE_CAP_COUNT];

/* --- trials: one throw-away vCPU each */

enum probe_trial {
	TRIAL_RING0,
	TRIAL_RING3,
	TRIAL_REAL_MODE,
	TRIAL_SYSCALL,
	TRIAL_SYSRET,
	TRIAL_INT_N,
	TRIAL_CMPXCHG16B,
	TRIAL_XSAVE,
	TRIAL_XRSTOR,
	TRIAL_INT3,
	TRIAL_GDB_INT3,
	TRIAL_GDB_HARDWARE,
	TRIAL_GDB_STEP,
	TRIAL_SMP,
	TRIAL_VMCALL,
	TRIAL_VMMCALL,
	PROBE_TRIAL_COUNT
};

enum probe_outcome {
	OUTCOME_NOT_TRIED,
	OUTCOME_OK,
	OUTCOME_ABSENT,	      /* the vCPU's CPUID doesn't have it */
	OUTCOME_EXCEPTION,    /* detail: vector */
	OUTCOME_WRONG_RING,   /* syscall: arrived, but still in ring 3 */
	OUTCOME_KVM_GAVE_UP,  /* KVM_EXIT_INTERNAL_ERROR; detail: suberror */
	OUTCOME_TRIPLE_FAULT, /* KVM_EXIT_SHUTDOWN */
	OUTCOME_OTHER_EXIT,   /* detail: exit reason */
	OUTCOME_WRONG_STOP,   /* debug stop; detail: bytes behind the right place, int32_t */
	OUTCOME_WRONG_RESULT, /* detail: what it said */
	OUTCOME_STUCK,	      /* never came back; a signal ended it */
	OUTCOME_KILLED,	      /* never came back; only SIGKILL ended it */
	OUTCOME_ABANDONED, /* never came back, and SIGKILL doesn't end it: a thread still spins */
	OUTCOME_ERROR	   /* the probe itself failed; detail: errno */
};

struct probe_result {
	enum probe_outcome outcome;
	uint32_t detail;
};

/* For machines: "cmpxchg16b", "kvm_gave_up". For people: "lock cmpxchg16b in ring 0". */
const char *probe_trial_key(enum probe_trial trial);
const char *probe_trial_title(enum probe_trial trial);
const char *probe_outcome_key(enum probe_outcome outcome);

/* --- figures */

enum probe_cost {
	COST_EXIT_PIO,	     /* out, exit to userspace, back */
	COST_EXIT_MMIO,	     /* the same for a store to where no memory is */
	COST_IOEVENTFD_PIO,  /* out that ends in an eventfd */
	COST_IOEVENTFD_MMIO, /* store that ends in an eventfd (length 0) */
	COST_HLT_WAKE,	     /* irqfd written while the vCPU sleeps, to the handler's first store */
	COST_CREATE_VM,
	COST_CREATE_IRQCHIP,
	COST_SPLIT_IRQCHIP,
	COST_CREATE_VCPU,
	COST_TEAR_DOWN, /* closing vCPU and VM, RAM unmapped */
	PROBE_COST_COUNT
};

struct probe_figure {
	uint64_t min_ns, median_ns;
	uint32_t samples; /* 0: not measured */
};

const char *probe_cost_key(enum probe_cost cost);   /* "exit_pio_ns" */
const char *probe_cost_title(enum probe_cost cost); /* "exit for port I/O" */

/* Sorts the samples. */
struct probe_figure probe_figure_of(uint64_t *sample_ns, uint32_t count);

/* --- everything */

struct probe_facts {
	/* errno of opening /dev/kvm (ENOTTY: it is not KVM's, ETIMEDOUT: it hangs, EAGAIN: no process
	 * for the probe); if not 0, all below is. */
	int open_error;
	int api_version;
	int create_vm_error; /* errno of KVM_CREATE_VM */
	enum kvm_host_kind kind;
	int cap[PROBE_CAP_COUNT]; /* as KVM_CHECK_EXTENSION answers; 0: absent */
	struct probe_result trial[PROBE_TRIAL_COUNT];
	uint64_t ring0_per_s, ring3_per_s; /* instructions; 0: not measured */
	struct probe_figure cost[PROBE_COST_COUNT];
	unsigned abandoned_count; /* probes that SIGKILL could not end */
	pid_t abandoned_pid;	  /* one of them */
};

/* Probes /dev/kvm; returns after about 10 s at the very latest, whatever KVM does. */
void probe_kvm(struct probe_facts *facts);

/* Ring 0 is emulated: far slower than ring 3 (factor 20), or not measurable while ring 3 is. */
bool probe_ring0_is_emulated(const struct probe_facts *facts);

#endif
