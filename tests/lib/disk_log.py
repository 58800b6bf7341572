# SPDX-License-Identifier: MIT
"""What a disk may look like after a power failure: reads the log of `--disk …,record=FILE` (its format is in
vmm/backend/block_log.h) and makes the images that were possible at each point of it.

A write that is done before a flush begins is safe when that flush is done. Every other one that has
begun may be there or not.
"""
import random
import struct
from dataclasses import dataclass

MAGIC = b"VITRDLOG"
FLUSH_WORKS = 1
HEADER, RECORD = struct.Struct("<8sIIQQ"), struct.Struct("<IIQQQ")
WRITE, DISCARD, ZEROES, FLUSH, DONE = range(1, 6)


@dataclass
class Record:
    """One entry of the log."""
    kind: int
    error: int
    sequence: int
    offset: int
    length: int
    data: bytes = b""

    def apply(self, image):
        """A discarded block may keep its content or not: here it keeps it."""
        if self.kind == WRITE:
            image[self.offset:self.offset + self.length] = self.data
        elif self.kind == ZEROES:
            image[self.offset:self.offset + self.length] = bytes(self.length)


def read(path):
    """(does a flush work, records); the last record may be cut."""
    with open(path, "rb") as file:
        log = file.read()
    magic, version, flags, _, _ = HEADER.unpack_from(log)
    if magic != MAGIC or version != 1:
        raise ValueError(f"{path} is no log of a disk, or too new")
    records, at = [], HEADER.size
    while at + RECORD.size <= len(log):
        record = Record(*RECORD.unpack_from(log, at))
        at += RECORD.size
        if record.kind == WRITE:
            record.data = log[at:at + record.length]
            at += record.length
            if len(record.data) < record.length:
                break
        records.append(record)
    return bool(flags & FLUSH_WORKS), records


class Crash:
    """Goes through a log; at each point, images of that moment."""

    def __init__(self, base, flush_works):
        self.all = bytearray(base)      # everything that has begun
        self.safe = bytearray(base)     # what must be there
        self.pending = []               # what may be, in order
        self.done = set()               # sequence numbers
        self.covered = {}               # flush: what it makes safe
        self.flush_works = flush_works

    def step(self, record):
        """One record further. True if there are new images."""
        if record.kind in (WRITE, ZEROES):
            record.apply(self.all)
            self.pending.append(record)
            return True
        if record.kind == FLUSH:
            self.covered[record.sequence] = {one.sequence for one in self.pending if one.sequence in self.done}
        elif record.kind == DONE and record.error == 0:
            self.done.add(record.sequence)
            if self.flush_works and record.sequence in self.covered:
                self._settle(self.covered.pop(record.sequence))
        return False

    def _settle(self, sequences):
        for one in self.pending:
            if one.sequence in sequences:
                one.apply(self.safe)
        self.pending = [one for one in self.pending if one.sequence not in sequences]

    def subset(self, seed):
        """What must be there, and some of what may be."""
        chance = random.Random(seed)
        image = bytearray(self.safe)
        for one in self.pending:
            if chance.random() < 0.5:
                one.apply(image)
        return image
