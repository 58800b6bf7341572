/* SPDX-License-Identifier: MIT
 *
 * Names of sockets: nodes of the file system, and the abstract ones, which start with a NUL and are gone
 * with their socket.
 */
#include "guest/fs/files.h"
#include "guest/fs/names.h"
#include "guest/fs/socket.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/proc/process.h"

#define FAMILY_BYTES 2

static struct socket *abstract_sockets;
static uint32_t last_automatic;

static bool is_abstract(const struct socket_name *name)
{
	return name->length > FAMILY_BYTES && !name->address.path[0];
}

static struct socket *find_abstract_locked(const struct socket_name *name)
{
	struct socket *at = abstract_sockets;

	while (at && (at->name.length != name->length ||
		      memcmp(&at->name.address, &name->address, name->length) != 0))
		at = at->next_abstract;
	return at;
}

static int bind_abstract(struct socket *socket, const struct socket_name *name)
{
	const uint64_t flags = spin_lock(&socket_lock);
	const bool used = find_abstract_locked(name);

	if (!used) {
		socket->name = *name;
		socket->next_abstract = abstract_sockets;
		abstract_sockets = socket;
	}
	spin_unlock(&socket_lock, flags);
	return used ? -EADDRINUSE : 0;
}

/* A name that nobody uses, as Linux chooses it: five hexadecimal digits. */
static int bind_anywhere(struct socket *socket)
{
	struct socket_name name = {.address.family = AF_UNIX, .length = FAMILY_BYTES + 6};
	int error = -EADDRINUSE;

	for (unsigned i = 0; i < 1 << 20 && error; i++) {
		const uint32_t number = __atomic_add_fetch(&last_automatic, 1, __ATOMIC_RELAXED) &
					0xfffff;

		print_to(name.address.path + 1, 6, "%05x", number);
		error = bind_abstract(socket, &name);
	}
	return error;
}

static int bind_path(struct socket *socket, const struct socket_name *name)
{
	const struct place *place = process_this()->place;
	struct path_last last;
	struct path parent, made;
	int error = path_find_parent(AT_FDCWD, name->address.path, &parent, &last);

	if (error)
		return error;
	error = name_create(&parent, &last, S_IFSOCK | (0777 & ~place->umask), 0, &made);
	path_put(&parent);
	if (error)
		return error == -EEXIST ? -EADDRINUSE : error;
	const uint64_t flags = spin_lock(&socket_lock);

	socket->name = *name;
	socket->bound = made; /* with its references: the mount has to stay */
	made.dentry->inode->bound = socket;
	spin_unlock(&socket_lock, flags);
	return 0;
}

int socket_name_check(struct socket_name *name)
{
	if (name->address.family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (name->length > FAMILY_BYTES && name->address.path[0])
		name->length = FAMILY_BYTES + (uint32_t)strlen(name->address.path) + 1;
	return 0;
}

int socket_bind(struct socket *socket, const struct socket_name *name)
{
	int error;

	mutex_lock(&socket->lock);
	error = socket->name.length	       ? -EINVAL
		: name->length <= FAMILY_BYTES ? bind_anywhere(socket)
		: is_abstract(name)	       ? bind_abstract(socket, name)
					       : bind_path(socket, name);
	mutex_unlock(&socket->lock);
	return error;
}

void socket_unbind(struct socket *socket)
{
	const uint64_t flags = spin_lock(&socket_lock);
	const struct path bound = socket->bound;
	struct socket **link = &abstract_sockets;

	socket->bound.dentry = NULL;
	if (bound.dentry)
		bound.dentry->inode->bound = NULL;
	while (*link && *link != socket)
		link = &(*link)->next_abstract;
	if (*link)
		*link = socket->next_abstract;
	spin_unlock(&socket_lock, flags);
	path_put(&bound);
}

static int find_path(const char *name, struct socket **found)
{
	struct path path;
	struct inode *inode;
	int error = path_find(AT_FDCWD, name, PATH_FOLLOW, &path);

	if (error)
		return error;
	inode = path.dentry->inode;
	error = inode_permission(inode, PERMIT_WRITE);
	if (!error && (inode->mode & S_IFMT) != S_IFSOCK)
		error = -ECONNREFUSED;
	if (!error) {
		const uint64_t flags = spin_lock(&socket_lock);

		*found = inode->bound ? socket_get(inode->bound) : NULL;
		spin_unlock(&socket_lock, flags);
		error = *found ? 0 : -ECONNREFUSED;
	}
	path_put(&path);
	return error;
}

int socket_find(const struct socket_name *name, struct socket **found)
{
	if (name->length <= FAMILY_BYTES)
		return -EINVAL;
	if (!is_abstract(name))
		return find_path(name->address.path, found);
	const uint64_t flags = spin_lock(&socket_lock);
	struct socket *at = find_abstract_locked(name);

	*found = at ? socket_get(at) : NULL;
	spin_unlock(&socket_lock, flags);
	return at ? 0 : -ECONNREFUSED;
}
