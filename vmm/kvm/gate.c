/* SPDX-License-Identifier: MIT
 *
 * How vCPU threads are started, paused, stepped and ended.
 *
 *              vm_resume()             vm_stop()
 *     PAUSE ----------------> RUN ----------------> QUIT
 *       ^      vm_pause()      |
 *       +----------------------+
 *
 * A vCPU looks at the gate before each KVM_RUN. To make it look, others change the gate and then send
 * KICK_SIGNAL, whose handler sets kvm_run.immediate_exit: a signal that arrives between the look and
 * KVM_RUN makes that KVM_RUN return at once. The vCPU clears the flag *before* it looks again, so no
 * kick is lost.
 */
#include "kvm/vm_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "loop/thread.h"

#define KICK_SIGNAL SIGUSR1
#define STOP_LIMIT_S 2

/* The handler has no context pointer; the thread's own shared page is all it touches. */
static _Thread_local struct kvm_run *kicked_run;

static void kick_handler(int number)
{
	(void)number;
	if (kicked_run)
		kicked_run->immediate_exit = 1;
}

void gate_install_kick_handler(void)
{
	struct sigaction action = {.sa_handler = kick_handler};

	sigaction(KICK_SIGNAL, &action, NULL);
}

void gate_bind_thread(struct vcpu *vcpu)
{
	kicked_run = vcpu->run;
}

static void kick_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpu[i].has_thread && !vm->vcpu[i].standing)
			pthread_kill(vm->vcpu[i].thread, KICK_SIGNAL);
}

static bool may_run(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	return vm->gate == VM_GATE_RUN && !vcpu->debug_parked && !vcpu->ended &&
	       !vm_control_pending(vm->setup.control, NULL) &&
	       (vm->only < 0 || vm->only == (int)vcpu->index);
}

static bool park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	vcpu->standing = true;
	pthread_cond_broadcast(&vm->changed);
	while (vm->gate != VM_GATE_QUIT && !may_run(vcpu))
		pthread_cond_wait(&vm->changed, &vm->lock);
	/* A vCPU that quits stands for ever; so nobody kicks a thread that is gone. */
	vcpu->standing = vm->gate == VM_GATE_QUIT;
	pthread_mutex_unlock(&vm->lock);
	return !vcpu->standing;
}

bool gate_pass(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 0;
	atomic_signal_fence(memory_order_seq_cst);
	/* debug_parked and ended change only while this vCPU stands, or in this thread */
	if (may_run(vcpu))
		return true;
	if (vcpu->vm->gate == VM_GATE_PAUSE)
		vcpu_finish_exit(vcpu);
	return park(vcpu);
}

void gate_debug_stop(struct vcpu *vcpu, const struct vcpu_debug_stop *stop)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->lock);
	vcpu->debug_parked = vm->listener.stopped != NULL;
	pthread_mutex_unlock(&vm->lock);
	if (vm->listener.stopped)
		vm->listener.stopped(vm->listener.ctx, vcpu, stop);
}

static bool all_stand(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpu[i].has_thread && !vm->vcpu[i].standing)
			return false;
	return true;
}

/* Closes the gate and waits for all vCPUs; lock held. 0 or -ETIMEDOUT. */
static int close_gate(struct vm *vm, enum vm_gate gate)
{
	struct timespec limit;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += STOP_LIMIT_S;
	atomic_store(&vm->gate, gate);
	vm->only = -1;
	pthread_cond_broadcast(&vm->changed);
	kick_all(vm);
	while (!all_stand(vm) && !err)
		err = pthread_cond_clockwait(&vm->changed, &vm->lock, CLOCK_MONOTONIC, &limit);
	return -err;
}

void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	close_gate(vm, VM_GATE_PAUSE);
	pthread_mutex_unlock(&vm->lock);
}

void vm_resume(struct vm *vm, struct vcpu *only)
{
	pthread_mutex_lock(&vm->lock);
	vm->only = only ? (int)only->index : -1;
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vm->vcpu[i].debug_parked &= only && &vm->vcpu[i] != only;
	if (vm->gate == VM_GATE_PAUSE)
		atomic_store(&vm->gate, VM_GATE_RUN);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

void vm_set_debug_listener(struct vm *vm, const struct vm_debug_listener *listener)
{
	static const struct vm_debug_listener nobody;

	vm->listener = listener ? *listener : nobody;
}

int vm_start(struct vm *vm, const struct boot_entry *entry, bool paused)
{
	int err = entry_set_state(&vm->vcpu[0], entry);

	hypercall_fill_page(vm);
	gate_install_kick_handler();
	atomic_store(&vm->gate, paused ? VM_GATE_PAUSE : VM_GATE_RUN);
	for (unsigned i = 0; !err && i < vm->vcpu_count; i++) {
		err = thread_create(&vm->vcpu[i].thread, vcpu_thread, &vm->vcpu[i]);
		vm->vcpu[i].has_thread = !err;
	}
	if (err)
		vm_stop(vm);
	return err;
}

int vm_stop(struct vm *vm)
{
	int err;

	pthread_mutex_lock(&vm->lock);
	err = close_gate(vm, VM_GATE_QUIT);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned i = 0; !err && i < vm->vcpu_count; i++) {
		if (vm->vcpu[i].has_thread)
			pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].has_thread = false;
	}
	return err;
}
