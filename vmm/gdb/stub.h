/* SPDX-License-Identifier: MIT
 *
 * `vitrine run --gdb`: a socket that gdb connects to, served in the event loop.
 *
 *     gdb_open() → [ vm_create(): gdb_attach_vm() → vm_start(paused: gdb_wants_wait()) → loop
 *                    → gdb_detach_vm() ] again for each reset → gdb_report_end() → gdb_close()
 */
#ifndef VITRINE_GDB_STUB_H
#define VITRINE_GDB_STUB_H

#include <stdbool.h>
#include <stddef.h>

struct gdb;
struct loop;
struct vm;

/* Listens as spec says: unix:PATH or tcp:PORT (on 127.0.0.1 only), then ",wait" if the VM may not start
 * before gdb lets it. Says on standard error how to attach. 0, or -errno with one line in err. */
int gdb_open(const char *spec, struct loop *loop, struct gdb **out, char *err, size_t err_size);

/* The VM to debug from now on; before vm_start(). A connection and its hardware breakpoints survive a
 * reset, which brings a new VM. */
void gdb_attach_vm(struct gdb *gdb, struct vm *vm);
/* That VM is about to be destroyed; after vm_stop(). */
void gdb_detach_vm(struct gdb *gdb);

/* True if the VM must start paused: gdb was to be waited for, or has the VM stopped already. */
bool gdb_wants_wait(const struct gdb *gdb);

/* The run ends: gdb learns with which status. The connection ends. */
void gdb_report_end(struct gdb *gdb, int exit_status);

/* Removes the socket. After gdb_detach_vm(), or with no VM ever attached. NULL is fine, here and above. */
void gdb_close(struct gdb *gdb);

#endif
