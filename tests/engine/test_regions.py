import gzip
from dataclasses import replace

import numpy as np
import pyBigWig
import pytest
import torch
import verbs
from region_toys import BaseCounts, Neighbours, registry, toy
from torch import nn

from tracksmith.errors import InputError, PluginError, ResourceError, TrustError, UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.models.card import Fold, WindowGeometry
from tracksmith.progress import Silent
from tracksmith.regions.peaks import PeaksRequest, read_peaks
from tracksmith.runs.run import Run

CONTIGS = Contigs(["one", "two", "bare"], [3_000, 900, 500])


@pytest.fixture
def install(monkeypatch):
    def install(model):
        models = registry(model)
        monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: models)

    install(toy())
    return install


@pytest.fixture
def genome(write_genome, random_bases):
    lengths = zip(CONTIGS.names, CONTIGS.lengths, strict=True)
    return write_genome(
        **{name: random_bases(int(n), seed) for seed, (name, n) in enumerate(lengths)}
    )


ROWS = [("one", 100 * i, 100 * i + 40 + 7 * (i % 5), f"p{i}", i % 4) for i in range(20)]
ROWS += [("two", 200 * i + 3, 200 * i + 190, f"q{i}", 1) for i in range(4)]


@pytest.fixture
def peaks(tmp_path):
    path = tmp_path / "peaks.bed"
    shuffled = np.random.default_rng(0).permutation(len(ROWS))
    path.write_text("".join("\t".join(map(str, ROWS[i])) + "\n" for i in shuffled))
    return path


def by_hand(genome, rows, signal=None):
    """The toy's arithmetic, region by region, from the letters of the genome."""
    text = {}
    for line in genome.read_text().splitlines():
        if line.startswith(">"):
            contig = line[1:]
        else:
            text[contig] = text.get(contig, "") + line
    x = []
    for contig, start, end, *_ in rows:
        sequence = text[contig][start:end]
        x.append([sum(base in "GC" for base in sequence), end - start])
    x = np.array(x) / np.max(x, axis=0)
    if signal is not None:
        x[:, 1] *= signal
    values = []
    for number, (contig, *_) in enumerate(rows):
        same = [i for i, row in enumerate(rows) if row[0] == contig]
        place = number - same[0]
        starts = [0] if len(same) <= 6 else sorted({*range(0, len(same) - 5, 3), len(same) - 6})
        length = min(len(same), 6)
        start = min(starts, key=lambda s: abs(s + (length - 1) / 2 - place))
        mean = x[same[0] + start : same[0] + start + length].mean(axis=0)
        values.append([x[number, 0] + mean[0], 2 * x[number, 1] - mean[1]])
    return np.array(values)


def table_of(run):
    with gzip.open(run.folder / "regions" / "toy.tsv.gz", "rt") as handle:
        return [line.rstrip("\n").split("\t") for line in handle]


def test_every_peak_gets_its_value_in_tracks_and_table(tmp_path, install, genome, peaks):
    run = verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")
    expected = by_hand(genome, ROWS)
    heading, *rows = table_of(run)
    assert heading == ["chrom", "start", "end", "name", "plus", "minus"]
    assert [tuple(row[:4]) for row in rows] == [tuple(map(str, row[:4])) for row in ROWS]
    np.testing.assert_allclose(np.array(rows)[:, 4:].astype(float), expected, rtol=0, atol=1e-6)
    for column, (track, sign) in enumerate((("plus", 1), ("minus", -1))):
        with pyBigWig.open(str(run.folder / "tracks" / f"toy.{track}.bw")) as file:
            assert file.chroms() == dict(CONTIGS)
            items = [(c, *item) for c in ("one", "two") for item in file.intervals(c)]
            assert file.intervals("bare") is None
        assert [item[:3] for item in items] == [row[:3] for row in ROWS]
        np.testing.assert_allclose(
            [item[3] for item in items], sign * expected[:, column], rtol=0, atol=1e-6
        )
    assert [written.kind for written in run.files] == ["bigwig", "bigwig", "table", "normalisers"]
    assert run.files[0].values == sum(row[2] - row[1] for row in ROWS)


