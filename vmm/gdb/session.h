/* SPDX-License-Identifier: MIT
 *
 * One debugger's session: the commands of the remote serial protocol applied to a gdb_target. Knows
 * neither sockets nor KVM.
 *
 *                    c s vCont                              D, disconnect
 *          HALTED --------------> RUNNING        any state ---------------> DETACHED
 *             ^                     |                ^                         |
 *             +---------------------+                +-------------------------+
 *               debug stop, Ctrl-C                     attach: everything stops
 *
 * In the loop's thread, but for gdb_session_post_stop().
 */
#ifndef VITRINE_GDB_SESSION_H
#define VITRINE_GDB_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gdb/breakpoint.h"
#include "gdb/packet.h"
#include "gdb/target.h"

enum gdb_state { GDB_DETACHED, GDB_HALTED, GDB_RUNNING };
enum gdb_action { GDB_STAY, GDB_CONTINUE, GDB_STEP };

struct gdb_session {
	struct gdb_target target; /* ops NULL: there is no VM at the moment */
	enum gdb_state state;
	bool closing; /* gdb is done with us: the connection may be closed */

	/* Bytes for gdb; at most a few frames for each byte pushed. */
	void (*send)(void *ctx, const void *bytes, size_t length);
	void *send_ctx;

	struct gdb_reader reader;
	struct gdb_reply reply;
	bool no_reply;		      /* the command will be answered by a later stop */
	uint8_t frame[GDB_FRAME_MAX]; /* the last one, should gdb not have got it */
	size_t frame_length;

	bool no_ack;
	bool knows_swbreak;
	bool knows_hwbreak;
	bool told_deprivileged;
	unsigned cpu;	    /* whose registers and memory: Hg */
	int continue_cpu;   /* whom c and s move: Hc; GDB_ALL_CPUS */
	char last_stop[96]; /* what ? answers */
	struct gdb_breakpoints breakpoints;

	enum gdb_action action[GDB_CPU_MAX]; /* of the present run */
	uint8_t inject[GDB_CPU_MAX];	     /* guest's own exceptions, to be given back */

	struct gdb_breakpoint late_watch[GDB_CPU_MAX]; /* used: hit, and gdb does not know yet */

	pthread_mutex_t lock; /* of what vCPU threads report */
	bool stop_posted[GDB_CPU_MAX];
	struct vcpu_debug_stop stop[GDB_CPU_MAX];
};

void gdb_session_init(struct gdb_session *session,
		      void (*send)(void *ctx, const void *bytes, size_t length), void *send_ctx);
void gdb_session_destroy(struct gdb_session *session);

/* The VM that is there now, or NULL. A gdb that believes its VM runs keeps its hardware breakpoints in
 * the new one; software breakpoints went with the old one's memory. */
void gdb_session_set_target(struct gdb_session *session, const struct gdb_target *target);

/* gdb connects: the VM stops. */
void gdb_session_attach(struct gdb_session *session);
/* gdb goes, in whatever way: no breakpoint stays, the VM runs. */
void gdb_session_detach(struct gdb_session *session);

void gdb_session_push(struct gdb_session *session, uint8_t byte);

/* A vCPU stopped. Any thread; gdb_session_settle() must follow in the loop's. */
void gdb_session_post_stop(struct gdb_session *session, unsigned cpu,
			   const struct vcpu_debug_stop *stop);
/* Tells gdb of a posted stop, or lets a vCPU go on whose stop was the guest's own business. */
void gdb_session_settle(struct gdb_session *session);

/* The VM has ended with this status; a gdb that waits for it learns so. */
void gdb_session_report_end(struct gdb_session *session, int exit_status);

#endif
