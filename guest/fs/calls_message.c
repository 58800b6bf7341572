/* SPDX-License-Identifier: MIT
 *
 * System calls that send and receive on sockets, with control messages: descriptors (SCM_RIGHTS) and
 * credentials (SCM_CREDENTIALS).
 */
#include "guest/fs/calls_socket.h"

#include "guest/fs/files.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_sendmsg(int fd, uint64_t header_gva, uint32_t flags);
int64_t sys_recvmsg(int fd, uint64_t header_gva, uint32_t flags);
int64_t sys_sendto(int fd, uint64_t from_gva, uint64_t bytes, uint32_t flags, uint64_t name_gva,
		   uint32_t name_length);
int64_t sys_recvfrom(int fd, uint64_t to_gva, uint64_t bytes, uint32_t flags, uint64_t name_gva,
		     uint64_t length_gva);

#define CONTROL_MAX 4096
#define PIECES_AT_HAND 8

enum control_type { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };

struct message_header { /* struct msghdr */
	uint64_t name_gva;
	uint32_t name_length, pad;
	uint64_t pieces_gva, piece_count;
	uint64_t control_gva, control_bytes;
	uint32_t flags, pad_end;
};
_Static_assert(sizeof(struct message_header) == 56, "struct msghdr");

struct control_header { /* struct cmsghdr; data follows, and padding to 8 */
	uint64_t bytes;
	int32_t level, type;
};
_Static_assert(sizeof(struct control_header) == 16, "struct cmsghdr");

static struct socket_credentials own_credentials(void)
{
	const struct process *process = process_this();

	return (struct socket_credentials){process->pid, process->credentials.uid,
					   process->credentials.gid};
}

static int take_fds(const char *data, size_t bytes, struct send *send)
{
	const size_t count = bytes / sizeof(int32_t);

	if (count > MESSAGE_FILES_MAX - send->file_count)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		int32_t fd;
		struct file *file;

		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		file = fd_get(fd);
		if (!file)
			return -EBADF;
		send->files[send->file_count++] = file;
	}
	return 0;
}

/* Only root may say that he is somebody else. */
static int take_credentials(const char *data, size_t bytes, struct send *send)
{
	const struct process *process = process_this();
	const struct credentials *own = &process->credentials;
	struct socket_credentials claim;

	if (bytes != sizeof(claim))
		return -EINVAL;
	memcpy(&claim, data, sizeof(claim));
	if (!process_is_root() &&
	    (claim.pid != process->pid ||
	     (claim.uid != own->uid && claim.uid != own->euid && claim.uid != own->suid) ||
	     (claim.gid != own->gid && claim.gid != own->egid && claim.gid != own->sgid)))
		return -EPERM;
	send->from = claim;
	return 0;
}

/* The control messages in a copy of the program's. */
static int parse_control(const char *control, size_t bytes, struct send *send)
{
	size_t at = 0;
	int error = 0;

	while (!error && bytes - at >= sizeof(struct control_header)) {
		struct control_header header;
		const char *data = control + at + sizeof(header);

		memcpy(&header, control + at, sizeof(header));
		if (header.bytes < sizeof(header) || header.bytes > bytes - at)
			return -EINVAL;
		const size_t data_bytes = header.bytes - sizeof(header);

		if (header.level != SOL_SOCKET)
			error = 0; /* not ours */
		else if (header.type == SCM_RIGHTS)
			error = take_fds(data, data_bytes, send);
		else if (header.type == SCM_CREDENTIALS)
			error = take_credentials(data, data_bytes, send);
		else
			error = -EINVAL;
		at += (header.bytes + 7) & ~7ull;
		if (at > bytes)
			break;
	}
	return error;
}

static int read_control(const struct message_header *header, struct send *send)
{
	char *control;
	int error;

	if (!header->control_bytes)
		return 0;
	if (header->control_bytes > CONTROL_MAX)
		return -ENOBUFS;
	control = kmalloc(header->control_bytes);
	if (!control)
		return -ENOMEM;
	error = user_read(control, header->control_gva, header->control_bytes);
	if (!error)
		error = parse_control(control, header->control_bytes, send);
	kfree(control);
	return error;
}

