# SPDX-License-Identifier: MIT
"""What a disk may look like after a power failure: reads the log of `--disk …,record=FILE` (its format is in
vmm/backend/block_log.h), says what of it is durable when, and makes the images that were possible at each point.

A write that is done before a flush begins is safe when that flush is done. Every other one that has
begun may be there or not.
"""
import os
import random
import struct

MAGIC, VERSION = b"VITRDLOG", 1
HEADER, RECORD = struct.Struct("<8sIIQQ"), struct.Struct("<IIQQQ")
FLUSH_WORKS, WRITETHROUGH = 1, 2
WRITE, DISCARD, ZEROES, FLUSH, DONE = range(1, 6)
NAMES = {WRITE: "write", DISCARD: "discard", ZEROES: "zeroes", FLUSH: "flush", DONE: "done"}


class LogError(Exception):
    """The log is none, or belongs to another disk."""


class Record:
    """One record, and what became of its request."""

    def __init__(self, index, fields, data_at):
        self.index = index
        self.kind, self.error, self.sequence, self.offset, self.length = fields
        self.data_at = data_at
        self.done_index = None  # where the log says that it was done, without an error

    def changes(self):
        return self.kind in (WRITE, DISCARD, ZEROES)

    def __str__(self):
        text = f"{self.index + 1:7} {NAMES[self.kind]:8} #{self.sequence}"
        if self.changes():
            text += f" at {self.offset} + {self.length}"
        return text + (f" {os.strerror(self.error)}" if self.error else "")


class Log:
    """All records of a log; the data of writes stay in the file. An unfinished last record is ignored."""

    def __init__(self, path):
        self.file = open(path, "rb")
        head = self.file.read(HEADER.size)
        if len(head) < HEADER.size or head[:len(MAGIC)] != MAGIC:
            raise LogError(f"{path}: is no log of a disk")
        _, version, self.flags, self.size, _ = HEADER.unpack(head)
        if version != VERSION:
            raise LogError(f"{path}: has version {version}; this is for version {VERSION}")
        self.records = []
        self._read(os.path.getsize(path))
        self._match()

    def _read(self, end):
        at = HEADER.size
        while at + RECORD.size <= end:
            self.file.seek(at)
            fields = RECORD.unpack(self.file.read(RECORD.size))
            kind, length = fields[0], fields[4]
            if kind not in NAMES:
                raise LogError(f"record {len(self.records) + 1} has the unknown kind {kind}")
            data_at = at + RECORD.size
            at = data_at + (length if kind == WRITE else 0)
            if at <= end:
                self.records.append(Record(len(self.records), fields, data_at))

    def _match(self):
        started = {r.sequence: r for r in self.records if r.kind != DONE}
        for record in self.records:
            if record.kind == DONE and not record.error and record.sequence in started:
                started[record.sequence].done_index = record.index

    def data(self, record):
        self.file.seek(record.data_at)
        return self.file.read(record.length)

    def durable_before(self, count):
        """Index: what was done before this record is durable after the first count records."""
        if self.flags & WRITETHROUGH:
            return count
        if not self.flags & FLUSH_WORKS:
            return 0
        return max((r.index for r in self.records[:count]
                    if r.kind == FLUSH and r.done_index is not None and r.done_index < count), default=0)

    def split(self, count):
        """The changes among the first count records: those that are durable, and the others."""
        limit = self.durable_before(count)
        durable, pending = [], []
        for record in self.records[:count]:
            if record.changes():
                safe = record.done_index is not None and record.done_index < limit
                (durable if safe else pending).append(record)
        return durable, pending


class Crash:
    """Goes through a log; at each point, images of that moment, in memory. A discarded block keeps its content."""

    def __init__(self, base, log):
        self.log = log
        self.all = bytearray(base)      # everything that has begun
        self.safe = bytearray(base)     # what must be there
        self.pending = []               # what may be, in order

    def _apply(self, image, record):
        data = self.log.data(record) if record.kind == WRITE else bytes(record.length)
        image[record.offset:record.offset + record.length] = data

    def step(self, record):
        """One record further, which must be the log's next. True if there are new images."""
        is_new = record.kind in (WRITE, ZEROES)
        if is_new:
            self._apply(self.all, record)
            self.pending.append(record)
        elif record.kind == DONE:
            self._settle(self.log.durable_before(record.index + 1))
        return is_new

    def _settle(self, limit):
        pending, self.pending = self.pending, []
        for one in pending:
            if one.done_index is not None and one.done_index < limit:
                self._apply(self.safe, one)
            else:
                self.pending.append(one)

    def subset(self, seed):
        """What must be there, and some of what may be."""
        chance = random.Random(seed)
        image = bytearray(self.safe)
        for one in self.pending:
            if chance.random() < 0.5:
                self._apply(image, one)
        return image
