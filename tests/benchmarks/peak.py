"""The peak memory of this process alone.

``ru_maxrss`` of a child begins at its parent's size: Linux keeps it over exec.
"""

import re
from pathlib import Path


def peak_megabytes() -> float:
    """Return the largest resident set of this process so far, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024
