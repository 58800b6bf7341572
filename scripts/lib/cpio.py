# SPDX-License-Identifier: MIT
"""Writing initramfs archives (cpio "newc", see Linux Documentation/driver-api/early-userspace).

The same content always gives the same bytes. Several archives may follow each other in one initramfs.
"""
import os
import re
import stat
import subprocess

from .common import Failure

# Debian's merged /usr: an archive that said "bin/x" would put a folder in place of the link.
MERGED = re.compile(r"^/(bin|sbin|lib|lib32|lib64)(?=/|$)")


class Archive:
    """Files to be, by absolute path inside; with merged_usr, /bin/x goes to /usr/bin/x and so on."""

    def __init__(self, merged_usr=True):
        self._entries = {}
        self._merged_usr = merged_usr

    def add(self, path, data=b"", mode=0o644):
        """A file holding DATA (bytes or text)."""
        self._put(path, stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data)

    def add_folder(self, path, mode=0o755):
        self._put(path, stat.S_IFDIR | mode)

    def add_link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def add_device(self, path, major, minor):
        self._put(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def add_merged_usr(self):
        """The links /bin -> usr/bin and so on, as on every Debian."""
        for name in ("bin", "sbin", "lib", "lib64"):
            self.add_folder("/usr/" + name)
            self._entries["/" + name] = (stat.S_IFLNK | 0o777, b"usr/" + name.encode(), (0, 0))

    def add_file(self, source, path=None):
        """A file or folder of the host under PATH (default: the same); a program brings its libraries."""
        path = path or os.path.abspath(source)
        if os.path.isdir(source):
            self.add_folder(path)
            for name in sorted(os.listdir(source)):
                self.add_file(os.path.join(source, name), os.path.join(path, name))
            return
        try:
            with open(source, "rb") as file:
                data = file.read()
        except OSError as error:
            raise Failure(f"can't read {source}: {error.strerror}")
        self.add(path, data, os.stat(source).st_mode & 0o777)
        if data.startswith(b"\x7fELF"):
            for library in shared_libraries(source):
                if self._place(library) not in self._entries:
                    self.add_file(library)

    def bytes(self):
        """The finished archive, parents before children."""
        for path in list(self._entries):
            self._add_parents(path)
        records = [_record(number, path[1:], *self._entries[path])
                   for number, path in enumerate(sorted(self._entries), 1)]
        return b"".join(records) + _record(0, "TRAILER!!!", 0, b"", (0, 0))

    def _put(self, path, mode, data=b"", device=(0, 0)):
        self._entries[self._place(path)] = (mode, data, device)

    def _place(self, path):
        path = os.path.normpath(path)
        return MERGED.sub(r"/usr/\1", path) if self._merged_usr else path

    def _add_parents(self, path):
        parent = os.path.dirname(path)
        if parent != "/" and parent not in self._entries:
            self._entries[parent] = (stat.S_IFDIR | 0o755, b"", (0, 0))
            self._add_parents(parent)


def shared_libraries(program):
    """The libraries and the loader that a program names, as ldd finds them."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    lost = re.search(r"(\S+) => not found", listing)
    if lost:
        raise Failure(f"{program} needs {lost.group(1)}, which isn't installed here")
    return re.findall(r"(/\S+) \(0x", listing)


def _record(inode, name, mode, data, device):
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return _padded(head) + _padded(data)


def _padded(data):
    return data + bytes(-len(data) % 4)
