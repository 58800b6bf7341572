# SPDX-License-Identifier: MIT
"""The initramfs of the sandbox's outer machine: a cached base, and behind it what one run adds."""
import gzip
import os
import shlex
from pathlib import Path

from .common import Failure, cached, digest, need, run
from .cpio import Archive

HERE = Path(__file__).parent
MODULES = ("irqbypass", "kvm", "kvm-amd", "kvm-intel")


def compiled(source):
    """A small C program, linked statically so that it runs in any initramfs."""
    key = digest(source)

    def build(path):
        run(need("gcc", "gcc libc6-dev"), "-O2", "-static", "-o", str(path), str(source))
    return cached(source.stem, key, build)


def base(kernel):
    """busybox, KVM's modules, the agent and /init; a gzip file."""
    busybox = Path(need("/bin/busybox", "busybox-static"))
    agent = compiled(HERE / "agent.c")
    init = HERE / "level1-init"
    sources = [busybox, agent, init, HERE / "cpio.py", HERE / "level1.py"]

    def build(path):
        archive = Archive()
        archive.add_merged_usr()
        for folder in ("/proc", "/sys", "/dev", "/root", "/run", "/var/tmp"):
            archive.add_folder(folder)
        archive.add_folder("/tmp", 0o1777)
        archive.add_device("/dev/console", 5, 1)
        archive.add_file(busybox, "/usr/bin/busybox")
        archive.add_file(agent, "/usr/bin/agent")
        archive.add_file(init, "/init")
        archive.add("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        archive.add("/etc/group", "root:x:0:\nkvm:x:106:\n")
        for name in MODULES:
            archive.add_file(kernel.module(name), f"/sandbox/{name}.ko")
        path.write_bytes(gzip.compress(archive.bytes(), 6, mtime=0))
    return cached("level1", digest(kernel.release, *sources), build)


def additions(job, kernel, kvm_module, terminal):
    """The archive of one run: the user's files, the command, and how to run it."""
    archive = Archive()
    for source, path in job.files:
        archive.add_file(source, path)
    program = job.command[0]
    if "/" in program and os.path.isfile(program) and not job.has_file(program):
        archive.add_file(program)
    modules = [other for name in job.modules for other in (*kernel.dependencies(name), name)]
    modules = list(dict.fromkeys(modules))
    for name in modules:
        archive.add_file(kernel.module(name), f"/sandbox/{name}.ko")
    rows, columns = terminal
    archive.add("/sandbox/settings", f"modules='{kvm_module} {' '.join(modules)}'\ninput={job.input}\n"
                                     f"rows={rows}\ncolumns={columns}\n")
    archive.add("/sandbox/outputs", "".join(path + "\n" for path, _ in job.outputs))
    archive.add_folder(os.getcwd())
    archive.add("/sandbox/command", command_script(job))
    return archive.bytes()


def command_script(job):
    """What the agent has a shell run: the command in the caller's folder and with its variables."""
    lines = [f"cd {shlex.quote(os.getcwd())}"]
    for assignment in job.env:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise Failure(f"--env {assignment}: write NAME=VALUE")
        lines.append(f"export {name}={shlex.quote(value)}")
    lines.append(f"exec {shlex.join(job.command)}")
    return "\n".join(lines) + "\n"
