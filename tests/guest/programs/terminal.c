/* SPDX-License-Identifier: MIT
 *
 * Terminals, by way of a pseudo-terminal: the line discipline, its signals, sessions, foreground and
 * background groups. Where there are no ptys, what can be asked of the console.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

static int master, slave;
static char heard[256];

/* What has come to FD within a short time, as a string. */
static const char *listen_to(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t at = 0;
	ssize_t length;

	while (at < sizeof heard - 1 && poll(&p, 1, 100) == 1 && (p.revents & POLLIN) &&
	       (length = read(fd, heard + at, sizeof heard - 1 - at)) > 0)
		at += length;
	heard[at] = '\0';
	return heard;
}

static void type(const char *text)
{
	need(write(master, text, strlen(text)) == (ssize_t)strlen(text));
}

static int hears(int fd, const char *text)
{
	return !strcmp(listen_to(fd), text);
}

static void change(tcflag_t clear, tcflag_t set)
{
	struct termios t;

	need(!tcgetattr(slave, &t));
	t.c_lflag = (t.c_lflag & ~clear) | set;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	need(!tcsetattr(slave, TCSANOW, &t));
}

static void lines(void)
{
	struct pollfd p = {.fd = slave, .events = POLLIN};
	char text[8];

	type("hel");
	check("echo", hears(master, "hel"));
	check("canonical: no line yet", poll(&p, 1, 50) == 0);
	type("\177lp\r");
	check("erase is echoed", hears(master, "\b \blp\r\n"));
	check("a line, edited, CR as NL", hears(slave, "help\n"));
	type("one two\027\025x\n");
	listen_to(master);
	check("werase, kill", hears(slave, "x\n"));
	type("ab\004");
	listen_to(master);
	check("EOF ends a line without a newline", hears(slave, "ab"));
	type("\004");
	check("EOF alone: 0", poll(&p, 1, 1000) == 1 && read(slave, text, 8) == 0);
	type("a long line\n");
	check("a line in parts",
	      read(slave, text, 6) == 6 && !memcmp(text, "a long", 6) && read(slave, text, 8) == 6);
	listen_to(master);
	need(write(slave, "a\nb", 3) == 3);
	check("ONLCR", hears(master, "a\r\nb"));
	type("\026\003\n");
	listen_to(master);
	check("literal next", hears(slave, "\003\n"));
}

static void modes(void)
{
	struct winsize size = {24, 80, 0, 0}, same = {0, 0, 0, 0};
	struct termios t;

	change(ICANON | ECHO, 0);
	type("k");
	check("raw: at once", hears(slave, "k"));
	check("no echo", hears(master, ""));
	need(!tcgetattr(slave, &t));
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 1;
	need(!tcsetattr(slave, TCSANOW, &t));
	long long before = now_ms();
	char c;
	check("VTIME", read(slave, &c, 1) == 0 && now_ms() - before >= 90);
	change(0, ICANON);
	check("ECHO off, canonical", (type("pw\n"), hears(slave, "pw\n")) && hears(master, ""));
	change(0, ECHO);
	type("left\n");
	sleep_ms(20);
	check("tcflush", !tcflush(slave, TCIFLUSH) && hears(slave, ""));
	listen_to(master);
	check("TIOCSWINSZ", !ioctl(master, TIOCSWINSZ, &size) && !ioctl(slave, TIOCGWINSZ, &same) &&
				    same.ws_row == 24 && same.ws_col == 80);
	check("isatty, ttyname", isatty(slave) && ttyname(slave) && !isatty(open("/dev/null", 0)));
	cfmakeraw(&t);
	check("cfmakeraw holds", !tcsetattr(slave, TCSADRAIN, &t) && !tcgetattr(slave, &t) &&
					 !(t.c_lflag & (ICANON | ISIG | ECHO)));
	change(0, ICANON | ECHO | ISIG);
	need(!tcgetattr(slave, &t));
	t.c_iflag |= ICRNL;
	t.c_oflag |= OPOST | ONLCR;
	need(!tcsetattr(slave, TCSANOW, &t));
}

static volatile int got[65];

static void note(int signal)
{
	got[signal]++;
}

/* Waits until the signal has come, or a second. */
static int came(int signal)
{
	for (int i = 0; i < 100 && !got[signal]; i++)
		sleep_ms(10);
	return got[signal]--;
}

static void keyboard_signals(void)
{
	signal(SIGINT, note);
	signal(SIGQUIT, note);
	signal(SIGTSTP, note);
	signal(SIGWINCH, note);
	type("lost\003");
	check("Ctrl-C: SIGINT", came(SIGINT) == 1);
	check("… echoed, and the line is lost",
	      strstr(listen_to(master), "^C") && hears(slave, ""));
	type("\034");
	check("Ctrl-\\: SIGQUIT", came(SIGQUIT) == 1);
	type("\032");
	check("Ctrl-Z: SIGTSTP", came(SIGTSTP) == 1);
	listen_to(master);
	struct winsize size = {30, 90, 0, 0};
	need(!ioctl(master, TIOCSWINSZ, &size));
	check("SIGWINCH", came(SIGWINCH) == 1);
	change(ISIG, 0);
	type("\003\n");
	check("without ISIG: a byte", hears(slave, "\003\n") && !got[SIGINT]);
	change(0, ISIG);
	listen_to(master);
}

