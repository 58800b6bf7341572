# SPDX-License-Identifier: MIT
"""One run of a command in a sandbox: starts the outer machine, talks with the agent in it.

The agent's frames are described in agent.c.
"""
import collections
import fcntl
import os
import selectors
import struct
import sys
import tempfile
import termios
import threading
import time
import tty
from dataclasses import dataclass, field
from pathlib import Path

from . import frozen, level1
from .common import Failure
from .kernel import debian_kernel

TIMED_OUT = 124  # as timeout(1) says it
ICOUNT_TRIES = 8
ICOUNT_TIMEOUT_S = 180


@dataclass
class Job:
    """What to run, and with what."""
    command: list
    files: list = field(default_factory=list)    # (path here, path inside)
    outputs: list = field(default_factory=list)  # (path inside, path here)
    env: list = field(default_factory=list)      # "NAME=VALUE"
    modules: list = field(default_factory=list)  # kernel modules to load, by name
    memory_mb: int = 2048
    cpus: int = 1
    timeout_s: float = 0                         # 0: none; with icount: of each try
    quiet_cpu_s: float = 0                       # 0: none; so much work without output is a hang
    interactive: bool = False
    verbose: bool = False
    icount: bool = False

    @property
    def input(self):
        """How the agent gives the command its input."""
        if not self.interactive:
            return "none"
        return "tty" if sys.stdin.isatty() else "pipe"

    def has_file(self, path):
        return any(inside == os.path.abspath(path) for _, inside in self.files)


class Ended(Exception):
    """Level 1 ended, or was ended, before the command did."""


def run(job, engine, sink, note=lambda text: None):
    """Runs JOB; its output goes to sink("O" or "E", bytes) as it comes, or, with icount, when a try
    has succeeded. Returns (exit status, number of tries)."""
    engine.check(job)
    kernel = debian_kernel()
    tries = ICOUNT_TRIES if job.icount else 1
    limit_s = job.timeout_s or (ICOUNT_TIMEOUT_S if job.icount else 0)
    for attempt in range(1, tries + 1):
        kept = []
        with tempfile.TemporaryDirectory(prefix="vitrine-sandbox-") as folder:
            initrd = _make_initrd(job, engine, kernel, folder)
            out = (lambda *frame: kept.append(frame)) if job.icount else sink
            conversation = Conversation(job, out, limit_s)
            try:
                status = conversation.hold(engine, kernel, initrd, folder, attempt)
            except TimeoutError:
                note(f"hung in try {attempt} of {tries}{_after(kept)}")
                status = TIMED_OUT
                if attempt < tries:
                    continue
        for frame in kept:
            sink(*frame)
        return status, attempt


def _after(frames):
    """What was the last that came, in words."""
    lines = b"".join(data for _, data in frames).decode(errors="replace").split("\n")
    return f" after: {' '.join(lines[-2].split()[:2])}" if len(lines) > 1 else ""


def _make_initrd(job, engine, kernel, folder):
    path = os.path.join(folder, "initrd")
    with open(path, "wb") as file:
        base = level1.base(kernel).read_bytes()
        file.write(base + bytes(-len(base) % 4))
        file.write(level1.additions(job, kernel, engine.KVM_MODULE, _terminal_size()))
    return path


def _terminal_size():
    try:
        return struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2]
    except OSError:
        return 24, 80


