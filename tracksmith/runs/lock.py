"""The lock of a run's one driver, with a heartbeat; taken over from a driver that died."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import ResourceError, TrustError
from tracksmith.files import TOKEN, crash_point, machine, owner_suffix, temporary_name

__all__ = ["is_left_over", "locked"]

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""How often a driver changes its lock, so that others see that it lives."""

STALE_SECONDS = 60.0
"""A lock of another machine that did not change for so long is that of a dead driver."""


@dataclass(frozen=True)
class _Holder:
    """What a lock says of who holds it; ``text`` is all of it, the count of beats included."""

    text: str
    identity: dict[str, Any]

    @property
    def here(self) -> bool:
        """Whether its process could be seen from here: one machine, one table of processes."""
        return self.identity.get("machine") == machine()

    @property
    def alive(self) -> bool:
        """Whether its process, of this machine, lives."""
        return _alive(int(self.identity["pid"]), str(self.identity["born"]))

    @property
    def words(self) -> str:
        minutes = max(0.0, (time.time() - float(self.identity["since"])) / 60)
        return f"process {self.identity['pid']} on {self.identity['host']}, for {minutes:.0f} min"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; its holder's thread beats while the block runs.

    Raises
    ------
    TrustError
        Another live process holds it; host, pid and age are named.
    """
    descriptor = _create(path)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(descriptor, ended), name="beat", daemon=True)
    beats.start()
    try:
        crash_point("locked")
        yield
    finally:
        ended.set()
        beats.join()
        os.close(descriptor)
        holder = _read(path)
        if holder is not None and holder.identity.get("token") == TOKEN:
            with suppress(OSError):
                path.unlink()


def _create(path: Path) -> int:
    """Make the lock file, taking over from a driver that is gone; return it opened."""
    identity = {
        "host": socket.gethostname(), "machine": machine(), "pid": os.getpid(),
        "born": _born(os.getpid()), "since": time.time(), "token": TOKEN,
    }  # fmt: skip
    for _ in range(3):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            _move_if_dead(path)
            continue
        except OSError as error:
            raise ResourceError(f"Cannot write {path}: {error.strerror}.") from None
        os.write(descriptor, f"{json.dumps(identity)}\n".encode())
        _count(descriptor, 0)
        return descriptor
    raise TrustError(f"{path} changes hands too fast: another driver is starting here.")


def _beat(descriptor: int, ended: threading.Event) -> None:
    """Count in the lock file until the end.

    The file stays open: whoever takes the lock away moves the file, and no beat
    makes it anew or reaches the one of the next driver.
    """
    beats = 0
    while not ended.wait(BEAT_SECONDS):
        beats += 1
        with suppress(OSError):  # a disk that is away for a moment
            _count(descriptor, beats)


def _count(descriptor: int, beats: int) -> None:
    os.write(descriptor, f"{beats}\n".encode())
    os.fsync(descriptor)  # now other machines see it


def _read(path: Path) -> _Holder | None:
    """Return who holds a lock; None where there is none.

    Raises
    ------
    TrustError
        It is no lock of tracksmith.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(f"Cannot read {path}: {error.strerror}.") from None
    if not text.strip():  # its driver has not written into it yet, or died before
        return _Holder(
            text, {"host": "another machine", "pid": 0, "born": "", "since": time.time()}
        )
    try:
        identity = json.loads(text.partition("\n")[0])
        int(identity["pid"]), float(identity["since"]), identity["host"], identity["born"]
    except (ValueError, KeyError, TypeError):
        raise TrustError(
            f"{path} is no lock of tracksmith. If no other process works there, delete it."
        ) from None
    return _Holder(text, identity)


def _move_if_dead(path: Path) -> None:
    """Move a lock away whose driver is dead.

    Raises
    ------
    TrustError
        It lives.
    """
    holder = _read(path)
    if holder is None:
        return
    # decision: lock-with-a-heartbeat (processes of this machine are looked up, others watched)
    alive = holder.alive if holder.here else _changes(path, holder)
    if alive:
        raise TrustError(
            f"{path.parent} is in use by {holder.words}. Wait for it to end. A driver that was "
            f"killed on another machine frees the run after {STALE_SECONDS:.0f} seconds: repeat "
            "the command."
        )
    moved = path.with_name(temporary_name("lock"))
    with suppress(OSError):
        path.rename(moved)
        taken = _read(moved)
        if taken is not None and taken.text != holder.text:
            moved.rename(path)  # another command was faster, and this lock is its own
        else:
            moved.unlink()


def _changes(path: Path, holder: _Holder) -> bool:
    """Watch the lock of another machine; say whether it changes.

    No clock is compared with another machine's: what counts is that something
    changes while this process looks.
    """
    log.warning(
        "%s is locked by %s; looking for up to %.0f seconds whether that lives",
        path.parent, holder.words, STALE_SECONDS,
    )  # fmt: skip
    deadline = time.monotonic() + STALE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(min(1.0, STALE_SECONDS / 10))
        with suppress(OSError):
            os.listdir(path.parent)  # noqa: PTH208 - has a shared disk look anew
        now = _read(path)
        if now is None or now.text != holder.text:
            return now is not None
    return False


def _born(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; '' where /proc is absent."""
    return (_stat(pid) or [""] * 20)[19]


def _stat(pid: int) -> list[str]:
    """Return what Linux says of a process from its state on; nothing where /proc is absent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _alive(pid: int, born: str) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    # Dead, and not yet waited for: in a container without an init, for ever.
    if _stat(pid)[:1] in (["Z"], ["X"]):
        return False
    return not born or _born(pid) in ("", born)


def is_left_over(path: Path) -> bool:
    """Say whether a process of this machine left it and is gone; other machines' files stay."""
    pid = path.name.rpartition("-")[2]
    if not pid.isdigit() or not path.name.endswith(owner_suffix(pid)):
        return False
    return int(pid) == os.getpid() or not _alive(int(pid), "")