def test_the_batch_size_does_not_change_the_values_and_bytes_are_repeatable(
    tmp_path, install, genome, peaks
):
    digests = set()
    for name, batch in (("a", 1), ("b", 7), ("c", 7)):
        request = verbs.request("toy", genome, peaks=peaks, batch_size=batch)
        run = verbs.run_all(request, tmp_path / name)
        digests.add(tuple(file.sha256 for file in run.files))
    assert len(digests) == 1


def test_tracks_can_be_chosen_and_values_rounded(tmp_path, install, genome, peaks):
    request = verbs.request("toy", genome, peaks=peaks, tracks=("minus",), precision="1decimals")
    run = verbs.run_all(request, tmp_path / "out")
    assert [path.name for path in (run.folder / "tracks").iterdir()] == ["toy.minus.bw"]
    with pyBigWig.open(str(run.folder / "tracks" / "toy.minus.bw")) as file:
        numbers = [item[2] for c in ("one", "two") for item in file.intervals(c)]
    np.testing.assert_allclose(numbers, -by_hand(genome, ROWS)[:, 1], rtol=0, atol=0.0501)
    np.testing.assert_allclose(np.array(numbers) * 10, np.round(np.array(numbers) * 10), atol=1e-5)


def test_peaks_without_signal_are_left_out_before_windows_are_made(
    tmp_path, install, genome, peaks
):
    notes = []
    progress = Silent()
    progress.note = notes.append
    request = verbs.request("toy", genome, peaks=peaks, counts_column=5)
    run = verbs.run_all(request, tmp_path / "out", progress)
    open_rows = [row for row in ROWS if row[4]]
    expected = by_hand(genome, open_rows, np.array([row[4] for row in open_rows]))
    heading, *rows = table_of(run)
    assert heading[4] == "signal"
    assert [float(row[4]) for row in rows] == [row[4] for row in open_rows]
    np.testing.assert_allclose(np.array(rows)[:, 5:].astype(float), expected, rtol=0, atol=1e-5)
    assert any("5 of 24 peaks have no signal" in note for note in notes)
    assert any("may not be used commercially (private)" in note for note in notes)


def test_a_bigwig_and_a_counts_column_of_the_same_signal_agree(tmp_path, install, genome, peaks):
    path = tmp_path / "signal.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(name, int(length)) for name, length in CONTIGS])
        for contig, start, end, _, count in ROWS:
            if count:
                middle = (start + end) // 2
                file.addEntries([contig], [middle], ends=[middle + 2], values=[count / 2])
    tables = []
    for name, how in (("a", {"counts_column": 5}), ("b", {"accessibility": path})):
        request = verbs.request("toy", genome, peaks=peaks, **how)
        tables.append(table_of(verbs.run_all(request, tmp_path / name)))
    assert tables[0] == tables[1]


def test_stored_normalisers_make_a_subset_of_peaks_comparable(tmp_path, install, genome, peaks):
    whole = verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "whole")
    stored = whole.folder / "regions" / "toy.normalisers.json"
    few = tmp_path / "few.bed"
    few.write_text("".join("\t".join(map(str, row)) + "\n" for row in ROWS if row[0] == "one"))
    request = verbs.request("toy", genome, peaks=few, normalisers=stored)
    again = verbs.run_all(request, tmp_path / "again")
    assert table_of(again)[1:] == [row for row in table_of(whole) if row[0] == "one"]
    alone = verbs.run_all(verbs.request("toy", genome, peaks=few), tmp_path / "alone")
    assert table_of(alone) != table_of(again)
    (tmp_path / "bad.json").write_text("{}")
    request = verbs.request("toy", genome, peaks=few, normalisers=tmp_path / "bad.json")
    with pytest.raises(InputError, match="holds no normalisers"):
        verbs.run_all(request, tmp_path / "bad")