def _cpu_seconds(pid):
    """What a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Conversation:
    """Frames from the agent, input to it, and the console of level 1 beside it."""

    def __init__(self, job, sink, limit_s):
        self.job = job
        self.sink = sink
        self.deadline = time.monotonic() + limit_s if limit_s else None
        self.console_lines = collections.deque(maxlen=12)
        self.buffer = bytearray()
        self.status = None
        self.file = None
        self.cpu_s_at_output = 0
        self.watch = None
        self.destinations = dict(job.outputs)

    def hold(self, engine, kernel, initrd, folder, attempt):
        """The whole conversation; returns the command's exit status."""
        console, its_end = os.pipe()
        process = engine.start(self.job, kernel, initrd, folder, attempt, its_end)
        os.close(its_end)
        reader = threading.Thread(target=self._read_console, args=(console,), daemon=True)
        reader.start()
        self.watch = frozen.Watch(os.path.join(folder, "qmp")) if self.job.icount else None
        terminal = termios.tcgetattr(0) if self.job.input == "tty" else None
        try:
            self._exchange(process)
        except Ended:
            process.wait()
            reader.join(timeout=2)
            raise Failure(self._last_words(folder))
        finally:
            if terminal:
                termios.tcsetattr(0, termios.TCSADRAIN, terminal)
            process.kill()
            process.wait()
            if self.watch:
                self.watch.close()
            if self.file:
                self.file.close()
        return self.status

    def _exchange(self, process):
        """Waits for frames, input and the deadline until the status has come."""
        self.selector = selectors.PollSelector()  # epoll refuses files and /dev/null as standard input
        self.selector.register(process.stdout, selectors.EVENT_READ)
        while self.status is None:
            left_s = None if self.deadline is None else self.deadline - time.monotonic()
            if left_s is not None and left_s <= 0 or self._is_stuck(process):
                raise TimeoutError
            for key, _ in self.selector.select(1 if self.job.quiet_cpu_s or self.watch else left_s):
                if key.fd == 0:
                    self._send_input(process.stdin)
                else:
                    self._receive(process)

    def _is_stuck(self, process):
        """However busy this machine is: the outer machine has worked for long, and said nothing, or stands still."""
        limit_s, cpu_s = self.job.quiet_cpu_s, _cpu_seconds(process.pid)
        if self.watch and self.watch.is_frozen(cpu_s):
            return True
        return limit_s and cpu_s - self.cpu_s_at_output > limit_s

    def _receive(self, process):
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            raise Ended
        self.cpu_s_at_output = _cpu_seconds(process.pid)
        self.buffer += data
        while len(self.buffer) >= 5:
            kind, length = struct.unpack_from("<cI", self.buffer)
            if len(self.buffer) < 5 + length:
                break
            self._frame(kind.decode("latin-1"), bytes(self.buffer[5:5 + length]))
            del self.buffer[:5 + length]

    def _frame(self, kind, data):
        if kind in "OE":
            self.sink(kind, data)
        elif kind == "R" and self.job.input != "none":
            if self.job.input == "tty":
                tty.setraw(0)
            self.selector.register(0, selectors.EVENT_READ)
        elif kind in "NM":
            self._open_output(data.decode(), kind == "M")
        elif kind == "D" and self.file:
            self.file.write(data)
        elif kind == "S":
            self.status = data[0]

    def _open_output(self, path, missing):
        if self.file:
            self.file.close()
            self.file = None
        if missing:
            print(f"sandbox: there is no {path} to take out", file=sys.stderr)
            return
        try:
            self.file = open(self.destinations[path], "wb")
        except OSError as error:
            raise Failure(f"can't write {error.filename}: {error.strerror}")

    def _send_input(self, line):
        data = os.read(0, 255)
        line.write(bytes([len(data)]) + data)
        line.flush()
        if not data:
            self.selector.unregister(0)

    def _read_console(self, console):
        with os.fdopen(console, "rb") as file:
            for line in file:
                text = line.decode(errors="replace").rstrip()
                self.console_lines.append(text)
                if self.job.verbose:
                    print(f"[level 1] {text}", end="\r\n", file=sys.stderr, flush=True)

    def _last_words(self, folder):
        try:
            with open(os.path.join(folder, "log"), errors="replace") as file:
                log = [line.strip() for line in file if line.strip()]
        except OSError:
            log = []
        for line in [*log[-3:], *self.console_lines]:
            print(f"  {line}", file=sys.stderr)
        return "the outer machine ended before the command did; its last words are above (-v shows all)"
