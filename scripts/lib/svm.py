# SPDX-License-Identifier: MIT
"""AMD-V in software: QEMU's TCG with -cpu max,+svm, and kvm_amd in Debian's kernel on it."""
import os
import subprocess

from .common import Failure, need

NAME = "svm"
KVM_MODULE = "kvm-amd"
MEMORY_MB = 2048
TAKES_INPUT = True
PACKAGE = "qemu-system-x86"


def check(job):
    if job.cpus > 1 and job.icount:
        raise Failure("--icount counts the instructions of one processor: leave --cpus away")
    need("qemu-system-x86_64", PACKAGE)


def start(job, kernel, initrd, folder, attempt, console):
    """Starts level 1; its line to the agent is the process's stdin and stdout."""
    # A busy host makes its kernel find that no timer interrupt comes, and panic, or that the TSC is unstable, upon
    # which kvmclock in level 2 may stand still: neither is so, time is just slow.
    words = ("console=ttyS0 panic=-1 quiet nokaslr cryptomgr.notests random.trust_cpu=on "
             "no_timer_check tsc=reliable")
    argv = [need("qemu-system-x86_64", PACKAGE), "-accel", "tcg", "-M", "pc",
            "-smp", str(job.cpus), "-m", str(job.memory_mb),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-chardev", f"file,id=console,path=/dev/fd/{console},append=on",
            "-chardev", "stdio,id=line,signal=off",
            "-serial", "chardev:console", "-serial", "chardev:line",
            "-kernel", str(kernel.vmlinuz), "-initrd", initrd,
            "-append", f"{words} attempt={attempt}"]
    argv += _icount(attempt, folder) if job.icount else ["-cpu", "max,+svm"]
    with open(os.path.join(folder, "log"), "wb") as log:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *argv], stderr=log,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[console])


def _icount(attempt, folder):
    """A clock of 1 ns per instruction. A 'rep movsb' would count one per byte: without ERMS, FSRM.

    Some runs hang, and would hang again with the same inputs: each attempt differs a little. frozen.py sees it.
    """
    return ["-cpu", "max,+svm,-erms,-fsrm", "-icount", "shift=0,sleep=off",
            "-rtc", f"clock=vm,base=2026-01-0{attempt}", "-seed", str(attempt),
            "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
