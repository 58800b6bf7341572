/* SPDX-License-Identifier: MIT
 *
 * See net_switch_join.h.
 */
#include "backend/net_switch_join.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_PATIENCE_MS 5000
#define PORTS_PER_PROCESS_MAX 64
#define SOCKET_BYTES (4 << 20)

/* A path of fixed length, however deep the folder is: sun_path has 108 bytes. */
static struct sockaddr_un address_of(const struct switch_seat *seat, const char *socket_name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.31s",
		 seat->folder_fd, socket_name);
	return address;
}

void switch_set_room(int fd)
{
	int size = SOCKET_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0)
		switch_set_room(fd);
	return fd;
}

/* A folder that nobody else can have prepared. */
static int make_private_folder(const char *path)
{
	struct stat stat;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(path, &stat))
		return -errno;
	return S_ISDIR(stat.st_mode) && stat.st_uid == geteuid() && !(stat.st_mode & 077) ? 0
											  : -EPERM;
}

static int make_folder(const char *name, struct switch_seat *seat)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char base[200];
	int len, error;

	if (runtime && runtime[0] == '/')
		len = snprintf(base, sizeof(base), "%s/vitrine", runtime);
	else
		len = snprintf(base, sizeof(base), "/tmp/vitrine-%u", geteuid());
	snprintf(seat->folder, sizeof(seat->folder), "%s", base); /* for a message */
	if (len >= (int)sizeof(base))
		return -ENAMETOOLONG;
	error = make_private_folder(base);
	if (error)
		return error;
	snprintf(seat->folder, sizeof(seat->folder), "%s/switch-%s", base, name);
	return make_private_folder(seat->folder);
}

/* The last to leave removes the folder: somebody may have waited for the lock of one that is gone. */
static int lock_folder(struct switch_seat *seat)
{
	struct stat stat;

	seat->folder_fd = open(seat->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (seat->folder_fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	for (int waited_ms = 0; flock(seat->folder_fd, LOCK_EX | LOCK_NB); waited_ms++) {
		if (waited_ms == LOCK_PATIENCE_MS || errno != EWOULDBLOCK) {
			close(seat->folder_fd);
			return -ETIMEDOUT;
		}
		poll(NULL, 0, 1);
	}
	if (fstat(seat->folder_fd, &stat) == 0 && stat.st_nlink)
		return 0;
	close(seat->folder_fd);
	return -EAGAIN;
}

/* A connection to another port; one that nobody serves is removed. */
static void connect_peer(struct switch_seat *seat, const char *socket_name)
{
	struct sockaddr_un address = address_of(seat, socket_name);
	int fd;

	if (seat->peer_count == SWITCH_PEERS_MAX)
		return;
	fd = new_socket();
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		seat->peer_fd[seat->peer_count++] = fd;
		return;
	}
	if (errno == ECONNREFUSED)
		unlinkat(seat->folder_fd, socket_name, 0);
	close(fd);
}

static int connect_peers(struct switch_seat *seat)
{
	int fd = openat(seat->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!folder) {
		int error = -errno;

		if (fd >= 0)
			close(fd);
		return error;
	}
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof(seat->socket_name))
			connect_peer(seat, entry->d_name);
	closedir(folder);
	return 0;
}

static int listen_in_folder(struct switch_seat *seat)
{
	seat->listen_fd = new_socket();
	if (seat->listen_fd < 0)
		return -errno;
	for (unsigned i = 0; i < PORTS_PER_PROCESS_MAX; i++) {
		struct sockaddr_un address;

		snprintf(seat->socket_name, sizeof(seat->socket_name), "%d.%u", getpid(), i);
		address = address_of(seat, seat->socket_name);
		if (bind(seat->listen_fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return listen(seat->listen_fd, SWITCH_PEERS_MAX) ? -errno : 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

/* Folder locked: stale sockets go first, so that an earlier process's name does not stand in the way. */
static int take_seat(struct switch_seat *seat)
{
	int error = connect_peers(seat);

	if (!error)
		error = listen_in_folder(seat);
	if (!error)
		return 0;
	for (unsigned i = 0; i < seat->peer_count; i++)
		close(seat->peer_fd[i]);
	if (seat->listen_fd >= 0)
		close(seat->listen_fd);
	return error;
}

static bool name_is_good(const char *name)
{
	size_t len = strspn(name,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len && len <= SWITCH_NAME_MAX && !name[len];
}

int switch_join(const char *name, struct switch_seat *seat, char *err, size_t err_size)
{
	int error;

	*seat = (struct switch_seat){.folder_fd = -1, .listen_fd = -1};
	if (!name_is_good(name)) {
		snprintf(err, err_size,
			 "--net switch:%s: a name has 1 to %d letters, digits, '-' and '_'", name,
			 SWITCH_NAME_MAX);
		return -EINVAL;
	}
	do {
		error = make_folder(name, seat);
		if (!error)
			error = lock_folder(seat);
	} while (error == -EAGAIN);
	if (!error) {
		error = take_seat(seat);
		flock(seat->folder_fd, LOCK_UN);
		if (error)
			close(seat->folder_fd);
	}
	if (error)
		snprintf(err, err_size, "--net switch:%s: %s: %s", name, seat->folder,
			 error == -EPERM ? "is not a folder of yours alone (mode 0700); remove it"
					 : strerror(-error));
	return error;
}

void switch_leave(struct switch_seat *seat)
{
	unlinkat(seat->folder_fd, seat->socket_name, 0);
	if (flock(seat->folder_fd, LOCK_EX | LOCK_NB) == 0)
		rmdir(seat->folder); /* unless there is somebody left */
	close(seat->folder_fd);
	close(seat->listen_fd);
}
