# SPDX-License-Identifier: MIT
"""Whether an outer QEMU works without getting on.

With -icount some runs end like this: the processor's thread spins outside of any translated code, in a level-2 guest with
interrupts disabled, and not one register changes any more. Asking for them costs the machine inside nothing.
"""
import json
import socket

ASK_EACH_CPU_S = 3
SAME_ANSWERS = 3


class Watch:
    """Of the QEMU whose -qmp socket is at PATH."""

    def __init__(self, path):
        self.path = path
        self.connection = None
        self.asked_at_cpu_s = 0
        self.answer, self.same = None, 0

    def is_frozen(self, cpu_s):
        """To be asked again and again; cpu_s: what the process has used."""
        if cpu_s < self.asked_at_cpu_s + ASK_EACH_CPU_S:
            return False
        self.asked_at_cpu_s = cpu_s
        before, self.answer = self.answer, self._registers()
        works = self.answer is not None and "HLT=1" not in self.answer
        self.same = self.same + 1 if works and self.answer == before else 0
        return self.same >= SAME_ANSWERS

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _registers(self):
        """As text; None: it does not answer."""
        try:
            if not self.connection:
                self._connect()
            return self._command("human-monitor-command", {"command-line": "info registers"})
        except (OSError, ValueError):
            self.close()
            return None

    def _connect(self):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(self.path)
            self.connection = line.makefile("rw")
        self.connection.readline()  # its greeting
        self._command("qmp_capabilities", {})

    def _command(self, name, arguments):
        self.connection.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.connection.flush()
        while True:
            answer = json.loads(self.connection.readline())
            if "event" not in answer:
                return answer.get("return")
