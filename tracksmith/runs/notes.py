"""Notes on parts that failed: left beside the parts, and told by ``status``."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from contextlib import suppress

from tracksmith.errors import TracksmithError
from tracksmith.runs.parts import PartStore

__all__ = ["failure_message", "failure_reason", "note_failure"]


def note_failure(store: PartStore, part: int, error: BaseException) -> None:
    """Leave a note with what was said, and the trace, beside the parts."""
    text = f"{error}\n\n" + "".join(traceback.format_exception(error))
    with suppress(OSError):
        store.failure_path(part).write_text(text, encoding="utf-8")


def failure_reason(store: PartStore, part: int) -> str | None:
    """Return what was said when a part failed last; None where it did not."""
    try:
        text = store.failure_path(part).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.partition("\n\n")[0].strip() or None


def failure_message(store: PartStore, failed: Mapping[int, TracksmithError]) -> str:
    """Return the message for parts that failed while others were done."""
    first = min(failed)
    shown = ", ".join(str(part) for part in sorted(failed)[:10])
    return (
        f"{len(failed)} of {len(store)} parts failed ({shown}); the others are done and safe.\n"
        f"Part {first}: {failed[first]}\n"
        f"The trace is in {store.failure_path(first)}. Once the cause is mended, finish with "
        f"`tracksmith work {store.run.folder}` and `tracksmith finish {store.run.folder}`."
    )
