/* SPDX-License-Identifier: MIT
 *
 * System calls about who a process is: its numbers, users and groups (POSIX setuid(), setreuid(); Linux's
 * "real, effective, saved, file system"). Capabilities are root's, all of them, and nobody else's.
 */
#include <stddef.h>

#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/syscall/calls.h"

#define ID_KEEP UINT32_MAX
#define CAPABILITY_VERSION_1 0x19980330
#define CAPABILITY_VERSION_2 0x20071026
#define CAPABILITY_VERSION_3 0x20080522
#define CAPABILITIES_LOW UINT32_MAX
#define CAPABILITIES_HIGH 0x1ff /* 41 in all */

int64_t sys_getpid(void)
{
	return process_this()->pid;
}

int64_t sys_gettid(void)
{
	return task_this()->tid;
}

int64_t sys_getppid(void)
{
	const uint64_t flags = spin_lock(&process_lock);
	const int32_t pid = process_this()->parent->pid;

	spin_unlock(&process_lock, flags);
	return pid;
}

int64_t sys_getuid(void)
{
	return process_this()->credentials.uid;
}

int64_t sys_geteuid(void)
{
	return process_this()->credentials.euid;
}

int64_t sys_getgid(void)
{
	return process_this()->credentials.gid;
}

int64_t sys_getegid(void)
{
	return process_this()->credentials.egid;
}

/* The three IDs of a user or a group, which obey the same rules. */
struct id_set {
	uint32_t real, effective, saved;
};

static struct id_set user_ids(void)
{
	const struct credentials *c = &process_this()->credentials;

	return (struct id_set){c->uid, c->euid, c->suid};
}

static struct id_set group_ids(void)
{
	const struct credentials *c = &process_this()->credentials;

	return (struct id_set){c->gid, c->egid, c->sgid};
}

/* A program that has got another user's rights, or lost some, is no longer its starter's to look into. */
static void set_user_ids(struct id_set ids)
{
	struct process *process = process_this();
	struct credentials *c = &process->credentials;
	const uint64_t flags = spin_lock(&process_lock);

	if (ids.effective != c->euid)
		process->dumps_reset = true;
	c->uid = ids.real;
	c->euid = c->fsuid = ids.effective;
	c->suid = ids.saved;
	spin_unlock(&process_lock, flags);
}

static void set_group_ids(struct id_set ids)
{
	struct process *process = process_this();
	struct credentials *c = &process->credentials;
	const uint64_t flags = spin_lock(&process_lock);

	if (ids.effective != c->egid)
		process->dumps_reset = true;
	c->gid = ids.real;
	c->egid = c->fsgid = ids.effective;
	c->sgid = ids.saved;
	spin_unlock(&process_lock, flags);
}

static bool is_one_of(uint32_t id, const struct id_set *ids)
{
	return id == ids->real || id == ids->effective || id == ids->saved;
}

static bool may_become(uint32_t id, const struct id_set *ids)
{
	return id == ID_KEEP || process_is_root() || is_one_of(id, ids);
}

/* setuid(), setgid(). */
static int change_one(struct id_set *ids, uint32_t id)
{
	if (id == ID_KEEP)
		return -EINVAL;
	if (process_is_root())
		*ids = (struct id_set){id, id, id};
	else if (id == ids->real || id == ids->saved)
		ids->effective = id;
	else
		return -EPERM;
	return 0;
}

/* setreuid(), setregid(). */
static int change_two(struct id_set *ids, uint32_t real, uint32_t effective)
{
	const struct id_set old = *ids;

	if (real != ID_KEEP && !process_is_root() && real != old.real && real != old.effective)
		return -EPERM;
	if (!may_become(effective, &old))
		return -EPERM;
	if (real != ID_KEEP)
		ids->real = real;
	if (effective != ID_KEEP)
		ids->effective = effective;
	if (real != ID_KEEP || (effective != ID_KEEP && effective != old.real))
		ids->saved = ids->effective;
	return 0;
}

/* setresuid(), setresgid(). */
static int change_three(struct id_set *ids, uint32_t real, uint32_t effective, uint32_t saved)
{
	const struct id_set old = *ids;

	if (!may_become(real, &old) || !may_become(effective, &old) || !may_become(saved, &old))
		return -EPERM;
	if (real != ID_KEEP)
		ids->real = real;
	if (effective != ID_KEEP)
		ids->effective = effective;
	if (saved != ID_KEEP)
		ids->saved = saved;
	return 0;
}

#define CHANGE(get, set, change, ...)                        \
	do {                                                 \
		struct id_set ids = get();                   \
		const int error = change(&ids, __VA_ARGS__); \
		if (!error)                                  \
			set(ids);                            \
		return error;                                \
	} while (0)

int64_t sys_setuid(uint32_t uid)
{
	CHANGE(user_ids, set_user_ids, change_one, uid);
}

int64_t sys_setgid(uint32_t gid)
{
	CHANGE(group_ids, set_group_ids, change_one, gid);
}

int64_t sys_setreuid(uint32_t uid, uint32_t euid)
{
	CHANGE(user_ids, set_user_ids, change_two, uid, euid);
}

