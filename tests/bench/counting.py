# SPDX-License-Identifier: MIT
"""What the benchmarks share: QEMU as they run it, VMs in the counting sandbox, and meter's figures.

The AMD-V sandbox's clock advances by 1 ns per instruction of guest, VMM and host kernel together: a
"µs" is a thousand instructions. World switches count as nothing: read the exits beside it.
"""
import re
import shlex
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from lib import cpio, level1, session, svm  # noqa: E402
from lib.common import Failure, need  # noqa: E402

LIMIT_S = 200        # of the sandbox's clock, for one VM
REAL_LIMIT_S = 400   # of ours, for one VM, on a busy machine
QUIET_CPU_S = 60     # of the sandbox's work, from one mark to the next: more is a hang
QEMU = "/usr/bin/qemu-system-x86_64"
QEMU_ROMS = ["/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-microvm.bin",
             "/usr/share/qemu/linuxboot_dma.bin", "/usr/share/qemu/pvh.bin",
             "/usr/share/qemu/kvmvapic.bin"]
QEMU_OPTIONS = ("-accel kvm -cpu host -m 256 -smp 1 -nodefaults -no-user-config -no-reboot -display none "
                "-serial stdio")
APPEND = "console=ttyS0 quiet panic=-1 reboot=t cryptomgr.notests rdinit=/bench/init"
# AMD64 Architecture Programmer's Manual, volume 2, appendix C
EXITS = {0x60: "interrupt", 0x64: "interrupt window", 0x65: "CR0 write", 0x6e: "RDTSC", 0x72: "CPUID",
         0x74: "IRET", 0x77: "PAUSE", 0x78: "HLT", 0x79: "INVLPG", 0x7b: "port I/O", 0x7c: "MSR",
         0x7f: "shutdown", 0x81: "VMMCALL", 0x89: "WBINVD", 0x8a: "MONITOR", 0x8b: "MWAIT",
         0x8d: "XSETBV", 0x400: "nested page fault"}
EXIT_RANGES = [(0x00, "CR read"), (0x10, "CR write"), (0x20, "DR read"), (0x30, "DR write"),
               (0x40, "exception"), (0x60, "")]


class Bench:
    """VMs in the sandbox, with a guest whose /bench/init and programs are given."""

    def __init__(self, linux, vitrine, verbose):
        self.linux, self.vitrine, self.verbose = linux, vitrine, verbose

    def initramfs(self, folder, init, programs, texts):
        """The stock guest's initramfs and behind it /bench/init, /usr/bin programs, /bench texts."""
        archive = cpio.Archive()
        archive.add_file(init, "/bench/init")
        for source in programs:
            archive.add_file(level1.compiled(source), f"/usr/bin/{source.stem}")
        for name, text in texts.items():
            archive.add(f"/bench/{name}", text)
        base = (self.linux / "initramfs").read_bytes()
        path = Path(folder, "initramfs")
        path.write_bytes(base + bytes(-len(base) % 4) + archive.bytes())
        return path

    def run(self, name, command, files, prepare, args, modules=(), last="done"):
        """Runs PREPARE, a shell command, and VMM COMMAND args.runs times under meter until the mark LAST, in one
        sandbox.
        (what was printed, sandboxes started again)."""
        files = [*files, (str(TOP / "tests/bench/vms-in-level1"), "/bench/vms-in-level1"),
                 (str(level1.compiled(TOP / "tests/bench/meter.c")), "/usr/bin/meter"),
                 (str(self.linux / "vmlinuz"), "/bench/vmlinuz"), *self._vmm_files(name)]
        words = ["/bench/vms-in-level1", str(args.runs), str(LIMIT_S), str(args.hist), last, prepare]
        job = session.Job(command=[*words, *shlex.split(command)], files=files, memory_mb=3072, icount=True,
                          verbose=self.verbose, modules=list(modules),
                          timeout_s=REAL_LIMIT_S * args.runs, quiet_cpu_s=QUIET_CPU_S)
        output = bytearray()
        status, tries = session.run(job, svm, lambda kind, data: output.extend(data),
                                    lambda text: print(f"{name}: {text}", file=sys.stderr))
        text = output.decode(errors="replace")
        if status == session.TIMED_OUT:
            raise Failure(f"{name}: hung in each of {tries} tries")
        if status:
            raise Failure(f"{name}: {text.strip() or f'status {status}'}")
        return text, tries - 1

    def _vmm_files(self, name):
        if name.startswith("vitrine"):
            programs = [self.vitrine, *self.vitrine.parent.glob("vitrine-*")]
            return [(str(path), f"/usr/bin/{path.name}") for path in programs if path.is_file()]
        return [*((rom, rom) for rom in QEMU_ROMS), (QEMU, QEMU),
                (str(self.linux / "vmlinux"), "/bench/vmlinux")]


