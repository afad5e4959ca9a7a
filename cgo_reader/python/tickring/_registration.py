"""The slot in which a reader names itself, so that `tickring stat` can tell its lag.

Everything goes through pread and pwrite: whoever may write the file may also cut it
short, and a store through a mapping would then end this process.
"""

import fcntl
import os
import stat
import struct
import time
from pathlib import Path
from typing import Final

from . import _layout as layout
from ._segment import boot_id

HEADER: Final = struct.Struct("<QIIQII16sQ")  # magic to claims
SLOT: Final = struct.Struct("<QIIQQQQQQq48s8s")
REPORT: Final = struct.Struct("<QQQQq")  # generation to updated_monotonic_ns
REPORT_AT: Final = 32
CLAIMS_AT: Final = 48
FILE_SIZE: Final = layout.READERS_HEADER_SIZE + layout.READER_SLOTS * layout.READER_SLOT_SIZE
MAX_WORD: Final = (1 << 64) - 1
LOCK_S: Final = 0.1  # a lock is another process's to keep
LOCK_PAUSE_S: Final = 0.001
# struct flock of 64-bit Linux: type, whence, start, length, pid.
FLOCK: Final = struct.Struct("hhqqi4x")
OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat; the command before it may hold anything."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(text.rpartition(")")[2].split()[19])


def _gone(pid: int, start: int) -> bool:
    """Whether a process is known not to live any more."""
    try:
        return _start_time(pid) != start
    except (FileNotFoundError, ProcessLookupError):
        return True
    except (OSError, ValueError, IndexError):
        return False  # it cannot be told


def _namespace() -> int:
    """Inode of this process's pid namespace."""
    return os.stat("/proc/self/ns/pid").st_ino


class Registration:
    """One claimed slot. Without one it does nothing: reading a feed needs no slot."""

    def __init__(self, segment_path: str, name: str) -> None:
        self.fd = -1
        self._at = 0
        self._claim = 0
        self._told_ns = 0
        self.refusal = ""  # why there is no slot
        try:
            self.fd = self._open(segment_path + ".readers")
            self._take(name)
        except (OSError, ValueError) as error:
            self.refusal = str(error)
            self._forget()

    @staticmethod
    def _open(path: str) -> int:
        fd = os.open(path, OPEN)
        try:
            state = os.fstat(fd)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
                raise ValueError(f"{path}: not a regular file of one name")
            if state.st_size != FILE_SIZE:
                raise ValueError(f"{path}: {state.st_size} bytes instead of {FILE_SIZE}")
            folder = os.stat(os.path.dirname(path) or ".")
            stranger = state.st_uid not in {os.geteuid(), 0, folder.st_uid}
            if folder.st_mode & stat.S_IWOTH and stranger:
                raise ValueError(f"{path}: owned by another user")
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _lock(self, kind: int) -> bool:
        # F_OFD_SETLK, not lockf: a lock of the process would be dropped with any
        # descriptor of the file that some other reader of this process closes.
        request = FLOCK.pack(kind, os.SEEK_SET, 0, 1, 0)
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.fcntl(self.fd, fcntl.F_OFD_SETLK, request)
            except (BlockingIOError, PermissionError):
                if time.monotonic() >= deadline:
                    return False
                time.sleep(LOCK_PAUSE_S)
            else:
                return True

    def _take(self, name: str) -> None:
        if not self._lock(fcntl.F_WRLCK):
            raise ValueError("another process keeps the file of readers locked")
        try:
            claims = self._check()
            self._at = self._free_slot()
            self._store(max((claims + 1) & MAX_WORD, 1), name)
        finally:
            self._lock(fcntl.F_UNLCK)

    def _check(self) -> int:
        """The header must be that of this format, boot and host; claims so far."""
        raw = os.pread(self.fd, HEADER.size, 0)
        if len(raw) < HEADER.size:
            raise ValueError("the file of readers was cut short")
        *fixed, boot, claims = HEADER.unpack(raw)
        wanted = [
            layout.READERS_MAGIC,
            layout.LAYOUT_VERSION,
            layout.BYTE_ORDER_TAG,
            layout.FORMAT_HASH,
            layout.READER_SLOTS,
            layout.READER_SLOT_SIZE,
        ]
        if fixed != wanted or boot != boot_id():
            raise ValueError("the file of readers is of another format or boot")
        return int(claims)

    def _free_slot(self) -> int:
        """The first that is free, else the first whose reader is gone."""
        own = _namespace()
        now = time.monotonic_ns()
        left = -1
        for i in range(layout.READER_SLOTS):
            at = layout.READERS_HEADER_SIZE + i * layout.READER_SLOT_SIZE
            raw = os.pread(self.fd, SLOT.size, at)
            if len(raw) < SLOT.size:
                raise ValueError("the file of readers was cut short")
            claim, pid, _, start, namespace, *_, updated, _, _ = SLOT.unpack(raw)
            if claim == 0:
                return at
            if left < 0:
                heard = 0 <= now - updated <= layout.READER_FORGET_NS
                if _gone(pid, start) if namespace == own else not heard:
                    left = at
        if left < 0:
            raise ValueError(f"all {layout.READER_SLOTS} slots of readers are taken")
        return left

    def _store(self, claim: int, name: str) -> None:
        pid = os.getpid()
        text = name.encode("utf-8", "replace")[:48]
        who = (pid, 0, _start_time(pid), _namespace())
        slot = SLOT.pack(0, *who, 0, 0, 0, 0, time.monotonic_ns(), text, b"")
        word = struct.pack("<Q", claim)
        os.pwrite(self.fd, slot[:8], self._at)
        os.pwrite(self.fd, slot[8:], self._at + 8)
        os.pwrite(self.fd, word, CLAIMS_AT)
        os.pwrite(self.fd, word, self._at)
        self._claim = claim

    def _own(self) -> bool:
        return os.pread(self.fd, 8, self._at) == struct.pack("<Q", self._claim)

    @property
    def active(self) -> bool:
        """Whether this reader has a slot."""
        return self.fd >= 0

    def due(self, now_ns: int) -> bool:
        """Whether the cursor may be told again."""
        return self.fd >= 0 and now_ns - self._told_ns >= layout.READER_REPORT_NS

    def tell(self, now_ns: int, generation: int, cursor: int, read: int, lost: int) -> None:
        """Store the cursor, if the slot is still ours."""
        self._told_ns = now_ns
        try:
            if not self._own():
                self._forget()
                return
            values = REPORT.pack(generation, cursor, read, lost, now_ns)
            os.pwrite(self.fd, values, self._at + REPORT_AT)
        except OSError:
            self._forget()

    def _forget(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def close(self) -> None:
        """Give the slot back."""
        if self.fd < 0:
            return
        try:
            if self._lock(fcntl.F_WRLCK):
                if self._own():
                    os.pwrite(self.fd, bytes(8), self._at)
                self._lock(fcntl.F_UNLCK)
        except OSError:
            pass  # it is free when this process has ended
        self._forget()
