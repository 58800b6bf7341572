# SPDX-License-Identifier: MIT
"""What every script shares: one-line failures, running tools, and the cache of made things.

A cache entry is named by the content it was made from, is made under a lock, and appears by rename:
two users at once make it once, and nobody sees half of one.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

UNUSED_DAYS = 14  # cache entries that nobody used for so long are removed


class Failure(Exception):
    """A mistake or a missing thing, in one line that says what to do."""


def main(name, function, status):
    """Run FUNCTION as the program NAME; a Failure becomes one line and exit status STATUS."""
    try:
        sys.exit(function())
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(status)
    except KeyboardInterrupt:
        sys.exit(130)


def need(program, package):
    """The path of PROGRAM, or a Failure naming the Debian package that has it."""
    path = shutil.which(program) or (program if os.path.exists(program) else None)
    if not path:
        raise Failure(f"{program} is missing: apt-get install {package} (or scripts/setup test)")
    return path


def run(*argv, **options):
    """Run a tool quietly; its standard output, as bytes. A Failure carries its last words."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL if "input" not in options else None,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise Failure(f"{os.path.basename(argv[0])} failed: {words[-1]}")
    return done.stdout


def cache_root():
    """The folder of everything the scripts keep between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    root = Path(base, "vitrine", "scripts")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"can't make the cache folder {root}: {error.strerror}; set XDG_CACHE_HOME")
    return root


def digest(*parts):
    """A short name for content: each part is bytes, text, or the Path of a file."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        data = data.encode() if isinstance(data, str) else data
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()[:24]


def cached(kind, key, build):
    """The entry KIND-KEY of the cache; when it isn't there, build(path) makes a file or folder."""
    root = cache_root()
    path = root / f"{kind}-{key}"
    if not path.exists():
        with open(root / f".{kind}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                _remove_unused(root, kind)
                unfinished = root / f".{kind}-{key}.{os.getpid()}"
                try:
                    build(unfinished)
                    unfinished.rename(path)
                finally:
                    _remove(unfinished)
    os.utime(path)
    return path


def _remove_unused(root, kind):
    for entry in [*root.glob(f"{kind}-*"), *root.glob(f".{kind}-*")]:
        if entry.stat().st_mtime < time.time() - UNUSED_DAYS * 86400:
            _remove(entry)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
