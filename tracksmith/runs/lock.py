"""The lock of a run's one driver: host, process and age, taken over from a driver that died."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from tracksmith.errors import ResourceError, TrustError
from tracksmith.files import TEMPORARY_PREFIX, crash_point, owner_suffix

__all__ = ["is_left_over", "take_lock"]


def take_lock(path: Path) -> None:
    """Make the lock file, taking over from a driver that is gone.

    Raises
    ------
    TrustError
        Another live process holds it; host, pid and age are named.
    """
    mine = json.dumps(
        {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid()),
         "since": time.time()}
    )  # fmt: skip
    for _ in range(3):
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            _move_stale_lock(path)
            continue
        except OSError as error:
            raise ResourceError(f"Cannot write {path}: {error.strerror}.") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(mine)
        crash_point("locked")
        return
    raise TrustError(f"{path} changes hands too fast: another driver is starting here.")


def _move_stale_lock(path: Path) -> None:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        host, pid, born = holder["host"], int(holder["pid"]), holder["born"]
        minutes = (time.time() - float(holder["since"])) / 60
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        # A driver killed between creating the lock and writing into it leaves it empty.
        time.sleep(0.2)
        if not path.exists():
            return
        if path.stat().st_size:
            raise TrustError(
                f"{path} is no lock of tracksmith. If no other process works there, delete it."
            ) from None
        host, pid, born, minutes = socket.gethostname(), 0, "", 0.0
    if host != socket.gethostname() or _alive(pid, born):
        raise TrustError(
            f"{path.parent} is in use by process {pid} on {host}, for {minutes:.0f} min. "
            f"Wait for it; if that process is gone, delete {path}."
        )
    stale = path.with_name(f"{TEMPORARY_PREFIX}lock{owner_suffix(os.getpid())}")
    with suppress(OSError):
        path.rename(stale)
        stale.unlink()


def _born(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; '' where /proc is absent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _alive(pid: int, born: str) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not born or _born(pid) in ("", born)


def is_left_over(path: Path) -> bool:
    """Say whether a process of this host left it and is gone; other hosts' files stay."""
    pid = path.name.rpartition("-")[2]
    if not pid.isdigit() or not path.name.endswith(owner_suffix(pid)):
        return False
    return int(pid) == os.getpid() or not _alive(int(pid), "")
