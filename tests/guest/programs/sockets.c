/* SPDX-License-Identifier: MIT
 *
 * Unix sockets: pairs, streams, datagrams, packets; names in the file system and abstract ones;
 * descriptors and credentials that travel with data.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "check.h"

static struct sockaddr_un name(const char *path, socklen_t *length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*length = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
	memcpy(address.sun_path, path, strlen(path));
	if (*path == '@')
		address.sun_path[0] = '\0';
	return address;
}

static int bind_to(int fd, const char *path)
{
	socklen_t length;
	struct sockaddr_un address = name(path, &length);

	return bind(fd, (struct sockaddr *)&address, length);
}

static int connect_to(int fd, const char *path)
{
	socklen_t length;
	struct sockaddr_un address = name(path, &length);

	return connect(fd, (struct sockaddr *)&address, length);
}

static void pairs(void)
{
	char text[16] = "";
	int s[2], type;
	socklen_t length = sizeof type;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	check("a pair talks both ways", write(s[0], "ping", 4) == 4 && read(s[1], text, 16) == 4 &&
						write(s[1], "pong!", 5) == 5 &&
						read(s[0], text, 16) == 5 &&
						!strcmp(text, "pong!"));
	need(send(s[0], "ab", 2, 0) == 2 && send(s[0], "cd", 2, 0) == 2);
	check("a stream has no borders", recv(s[1], text, 3, 0) == 3 && !memcmp(text, "abc", 3));
	check("MSG_PEEK",
	      recv(s[1], text, 1, MSG_PEEK) == 1 && recv(s[1], text, 9, 0) == 1 && *text == 'd');
	check_fails("MSG_DONTWAIT", recv(s[1], text, 1, MSG_DONTWAIT), EAGAIN);
	check("SO_TYPE",
	      !getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_STREAM);
	check("shutdown: the other side's end",
	      !shutdown(s[0], SHUT_WR) && read(s[1], text, 1) == 0);
	check("… and still hears", write(s[1], "x", 1) == 1 && read(s[0], text, 1) == 1);
	close(s[1]);
	check_fails("no peer: EPIPE", send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	check("no peer: end", read(s[0], text, 1) == 0);
	close(s[0]);
	check_fails("no such family", socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	check_fails("no such type", socket(AF_UNIX, 99, 0), EINVAL);
}

static void borders(int type, const char *label)
{
	char text[16] = "", what[64];
	int s[2];

	need(!socketpair(AF_UNIX, type, 0, s));
	need(send(s[0], "one", 3, 0) == 3 && send(s[0], "two!", 4, 0) == 4);
	snprintf(what, sizeof what, "%s: messages stay apart", label);
	check(what, recv(s[1], text, 16, 0) == 3 && recv(s[1], text, 2, 0) == 2);
	need(send(s[0], "", 0, 0) == 0);
	snprintf(what, sizeof what, "%s: an empty message", label);
	check(what, recv(s[1], text, 16, 0) == 0);
	struct iovec part = {text, 2};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	need(send(s[0], "long", 4, 0) == 4);
	snprintf(what, sizeof what, "%s: MSG_TRUNC", label);
	check(what, recvmsg(s[1], &message, 0) == 2 && (message.msg_flags & MSG_TRUNC));
	close(s[0]);
	close(s[1]);
}

static int client(void *path)
{
	char text[16] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect_to(fd, path) || write(fd, "hello", 5) != 5)
		return 1;
	return read(fd, text, 16) != 3 || strcmp(text, "bye");
}

static void servers(char *path)
{
	char text[16] = "", what[64];
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct ucred peer = {0};
	socklen_t length = sizeof peer;
	pid_t pid;

	need(!bind_to(listener, path) && !listen(listener, 5));
	pid = child_start(client, path);
	snprintf(what, sizeof what, "%s: poll sees a caller", path);
	check(what, poll(&p, 1, 5000) == 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	snprintf(what, sizeof what, "%s: accept", path);
	check(what, fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	check("SO_PEERCRED", !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
				     peer.pid == pid && peer.uid == getuid());
	check("they talk", read(fd, text, 16) == 5 && !strcmp(text, "hello") &&
				   write(fd, "bye", 3) == 3 && child_end(pid) == 0);
	close(fd);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	check_fails("accept: nobody", accept(listener, NULL, NULL), EAGAIN);
	close(listener);
}

static void names(void)
{
	struct sockaddr_un address;
	socklen_t length = sizeof address;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);

	check("bind makes a socket file",
	      !bind_to(fd, "sock2") && !stat("sock2", &st) && S_ISSOCK(st.st_mode));
	check("getsockname", !getsockname(fd, (struct sockaddr *)&address, &length) &&
				     !strcmp(address.sun_path, "sock2"));
	check_fails("bind: taken", bind_to(other, "sock2"), EADDRINUSE);
	check_fails("connect: nobody listens", connect_to(other, "sock2"), ECONNREFUSED);
	check_fails("connect: no such name", connect_to(other, "none"), ENOENT);
	check_fails("open of a socket file", open("sock2", O_RDWR), ENXIO);
	check_fails("not connected", send(other, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	check_fails("accept without listen", accept(other, NULL, NULL), EINVAL);
	close(fd);
	close(other);
	check_fails("not a socket", send(open("/dev/null", O_RDWR), "x", 1, 0), ENOTSOCK);
}

static void datagrams(void)
{
	int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un to, from;
	socklen_t length, from_length = sizeof from;
	char text[16] = "";

	need(!bind_to(a, "dgram-a") && !bind_to(b, "dgram-b"));
	to = name("dgram-b", &length);
	check("sendto", sendto(a, "mail", 4, 0, (struct sockaddr *)&to, length) == 4);
	check("recvfrom says from whom",
	      recvfrom(b, text, 16, 0, (struct sockaddr *)&from, &from_length) == 4 &&
		      !strcmp(text, "mail") && !strcmp(from.sun_path, "dgram-a"));
	check("connect sets the addressee", !connect_to(a, "dgram-b") && send(a, "x", 1, 0) == 1);
	need(!unlink("dgram-b"));
	close(b);
	check_fails("gone: ECONNREFUSED", send(a, "x", 1, MSG_NOSIGNAL), ECONNREFUSED);
	close(a);
}

/* Sends or receives one byte and, beside it, a descriptor. */
static struct msghdr *message_with(void *control, size_t length)
{
	static char byte = 'm';
	static struct iovec part = {&byte, 1};
	static struct msghdr message;

