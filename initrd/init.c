/* SPDX-License-Identifier: MIT
 *
 * /init of the initial RAM disk that `vitrine run --root DIR` makes: loads the modules /m/00, /m/01, …, mounts the shared
 * folder, and gives way to its init. Freestanding: a system call is all there is; Linux x86-64.
 */
#include "initrd/syscall.h"

#define TAG "vitrine-root"
#define CMDLINE_BYTES 4096
#define TRIES 1000
#define PAUSE_NS 10000000

static char cmdline[CMDLINE_BYTES];

static unsigned long length(const char *text)
{
	unsigned long bytes = 0;

	while (text[bytes])
		bytes++;
	return bytes;
}

static void say(const char *text)
{
	syscall4(SYS_WRITE, 2, (long)text, (long)length(text), 0);
}

/* The kernel says why in its log. Returning from here makes it panic, which vitrine reports. */
static int fail(const char *text)
{
	say("vitrine's init: ");
	say(text);
	say("\n");
	return 1;
}

static void load_modules(void)
{
	char path[] = "/m/00";

	for (unsigned i = 0; i < 100; i++) {
		path[3] = (char)('0' + i / 10);
		path[4] = (char)('0' + i % 10);
		long fd = syscall4(SYS_OPEN, (long)path, O_RDONLY, 0, 0);

		if (fd < 0)
			return;
		if (syscall4(SYS_FINIT_MODULE, fd, (long)"", 0, 0) == -ENOEXEC)
			syscall4(SYS_FINIT_MODULE, fd, (long)"", MODULE_INIT_COMPRESSED_FILE, 0);
		syscall4(SYS_CLOSE, fd, 0, 0, 0);
	}
}

static void read_cmdline(void)
{
	long fd;

	syscall5(SYS_MOUNT, (long)"proc", (long)"/proc", (long)"proc", 0, 0);
	fd = syscall4(SYS_OPEN, (long)"/proc/cmdline", O_RDONLY, 0, 0);
	if (fd < 0)
		return;
	syscall4(SYS_READ, fd, (long)cmdline, CMDLINE_BYTES - 1, 0);
	syscall4(SYS_CLOSE, fd, 0, 0, 0);
	syscall4(SYS_UMOUNT2, (long)"/proc", 0, 0, 0);
}

/* The last word that begins with prefix: what follows there, with a 0 put behind it. NULL: there is none. */
static char *find_word(const char *prefix)
{
	unsigned long prefix_bytes = length(prefix);
	char *found = 0;

	for (char *at = cmdline; *at; at++) {
		unsigned long same = 0;

		if (at != cmdline && at[-1] != ' ')
			continue;
		while (same < prefix_bytes && at[same] == prefix[same])
			same++;
		if (same == prefix_bytes)
			found = at + prefix_bytes;
	}
	for (char *end = found; end && *end; end++)
		if (*end == ' ' || *end == '\n')
			*end = 0;
	return found;
}

/* Devices may still be on their way. */
static long mount_root(void)
{
	const struct timespec pause = {0, PAUSE_NS};
	long err = -1;

	for (unsigned i = 0; i < TRIES && err; i++) {
		err = syscall5(SYS_MOUNT, (long)TAG, (long)"/root", (long)"virtiofs", 0, 0);
		if (err)
			syscall4(SYS_NANOSLEEP, (long)&pause, 0, 0, 0);
	}
	return err;
}

static void enter_root(void)
{
	syscall4(SYS_CHDIR, (long)"/root", 0, 0, 0);
	syscall5(SYS_MOUNT, (long)"dev", (long)"dev", (long)"devtmpfs", 0, 0);
	syscall5(SYS_MOUNT, (long)".", (long)"/", 0, MS_MOVE, 0);
	syscall4(SYS_CHROOT, (long)".", 0, 0, 0);
	syscall4(SYS_CHDIR, (long)"/", 0, 0, 0);
}

/* Called by start.S with what the kernel put on the stack. */
int init_main(char **argv, char **envp);
int init_main(char **argv, char **envp)
{
	static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	char *init;

	load_modules();
	read_cmdline();
	init = find_word("init=");
	if (mount_root())
		return fail("the shared folder can't be mounted: does the kernel have virtiofs?");
	enter_root();
	if (init) {
		argv[0] = init;
		syscall4(SYS_EXECVE, (long)init, (long)argv, (long)envp, 0);
		say(init);
		return fail(": can't be executed");
	}
	for (unsigned i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		argv[0] = (char *)usual[i];
		syscall4(SYS_EXECVE, (long)usual[i], (long)argv, (long)envp, 0);
	}
	return fail("the folder has no /sbin/init and no /bin/sh; name another by init=");
}
