"""Predicted against measured tracks: the numbers by hand, and what is wrong with files is named."""

import csv
import json
import re
from itertools import pairwise

import numpy as np
import pyBigWig
import pytest
from click.testing import CliRunner
from evaluate_toys import WIDE, peaks_model, stored, write_measured
from scipy import stats
from scipy.spatial.distance import jensenshannon

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, ResourceError, UsageError
from tracksmith.evaluate import along

LENGTHS = {"chr1": 3_000, "chr2": 1_500}


def noisy(values, dice):
    """The same signal, badly measured, with gaps of its own."""
    found = np.round(values * dice.lognormal(0, 0.3, len(values)), 3)
    found[dice.integers(0, len(values), len(values) // 20)] = np.nan
    return found


def table_of(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def compare(run, files, out, **options):
    return tracksmith.evaluate_tracks(run, files, out, **options)


def signal(path, contig, start, end, sign=1):
    with pyBigWig.open(str(path)) as file:
        return sign * np.array(file.values(contig, start, end), float)


def both(run, files, tracks, contig, start, end):
    """Predicted and measured values of tracks, put one behind the other, where both are known."""
    x = [signal(run / f"tracks/toy.{t}.bw", contig, start, end, 1 if t == "plus" else -1)
         for t in tracks]  # fmt: skip
    y = [signal(files[("plus", "minus").index(t)], contig, start, end) for t in tracks]
    x, y = np.concatenate(x), np.concatenate(y)
    known = ~np.isnan(x) & ~np.isnan(y)
    return x[known], y[known]


@pytest.mark.parametrize("unit", ["plus", "minus", "plus+minus"])
def test_numbers_of_regions_are_those_of_scipy_over_pybigwig(
    unit, predicted, measured, regions, tmp_path
):
    run, files = predicted(), measured(noisy)
    found = compare(run, files, tmp_path / "out", regions=regions)
    rows = {key: [] for key in ("pearson", "spearman", "jsd")}
    sums = []
    for line in regions.read_text().splitlines():
        contig, start, end = line.split("\t")[0], *map(int, line.split("\t")[1:3])
        x, y = both(run, files, unit.split("+"), contig, start, end)
        if len(x):
            rows["pearson"].append(stats.pearsonr(x, y).statistic)
            rows["spearman"].append(stats.spearmanr(x, y).statistic)
            rows["jsd"].append(jensenshannon(x, y, base=2))
            sums.append((np.log1p(x.sum()), np.log1p(y.sum())))
    for key, values in rows.items():
        assert found.value(f"profile_{key}", unit) == pytest.approx(np.median(values), abs=1e-9)
    x, y = np.array(sums).T
    assert found.value("quantity_pearson", unit) == pytest.approx(
        stats.pearsonr(x, y).statistic, abs=1e-9
    )
    assert found.value("quantity_spearman", unit) == pytest.approx(
        stats.spearmanr(x, y).statistic, abs=1e-9
    )
    table = table_of(tmp_path / "out/regions.tsv")
    mine = [row for row in table if row["track"] == unit]
    assert [float(row["pearson"]) for row in mine if row["pearson"]] == pytest.approx(
        rows["pearson"], abs=1e-9
    )
    assert [row["why"] for row in mine if not row["pearson"]] == ["no value"]


@pytest.mark.parametrize("width", [1, 32, 128, 1024])
def test_numbers_of_contigs_are_those_of_scipy_over_pybigwig(
    width, predicted, measured, tmp_path, monkeypatch
):
    monkeypatch.setattr(along, "CHUNK", 1)  # the smallest chunks that hold whole bins
    run, files = predicted(), measured(noisy)
    found = compare(run, files, tmp_path / "out")
    bins = {}
    for track in ("plus", "minus"):
        for contig, length in LENGTHS.items():
            x = signal(run / f"tracks/toy.{track}.bw", contig, 0, length,
                       1 if track == "plus" else -1)  # fmt: skip
            y = signal(files[("plus", "minus").index(track)], contig, 0, length)
            known = ~np.isnan(x) & ~np.isnan(y)
            for start in range(0, length, width):
                here = known[start : start + width]
                if here.any():
                    means = [v[start : start + width][here].mean() for v in (x, y)]
                    for key in ((track, "all"), (track, contig), ("plus+minus", "all")):
                        bins.setdefault(key, []).append(means)
    for (track, group), pairs in bins.items():
        x, y = np.array(pairs).T
        value = found.value(f"contig_pearson_{width}", track, group)
        assert value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)


def warned(found):
    return {text.split(":")[0].rstrip("?") for text in found.findings
            if text.split("?")[0].split(":")[0].isupper()}  # fmt: skip


CASES = {
    "planted": ({"change": noisy}, set()),
    "minus stored negative": ({"change": noisy, "sign": -1.0}, set()),
    "swapped": ({"change": noisy, "swap": True}, {"STRANDS SWAPPED"}),
    "permuted": ({"change": lambda v, dice: dice.permutation(v)}, {"NO RELATION"}),
    "flipped": ({"change": lambda v, dice: 20 - noisy(v, dice)}, {"SIGN FLIPPED"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("with_regions", [True, False])
def test_what_is_wrong_with_a_measurement_is_named(
    case, with_regions, predicted, measured, regions, tmp_path
):
    made, expected = CASES[case]
    chosen = regions if with_regions else None
    found = compare(predicted("one", folds="1"), measured(**made), tmp_path / "o", regions=chosen)
    said = {word.split("?")[0] for word in warned(found)} - {"MIXED"}
    if case == "swapped":  # each strand alone goes with nothing
        said -= {"NO RELATION"}
    assert said == expected, found.findings


def test_a_planted_relation_is_recovered_and_a_permuted_one_is_none(
    predicted, measured, regions, tmp_path
):
    good = compare(predicted(), measured(noisy, name="a"), tmp_path / "a", regions=regions)
    none = compare(
        predicted(), measured(lambda v, dice: dice.permutation(v), name="b"), tmp_path / "b",
        regions=regions,
    )  # fmt: skip
    for number in ("profile_pearson", "contig_pearson_1"):
        assert good.value(number, "plus+minus") > 0.8
        assert abs(none.value(number, "plus+minus")) < 0.1


def test_the_sign_of_a_minus_file_changes_no_number_and_is_said(
    predicted, measured, regions, tmp_path
):
    up = compare(predicted(), measured(noisy, name="u"), tmp_path / "u", regions=regions)
    down = compare(predicted(), measured(noisy, -1.0, name="d"), tmp_path / "d", regions=regions)
    assert [r.estimate for r in up.rows] == pytest.approx([r.estimate for r in down.rows]) or all(
        (a.estimate.value == b.estimate.value) or (a.estimate.value != a.estimate.value)
        for a, b in zip(up.rows, down.rows, strict=True)
    )
    assert any("u.minus.bw is stored positive" in text for text in up.findings)
    assert any("d.minus.bw is stored negative, as minus strands often" in t for t in down.findings)


def test_gaps_are_counted_and_not_taken_for_zero(predicted, values_of, regions, tmp_path):
    run = predicted()
    arrays = values_of("plus")
    for values in arrays.values():
        values[values < 1.5] = np.nan  # as files of counts leave out what is 0
    path = str(write_measured(tmp_path / "sparse.bw", arrays))
    found = compare(run, {"plus": path}, tmp_path / "gap", regions=regions)
    filled = compare(run, {"plus": path}, tmp_path / "zero", regions=regions, missing="zero")
    assert found.value("contig_pearson_1", "plus") == pytest.approx(1, abs=1e-9)
    assert 0.5 < filled.value("contig_pearson_1", "plus") < 0.999
    known = {c: int((~np.isnan(v)).sum()) for c, v in arrays.items()}
    counts = {row["contig"]: row for row in found.counts}
    assert {c: row["compared"] for c, row in counts.items()} == known
    x = {c: stored(run / "tracks/toy.plus.bw", c, n) for c, n in LENGTHS.items()}
    for contig, length in LENGTHS.items():
        row = counts[contig]
        assert row["bases"] == length
        assert row["no_measured"] == length - known[contig]
        assert row["no_predicted"] == int(np.isnan(x[contig]).sum())
    assert "ZEROS LEFT OUT" in {word.split("?")[0] for word in warned(found)}
    assert "ZEROS LEFT OUT" not in {word.split("?")[0] for word in warned(filled)}


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ("1", {"all": "MIXED", "chr1": "held-out", "chr2": "seen in training"}),
        ("held-out", {"all": "held-out", "chr1": "held-out", "chr2": "held-out",
                      "1": "held-out", "2": "held-out"}),
        ("mean", {"all": "seen in training", "chr1": "seen in training"}),
    ],
)  # fmt: skip
def test_every_number_says_whether_the_model_saw_the_contig(
    folds, words, predicted, values_of, tmp_path
):
    run = predicted(f"folds-{folds}", folds=folds)
    path = str(write_measured(tmp_path / "m.bw", values_of("plus")))
    found = compare(run, {"plus": path}, tmp_path / "out")
    said = {row.group.name: row.group.held_out for row in found.rows}
    assert words.items() <= said.items()
    assert any(t.startswith("MIXED") for t in found.findings) == (words["all"] == "MIXED")
    if words["all"] == "MIXED":
        assert said["held-out"] == "held-out"


def test_a_card_that_says_nothing_of_its_folds_is_not_called_held_out(
    predicted, values_of, tmp_path
):
    run = predicted("foldless", peaks_model(folds=(("1", ()),)))
    path = str(write_measured(tmp_path / "m.bw", values_of("plus")))
    found = compare(run, {"plus": path}, tmp_path / "out")
    assert {row.group.held_out for row in found.rows} == {"not stated"}


def test_wide_bins_are_compared_bin_by_bin(predicted, tmp_path):
    run = predicted("wide", peaks_model(WIDE))
    dice = np.random.default_rng(1)
    x = stored(run / "tracks/toy.plus.bw", "chr2", 1_500)
    y = x * dice.lognormal(0, 1, 1_500)
    path = str(write_measured(tmp_path / "m.bw", {"chr2": y}))
    bed = tmp_path / "r.bed"
    bed.write_text("chr2\t100\t500\n")
    found = compare(run, {"plus": path}, tmp_path / "out", regions=bed, bins=[1, 16])
    edges = [100, *range(112, 496, 16), 496, 500]
    means = [[v[a:b].mean() for a, b in pairwise(edges)] for v in (x, y)]
    assert found.value("profile_pearson", "plus") == pytest.approx(
        stats.pearsonr(*means).statistic, abs=1e-9
    )
    with pytest.raises(KeyError):  # finer than the prediction
        found.value("contig_pearson_1", "plus")
    assert found.value("contig_pearson_16", "plus") > 0.2


def test_contigs_of_other_names_are_found_and_another_assembly_is_refused(
    predicted, values_of, tmp_path
):
    run, arrays = predicted(), values_of("plus")
    bare = write_measured(tmp_path / "bare.bw", {"1": arrays["chr1"], "2": arrays["chr2"]})
    assert compare(run, {"plus": bare}, tmp_path / "a").value("contig_pearson_1", "plus") > 0.999
    other = write_measured(tmp_path / "x.bw", {"one": arrays["chr1"]})
    with pytest.raises(InputError, match="shares no contig"):
        compare(run, {"plus": other}, tmp_path / "b")
    alias = tmp_path / "alias.tsv"
    alias.write_text("one\tchr1\n")
    found = compare(run, {"plus": other}, tmp_path / "c", alias=alias)
    assert found.value("contig_pearson_1", "plus") > 0.999
    longer = write_measured(tmp_path / "longer.bw", {"chr1": arrays["chr1"]}, [3_100])
    with pytest.raises(InputError, match="chr1: 3,100 bp there, 3,000 bp"):
        compare(run, {"plus": longer}, tmp_path / "d")
    cut = compare(run, {"plus": longer}, tmp_path / "d", allow_other_lengths=True)
    assert cut.value("contig_pearson_1", "plus") > 0.999


def test_files_that_do_not_go_with_the_tracks_are_refused(predicted, measured, tmp_path):
    run, files = predicted(), measured()
    with pytest.raises(UsageError, match=r"has 2 tracks \(plus, minus\) and --measured names 1"):
        compare(run, files[0], tmp_path / "o")
    with pytest.raises(UsageError, match=r"no track 'pluss'; it has toy\.plus"):
        compare(run, {"pluss": files[0]}, tmp_path / "o")
    with pytest.raises(UsageError, match="for all of the files, or for none"):
        compare(run, [files[0], f"minus={files[1]}"], tmp_path / "o")
    text = tmp_path / "no.bw"
    text.write_text("no bigWig")
    with pytest.raises(InputError, match="is neither bigWig nor bigBed"):
        compare(run, {"plus": text}, tmp_path / "o")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="neither empty nor an evaluation"):
        compare(run, files, tmp_path / "full")


def test_the_report_needs_nothing_beside_it_and_the_json_has_the_numbers(
    predicted, measured, regions, tmp_path, pictures
):
    out = tmp_path / "out"
    found = compare(predicted(), measured(noisy), out, regions=regions)
    page = (out / "report.html").read_text()
    assert "<script" not in page and not re.search(r"(src|href)=\"?(https?|//)", page)
    assert page.count("<svg") >= 3 and "prefers-color-scheme:dark" in page
    for row in found.rows:
        assert row.definition.name.replace("'", "&#x27;") in page
    table = table_of(out / "numbers.tsv")
    numbers = json.loads((out / "evaluation.json").read_text())["numbers"]
    assert len(table) == len(numbers) == len(found.rows)
    for line, number, row in zip(table, numbers, found.rows, strict=True):
        assert float(line["value"] or "nan") == pytest.approx(row.estimate.value, nan_ok=True)
        assert number["value"] == (None if row.estimate.value != row.estimate.value
                                   else row.estimate.value)  # fmt: skip
        assert line["definition"] and line["training"] == row.group.held_out


def test_an_evaluation_repeated_has_the_same_bytes(predicted, measured, regions, tmp_path):
    out = tmp_path / "out"
    compare(predicted(), measured(noisy), out, regions=regions)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(before) == 4
    compare(predicted(), measured(noisy), out, regions=regions)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_command_prints_numbers_with_their_definitions(predicted, measured, regions, tmp_path):
    files = measured(noisy)
    done = CliRunner().invoke(
        main,
        ["evaluate", "tracks", str(predicted()), "--measured", *files, "--regions", str(regions),
         "-o", str(tmp_path / "out")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    again = compare(predicted(), files, tmp_path / "again", regions=regions)
    number = again.value("profile_pearson", "plus+minus")
    assert f"toy plus+minus: profile, Pearson r {number:.4f} (" in done.output
    assert "quantity, Pearson r: Pearson's r over the regions between log(1 + sum" in done.output
    assert "as He and Danko 2024; scipy.stats.pearsonr" in done.output
    assert "[seen in training]" in done.output


def test_a_missing_library_is_named_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("tracksmith.plot.libraries.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"matplotlib.*pip install 'tracksmith\[evaluate\]'"):
        compare(tmp_path, [], tmp_path / "o")


def test_a_region_beyond_what_memory_holds_is_refused(predicted, measured, tmp_path, monkeypatch):
    monkeypatch.setattr("tracksmith.evaluate.profiles.LONGEST", 100)
    bed = tmp_path / "long.bed"
    bed.write_text("chr1\t0\t101\n")
    with pytest.raises(InputError, match="chr1:1-101 has 101 bp"):
        compare(predicted(), measured(), tmp_path / "o", regions=bed)
