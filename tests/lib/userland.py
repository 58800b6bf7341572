# SPDX-License-Identifier: MIT
"""Runs a command in the bundled guest's userland, under one of these kernels:

    host      this machine's own Linux, in namespaces of its own (needs root)
    vitrine   the bundled guest under vitrine, on /dev/kvm
    qemu      the bundled guest under QEMU, machine pc, without KVM; microvm: that machine
    linux     a stock Linux under QEMU, to see who is right (scripts/linux-guest makes it)
    svm, vtx  the bundled guest under vitrine, in that sandbox

GUEST names another build of the bundled guest (build/guest-checked/vitrine-guest).
What runs, and how it says that it has ended: tests/guest/programs/init.c.
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from lib import cpio  # noqa: E402
sys.path.insert(0, str(Path(__file__).resolve().parent))
import sandbox_cases  # noqa: E402

PROGRAMS = TOP / "build/guest/programs"
FOLDERS = ("applets", "disks")      # of tests/guest: scripts
GUEST = TOP / os.environ.get("GUEST", "build/guest/vitrine-guest")
VITRINE = TOP / "build/vitrine"
SYSTEM = TOP / "build/guest/initramfs.cpio"
TESTS = TOP / "build/guest/tests.cpio"      # what archives() adds, with every program: make user-programs
QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-serial", "stdio", "-no-reboot"]
# A microvm with ACPI doesn't say where its disks are, and one without can't be switched off.
MICROVM_DISKS = ["-M", "microvm,acpi=off,ioapic2=off", "-global", "virtio-mmio.force-legacy=false",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
QEMU_STARTS_S = 20      # what its firmware, and a stock Linux, need more
SANDBOXES = ("svm", "vtx")
KERNELS = ("host", "vitrine", "qemu", "microvm", "linux", *SANDBOXES)
SANDBOX_TRIES = 3       # an emulated hypervisor hangs now and then: what a boot owes goes into the next one

# In its own namespaces: $1 is the root to be, $2 the command.
JAIL = """
set -e
renice -n 0 -p $$ > /dev/null
hostname vitrine
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount -t tmpfs -o mode=755 dev "$1/dev"
mount -t tmpfs -o mode=1777 tmp "$1/tmp"
for node in null zero full random urandom tty; do
    : > "$1/dev/$node"
    mount --bind "/dev/$node" "$1/dev/$node"
done
mkdir "$1/dev/pts" "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 pts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
chroot "$1" /bin/busybox ifconfig lo up
exec chroot "$1" /init "$2"
"""


def missing(kernel):
    """Why KERNEL can't be used here, or None."""
    if kernel == "host":
        return None if os.geteuid() == 0 else "needs root, for namespaces"
    if kernel == "vitrine":
        return None if os.access("/dev/kvm", os.R_OK | os.W_OK) else "there is no usable /dev/kvm"
    if kernel == "vtx":
        return None if shutil.which("bochs-bin") else "bochs-bin is not installed"
    return None if shutil.which(QEMU[0]) else f"{QEMU[0]} is not installed"


def archives(programs):
    """The system; and these programs and the scripts in /tests, and the tests' /init."""
    own = cpio.Archive(merged_usr=False)
    for name in programs:
        own.add_file(PROGRAMS / name, f"/tests/{name}")
    for folder in FOLDERS:
        own.add_file(TOP / "tests/guest" / folder, f"/tests/{folder}")
    own.add_file(PROGRAMS / "init", "/init")
    return SYSTEM.read_bytes(), own.bytes()


def is_deprivileged(kernel):
    """Does KERNEL run on a /dev/kvm that emulates ring 0, a thousand times slower than a processor?"""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return kernel == "vitrine" and not (flags and {"vmx", "svm"} & set(flags.group(1).split()))


def run_all(kernel, jobs):
    """(name, status, text) of each, as run() has them. JOBS are (name, command, programs, CPUs, memory, timeout in s);
    each has a guest of its own, but in a sandbox they share its boot."""
    if kernel in SANDBOXES:
        yield from in_sandbox(kernel, jobs)
        return
    for name, command, programs, cpus, memory, timeout_s in jobs:
        yield name, *run(kernel, command, programs, cpus, memory, timeout_s)


