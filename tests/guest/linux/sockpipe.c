/* SPDX-License-Identifier: MIT
 *
 * sockpipe unix:PATH | unix-listen:PATH | vsock:CID:PORT | vsock-listen:PORT: joins standard input and output to one
 * stream socket, until the other end is closed. Waits for a listener for ten seconds. Static: runs on any Linux.
 */
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES 100
#define PAUSE_US 100000

union address {
	struct sockaddr any;
	struct sockaddr_un unix_path;
	struct sockaddr_vm vm;
};

/* Its length; 0: the word is no address. */
static socklen_t parse(const char *word, union address *address, int *listens)
{
	unsigned cid = VMADDR_CID_ANY;
	unsigned port;
	const char *path = strncmp(word, "unix", 4) == 0 ? strchr(word, ':') : NULL;

	memset(address, 0, sizeof(*address));
	*listens = strstr(word, "-listen:") != NULL;
	if (path && strlen(path) < sizeof(address->unix_path.sun_path)) {
		address->unix_path.sun_family = AF_UNIX;
		strcpy(address->unix_path.sun_path, path + 1);
		return sizeof(address->unix_path);
	}
	if (sscanf(word, "vsock:%u:%u", &cid, &port) != 2 &&
	    sscanf(word, "vsock-listen:%u", &port) != 1)
		return 0;
	address->vm.svm_family = AF_VSOCK;
	address->vm.svm_cid = cid;
	address->vm.svm_port = port;
	return sizeof(address->vm);
}

static int reach(const union address *address, socklen_t length, int listens)
{
	int fd = -1;

	for (int i = 0; i < TRIES; i++, usleep(PAUSE_US)) {
		fd = socket(address->any.sa_family, SOCK_STREAM, 0);
		if (listens && !bind(fd, &address->any, length) && !listen(fd, 1))
			return accept(fd, NULL, NULL);
		if (!listens && !connect(fd, &address->any, length))
			return fd;
		close(fd);
	}
	return -1;
}

/* One read's worth. 0 at the end. */
static ssize_t copy(int from, int to)
{
	char bytes[65536];
	ssize_t got = read(from, bytes, sizeof(bytes));

	for (ssize_t done = 0; done < got;) {
		ssize_t part = write(to, bytes + done, (size_t)(got - done));

		if (part < 0)
			return -1;
		done += part;
	}
	return got;
}

int main(int argc, char **argv)
{
	union address address;
	int listens = 0;
	socklen_t length = argc == 2 ? parse(argv[1], &address, &listens) : 0;
	int fd = length ? reach(&address, length, listens) : -1;
	struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

	if (fd < 0) {
		fprintf(stderr, "sockpipe %s: no connection\n", argc == 2 ? argv[1] : "");
		return 1;
	}
	while (poll(ready, 2, -1) >= 0) {
		if (ready[0].revents && copy(fd, 1) <= 0)
			return 0;
		if (ready[1].revents && copy(0, fd) <= 0) {
			shutdown(fd, SHUT_WR);
			ready[1].fd = -1;
		}
	}
	return 1;
}
