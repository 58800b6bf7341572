# SPDX-License-Identifier: MIT
"""bench-virtio's disks: what is transferred, the set-ups that do it, and the table of what it cost."""
import statistics

from counting import (TOP, Failure, bars, figures, histogram, markdown, per_item, qemu_command, vitrine_command)

# name: title, diskbench's arguments without the device, count
PHASES = {
    "null": ("", "read random 4096 1", 0),
    "rr1": ("read 4 KiB, QD 1", "read random 4096 1", 1000),
    "rr32": ("read 4 KiB, QD 32", "read random 4096 32", 2000),
    "wr1": ("write 4 KiB, QD 1", "write random 4096 1", 1000),
    "wr32": ("write 4 KiB, QD 32", "write random 4096 32", 2000),
    "rs1": ("read 1 MiB, scattered", "read sequential 1048576 1", 256),
    "huge": None,  # see disk-in-level2
    "rh1": ("read 1 MiB", "read sequential 1048576 1", 256),
    "wh1": ("write 1 MiB", "write sequential 1048576 1", 256),
}
FEWER = {"IDE DMA": 4, "IDE PIO": 60}
LEFT_OUT = {"IDE PIO": ["wh1"]}  # each word comes to the VMM: half a million for a MiB
DISK = "/tmp/disk"
URING = f"-drive if=none,id=d0,file={DISK},format=raw,cache=writeback,aio=io_uring"
THREADS = f"-drive if=none,id=d0,file={DISK},format=raw,cache=writeback,aio=threads"
IDE = "-device ide-hd,drive=d0,bus=ide.0"
ROWS = {
    "vitrine virtio-pci": vitrine_command(f"--disk {DISK}"),
    "vitrine virtio-pci packed": vitrine_command(f"--disk {DISK},ring=packed"),
    "vitrine virtio-mmio": vitrine_command(f"--disk {DISK},transport=mmio"),
    "vitrine virtio-mmio packed": vitrine_command(f"--disk {DISK},transport=mmio,ring=packed"),
    "vitrine IDE DMA": vitrine_command(f"--disk {DISK},model=ide-dma"),
    "vitrine IDE PIO": vitrine_command(f"--disk {DISK},model=ide-pio"),
    "QEMU microvm virtio-pci": qemu_command(
        "microvm,rtc=on,pcie=on", f"{URING} -device virtio-blk-pci,drive=d0"),
    "QEMU pc virtio-pci iothread": qemu_command(
        "pc", f"{URING} -object iothread,id=io0 -device virtio-blk-pci,drive=d0,iothread=io0"),
    "QEMU pc virtio-pci threads": qemu_command("pc", f"{THREADS} -device virtio-blk-pci,drive=d0"),
    "QEMU pc virtio-pci packed": qemu_command("pc", f"{URING} -device virtio-blk-pci,drive=d0,packed=on"),
    "QEMU microvm virtio-mmio": qemu_command("microvm,rtc=on", f"{URING} -device virtio-blk-device,drive=d0"),
    "QEMU IDE DMA": qemu_command("pc", f"{URING} {IDE}"),
    "QEMU IDE PIO": qemu_command("pc", f"{URING} {IDE}", "libata.dma=0"),
}


def counts(name):
    """{phase: blocks} of what is measured."""
    divisor = next((fewer for text, fewer in FEWER.items() if text in name), 1)
    left_out = next((phases for text, phases in LEFT_OUT.items() if text in name), [])
    return {phase: what[2] // divisor for phase, what in PHASES.items()
            if what and what[2] and phase not in left_out}


def script(name):
    """What the guest is to do, for disk-in-level2."""
    lines = [f"{phase} {what[1]} {counts(name).get(phase, 0)}" if what else phase for phase, what in PHASES.items()]
    return "\n".join(lines) + "\n"


def measure(bench, name, args, folder):
    """{phase: (µs, exits)} of one set-up: medians of args.runs VMs; then sandboxes started again, exits."""
    initramfs = bench.initramfs(folder, TOP / "tests/bench/disk-in-level2",
                                [TOP / "tests/bench/diskbench.c"], {"phases": script(name)})
    text, again = bench.run(name, ROWS[name], [(str(initramfs), "/bench/initramfs")],
                            prepare=f"dd if=/dev/zero of={DISK} bs=1M count=64 2> /dev/null", args=args)
    vms = figures(text)
    if len(vms) != args.runs:
        raise Failure(f"{name}: {len(vms)} of {args.runs} VMs: {text.strip()}")
    cells = {}
    for phase, count in counts(name).items():
        if any(f"{phase}-end" not in vm for vm in vms):
            raise Failure(f"{name}: no result of {phase}: {text.strip()}")
        times = [per_item(vm, phase, count, "time_ms") * 1000 for vm in vms]
        exits = [per_item(vm, phase, count, "exits") for vm in vms]
        cells[phase] = statistics.median(times), statistics.median(exits)
    return cells, again, histogram(text)


def report(measured):
    """Markdown: a row for each set-up, and bars."""
    phases = [phase for phase, what in PHASES.items() if what and what[2]]
    lines = [[name, *(f"{cells[phase][0]:,.1f} · {cells[phase][1]:,.2f}" if phase in cells else "–"
                      for phase in phases), str(again)]
             for name, (cells, again, _) in measured.items()]
    titles = ["µs · exits of one request", *(PHASES[phase][0] for phase in phases), "again"]
    drawn = [bars(PHASES[phase][0], [(name, cells[phase][0]) for name, (cells, _, _) in measured.items()], "µs")
             for phase in ("rr1", "rr32")]
    return markdown(titles, lines) + "\n\n```text\n" + "\n\n".join(drawn) + "\n```"
