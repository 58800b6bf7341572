/* SPDX-License-Identifier: MIT
 *
 * virtio-vsock: stream sockets between guest and host, on the host Unix sockets, mapped as Firecracker does it:
 *
 *     host → guest port P   connect to PATH, write "CONNECT P\n", read "OK HOSTPORT\n"; then it is the stream
 *     guest → host port P   (CID 2): connects to PATH_P, where a program of the host listens
 */
#ifndef VITRINE_VIRTIO_VSOCK_H
#define VITRINE_VIRTIO_VSOCK_H

#include "backend/unix_socket.h"
#include "virtio/device.h"

#define VSOCK_CID_HOST 2
#define VSOCK_CID_MIN 3 /* 0 and 1 are reserved, §5.10.4 */
#define VSOCK_CID_MAX 0xfffffffeu

/* Borrowed; outlives the device. */
struct virtio_vsock_options {
	uint64_t cid;
	char path[UNIX_SOCKET_PATH_BYTES - 11]; /* with room for _4294967295 */
	int listen_fd;				/* at path; stays open over a guest's reset */
};
extern const struct virtio_model virtio_vsock_model;

#endif