def run(kernel, command, programs=(), cpus=1, memory="128M", timeout_s=60, cmdline="", disks=(), cut=None):
    """(status or None if it didn't end properly, what was written). disks: pairs of an image and "virtio" or "ide".
    cut: the machine is killed when it has written this."""
    if kernel in SANDBOXES:
        job = ("run", command, programs, cpus, memory, timeout_s)
        return next(in_sandbox(kernel, [job], cmdline))[1:]
    with tempfile.TemporaryDirectory(prefix="vitrine-user-") as folder:
        system, own = archives(programs)
        if kernel == "host":
            argv = in_jail(folder, (system, own), command)
        else:
            image = Path(folder, "initramfs")
            image.write_bytes(system + bytes(-len(system) % 4) + own)
            if kernel == "microvm" and disks:
                cmdline += " debug-exit"
            argv = virtual_machine(kernel, image, f"exec={command.replace(' ', ',')} {cmdline}", cpus, memory)
            argv += disk_options(kernel, disks)
        if kernel not in ("host", "vitrine"):
            timeout_s += QEMU_STARTS_S
        text = output_until(argv, timeout_s, cut) if cut else output_of(argv, timeout_s)
    return verdict(text), text


def verdict(text):
    ends = re.findall(r"^exit (\d+)$", text, re.MULTILINE)
    return int(ends[-1]) if ends else None


def in_sandbox(engine, jobs, cmdline=""):
    """run_all() there. What no boot of it has run is reported as not ended."""
    exit_on_sigterm()
    sandbox = [str(TOP / "scripts/sandbox")]
    for path in (VITRINE, GUEST, SYSTEM, TESTS):
        sandbox += ["--file", str(path)]
    todo = {}
    for name, command, _, cpus, memory, timeout_s in jobs:
        words = f"exec={command.replace(' ', ',')} {cmdline}"
        argv = virtual_machine("vitrine", "/tmp/image", words, cpus, memory)
        todo[name] = (name, timeout_s, f"[ -e /tmp/image ] || cat {SYSTEM} {TESTS} > /tmp/image; {shlex.join(argv)}")
    for attempt in range(SANDBOX_TRIES):
        end = time.monotonic() + 300 + 6 * sum(seconds for _, seconds, _ in todo.values())
        for name, status, text, _ in sandbox_cases.one_boot(sandbox, engine, list(todo.values()), end):
            text = text.replace("\r", "") + ("\nthe sandbox hung or ended\n" if status is None else "")
            if attempt == 0 and verdict(text) is None:
                print(f"{engine}: {name} didn't end, and is tried again in another boot", file=sys.stderr)
                continue
            del todo[name]
            yield name, verdict(text), text
        if not todo:
            return
    for name in todo:
        yield name, None, "no result: the sandbox doesn't go on"


def in_jail(folder, layers, command):
    root = Path(folder, "root")
    os.chmod(folder, 0o755)
    root.mkdir(mode=0o755)
    for layer in layers:
        subprocess.run(["cpio", "-idmu", "--quiet", "--no-absolute-filenames"], input=layer, cwd=root, check=True)
    return ["env", "--default-signal", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net",
            "sh", "-c", JAIL, "jail", str(root), command]


def virtual_machine(kernel, image, words, cpus, memory):
    if kernel == "vitrine":
        return [str(VITRINE), "run", "--no-reboot", "--cpus", str(cpus), "--memory", memory,
                "--initrd", str(image), "--cmdline", words, str(GUEST)]
    if kernel == "linux":
        memory = f"{max(256, int(memory.rstrip('M')))}M"
        words = f"console=ttyS0 quiet panic=-1 cryptomgr.notests {words}"
    machine = {"linux": "pc", "qemu": "pc", "microvm": "microvm"}[kernel]
    binary = TOP / "build/linux/vmlinuz" if kernel == "linux" else GUEST
    return [*QEMU, "-M", machine, "-smp", str(cpus), "-m", memory, "-kernel", str(binary), "-initrd", str(image),
            "-append", words]


def exit_on_sigterm():
    """So that what was started doesn't outlive us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def disk_options(kernel, disks):
    options = [*MICROVM_DISKS] if kernel == "microvm" and disks else []
    for number, (image, model) in enumerate(disks):
        if kernel == "vitrine":
            options += ["--disk", f"{image},model={'ide-dma' if model == 'ide' else model}"]
        elif model == "ide":
            options += ["-drive", f"file={image},if=ide,format=raw,index={number}"]
        else:
            device = "virtio-blk-device" if kernel == "microvm" else "virtio-blk-pci,disable-legacy=on"
            options += ["-drive", f"file={image},if=none,format=raw,id=d{number}",
                        "-device", f"{device},drive=d{number},serial=disk{number}"]
    return options


def output_until(argv, timeout_s, cut):
    """What ARGV writes up to the line CUT, at which it is killed as by a power failure; or all, without it."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    text = ""
    try:
        for line in process.stdout:
            text += line.decode(errors="replace").replace("\r", "")
            if text.endswith(f"{cut}\n"):
                break
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    return text


def output_of(argv, timeout_s):
    """What ARGV writes; at the time limit it is killed with what it has started, and says so."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    exit_on_sigterm()
    note = ""
    try:
        text, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        note = f"\nstill running after {timeout_s} s\n"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return text.decode(errors="replace").replace("\r", "") + note
