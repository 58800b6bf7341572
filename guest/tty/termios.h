/* SPDX-License-Identifier: MIT
 *
 * Settings of a terminal, with Linux's layout and numbers (POSIX 11).
 */
#ifndef GUEST_TTY_TERMIOS_H
#define GUEST_TTY_TERMIOS_H

#include <stdint.h>

enum control_character {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2,
	CONTROL_COUNT = 19
};

struct termios { /* of the kernel's interface, not of libc's */
	uint32_t input, output, control, local;
	uint8_t discipline;
	uint8_t character[CONTROL_COUNT];
};
_Static_assert(sizeof(struct termios) == 36, "struct termios");

enum input_mode {
	ISTRIP = 0040,
	INLCR = 0100,
	IGNCR = 0200,
	ICRNL = 0400,
	IXON = 02000,
	IXANY = 04000,
	IUTF8 = 040000
};
enum output_mode { OPOST = 01, ONLCR = 04, OCRNL = 010, ONOCR = 020, ONLRET = 040, XTABS = 014000 };
enum control_mode { CS8 = 060, CREAD = 0200, HUPCL = 02000, CLOCAL = 04000, B115200 = 010002 };
enum local_mode {
	ISIG = 01,
	ICANON = 02,
	ECHO = 010,
	ECHOE = 020,
	ECHOK = 040,
	ECHONL = 0100,
	NOFLSH = 0200,
	TOSTOP = 0400,
	ECHOCTL = 01000,
	ECHOKE = 04000,
	IEXTEN = 0100000
};

struct window_size { /* struct winsize */
	uint16_t rows, columns, x_pixels, y_pixels;
};

enum tty_ioctl {
	TCGETS = 0x5401,
	TCSETS = 0x5402,
	TCSETSW = 0x5403,
	TCSETSF = 0x5404,
	TCSBRK = 0x5409,
	TCXONC = 0x540a,
	TCFLSH = 0x540b,
	TIOCSCTTY = 0x540e,
	TIOCGPGRP = 0x540f,
	TIOCSPGRP = 0x5410,
	TIOCOUTQ = 0x5411,
	TIOCSTI = 0x5412,
	TIOCGWINSZ = 0x5413,
	TIOCSWINSZ = 0x5414,
	FIONREAD = 0x541b,
	TIOCNOTTY = 0x5422,
	TCSBRKP = 0x5425,
	TIOCGSID = 0x5429,
	TIOCSPTLCK = 0x40045431
};
#define TIOCGPTN 0x80045430u
#define TIOCGPTLCK 0x80045439u

#endif
