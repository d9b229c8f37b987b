"""Predicted against measured effects: the numbers by hand, matching of variants, labels, models."""

import csv
import gzip
import json

import numpy as np
import pytest
from click.testing import CliRunner
from evaluate_toys import peaks_model
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, UsageError

UNIT = "plus+minus log2fc"
OPTIONS = {"scores": ["log2fc", "l2"]}


def table_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture
def truth(scored):
    """The run's own rows of one score of both strands, and their effects."""
    run = scored(**OPTIONS)
    rows = [
        row for row in table_of(run / "variants/toy.tsv.gz")
        if row["track"] == "plus+minus" and row["score"] == "log2fc"
    ]  # fmt: skip
    return run, rows, np.array([float(row["value"]) for row in rows])


@pytest.fixture
def write(tmp_path):
    """Return a function that writes rows with a value and a label as a table."""

    def table(rows, values, labels=(), name="m.tsv", titles="chrom\tpos\tref\talt\tlfc\thit"):
        labels = labels if len(labels) else [""] * len(rows)
        lines = [
            f"{row['chrom']}\t{row['pos']}\t{row['ref']}\t{row['alt']}\t{value}\t{label}"
            for row, value, label in zip(rows, values, labels, strict=True)
        ]
        path = tmp_path / name
        path.write_text("\n".join([titles, *lines]) + "\n")
        return path

    return table


def noisy(values, seed=3):
    dice = np.random.default_rng(seed)
    return values * 2 + dice.normal(0, values.std(), len(values))


def test_correlations_slope_and_signs_are_those_of_scipy(truth, write, tmp_path):
    run, rows, x = truth
    y = noisy(x)
    found = tracksmith.evaluate_effects(run, write(rows, y), tmp_path / "out")
    r = stats.pearsonr(x, y)
    row = next(r for r in found.rows if r.track == UNIT and r.definition.key == "effects_pearson")
    assert row.estimate.value == pytest.approx(r.statistic, abs=1e-9)
    assert (row.estimate.low, row.estimate.high) == pytest.approx(
        tuple(r.confidence_interval()), abs=1e-9
    )
    assert row.estimate.count == len(rows)
    assert found.value("effects_spearman", UNIT) == pytest.approx(
        stats.spearmanr(x, y).statistic, abs=1e-9
    )
    assert found.value("effects_slope", UNIT) == pytest.approx(
        stats.linregress(x, y).slope, abs=1e-9
    )
    agree = np.sign(x) == np.sign(y)
    signs = next(r for r in found.rows if r.track == UNIT and r.definition.key == "sign_agreement")
    interval = stats.binomtest(int(agree.sum()), len(x)).proportion_ci(method="wilson")
    assert signs.estimate.value == pytest.approx(agree.mean(), abs=1e-9)
    assert (signs.estimate.low, signs.estimate.high) == pytest.approx(tuple(interval), abs=1e-9)
    here = np.array([row["chrom"] == "chr2" for row in rows])
    assert found.value("effects_pearson", UNIT, "chr2") == pytest.approx(
        stats.pearsonr(x[here], y[here]).statistic, abs=1e-9
    )


def test_labels_are_ranked_as_scikit_learn_does_with_a_seeded_interval(truth, write, tmp_path):
    run, rows, x = truth
    label = (np.abs(x) + np.random.default_rng(1).normal(0, 0.5, len(x)) > 0.7).astype(int)
    path = write(rows, x, label)
    found = tracksmith.evaluate_effects(run, path, tmp_path / "o", label="hit", resamples=30)
    size = np.abs(x)
    for key, made in (("auprc", average_precision_score), ("auroc", roc_auc_score)):
        row = next(r for r in found.rows if r.track == UNIT and r.definition.key == key)
        assert row.estimate.value == pytest.approx(made(label, size), abs=1e-9)
        draw = np.random.default_rng(1)
        again = []
        for _ in range(30):
            at = draw.integers(0, len(x), len(x))
            again.append(made(label[at], size[at]))
        assert (row.estimate.low, row.estimate.high) == pytest.approx(
            tuple(np.quantile(again, [0.025, 0.975])), abs=1e-9
        )
    top = size >= np.sort(size)[-int(np.ceil(0.1 * len(size)))]
    a, b = (top & (label == 1)).sum(), (top & (label == 0)).sum()
    c, d = (~top & (label == 1)).sum(), (~top & (label == 0)).sum()
    assert found.value("odds_ratio_0.1", UNIT) == pytest.approx(
        np.inf if b == 0 else a * d / (b * c)
    )


