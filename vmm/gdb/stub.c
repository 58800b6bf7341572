/* SPDX-License-Identifier: MIT
 *
 * Brings together gdb's connection, the session's commands, and the VM. vCPU threads report their stops
 * through an eventfd.
 */
#include "gdb/stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gdb/connection.h"
#include "gdb/target_vm.h"
#include "kvm/vm.h"

struct gdb {
	struct gdb_connection connection;
	int stop_fd;
	struct vm *vm;
};

/* In the vCPU's thread. */
static void vcpu_stopped(void *ctx, struct vcpu *vcpu, const struct vcpu_debug_stop *stop)
{
	struct gdb *gdb = ctx;

	gdb_session_post_stop(&gdb->connection.session, vcpu_index(vcpu), stop);
	eventfd_write(gdb->stop_fd, 1);
}

static void stop_posted(void *ctx, uint32_t events)
{
	struct gdb *gdb = ctx;
	uint64_t count;

	(void)events;
	if (read(gdb->stop_fd, &count, sizeof(count)) < 0)
		return;
	gdb_session_settle(&gdb->connection.session);
	gdb_connection_update(&gdb->connection);
}

static int watch_stops(struct gdb *gdb, struct loop *loop)
{
	gdb->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return gdb->stop_fd < 0 ? -errno
				: loop_add_fd(loop, gdb->stop_fd, EPOLLIN, stop_posted, gdb);
}

int gdb_open(const char *spec, struct loop *loop, struct gdb **out, char *err, size_t err_size)
{
	struct gdb *gdb = calloc(1, sizeof(*gdb));
	int error;

	if (!gdb) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	gdb->stop_fd = -1;
	error = gdb_connection_open(&gdb->connection, spec, loop, err, err_size);
	if (!error) {
		error = watch_stops(gdb, loop);
		if (error)
			snprintf(err, err_size, "--gdb: %s", strerror(-error));
	}
	if (error) {
		gdb_close(gdb);
		return error;
	}
	fprintf(stderr, "vitrine: %s: gdb -ex 'target remote %s'\n",
		gdb->connection.listener.wait ? "waiting for gdb" : "gdb may attach",
		gdb->connection.listener.remote);
	*out = gdb;
	return 0;
}

void gdb_attach_vm(struct gdb *gdb, struct vm *vm)
{
	struct vm_debug_listener listener = {.stopped = vcpu_stopped, .ctx = gdb};
	struct gdb_target target;

	if (!gdb)
		return;
	gdb->vm = vm;
	target = gdb_target_of_vm(vm);
	vm_set_debug_listener(vm, &listener);
	gdb_session_set_target(&gdb->connection.session, &target);
}

void gdb_detach_vm(struct gdb *gdb)
{
	if (!gdb || !gdb->vm)
		return;
	vm_set_debug_listener(gdb->vm, NULL);
	gdb_session_set_target(&gdb->connection.session, NULL);
	gdb->vm = NULL;
}

bool gdb_wants_wait(const struct gdb *gdb)
{
	if (!gdb)
		return false;
	return gdb->connection.session.state == GDB_HALTED ||
	       (gdb->connection.listener.wait && !gdb->connection.was_attached);
}

void gdb_report_end(struct gdb *gdb, int exit_status)
{
	if (!gdb)
		return;
	gdb_session_report_end(&gdb->connection.session, exit_status);
	gdb_connection_drain(&gdb->connection);
	gdb_connection_update(&gdb->connection);
}

void gdb_close(struct gdb *gdb)
{
	if (!gdb)
		return;
	gdb_connection_close(&gdb->connection);
	if (gdb->stop_fd >= 0) {
		loop_remove_fd(gdb->connection.loop, gdb->stop_fd);
		close(gdb->stop_fd);
	}
	free(gdb);
}
