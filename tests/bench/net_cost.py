# SPDX-License-Identifier: MIT
"""bench-guest's network rows: instructions of a guest's kernel for a MiB of TCP over virtio-net and a tap.

The guest runs in QEMU with its clock counting instructions, on one CPU; the tap and the other end are in a network
namespace of their own. Both kernels get the same card, offloads and MTU.
"""
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from lib import cpio, kernel  # noqa: E402
from lib.common import Failure, need, run  # noqa: E402

MIB = 64
REAL_LIMIT_S = 300
PORTS = {"sink": 9003, "source": 9004}
MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "failover",
           "net_failover", "virtio_net")
SERVICES = {"tcp-send": "a MiB sent by TCP over virtio-net and tap", "tcp-receive": "a MiB received"}


def archive(folder, linux):
    """The program as /init, and for Linux its modules."""
    program = Path(folder, "net-cost")
    run(need("musl-gcc", "musl-tools"), "-O2", "-static", "-o", str(program), str(TOP / "tests/bench/net-cost.c"))
    made = cpio.Archive(merged_usr=False)
    for name in ("/dev", "/modules"):
        made.add_folder(name)
    made.add_device("/dev/console", 5, 1)
    made.add_file(program, "/init")
    wanted = MODULES if linux else ()
    for place, name in enumerate(name for name in wanted if not linux.is_built_in(name)):
        made.add_file(linux.module(name), f"/modules/{place}-{name}.ko")
    path = Path(folder, "linux-initramfs" if linux else "guest-initramfs")
    path.write_bytes(made.bytes())
    return path


def serve():
    """The other end, in this process: takes what comes, gives what is asked for."""
    def take(connection):
        while connection.recv(1 << 20):
            pass
        connection.close()

    def give(connection):
        data = bytes(1 << 20)
        for _ in range(MIB):
            connection.sendall(data)
        connection.close()

    def listen(port, answer):
        listener = socket.create_server(("10.9.0.1", port))
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    for name, answer in (("sink", take), ("source", give)):
        threading.Thread(target=listen, args=(PORTS[name], answer), daemon=True).start()


def inside(image, initramfs, words):
    """Runs in the namespace: prints what the guest printed."""
    for command in ("ip tuntap add tap0 mode tap vnet_hdr", "ip address add 10.9.0.1/24 dev tap0", "ip link set tap0 up"):
        subprocess.run(command.split(), check=True)
    serve()
    qemu = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-icount", "shift=0,sleep=off",
            "-cpu", "max,-erms,-fsrm", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", image, "-initrd", initramfs, "-append", words,
            "-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no,vnet_hdr=on", "-device",
            "virtio-net-pci,netdev=n,romfile="]
    subprocess.run(qemu, stdin=subprocess.DEVNULL, timeout=REAL_LIMIT_S, check=False)


def measure(folder):
    """{guest: {service: (kernel's instructions, all)}}."""
    linux = kernel.debian_kernel("cloud")
    guests = {
        "vitrine": (TOP / "build/guest/vitrine-guest", archive(folder, None), "quiet console=uart ip=off init=/init"),
        "Linux": (TOP / "build/linux/vmlinuz", archive(folder, linux),
                  "console=ttyS0 quiet panic=-1 cryptomgr.notests ipv6.disable=1 tsc=reliable"),
    }
    measured = {}
    for name, (image, initramfs, words) in guests.items():
        command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, __file__, image, initramfs, words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        costs = {service: (int(own), int(whole)) for service, own, whole in
                 re.findall(rf"cost (\S+) (\d+) of (\d+) bytes {MIB << 20}\n", done.stdout)}
        if costs.keys() != SERVICES.keys():
            raise Failure(f"{name}: no result: {done.stdout[-500:]} {done.stderr[-500:]}")
        measured[name] = costs
    return measured


if __name__ == "__main__":
    inside(*sys.argv[1:])
