/* SPDX-License-Identifier: MIT
 *
 * Sockets as files: reading and writing, whatever the family.
 */
#include "guest/fs/socket_family.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

int64_t socket_file_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct receive receive = {.files = NULL};
	int64_t result;

	(void)position;
	if (!to->left)
		return 0;
	result = file->operations->socket->receive(file, to, &receive,
						   file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
	for (unsigned i = 0; i < receive.file_count; i++)
		file_put(receive.files[i]); /* nobody asked for them */
	kfree(receive.files);
	return result;
}

int64_t socket_file_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	const struct process *process = process_this();
	struct send send = {
		.from = {process->pid, process->credentials.euid, process->credentials.egid}};

	(void)position;
	return file->operations->socket->send(file, from, &send,
					      file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

int socket_file_create(const struct file_operations *operations, void *private, unsigned flags,
		       struct file **file)
{
	struct inode *inode = inode_nameless(S_IFSOCK | 0777);
	const int error = inode ? file_create(operations, inode, O_RDWR | (flags & O_NONBLOCK),
					      file)
				: -ENOMEM;

	if (error) {
		if (inode)
			inode_put(inode);
		return error;
	}
	(*file)->private = private;
	(*file)->label = "socket";
	return 0;
}