int64_t sys_setregid(uint32_t gid, uint32_t egid)
{
	CHANGE(group_ids, set_group_ids, change_two, gid, egid);
}

int64_t sys_setresuid(uint32_t uid, uint32_t euid, uint32_t suid)
{
	CHANGE(user_ids, set_user_ids, change_three, uid, euid, suid);
}

int64_t sys_setresgid(uint32_t gid, uint32_t egid, uint32_t sgid)
{
	CHANGE(group_ids, set_group_ids, change_three, gid, egid, sgid);
}

static int write_ids(struct id_set ids, uint64_t real_gva, uint64_t effective_gva,
		     uint64_t saved_gva)
{
	return user_write(real_gva, &ids.real, sizeof(ids.real)) ||
			       user_write(effective_gva, &ids.effective, sizeof(ids.effective)) ||
			       user_write(saved_gva, &ids.saved, sizeof(ids.saved))
		       ? -EFAULT
		       : 0;
}

int64_t sys_getresuid(uint64_t uid_gva, uint64_t euid_gva, uint64_t suid_gva)
{
	return write_ids(user_ids(), uid_gva, euid_gva, suid_gva);
}

int64_t sys_getresgid(uint64_t gid_gva, uint64_t egid_gva, uint64_t sgid_gva)
{
	return write_ids(group_ids(), gid_gva, egid_gva, sgid_gva);
}

/* These two give the old ID back, changed or not. */
int64_t sys_setfsuid(uint32_t uid)
{
	struct credentials *c = &process_this()->credentials;
	const uint32_t old = c->fsuid;
	const struct id_set ids = user_ids();

	if (uid == old || (uid != ID_KEEP && may_become(uid, &ids)))
		c->fsuid = uid;
	return old;
}

int64_t sys_setfsgid(uint32_t gid)
{
	struct credentials *c = &process_this()->credentials;
	const uint32_t old = c->fsgid;
	const struct id_set ids = group_ids();

	if (gid == old || (gid != ID_KEEP && may_become(gid, &ids)))
		c->fsgid = gid;
	return old;
}

int64_t sys_getgroups(int count, uint64_t groups_gva)
{
	const struct credentials *c = &process_this()->credentials;

	if (count < 0 || (count && (uint32_t)count < c->group_count))
		return -EINVAL;
	if (count && user_write(groups_gva, c->groups, c->group_count * sizeof(c->groups[0])))
		return -EFAULT;
	return c->group_count;
}

int64_t sys_setgroups(uint64_t count, uint64_t groups_gva)
{
	struct credentials *c = &process_this()->credentials;
	uint32_t groups[GROUPS_MAX];

	if (!process_is_root())
		return -EPERM;
	if (count > GROUPS_MAX)
		return -EINVAL;
	if (user_read(groups, groups_gva, count * sizeof(groups[0])))
		return -EFAULT;
	for (unsigned i = 0; i < count; i++)
		c->groups[i] = groups[i];
	c->group_count = (uint32_t)count;
	return 0;
}

struct capability_header {
	uint32_t version;
	int32_t pid;
};
struct capability_data {
	uint32_t effective, permitted, inheritable;
};

/* How many struct capability_data this version has; 0: unknown, and the program is told ours. */
static int read_version(uint64_t header_gva, struct capability_header *header)
{
	if (user_read(header, header_gva, sizeof(*header)))
		return -EFAULT;
	if (header->version == CAPABILITY_VERSION_1)
		return 1;
	if (header->version == CAPABILITY_VERSION_2 || header->version == CAPABILITY_VERSION_3)
		return 2;
	header->version = CAPABILITY_VERSION_3;
	return user_write(header_gva, header, sizeof(*header)) ? -EFAULT : 0;
}

int64_t sys_capget(uint64_t header_gva, uint64_t data_gva)
{
	struct capability_data data[2] = {{0}};
	struct capability_header header;
	const int count = read_version(header_gva, &header);
	struct process *process;

	if (count <= 0)
		return count ? count : data_gva ? -EINVAL : 0;
	if (!data_gva)
		return 0;
	process = header.pid ? process_find(header.pid) : process_get(process_this());
	if (!process)
		return -ESRCH;
	if (process->credentials.euid == 0) {
		data[0] = (struct capability_data){CAPABILITIES_LOW, CAPABILITIES_LOW, 0};
		data[1] = (struct capability_data){CAPABILITIES_HIGH, CAPABILITIES_HIGH, 0};
	}
	process_put(process);
	return user_write(data_gva, data, (size_t)count * sizeof(data[0])) ? -EFAULT : 0;
}

/* Root stays root: what it gives away it keeps. Others can't get what they haven't got. */
int64_t sys_capset(uint64_t header_gva, uint64_t data_gva)
{
	struct capability_data data[2] = {{0}};
	struct capability_header header;
	const int count = read_version(header_gva, &header);

	if (count <= 0)
		return count ? count : -EINVAL;
	if (header.pid && header.pid != task_this()->tid)
		return -EPERM;
	if (user_read(data, data_gva, (size_t)count * sizeof(data[0])))
		return -EFAULT;
	if (process_is_root())
		return 0;
	return data[0].effective | data[0].permitted | data[1].effective | data[1].permitted
		       ? -EPERM
		       : 0;
}