def said(found):
    return {text.split("?")[0].split(":")[0] for text in found.findings} & {
        "SIGN FLIPPED", "NO RELATION", "MIXED",
    }  # fmt: skip


def test_planted_permuted_and_flipped_effects_are_told_apart(truth, write, tmp_path):
    run, rows, x = truth
    dice = np.random.default_rng(9)
    for name, y, words in (
        ("planted", noisy(x), set()),
        ("permuted", dice.permutation(x), {"NO RELATION"}),
        ("flipped", -noisy(x), {"SIGN FLIPPED"}),
    ):
        found = tracksmith.evaluate_effects(
            run, write(rows, y), tmp_path / name, tracks=["plus+minus"]
        )
        assert said(found) == words, (name, found.findings)


def test_exchanged_alleles_are_matched_with_their_sign_turned(truth, write, tmp_path):
    run, rows, x = truth
    mixed = [row | ({"ref": row["alt"], "alt": row["ref"]} if n % 3 else {})
             for n, row in enumerate(rows)]  # fmt: skip
    y = [-value if n % 3 else value for n, value in enumerate(x)]
    found = tracksmith.evaluate_effects(run, write(mixed, y), tmp_path / "out")
    assert found.value("effects_pearson", UNIT) == pytest.approx(1)
    assert found.counts[-1]["exchanged"] == sum(n % 3 > 0 for n in range(len(rows)))


def test_variants_of_other_contig_names_missing_values_and_unmatched_rows_are_counted(
    truth, write, tmp_path
):
    run, rows, x = truth
    bare = [row | {"chrom": row["chrom"].removeprefix("chr")} for row in rows]
    y = [value if n % 4 else "NA" for n, value in enumerate(x)]
    other = [rows[0] | {"chrom": "chrZ"}, rows[0] | {"pos": "1"}]
    found = tracksmith.evaluate_effects(
        run, write([*bare, *other], [*y, 1.0, 2.0]), tmp_path / "out"
    )
    row = next(r for r in found.rows if r.track == UNIT and r.group.kind == "all")
    known = sum(n % 4 > 0 for n in range(len(rows)))
    assert (row.estimate.count, row.left_out) == (known, len(rows) + 1 - known)
    assert any("1 rows of m.tsv lie on contigs" in text for text in found.findings)
    assert found.counts[-1]["measured"] == len(rows) + 1


def test_a_score_without_a_sign_is_compared_with_sizes(truth, write, scored, tmp_path):
    run, rows, _ = truth
    l2 = [float(row["value"]) for row in table_of(run / "variants/toy.tsv.gz")
          if row["track"] == "plus+minus" and row["score"] == "l2"]  # fmt: skip
    signs = np.where(np.arange(len(l2)) % 2, 1, -1)
    found = tracksmith.evaluate_effects(
        run, write(rows, np.array(l2) * signs), tmp_path / "out", score="l2"
    )
    assert found.value("effects_pearson", "plus+minus l2") == pytest.approx(1)
    with pytest.raises(KeyError):
        found.value("sign_agreement", "plus+minus l2")


