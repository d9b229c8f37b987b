"""Run benchmarks: ``python -m tests.benchmarks [NAME ...]``. Ratios in one run, no verdicts."""

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the benchmarks one after another, each in a process of its own."""
    folder = Path(__file__).parent
    chosen = sys.argv[1:] or sorted(path.stem[6:] for path in folder.glob("bench_*.py"))
    for name in chosen:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(folder / f"bench_{name}.py")], check=True)


if __name__ == "__main__":
    main()
