# SPDX-License-Identifier: MIT
"""Guest cases in the sandboxes, for tests/run: many in one boot, results as they come.

Nested virtualization in an emulator hangs now and then, for reasons that are the emulator's. So no hang may cost
more than itself: each case has its time here too, a boot that has gone quiet is ended, and the cases
that it owes go into the next one. Who gets a second try, and what is said about it, tests/run decides.
"""
import os
import re
import selectors
import shlex
import subprocess
import tempfile
import time

MARK = "@@case"
BOOT_S = {"svm": 120, "vtx": 300}      # until the first case starts
REAL_PER_INNER = {"svm": 2, "vtx": 6}  # how many real seconds an inner one may take
HUNG = None                            # the status of a case whose boot did not survive it
PRELUDE = """export XDG_CACHE_HOME=/tmp/cache HOME=/tmp
guest_case() { # NAME SECONDS COMMAND
    rm -rf /tmp/scratch; mkdir /tmp/scratch; cd /tmp/scratch
    echo "%(mark)s $1"
    timeout -s KILL "$2" sh -c "$3" > /tmp/out.txt 2>&1 < /dev/null
    s=$?
    [ $s != 137 ] || s=124
    killall -q -KILL vitrine gdb && sleep 0.2
    cat /tmp/out.txt
    printf '\\n%(mark)s= %%s\\n' $s
}
"""


def write_script(path, jobs):
    """The shell script of one boot; jobs are (name, seconds, command)."""
    with open(path, "w") as out:
        out.write(PRELUDE % {"mark": MARK})
        for name, seconds, command in jobs:
            out.write(f"guest_case {name} {seconds} {shlex.quote(command)}\n")


class Boot:
    """One run of scripts/sandbox: a stream of lines with deadlines."""

    def __init__(self, command, engine):
        self.engine = engine
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.pending = b""

    def line(self, deadline):
        """The next line, or None at the end or after the deadline."""
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode(errors="replace")

    def results(self, jobs, end):
        """(name, status, output, seconds) of each case that was started, in order."""
        seconds = {name: inner for name, inner, _ in jobs}
        name, output, began = None, [], 0.0
        deadline = min(end, time.monotonic() + BOOT_S[self.engine])
        while (line := self.line(deadline)) is not None:
            if name and line.startswith(MARK + "= "):
                yield name, int(line.split()[1]), "\n".join(output), time.monotonic() - began
                name = None
                deadline = min(end, time.monotonic() + 60)
            elif not name and (start := re.fullmatch(MARK + r" (\S+)", line)):
                name, output, began = start.group(1), [], time.monotonic()
                deadline = min(end, began + 30 + seconds[name] * REAL_PER_INNER[self.engine])
            elif name:
                output.append(line)
        if name:
            yield name, HUNG, "\n".join(output), time.monotonic() - began

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def one_boot(sandbox, engine, jobs, end):
    """Yields what Boot.results does."""
    with tempfile.TemporaryDirectory(prefix="vitrine-test-") as folder:
        write_script(f"{folder}/script", jobs)
        command = [*sandbox, "--engine", engine, "--file", f"{folder}/script:/tmp/script", "--",
                   "sh", "/tmp/script"]
        boot = Boot(command, engine)
        try:
            yield from boot.results(jobs, end)
        finally:
            boot.close()