def test_a_repeated_run_does_nothing_and_another_request_is_refused(
    tmp_path, install, genome, peaks
):
    request = verbs.request("toy", genome, peaks=peaks)
    first = verbs.run_all(request, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.bw")}
    again = verbs.run_all(request, tmp_path / "out")
    assert again.files == first.files
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.bw")} == before
    with pytest.raises(UsageError, match=r"stride: 3, 2"):
        verbs.run_all(verbs.request("toy", genome, peaks=peaks, stride=2), tmp_path / "out")
    other = verbs.request("toy", genome, peaks=peaks, stride=2)
    replaced = verbs.run_all(other, tmp_path / "out", overwrite=True)
    assert (replaced.plan.models[0].regions.context, replaced.plan.models[0].stride) == (6, 2)


def test_a_run_that_was_killed_starts_again_and_gives_the_same_files(
    tmp_path, install, genome, peaks, monkeypatch
):
    whole = verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "whole")
    target = "tracksmith.regions.files._write_table"
    with monkeypatch.context() as patched:
        patched.setattr(target, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")
    assert not Run.open(tmp_path / "out").finished
    run = verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")
    assert run.files == whole.files
    assert run.finished


class Wrong(nn.Module):
    def forward(self, x):
        return x[..., :1]


class NotANumber(nn.Module):
    def forward(self, x):
        return torch.where(x[..., :2] == x[..., :2].amax(), torch.nan, x[..., :2])


class Short(BaseCounts):
    def features(self, batch):
        return super().features(batch)[:-1]


class Leaving(BaseCounts):
    def features(self, batch):
        raise SystemExit(0)


class Narrow(BaseCounts):
    def normalise(self, features, signal, normalisers):
        return features[:, :1], {}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (toy(Wrong), r"shape \(1, (\d+), 1\).*promises \(1, \1, 2\)"),
        (toy(NotANumber), r"returned nan as value \d of the region at"),
        (toy(features=Short), "features of .* regions have shape"),
        (toy(features=Leaving), "features of .* regions .* failed: SystemExit: 0"),
        (toy(features=Narrow), "2 features; float32 is due"),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_named(
    tmp_path, install, genome, peaks, model, message
):
    install(model)
    with pytest.raises(PluginError, match=message):
        verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")
    assert not list(tmp_path.glob("out/tracks/*.bw"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"inputs": {"motifs": "genome.fa"}}, UsageError, "does not read motifs.*extra"),
        ({"inputs": {"peaks": "genome.fa"}}, UsageError, "does not read peaks"),
        ({"inputs": {"extra": "absent"}}, InputError, "extra: there is no file"),
        ({"options": {"mode": "c"}}, UsageError, "mode=c"),
        ({"stride": 7}, UsageError, "give 1 to 6"),
        ({"dtype": "int8"}, UsageError, "--dtype int8"),
        ({"batch_size": 0}, UsageError, "--batch-size 0"),
        ({"overlaps": "keep"}, UsageError, "--overlaps keep"),
        ({"precision": "few"}, UsageError, "precision"),
        ({"tracks": ("x",)}, UsageError, "x"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_work(
    tmp_path, install, genome, peaks, changes, error, message
):
    if "inputs" in changes:
        changes = {"inputs": {name: tmp_path / path for name, path in changes["inputs"].items()}}
    with pytest.raises(error, match=message):
        verbs.run_all(verbs.request("toy", genome, peaks=peaks, **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_window_model_cannot_read_peaks(tmp_path, install, genome, peaks):
    install(toy(geometry=WindowGeometry(10, 0, 10)))
    with pytest.raises(UsageError, match=r"reads windows.*leave it out"):
        verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")


def test_a_changed_run_is_not_believed(tmp_path, install, genome, peaks):
    run = verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")
    text = (run.folder / "run.json").read_text().replace('"context": 6', '"context": 7')
    (run.folder / "run.json").write_text(text)
    with pytest.raises(TrustError, match="was edited"):
        verbs.run_all(verbs.request("toy", genome, peaks=peaks), tmp_path / "out")


def bed(tmp_path, text):
    path = tmp_path / "p.bed"
    path.write_text(text)
    return path


def test_overlapping_peaks_are_refused_or_joined_and_touching_ones_stay_apart(tmp_path):
    lines = ("two 0 9 z 1", "one 50 90 b 2", "one 10 60 a 3", "one 90 95 c 4", "one 20 55 a 5")
    path = bed(tmp_path, "\n".join(lines).replace(" ", "\t"))
    message = r"2 of 5 peaks overlap.*first one:21-55 and one:11-60.*--overlaps merge"
    with pytest.raises(InputError, match=message):
        read_peaks(PeaksRequest(path), CONTIGS)
    notes = []
    merged = read_peaks(
        PeaksRequest(path, counts_column=5, overlaps="merge"), CONTIGS, notes.append
    )
    rows = list(zip(merged.contig, merged.starts, merged.ends, merged.names, strict=True))
    assert rows == [(0, 10, 90, "a,b"), (0, 90, 95, "c"), (1, 0, 9, "z")]
    assert merged.signal.tolist() == [10, 4, 1]
    assert any("2 overlapping peaks" in note for note in notes)
    apart = read_peaks(PeaksRequest(bed(tmp_path, "one\t90\t95\none\t50\t90\n")), CONTIGS)
    assert apart.starts.tolist() == [50, 90]
    assert apart.signal is None


@pytest.mark.parametrize(
    ("text", "changes", "error", "message"),
    [
        ("one\t0\t9\tx\tmany\n", {"counts_column": 5}, InputError, "peak 1 at one:1: column 5 is"),
        ("one\t0\t9\tx\t-1\n", {"counts_column": 5}, InputError, "'-1'"),
        ("one\t0\t9\tx\n", {"counts_column": 5}, InputError, "column 5 is ''"),
        ("one\t0\t9\tx\tnan\n", {"counts_column": 5}, InputError, "'nan'"),
        ("one\t0\t9\tx\t0\n", {"counts_column": 5}, InputError, "no peak has any accessibility"),
        ("one\t0\t9\n", {"counts_column": 3}, UsageError, "Give 4 or more"),
        ("one\t0\t9\n", {"counts_column": 4, "accessibility": "x"}, UsageError, "not both"),
        ("one\t0\t9999\n", {}, InputError, r"p\.bed:1: end 9999 passes"),
        ("three\t0\t9\n", {}, InputError, "three"),
        ("", {}, InputError, "holds no regions"),
    ],
)
def test_bad_peaks_are_refused_with_their_place(tmp_path, text, changes, error, message):
    with pytest.raises(error, match=message):
        read_peaks(PeaksRequest(bed(tmp_path, text), **changes), CONTIGS)


def test_an_ensemble_with_missing_folds_is_refused_unless_one_is_named(
    install, genome, peaks, tmp_path
):
    weights = tmp_path / "weights"
    weights.mkdir()
    for fold in "12":
        (weights / f"{fold}.w").write_text(fold)

    def find(place):
        files = [place] if place.is_file() else sorted(place.glob("*.w"))
        return {file.stem: (file,) for file in files}

    model = replace(toy(folds=tuple(Fold(name) for name in "123")), find_weights=find)
    install(replace(model, load=lambda request: {fold: Neighbours() for fold in request.weights}))
    job_request = verbs.request("toy", genome, peaks=peaks, weights=weights, device="cpu")
    with pytest.raises(ResourceError, match=r"has 3 folds, .* 1 are missing: 3.*--weights FILE"):
        verbs.run_all(job_request, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = verbs.run_all(verbs.changed(job_request, weights=weights / "2.w"), tmp_path / "run")
    assert run.plan.models[0].folds.names == ("2",)
    (weights / "3.w").write_text("3")
    run = verbs.run_all(job_request, tmp_path / "whole")
    assert run.plan.models[0].folds.names == ("1", "2", "3")


class Refusing(BaseCounts):
    def normalise(self, features, signal, normalisers):
        raise UsageError("no such option")


def test_what_only_the_normaliser_can_refuse_costs_no_finished_run(
    install, genome, peaks, tmp_path
):
    request = verbs.request("toy", genome, peaks=peaks, device="cpu")
    run = verbs.run_all(request, tmp_path / "run")
    before = {file.path: (run.folder / file.path).read_bytes() for file in run.files}
    install(toy(features=Refusing))
    with pytest.raises(UsageError, match="no such option"):
        verbs.run_all(request, tmp_path / "run", overwrite=True)
    install(toy())
    assert verbs.run_all(request, tmp_path / "run").finished
    assert {path: (run.folder / path).read_bytes() for path in before} == before
