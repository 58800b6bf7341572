# SPDX-License-Identifier: MIT
"""bench-virtio's network cards: what is sent and received, the set-ups that do it, and the table of what it cost."""
import re
import statistics

from counting import TOP, Failure, bars, figures, histogram, markdown, qemu_command, vitrine_command
from lib import level1

FLAVOUR = "generic"  # the cloud kernel has no driver for the old cards
MODULES = ["tun", "vhost_net"]
# name: title, netbench's word, count of packets or of 64 KiB
PHASES = {
    "null": ("", "tx", 0),
    "tx": ("guest sends 60-byte UDP", "tx", 20000),
    "rx": ("guest receives 60-byte UDP", "rx", 20000),
    "ttx": ("guest sends TCP", "tcp-tx", 512),
    "trx": ("guest receives TCP", "tcp-rx", 512),
}
STREAMS = ("ttx", "trx")
CHUNK_BITS = 65536 * 8
FEWER = {"NE2000": 50, "e1000": 4, "user": 2}
TAP_HOST, TAP_GUEST = "10.9.0.1", "10.9.0.2/24"
USER_HOST, USER_GUEST = "10.0.2.2", "10.0.2.15/24"
PREPARE = ("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; tunctl -t tap0 > /dev/null && "
           f"ip address add {TAP_HOST}/24 dev tap0 && ip link set tap0 up && netbench serve")
TAP = "-netdev tap,id=n0,ifname=tap0,script=no,downscript=no"
USER = "-netdev user,id=n0"
DEVICE = "netdev=n0,romfile="
ROWS = {
    "vitrine tap virtio-pci": vitrine_command("--net tap,ifname=tap0,vhost=off"),
    "vitrine tap virtio-pci vhost": vitrine_command("--net tap,ifname=tap0,vhost=on"),
    "vitrine tap virtio-mmio": vitrine_command("--net tap,ifname=tap0,vhost=off,transport=mmio"),
    "vitrine tap e1000": vitrine_command("--net tap,ifname=tap0,model=e1000"),
    "vitrine tap NE2000": vitrine_command("--net tap,ifname=tap0,model=ne2k"),
    "vitrine user virtio-pci": vitrine_command("--net user"),
    "vitrine user e1000": vitrine_command("--net user,model=e1000"),
    "vitrine user NE2000": vitrine_command("--net user,model=ne2k"),
    "QEMU pc tap virtio-pci": qemu_command("pc", f"{TAP} -device virtio-net-pci,{DEVICE}"),
    "QEMU pc tap virtio-pci vhost": qemu_command("pc", f"{TAP},vhost=on -device virtio-net-pci,{DEVICE}"),
    "QEMU microvm tap virtio-pci vhost": qemu_command(
        "microvm,rtc=on,pcie=on", f"{TAP},vhost=on -device virtio-net-pci,{DEVICE}"),
    "QEMU microvm tap virtio-mmio": qemu_command("microvm,rtc=on", f"{TAP} -device virtio-net-device,netdev=n0"),
    "QEMU pc tap e1000": qemu_command("pc", f"{TAP} -device e1000,{DEVICE}"),
    "QEMU pc tap NE2000": qemu_command("pc", f"{TAP} -device ne2k_pci,{DEVICE}"),
    "QEMU pc user virtio-pci": qemu_command("pc", f"{USER} -device virtio-net-pci,{DEVICE}"),
    "QEMU pc user e1000": qemu_command("pc", f"{USER} -device e1000,{DEVICE}"),
    "QEMU pc user NE2000": qemu_command("pc", f"{USER} -device ne2k_pci,{DEVICE}"),
}


def script(name):
    """What the guest is to do, for net-in-level2."""
    divisor = 1
    for text, fewer in FEWER.items():
        divisor *= fewer if text in name else 1
    return "".join(f"{phase} {word} {count // divisor}\n" for phase, (_, word, count) in PHASES.items())


def measure(bench, name, args, folder):
    """{phase: (items, µs, exits, of them by port I/O and MMIO)} of one set-up: medians; sandboxes again; exits."""
    host, guest = (USER_HOST, USER_GUEST) if "user" in name else (TAP_HOST, TAP_GUEST)
    netbench = TOP / "tests/bench/netbench.c"
    initramfs = bench.initramfs(folder, TOP / "tests/bench/net-in-level2", [netbench],
                                {"phases": script(name), "host": host + "\n", "address": guest + "\n"})
    files = [(str(initramfs), "/bench/initramfs"), (str(level1.compiled(netbench)), "/usr/bin/netbench")]
    text, again = bench.run(name, ROWS[name], files, prepare=PREPARE, args=args, modules=MODULES)
    vms = figures(text)
    if len(vms) != args.runs:
        raise Failure(f"{name}: {len(vms)} of {args.runs} VMs: {text.strip()}")
    cells = {phase: cost(vms, name, phase) for phase in PHASES if phase != "null"}
    return cells, again, histogram(text)


def cost(vms, name, phase):
    """(µs, exits) of one item that was delivered: medians."""
    times, exits = [], []
    for marks in vms:
        delivered = [int(mark.partition("=")[2]) for mark in marks if re.match(f"{phase}-delivered=", mark)]
        if not delivered or delivered[0] <= 0 or f"{phase}-end" not in marks:
            raise Failure(f"{name}: no result of {phase}; marks: {' '.join(marks)}")

        def spent(figure):
            return (marks[f"{phase}-end"][figure] - marks[f"{phase}-begin"][figure]
                    - marks["null-end"][figure] + marks["null-begin"][figure]) / delivered[0]
        times.append(spent("time_ms") * 1000)
        exits.append(spent("exits"))
    return statistics.median(times), statistics.median(exits)


def cell(phase, us, exits):
    if phase in STREAMS:
        return f"{CHUNK_BITS / us / 1000:,.2f} · {exits:,.2f}"
    return f"{1000 / us:,.1f} · {us:,.2f} · {exits:,.3f}"


def report(measured):
    """Markdown: a row for each set-up, and bars."""
    titles = ["k packets/s · µs of one · exits; Gbit/s · exits of 64 KiB"]
    titles += [title for title, _, _ in PHASES.values() if title] + ["again"]
    lines = [[name, *(cell(phase, *values) for phase, values in cells.items()), str(again)]
             for name, (cells, again, _) in measured.items()]
    drawn = [bars(PHASES[phase][0], [(name, 1000 / cells[phase][0]) for name, (cells, _, _) in measured.items()],
                  "packets for each million of instructions") for phase in ("tx", "rx")]
    return markdown(titles, lines) + "\n\n```text\n" + "\n\n".join(drawn) + "\n```"