	message = (struct msghdr){.msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = length};
	return &message;
}

static int send_descriptor(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr *message = message_with(&control, sizeof control.space);
	struct cmsghdr *head = CMSG_FIRSTHDR(message);

	*head = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
	memcpy(CMSG_DATA(head), &fd, sizeof fd);
	return sendmsg(socket, message, 0) == 1 ? 0 : -1;
}

static int receive_descriptor(int socket)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr *message = message_with(&control, sizeof control.space);
	struct cmsghdr *head;
	int fd = -1;

	if (recvmsg(socket, message, 0) != 1)
		return -1;
	head = CMSG_FIRSTHDR(message);
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(head), sizeof fd);
	return fd;
}

static int child_sends(void *socket)
{
	int fd = open("passed", O_RDWR | O_CREAT | O_TRUNC, 0600);

	return write(fd, "from the child", 14) != 14 || send_descriptor(*(int *)socket, fd);
}

static void passing(void)
{
	char text[16] = "";
	int s[2], p[2], fd;
	struct stat st;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !in_child(child_sends, &s[1]));
	fd = receive_descriptor(s[0]);
	check("SCM_RIGHTS",
	      fd >= 0 && pread(fd, text, 15, 0) == 14 && !strcmp(text, "from the child"));
	check("… with its position", lseek(fd, 0, SEEK_CUR) == 14);
	close(fd);
	need(!pipe(p) && !send_descriptor(s[1], p[0]) && !close(p[0]));
	check("in flight, it stays open", write(p[1], "w", 1) == 1);
	fd = receive_descriptor(s[0]);
	check("and arrives", read(fd, text, 1) == 1 && *text == 'w');
	close(fd);
	check_fails("SCM_RIGHTS: bad descriptor", send_descriptor(s[1], 999), EBADF);
	check("a socket through itself, then closed",
	      !send_descriptor(s[1], s[1]) && !send_descriptor(s[0], s[0]));
	close(s[0]);
	close(s[1]);
	check("nothing left behind", fstat(s[0], &st) == -1);
}

static void buffers(void)
{
	static char data[4096];
	struct pollfd p;
	ssize_t length, total = 0;
	int s[2];

	need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	while ((length = write(s[0], data, sizeof data)) > 0)
		total += length;
	check("a full socket: EAGAIN", errno == EAGAIN && total >= 4096);
	p = (struct pollfd){.fd = s[0], .events = POLLOUT};
	check("poll: not writable", poll(&p, 1, 0) == 0);
	while ((length = read(s[1], data, sizeof data)) > 0)
		total -= length;
	check("all of it arrives", total == 0);
	check("poll: writable again", poll(&p, 1, 1000) == 1);
	close(s[1]);
	check("poll: hung up", poll(&p, 1, 1000) == 1 && (p.revents & POLLHUP));
	close(s[0]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	pairs();
	borders(SOCK_DGRAM, "datagrams");
	borders(SOCK_SEQPACKET, "packets");
	servers("sock");
	servers("@vitrine-test");
	names();
	datagrams();
	passing();
	buffers();
	return check_end();
}