static unsigned effective(const struct file *file, unsigned flags)
{
	return flags | (file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

static int64_t send_message(struct file *file, const struct message_header *header,
			    struct iobuf *data, unsigned flags)
{
	struct file *files[MESSAGE_FILES_MAX];
	struct send send = {.files = files, .from = own_credentials()};
	struct socket_name name;
	int64_t result = 0;

	if (header->name_gva && header->name_length) {
		result = socket_name_read(&name, header->name_gva, header->name_length);
		send.to = &name;
	}
	if (!result)
		result = read_control(header, &send);
	if (!result)
		result = file->operations->socket->send(file, data, &send, effective(file, flags));
	for (unsigned i = 0; i < send.file_count; i++)
		file_put(files[i]); /* those that aren't on their way */
	return result;
}

/* One control message at header->control_gva, if there is room; it moves on. */
static bool put_control(struct message_header *header, enum control_type type, const void *data,
			size_t bytes)
{
	const struct control_header head = {sizeof(head) + bytes, SOL_SOCKET, type};
	const uint64_t whole = (head.bytes + 7) & ~7ull;

	if (header->control_bytes < head.bytes) {
		header->flags |= MSG_CTRUNC;
		return true;
	}
	if (user_write(header->control_gva, &head, sizeof(head)) ||
	    user_write(header->control_gva + sizeof(head), data, bytes))
		return false;
	header->control_gva += whole;
	header->control_bytes -= whole < header->control_bytes ? whole : header->control_bytes;
	return true;
}

/* As many of the files as there is room for become descriptors. */
static bool put_files(struct message_header *header, struct receive *receive, unsigned flags)
{
	const size_t head = sizeof(struct control_header);
	const uint64_t room = header->control_bytes < head
				      ? 0
				      : (header->control_bytes - head) / sizeof(int32_t);
	int32_t fds[MESSAGE_FILES_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < receive->file_count; i++) {
		int fd = -1;

		if (count == i && count < room)
			fd = fd_install(receive->files[i], 0, flags & MSG_CMSG_CLOEXEC);
		else
			file_put(receive->files[i]);
		if (fd >= 0)
			fds[count++] = fd;
	}
	if (count < receive->file_count)
		header->flags |= MSG_CTRUNC;
	kfree(receive->files);
	return !count || put_control(header, SCM_RIGHTS, fds, count * sizeof(fds[0]));
}

static int64_t receive_message(struct file *file, struct message_header *header, struct iobuf *data,
			       unsigned flags)
{
	struct receive receive = {.files = NULL};
	const uint64_t control_gva = header->control_gva;
	int64_t result = file->operations->socket->receive(file, data, &receive,
							   effective(file, flags));

	header->flags = receive.flags;
	if (result >= 0 && receive.has_credentials &&
	    !put_control(header, SCM_CREDENTIALS, &receive.credentials,
			 sizeof(receive.credentials)))
		result = -EFAULT;
	if (!put_files(header, &receive, flags))
		result = -EFAULT;
	header->control_bytes = header->control_gva - control_gva;
	header->name_length = receive.from.length < header->name_length ? receive.from.length
									: header->name_length;
	if (result >= 0 && header->name_gva && header->name_length &&
	    user_write(header->name_gva, &receive.from.address, header->name_length))
		result = -EFAULT;
	header->name_length = receive.from.length;
	return result;
}

/* sendmsg() and recvmsg(). */
static int64_t do_message(int fd, uint64_t header_gva, unsigned flags, bool is_send)
{
	struct io_piece at_hand[PIECES_AT_HAND], *made;
	struct message_header header;
	struct iobuf data;
	int error;
	struct file *file = socket_file(fd, &error);
	int64_t result;

	if (!file)
		return error;
	result = user_read(&header, header_gva, sizeof(header));
	if (!result)
		result = iobuf_read_pieces(&data, header.pieces_gva, header.piece_count, at_hand,
					   PIECES_AT_HAND, &made);
	if (!result) {
		result = is_send ? send_message(file, &header, &data, flags)
				 : receive_message(file, &header, &data, flags);
		kfree(made);
		if (result >= 0 && !is_send &&
		    (user_write(header_gva + offsetof(struct message_header, name_length),
				&header.name_length, sizeof(header.name_length)) ||
		     user_write(header_gva + offsetof(struct message_header, control_bytes),
				&header.control_bytes,
				sizeof(header.control_bytes) + sizeof(header.flags))))
			result = -EFAULT;
	}
	file_put(file);
	return result;
}

int64_t sys_sendmsg(int fd, uint64_t header_gva, uint32_t flags)
{
	return do_message(fd, header_gva, flags, true);
}

int64_t sys_recvmsg(int fd, uint64_t header_gva, uint32_t flags)
{
	return do_message(fd, header_gva, flags, false);
}

int64_t sys_sendto(int fd, uint64_t from_gva, uint64_t bytes, uint32_t flags, uint64_t name_gva,
		   uint32_t name_length)
{
	const struct message_header header = {.name_gva = name_gva, .name_length = name_length};
	struct iobuf data;
	int error;
	struct file *file = socket_file(fd, &error);
	int64_t result;

	if (!file)
		return error;
	iobuf_init_user(&data, from_gva, bytes);
	result = send_message(file, &header, &data, flags);
	file_put(file);
	return result;
}

int64_t sys_recvfrom(int fd, uint64_t to_gva, uint64_t bytes, uint32_t flags, uint64_t name_gva,
		     uint64_t length_gva)
{
	struct receive receive = {.files = NULL};
	struct iobuf data;
	int error;
	struct file *file = socket_file(fd, &error);
	int64_t result;

	if (!file)
		return error;
	iobuf_init_user(&data, to_gva, bytes);
	result = file->operations->socket->receive(file, &data, &receive, effective(file, flags));
	for (unsigned i = 0; i < receive.file_count; i++)
		file_put(receive.files[i]); /* nobody asked for them */
	kfree(receive.files);
	if (result >= 0 && name_gva && receive.from.length) {
		error = socket_name_write(&receive.from, AF_UNSPEC, name_gva, length_gva);
		result = error ? error : result;
	}
	file_put(file);
	return result;
}
