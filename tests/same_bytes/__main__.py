"""Run two checkouts on the same requests and compare what they wrote, byte by byte.

``python -m tests.same_bytes --old CHECKOUT --new CHECKOUT [--only NAME ...] [--keep FOLDER]``

Exit code 1 where any file differs, any command failed, or nothing was compared.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.same_bytes.checkout import Answer, Checkout, CheckoutError, open_checkout
from tests.same_bytes.compare import Comparison, compare_folders
from tests.same_bytes.data import DEMO, write_inputs
from tests.same_bytes.requests import REQUESTS, Request

SHARED = Path(__file__).resolve().parents[3] / "shared"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, report; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.same_bytes", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="checkout to compare with")
    parser.add_argument("--new", type=Path, required=True, help="checkout to be judged")
    names = [request.name for request in REQUESTS]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, default=names,
                        help=f"requests to run, of: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--keep", type=Path, metavar="FOLDER",
                        help="work in this new folder and leave everything there")  # fmt: skip
    given = parser.parse_args(arguments)
    if given.keep and given.keep.exists():
        parser.error(f"--keep {given.keep} exists already: name a new folder")
    chosen = [request for request in REQUESTS if request.name in given.only]
    try:
        with _work_folder(given.keep) as folder:
            old, new, missing = _prepare(given.old, given.new, folder)
            return _report(old, new, chosen, missing)
    except CheckoutError as error:
        parser.error(str(error))


@contextmanager
def _work_folder(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="same-bytes-") as folder:
            yield Path(folder)
    else:
        kept.mkdir(parents=True)
        yield kept.resolve()


def _prepare(old: Path, new: Path, folder: Path) -> tuple[Checkout, Checkout, dict[str, str]]:
    """Open both checkouts, write the inputs once and give each a copy of its own."""
    first, second = open_checkout(old, folder / "old"), open_checkout(new, folder / "new")
    done = first.python(["-c", DEMO])
    if done.returncode:
        raise CheckoutError(f"{old} cannot write the demonstration genome:\n{done.stderr}")
    missing = write_inputs(first.room / "data", SHARED)
    shutil.copytree(first.room / "data", second.room / "data")
    return first, second, missing


def _report(
    old: Checkout, new: Checkout, chosen: Sequence[Request], missing: dict[str, str]
) -> int:
    print(f"old: {old.path}\nnew: {new.path}", flush=True)
    results: Counter[str] = Counter()
    seconds = [0.0, 0.0]
    for request in chosen:
        reasons = [missing[kind] for kind in request.needs if kind in missing]
        if reasons:
            print(f"{request.name:30} skipped: {'; '.join(reasons)}", flush=True)
            results["skipped"] += 1
            continue
        answers = _ask(old, new, request)
        compared = compare_folders(*(place.room / "out" / request.name for place in (old, new)))
        verdict, lines = judge(compared, answers)
        times = "  ".join(f"{answer.seconds:5.1f} s" for answer in answers)
        print(f"{request.name:30} {compared.files:3} files {compared.bytes:10,} bytes  "
              f"{verdict:7} {times}", *lines, sep="\n    ", flush=True)  # fmt: skip
        results[verdict] += 1
        seconds = [total + answer.seconds for total, answer in zip(seconds, answers, strict=True)]
    counts = ", ".join(f"{number} {verdict}" for verdict, number in results.items())
    used = os.times()
    print(
        f"{len(chosen)} requests: {counts}; {seconds[0]:.0f} s in the old, {seconds[1]:.0f} s in "
        f"the new, {used.children_user + used.children_system:.0f} s of a core in all"
    )
    return 0 if results["same"] and not results["DIFFERS"] + results["FAILED"] else 1


def _ask(old: Checkout, new: Checkout, request: Request) -> list[Answer]:
    """Run a request in both checkouts at the same time, each on one core."""
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(checkout.answer, request.name, steps, request.stdin)
            for checkout, steps in ((old, request.steps), (new, request.new_steps or request.steps))
        ]
        return [future.result() for future in waiting]


def judge(compared: Comparison, answers: Sequence[Answer]) -> tuple[str, list[str]]:
    """Return the verdict on a request, and what there is to say of it.

    Two versions that both failed, or both wrote nothing, are not the same.
    """
    complaints = [
        f"{side}: {answer.complaint}"
        for side, answer in zip(("old", "new"), answers, strict=True)
        if answer.complaint
    ]
    lines = [*complaints, *map(str, compared.differences)]
    if complaints:
        return "FAILED", lines
    if not compared.files:
        return "FAILED", ["neither wrote a file"]
    return ("DIFFERS" if lines else "same"), lines


if __name__ == "__main__":
    sys.exit(main())
