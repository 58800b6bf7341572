# SPDX-License-Identifier: MIT
"""bench-virtio's memory: what 8 disks and 4 network cards add to the VMM's private dirty memory."""
import statistics

from counting import TOP, Failure, figures, histogram, markdown, qemu_command, vitrine_command

DISKS, CARDS = 8, 4
PREPARE = f"for i in $(seq 0 {DISKS - 1}); do dd if=/dev/zero of=/tmp/disk$i bs=1M count=8 2> /dev/null; done"


def _qemu(machine, disk, card):
    words = [f"-drive if=none,id=d{i},file=/tmp/disk{i},format=raw,aio=io_uring -device {disk},drive=d{i}"
             for i in range(DISKS)]
    words += [f"-netdev user,id=n{i} -device {card},netdev=n{i},romfile=" for i in range(CARDS)]
    return qemu_command(machine, " ".join(words)), qemu_command(machine, "")


def _vitrine(disk, card):
    words = [f"--disk /tmp/disk{i}{disk}" for i in range(DISKS)] + [f"--net user{card}"] * CARDS
    return vitrine_command(" ".join(words)), vitrine_command("--net none")


ROWS = {  # with the devices, and without
    "vitrine virtio-pci": _vitrine("", ""),
    "vitrine virtio-mmio": _vitrine(",transport=mmio", ",transport=mmio"),
    "QEMU pc virtio-pci": _qemu("pc", "virtio-blk-pci", "virtio-net-pci"),
    "QEMU microvm virtio-pci": _qemu("microvm,rtc=on,pcie=on", "virtio-blk-pci", "virtio-net-pci"),
}


def measure(bench, name, args, folder):
    """({figure: (without, with)}, sandboxes again, exits): medians."""
    initramfs = bench.initramfs(folder, TOP / "tests/bench/memory-in-level2", [], {})
    files, sums, again = [(str(initramfs), "/bench/initramfs")], {}, 0
    for command, mark in reversed(list(zip(ROWS[name], (f"disks={DISKS},cards={CARDS}", "disks=0,cards=0")))):
        text, more = bench.run(name, command, files, prepare=PREPARE, args=args)
        vms = figures(text)
        if not vms or any(mark not in vm for vm in vms):
            raise Failure(f"{name}: not {mark}: {text.strip()}")
        again += more
        for figure in ("private_dirty_kb", "processes", "threads"):
            sums.setdefault(figure, []).append(statistics.median(vm["done"][figure] for vm in vms))
    return sums, again, histogram(text)


def report(measured):
    lines = [[name, *(f"{sums['private_dirty_kb'][i]:,.0f}" for i in (0, 1)),
              f"{sums['private_dirty_kb'][1] - sums['private_dirty_kb'][0]:,.0f}",
              *(f"{sums[what][0]:.0f} → {sums[what][1]:.0f}" for what in ("processes", "threads")), str(again)]
             for name, (sums, again, _) in measured.items()]
    return markdown([f"private dirty KiB with {DISKS} disks and {CARDS} cards", "without", "with", "growth",
                     "processes", "threads", "again"], lines)