static int background_read(void *unused)
{
	char c;

	(void)unused;
	setpgid(0, 0);
	return read(slave, &c, 1) != 1;
}

static int background_write(void *unused)
{
	(void)unused;
	setpgid(0, 0);
	return write(slave, "bg", 2) != 2;
}

static int background_orphan(void *unused)
{
	char c;

	(void)unused;
	setpgid(0, 0);
	signal(SIGTTIN, SIG_IGN);
	return read(slave, &c, 1) == -1 && errno == EIO ? 0 : 1;
}

static void groups(void)
{
	int status;
	pid_t pid;

	check("tcgetsid, tcgetpgrp", tcgetsid(slave) == getpid() && tcgetpgrp(slave) == getpgrp());
	pid = child_start(background_read, NULL);
	check("a background reader stops: SIGTTIN", waitpid(pid, &status, WUNTRACED) == pid &&
							    WIFSTOPPED(status) &&
							    WSTOPSIG(status) == SIGTTIN);
	signal(SIGTTOU, SIG_IGN);
	check("tcsetpgrp", !tcsetpgrp(slave, pid) && tcgetpgrp(slave) == pid);
	need(!kill(pid, SIGCONT));
	type("y\n");
	check("in the foreground it reads on", child_end(pid) == 0);
	need(!tcsetpgrp(slave, getpgrp()));
	listen_to(slave);
	listen_to(master);
	pid = child_start(background_write, NULL);
	check("a background writer may, without TOSTOP", child_end(pid) == 0);
	signal(SIGTTOU, SIG_DFL);
	change(0, TOSTOP);
	pid = child_start(background_write, NULL);
	check("with TOSTOP: SIGTTOU", waitpid(pid, &status, WUNTRACED) == pid &&
					      WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	need(!kill(pid, SIGKILL) && child_end(pid) == 128 + SIGKILL);
	change(TOSTOP, 0);
	check("SIGTTIN ignored: EIO", in_child(background_orphan, NULL) == 0);
	check_fails("tcsetpgrp: no such group", tcsetpgrp(slave, 1 << 21), ESRCH);
}

/* A session on SLAVE. Its leader's exit status says what failed. */
static int session(void *unused)
{
	(void)unused;
	need(setsid() == getpid());
	check("TIOCSCTTY", !ioctl(slave, TIOCSCTTY, 0));
	int fd = open("/dev/tty", O_RDWR);
	check("/dev/tty is it", fd >= 0 && write(fd, "tty", 3) == 3 && hears(master, "tty"));
	close(fd);
	lines();
	modes();
	keyboard_signals();
	groups();
	return check_count.failed;
}

static int session_to_hang_up(void *fd)
{
	char c;

	need(setsid() == getpid() && !ioctl(slave, TIOCSCTTY, 0));
	close(master);
	signal(SIGHUP, note);
	need(write(*(int *)fd, "r", 1) == 1);
	if (came(SIGHUP) != 1)
		return 1;
	return read(slave, &c, 1) == 0 && write(slave, &c, 1) == -1 && errno == EIO ? 0 : 2;
}

static void hang_up(void)
{
	int fds[2];
	char c;
	pid_t pid;

	need(!pipe(fds) && !openpty(&master, &slave, NULL, NULL, NULL));
	pid = child_start(session_to_hang_up, &fds[1]);
	need(read(fds[0], &c, 1) == 1);
	close(slave);
	close(master);
	check("hang-up: SIGHUP, then end of file and EIO", child_end(pid) == 0);
}

static void console(void)
{
	struct termios t;
	struct winsize size;

	check_skip("line discipline", "no pseudo-terminals here");
	if (!isatty(0)) {
		check_skip("the console", "standard input is no terminal");
		return;
	}
	check("tcgetattr", !tcgetattr(0, &t));
	check("tcsetattr", !tcsetattr(0, TCSANOW, &t));
	check("TIOCGWINSZ", !ioctl(0, TIOCGWINSZ, &size));
	check("the console is our session's", tcgetsid(0) == getsid(0));
	check("and we are its foreground", tcgetpgrp(0) == getpgrp());
}

int main(void)
{
	if (openpty(&master, &slave, NULL, NULL, NULL)) {
		console();
		return check_end();
	}
	check("a session on a pseudo-terminal", in_child(session, NULL) == 0);
	close(slave);
	char c;
	check_fails("master: all slaves closed", (listen_to(master), read(master, &c, 1)), EIO);
	close(master);
	hang_up();
	int fd = open("/dev/null", O_RDWR);
	struct termios t;
	check_fails("not a terminal", tcgetattr(fd, &t), ENOTTY);
	return check_end();
}
