# SPDX-License-Identifier: MIT
"""Debian's newest kernel, cloud or generic: downloaded and unpacked into the cache, never installed."""
import glob
import gzip
import lzma
import os
import re
import struct
import subprocess
from pathlib import Path

from .common import Failure, cache_root, cached, need, run

# Their dependency is the release's newest kernel. The generic one has drivers for old hardware too.
META_PACKAGES = {"cloud": "linux-image-cloud-amd64", "generic": "linux-image-amd64"}
# What is left away when the generic package is unpacked: two thirds of it.
UNWANTED = ("sound", "drivers/gpu", "drivers/media", "drivers/net/wireless", "drivers/staging",
            "drivers/infiniband", "drivers/iio", "drivers/usb", "drivers/hid")


class Kernel:
    """An unpacked kernel package: image and modules."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.vmlinuz = Path(glob.glob(f"{folder}/boot/vmlinuz-*")[0])
        self.release = self.vmlinuz.name.removeprefix("vmlinuz-")
        self._modules = {}

    def module(self, name):
        """The file of a module."""
        if not self._modules:
            files = glob.glob(f"{self.folder}/lib/modules/*/kernel/**/*.ko", recursive=True)
            self._modules = {module_name(file): file for file in files}
        name = name.replace("-", "_")
        if name not in self._modules:
            raise Failure(f"kernel {self.release} has no module {name}")
        return self._modules[name]

    def is_built_in(self, name):
        """The kernel needs no module for it."""
        listing = glob.glob(f"{self.folder}/lib/modules/*/modules.builtin")[0]
        return name.replace("-", "_") in map(module_name, Path(listing).read_text().split())

    def dependencies(self, name):
        """The names of the modules that one needs, directly or not, each before those that need it."""
        needed = []
        for other in module_info(self.module(name), "depends")[0].split(","):
            if other:
                needed += [*self.dependencies(other), module_name(other)]
        return list(dict.fromkeys(needed))

    def vmlinux(self):
        """The kernel as an ELF file, out of the bzImage."""
        return cached("vmlinux", self.release, lambda path: path.write_bytes(unpack(self.vmlinuz)))


def module_name(file):
    """As the kernel calls it: underscores, although some files have dashes."""
    return os.path.basename(file).removesuffix(".ko").replace("-", "_")


def module_info(file, key):
    """The values of KEY in a module's .modinfo section (strings "key=value", each ended by a 0)."""
    pattern = rb"\0" + key.encode() + rb"=([^\0]*)(?=\0)"
    return [value.decode() for value in re.findall(pattern, Path(file).read_bytes())]


def debian_kernel(flavour="cloud"):
    """The newest one that apt can get; without a network, the newest that was unpacked before."""
    meta = META_PACKAGES[flavour]
    failure = Failure(f"apt knows no {meta}: run apt-get update as root, then try again")
    for attempt in range(2):
        package = _newest_package(meta)
        try:
            if package:
                return Kernel(cached("kernel", package, lambda path: _download(package, path)))
        except Failure as why:
            failure = why
        before = [path for path in cache_root().glob("kernel-*")
                  if ("-cloud-" in path.name) == (flavour == "cloud")]
        if before:
            return Kernel(max(before, key=lambda path: path.stat().st_mtime))
        if attempt == 0 and not _update_lists():
            break
    raise failure


def _newest_package(meta):
    """The unsigned twin of what the meta package depends on; None if apt's lists don't say."""
    need("apt-cache", "apt")
    listing = subprocess.run(["apt-cache", "depends", meta], capture_output=True, text=True)
    match = re.search(r"Depends: (linux-image-\d\S*)", listing.stdout)
    return match and match.group(1).removesuffix("-unsigned") + "-unsigned"


def _update_lists():
    """apt's lists may be old or not there, as on a fresh machine."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    try:
        return subprocess.run([*as_root, "apt-get", "update", "-qq"], capture_output=True,
                              stdin=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False  # no sudo


def _download(package, folder):
    folder.mkdir()
    try:
        run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=folder)
    except Failure as failure:
        raise Failure(f"can't download {package}: is there a network? ({failure})")
    package_file = glob.glob(f"{folder}/*.deb")[0]
    unwanted = [f"--exclude=*/kernel/{name}" for name in UNWANTED]
    run("tar", "-x", "-C", str(folder), *unwanted, input=run("dpkg", "--fsys-tarfile", package_file))
    os.unlink(package_file)


def unpack(bzimage):
    """The ELF file inside a bzImage (Linux Documentation/x86/boot.rst: payload_offset, payload_length)."""
    image = bzimage.read_bytes()
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS":
        raise Failure(f"{bzimage} is no bzImage")
    setup_bytes = (image[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup_bytes + offset:setup_bytes + offset + length - 4]  # without the unpacked size
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload)
    if payload.startswith((b"\xfd7zXZ", b"\x5d\0\0")):
        return lzma.decompress(payload)
    tool = {b"\x02\x21": "lz4", b"\x28\xb5": "zstd"}.get(payload[:2])
    if not tool:
        raise Failure(f"{bzimage} is compressed in an unknown way")
    return run(need(tool, tool), "-dc", input=payload)