def check_qemu():
    for needed in (QEMU, *QEMU_ROMS):
        need(needed, "qemu-system-x86 seabios")


def vitrine_command(options, words=""):
    return ("vitrine run --memory 256M --kernel /bench/vmlinuz --initrd /bench/initramfs "
            f"--no-default-cmdline --cmdline '{APPEND} {words}' {options}")


def qemu_command(machine, options, words=""):
    image = "vmlinux" if machine.startswith("microvm") else "vmlinuz"
    return (f"{QEMU} {QEMU_OPTIONS} -M {machine} -kernel /bench/{image} -initrd /bench/initramfs "
            f"-append '{APPEND} {words}' {options}")


def figures(text):
    """[{mark: {figure: value}}] of each VM that meter watched, in order."""
    vms = []
    for line in text.splitlines():
        match = re.match(r"figures: mark=(\S+) (.*)", line)
        if not match:
            continue
        if match.group(1) == "userland":
            vms.append({})
        vms[-1][match.group(1)] = {name: float(value)
                                   for name, value in re.findall(r"(\w+)=([\d.]+)", match.group(2))}
    return vms


def per_item(marks, phase, count, figure):
    """What one of COUNT items of PHASE cost, less what the marks themselves cost."""
    def cost(name):
        return marks[f"{name}-end"][figure] - marks[f"{name}-begin"][figure]
    return (cost(phase) - cost("null")) / count


def histogram(text):
    """[(event, where, count)] of the last VM's exits, if they were asked for."""
    matches = re.findall(r"^hist: (\w+) \{ (.*?) *\} hitcount: +(\d+)", text, re.MULTILINE)
    return [(event, key, int(count)) for event, key, count in matches]


def show_histogram(name, rows):
    """Markdown: where the exits of the last VM came from."""
    lines = [f"\nExits of {name}'s last VM:\n", "| event | where | count |", "|---|---|---:|"]
    for event, key, count in sorted(rows, key=lambda row: (row[0], -row[2])):
        lines.append(f"| {event} | {explain(key)} | {count:,} |")
    return "\n".join(lines)


def explain(key):
    """A tracepoint's key in words."""
    match = re.match(r"exit_reason: *([0-9a-fA-F]+)$", key)
    if match:
        code = int(match.group(1), 16)
        kind = [text for first, text in EXIT_RANGES if code >= first][-1]
        return f"0x{code:x} {EXITS.get(code, kind)}".strip()
    key = re.sub(r"\b(port|gpa): *([0-9a-fA-F]+)", r"\1 0x\2", key)
    key = re.sub(r", *rw: *(\d)", lambda m: " out" if m.group(1) == "1" else " in", key)
    return re.sub(r", *type: *(\d)", lambda m: [" unsatisfied read", " read", " write"][int(m.group(1))], key)


def markdown(titles, lines):
    head = "| " + " | ".join(titles) + " |\n|---|" + "---:|" * (len(titles) - 1)
    return "\n".join([head, *("| " + " | ".join(line) + " |" for line in lines)])


def bars(title, values, unit):
    """Text that shows values by length: [(name, value)]."""
    widest = max(len(name) for name, _ in values)
    scale = 60 / max(value for _, value in values)
    lines = [f"{name:<{widest}} {'█' * max(1, round(value * scale))} {value:,.1f}" for name, value in values]
    return "\n".join([f"{title}: {unit}", *lines])


def write_report(name, text):
    """To build/bench/."""
    command = shlex.join([f"tests/bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    folder = TOP / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(f"Made by `{command}`.\n\n{text}\n")
