# SPDX-License-Identifier: MIT
"""VT-x in software: Bochs emulates VMX and EPT, with kvm_intel in Debian's kernel on it."""
import os
import pty
import shutil
import subprocess
import threading

from .common import Failure, need, run

NAME = "vtx"
KVM_MODULE = "kvm-intel"
MEMORY_MB = 1024
TAKES_INPUT = False
ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
MILLION_INSTRUCTIONS_PER_S = 50  # of the emulated machine's clock
BIOS = "/usr/share/seabios/bios.bin"
VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"
TERMINAL_DISPLAY = "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so"


def check(job):
    if job.cpus > 1:
        raise Failure("Debian's Bochs has one processor: leave --cpus away, or use --engine svm")
    if job.icount:
        raise Failure("--icount is for --engine svm; Bochs counts instructions anyhow")
    if job.memory_mb > 2048:
        raise Failure("Bochs has 2048 MB at most: --memory 2048")
    for program, package in (("bochs-bin", "bochs"), ("xorriso", "xorriso"), (ISOLINUX, "isolinux"),
                             (LDLINUX, "syslinux-common"), (BIOS, "seabios"),
                             (TERMINAL_DISPLAY, "bochs-term")):
        need(program, package)


def start(job, kernel, initrd, folder, attempt, console):
    """Starts level 1 from a CD; the agent's line comes out of the process's stdout."""
    words = ("console=ttyS0 panic=-1 quiet nokaslr cryptomgr.notests random.trust_cpu=on "
             f"no_timer_check lpj={MILLION_INSTRUCTIONS_PER_S * 2000}")
    _make_iso(folder, kernel, initrd, words)
    line_out, line_in = os.pipe()
    bochsrc = os.path.join(folder, "bochsrc")
    with open(bochsrc, "w") as file:
        file.write(_bochsrc(job, folder, console, line_in))
    with open(os.path.join(folder, "go"), "w") as file:
        file.write("c\n")  # Debian's build starts in its debugger
    terminal, its_end = pty.openpty()
    argv = ["setpriv", "--pdeathsig", "KILL", "--",
            "bochs-bin", "-q", "-f", bochsrc, "-rc", os.path.join(folder, "go")]
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(argv, stdin=its_end, stdout=its_end, stderr=log,
                                   pass_fds=[console, line_in], start_new_session=True,
                                   env={**os.environ, "TERM": "xterm"})
    os.close(its_end)
    os.close(line_in)
    threading.Thread(target=_swallow, args=(terminal,), daemon=True).start()
    process.stdout = os.fdopen(line_out, "rb", buffering=0)
    return process


def _make_iso(folder, kernel, initrd, words):
    root = os.path.join(folder, "iso")
    os.mkdir(root)
    for source, name in ((ISOLINUX, "isolinux.bin"), (LDLINUX, "ldlinux.c32"),
                         (kernel.vmlinuz, "vmlinuz"), (initrd, "initrd")):
        shutil.copyfile(source, os.path.join(root, name))
    with open(os.path.join(root, "isolinux.cfg"), "w") as file:
        file.write(f"default linux\nlabel linux\nkernel vmlinuz\nappend initrd=initrd {words}\n")
    run("xorriso", "-as", "mkisofs", "-quiet", "-o", os.path.join(folder, "level1.iso"),
        "-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4",
        "-boot-info-table", root)


def _bochsrc(job, folder, console, line):
    return f"""display_library: term
cpu: model=corei7_haswell_4770, ips={MILLION_INSTRUCTIONS_PER_S}000000
memory: guest={job.memory_mb}, host={job.memory_mb}
romimage: file={BIOS}
vgaromimage: file={VGA_BIOS}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{folder}/level1.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="/dev/fd/{console}"
com2: enabled=1, mode=file, dev="/dev/fd/{line}"
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
log: /dev/stderr
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""


def _swallow(terminal):
    """Bochs draws its screen on a terminal that nobody looks at."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # EIO: Bochs is gone
    os.close(terminal)