def test_two_models_are_compared_on_the_same_resamples(truth, write, scored, tmp_path):
    run, rows, x = truth
    worse = scored("worse", peaks_model(first=1), **OPTIONS)
    label = (np.abs(x) > np.median(np.abs(x))).astype(int)
    found = tracksmith.evaluate_effects(
        [run, worse], write(rows, noisy(x), label), tmp_path / "out", label="hit",
        tracks=["plus+minus"], resamples=20,
    )  # fmt: skip
    by_key = {r.definition.key: r for r in found.rows if "minus effects" in r.track}
    assert set(by_key) == {
        "difference_effects_pearson", "difference_effects_spearman",
        "difference_auprc", "difference_auroc",
    }  # fmt: skip
    one, two = (found.value("auroc", UNIT, model=m) for m in ("effects toy", "worse toy"))
    row = by_key["difference_auroc"]
    assert row.estimate.value == pytest.approx(two - one, abs=1e-9)
    assert row.estimate.low < row.estimate.value < row.estimate.high
    again = tracksmith.evaluate_effects(
        [run, run.parent / "worse"], write(rows, noisy(x), label), tmp_path / "again",
        label="hit", tracks=["plus+minus"], resamples=20,
    )  # fmt: skip
    assert [r.estimate for r in again.rows if "difference" in r.definition.key] == [
        r.estimate for r in found.rows if "difference" in r.definition.key
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\n1\t2\n", "the first line must name the columns chrom, pos, ref and alt"),
        ("chrom\tpos\tref\talt\tx\nchr1\t5\tA\tC\t1\n", "which column is measured"),
        ("chrom\tpos\tref\talt\tlfc\nchr1\tfive\tA\tC\t1\n", ":2: the position 'five'"),
        ("chrom\tpos\tref\talt\tlfc\nchr1\t5\tA\tC\tbig\n", ":2: 'big' is no number"),
        ("chrom\tpos\tref\talt\tlfc\nchr1\t5\tA\tC\n", ":2: 4 columns, though the first line"),
        (
            "chrom\tpos\tref\talt\tlfc\nchr1\t5\tA\tC\t1\n1\t5\tA\tC\t2\n",
            ":3: the variant of line 2 once more",
        ),
        ("chrom\tpos\tref\talt\tlfc\nchr1\t5\tA\tC\t1\n", "shares no variant with the runs"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(text, message, scored, tmp_path):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        tracksmith.evaluate_effects(scored(**OPTIONS), path, tmp_path / "out")


def test_what_the_run_does_not_have_is_refused(truth, write, predicted, tmp_path):
    run, rows, x = truth
    path = write(rows, x)
    with pytest.raises(UsageError, match="has the scores log2fc, l2 here"):
        tracksmith.evaluate_effects(run, path, tmp_path / "o", score="diff")
    with pytest.raises(UsageError, match="--track no: toy has plus, minus"):
        tracksmith.evaluate_effects(run, path, tmp_path / "o", tracks=["no"])
    with pytest.raises(UsageError, match="holds no table of effects"):
        tracksmith.evaluate_effects(predicted(), path, tmp_path / "o")
    with pytest.raises(InputError, match=r"--label none: .* has no such column"):
        tracksmith.evaluate_effects(run, path, tmp_path / "o", label="none")


def test_the_command_writes_tables_report_and_json(truth, write, tmp_path, pictures):
    run, rows, x = truth
    label = (np.abs(x) > np.median(np.abs(x))).astype(int)
    done = CliRunner().invoke(
        main,
        ["evaluate", "effects", str(run), "--measured", str(write(rows, noisy(x), label)),
         "--label", "hit", "--track", "plus+minus", "--resamples", "20",
         "-o", str(tmp_path / "out")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "auPRC: average precision of the size of the predicted effect" in done.output
    page = (tmp_path / "out/report.html").read_text()
    assert page.count("<svg") == 2 and "recall" in page and "<script" not in page
    table = table_of(tmp_path / "out/variants.tsv")
    assert [float(row["predicted"]) for row in table] == x.tolist()
    assert {row["training"] for row in table} == {"seen in training"}
    numbers = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert numbers["about"]["bootstrap"] == "20 resamples, seed 1"
