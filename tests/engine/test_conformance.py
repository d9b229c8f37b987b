"""The kit passes what is sound, and says the right sentence about what is not."""

import sys
from dataclasses import replace

import conformance_toys as toys
import numpy as np
import pytest
import torch
from conformance_toys import CORE_PROMOTER, local, moved, wrapped

from tracksmith.engine.conformance import CheckRequest, check_model, checks_of
from tracksmith.engine.conformance.place import Responses, reach
from tracksmith.engine.conformance.strands import mirror_lag
from tracksmith.errors import ResourceError
from tracksmith.models.card_checks import card_problems, heavy_imports
from tracksmith.plugin import InputError, Model, WeightFile, WindowGeometry


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def check(model, **asked):
    return check_model(model, CheckRequest(**asked))


def failed(report):
    return [finding.check for finding in report.failed]


def test_core_promoter_passes_every_check_that_applies():
    report = check(CORE_PROMOTER)
    told = {finding.check: finding.status for finding in report.findings}
    assert list(told) == checks_of(CORE_PROMOTER)
    assert [name for name, status in told.items() if status != "pass"] == ["tracks", "alleles"]


SENTENCES = {
    "offset by 250 bp": (
        wrapped(CORE_PROMOTER, moved(250)),
        "place",
        r"line up only when moved by 500 bins.*shifted by 250 bp.*250 bp further to the right.*"
        r"core_start=128, and 378 would fit",
    ),
    "offset by one base": (
        wrapped(CORE_PROMOTER, moved(-1)),
        "place",
        r"moved by -2 bins.*shifted by 1 bp.*to the left.*127 would fit",
    ),
    "swapped strands": (
        wrapped(CORE_PROMOTER, toys.swapped),
        "sense",
        r"The strands are swapped: the adenovirus major late promoter, which fires to the right, "
        r"raises minus instead of plus",
    ),
    "one strand for both": (
        wrapped(CORE_PROMOTER, lambda values: values.sum(1, keepdim=True).expand(-1, 2, -1)),
        None,
        "",
    ),
    "minus in the direction of transcription": (
        wrapped(CORE_PROMOTER, lambda v: torch.stack([v[:, 0], v[:, 1].flip(1)], 1)),
        "strands",
        r"bins in the window's own order, not reversed",
    ),
    "dropout left on": (
        wrapped(CORE_PROMOTER, toys.drop_out),
        "repeats",
        r"other values the second time.*Is dropout left on",
    ),
    "float64": (
        wrapped(CORE_PROMOTER, lambda values: values.double()),
        "dtype",
        r"The network values are float64: they must be float32",
    ),
    "two-dimensional output": (
        wrapped(CORE_PROMOTER, lambda values: values[:, 0]),
        "shape",
        r"It returned 2 dimensions, \(1, 1792\), for 1 windows: a network returns three",
    ),
    "squeezed batch of one": (
        wrapped(CORE_PROMOTER, lambda values: values.squeeze(0)),
        "shape",
        r"It returned 2 dimensions, \(2, 1792\)",
    ),
    "changes its input": (
        wrapped(local(), before=toys.in_place),
        "input",
        r"The network changed its input tensor: it works in place",
    ),
    "normalised over the batch": (
        wrapped(local(), toys.by_batch),
        "batch",
        r"alone differs by .* of the largest value.*shared along the batch|in another order",
    ),
    "divides by a sum": (
        wrapped(CORE_PROMOTER, toys.per_sum),
        "all N",
        r"A window of N alone gave 3584 of 3584 values that are not finite",
    ),
    "too few tracks": (
        wrapped(CORE_PROMOTER, lambda values: values[:, :1]),
        "shape",
        r"\(1, 1, 1792\) for 1 windows; the card promises \(1, 2, 1792\)",
    ),
    "reads nothing": (
        wrapped(local(), lambda values: torch.ones_like(values)),
        "place",
        r"No change of bases changed any output",
    ),
}


@pytest.mark.parametrize("name", [name for name, case in SENTENCES.items() if case[1]])
def test_a_broken_plugin_fails_with_the_right_sentence(name):
    model, where, sentence = SENTENCES[name]
    report = check(model)
    assert where in failed(report)
    assert report[where].sentence == pytest.approx(report[where].sentence)
    import re

    assert re.search(sentence, report[where].sentence), report.text()
