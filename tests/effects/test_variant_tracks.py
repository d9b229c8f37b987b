"""Tracks around variants and of saturated regions, against windows predicted one by one."""

import numpy as np
import pyBigWig
import pytest
from effect_toys import CUT, Variant, parts_of
from engine_toys import Dense, cut, dense_by_hand
from matching_by_hand import Pair, by_base, by_bin, closest

import tracksmith
from tracksmith.errors import InputError, UsageError
from tracksmith.models.card import Track, VariantDefaults, WindowGeometry

GEOMETRY = WindowGeometry(64, 16, 32, 1)
COARSE = WindowGeometry(64, 16, 32, 8)
UNSIGNED = (
    Track("plus", "plus", "+", rc_partner="minus"),
    Track("minus", "minus", "-", rc_partner="plus"),
    Track("both", "both"),
)


def track(run, name, contig="chr1"):
    with pyBigWig.open(str(run.folder / name)) as file:
        return file.values(contig, 0, file.chroms(contig), numpy=True)


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


@pytest.fixture
def small(write_genome, random_bases):
    text = random_bases(2_000, 3)
    return write_genome(chr1=text, chr2=random_bases(300, 4)), text


def matched_by_hand(predicted, track, first, geometry, text, variant):
    """The bins of the reference with those of the alternative that correspond."""
    reference, left, right = (values[track] for values in predicted)
    variant, size = Variant("chr1", *variant), geometry.bin
    bins, change = (0, len(reference)), len(variant.alternative) - len(variant.reference)
    if not change:
        pairs = zip(reference, left, range(first, first + size * len(left), size), strict=True)
        return [Pair(*pair) for pair in pairs]
    if size == 1:
        ways = by_base(reference, left, first, bins, text, variant)
    else:
        ways = by_bin(reference, left, right, first, size, bins, text, variant)
    of_the_reference = len(reference) if size > 1 else None
    pairs = closest(ways)[:of_the_reference]
    return [pair if pair.alternative else pair._replace(alternative=np.nan) for pair in pairs
            if pair.reference]  # fmt: skip


def windows_by_hand(text, position, ref, alt, geometry=GEOMETRY):
    """Reference and alternative tracks, in coordinates of the reference, ``(3, length)``."""
    network = Dense(geometry, 0)
    changed = text[:position] + alt + text[position + len(ref) :]
    start, change = position - geometry.window // 2, len(alt) - len(ref)
    first = start + geometry.core_start
    windows = ((text, start), (changed, start), (changed, start + change))
    predicted = [
        dense_by_hand(network, cut(sequence, at, at + geometry.window)) for sequence, at in windows
    ]
    by_allele = [np.full((3, len(text)), np.nan) for _ in range(2)]
    for place, column in enumerate(np.repeat(predicted[0], geometry.bin, axis=1).T, first):
        by_allele[0][:, place] = column
    for track in range(3):
        pairs = matched_by_hand(predicted, track, first, geometry, text, (position, ref, alt))
        for pair in pairs:
            by_allele[1][track, pair.place : pair.place + geometry.bin] = pair.alternative
    delta = by_allele[1] - by_allele[0]
    gone = np.arange(position + min(len(ref), len(alt)), position + len(ref))
    inside = gone[(gone >= first) & (gone < first + geometry.core_length)]
    if geometry.bin == 1:
        delta[:, inside] = -by_allele[0][:, inside]
    return by_allele[0], by_allele[1], delta


@pytest.mark.parametrize("geometry", [GEOMETRY, COARSE], ids=["fine", "coarse"])
@pytest.mark.parametrize("kind", ["snv", "insertion", "deletion"])
def test_tracks_show_both_alleles_in_coordinates_of_the_reference(
    register, toy, small, write_vcf, tmp_path, geometry, kind
):
    wanted = VariantDefaults(scores=("diff",), bins=(1, 3) if geometry.bin > 1 else None)
    register(toy(tracks=UNSIGNED, geometry=geometry, variants=wanted))
    genome, text = small
    ref, alt = {
        "snv": (text[500], other(text[500])),
        "insertion": (text[500], text[500] + other(text[501]) + "CC"),
        "deletion": (text[500:505], text[500]),
    }[kind]
    if kind == "deletion":
        assert text[500] != text[504], "normal as it is"
    row = ("chr1", 501, "v", ref, alt)
    run = tracksmith.score_variants(
        write_vcf([row]), "toy", genome, tmp_path / "run", around=["top:5"]
    ).run
    truth = windows_by_hand(text, 500, ref, alt, geometry)
    stored = {file.path: file.stored_sign for file in run.files}
    for number, name in enumerate(("plus", "minus", "both")):
        for statistic, values in zip(("ref", "alt", "delta"), truth, strict=True):
            path = f"variants/toy.{name}.{statistic}.bw"
            # A difference is never negated: up is a gain on both strands.
            sign = -1 if name == "minus" and statistic != "delta" else 1
            assert stored[path] == sign
            mine = track(run, path)
            assert np.array_equal(np.isnan(mine), np.isnan(values[number])), (name, statistic)
            assert np.allclose(mine, sign * values[number], atol=1e-3, equal_nan=True)


def test_where_variants_are_near_the_strongest_is_shown(
    register, toy, small, write_vcf, tmp_path, table_of
):
    register(toy())
    genome, text = small
    places = [400, 410, 421, 900]
    rows = [("chr1", p + 1, f"v{p}", text[p], other(text[p])) for p in places]
    run = tracksmith.score_variants(
        write_vcf(rows), "toy", genome, tmp_path / "run", around=["chr1:390-430", "chr2:5"]
    ).run
    ranked = [row["id"] for row in table_of(tmp_path / "run/variants/toy.top.tsv")]
    order = [int(name[1:]) for name in ranked if name != "v900"]
    mine = track(run, "variants/toy.plus.alt.bw")
    truth = np.full(len(text), np.nan)
    for place in reversed(order):
        alt = windows_by_hand(text, place, text[place], other(text[place]))[1][0]
        truth = np.where(np.isnan(alt), truth, alt)
    assert np.allclose(mine, truth, atol=1e-3, equal_nan=True)
    assert np.isnan(mine[850:950]).all(), "not asked for"


def test_saturation_scores_every_substitution_and_leaves_the_reference_a_gap(
    register, toy, write_genome, random_bases, tmp_path, monkeypatch
):
    monkeypatch.setattr(CUT, parts_of(64))
    register(toy())
    text = random_bases(600, 5)
    text = text[:205] + "NNN" + text[208:]
    genome = write_genome(chr1=text, chr2="ACGT" * 20)
    run = tracksmith.score_variants(
        None, "toy", genome, tmp_path / "run", saturate="chr1:151-350"
    ).run
    names = [f.path for f in run.files]
    kinds = ("A", "C", "G", "T", "mean")
    assert names == [f"ism/toy.{t}.{b}.bw" for t in ("plus", "minus", "both") for b in kinds]
    by_base = {base: track(run, f"ism/toy.minus.{base}.bw") for base in kinds}
    network = Dense(GEOMETRY, 0)
    for place in (150, 151, 203, 208, 213, 300, 349):
        effects = []
        start = place - 32
        for base in "ACGT":
            changed = text[:place] + base + text[place + 1 :]
            if base == text[place]:
                assert np.isnan(by_base[base][place])
                continue
            both = [dense_by_hand(network, cut(t, start, start + 64))[1] for t in (text, changed)]
            effects.append((both[1] - both[0]).sum())
            assert by_base[base][place] == pytest.approx(effects[-1], abs=2e-3)
        assert by_base["mean"][place] == pytest.approx(np.mean(effects), abs=2e-3)
    for values in by_base.values():
        assert np.isnan(values[205:208]).all(), "N has no substitution"
        assert np.isnan(values[:150]).all() and np.isnan(values[350:]).all()
    statistics = [(f.statistic, f.base) for f in run.files[:5]]
    assert statistics == [("saturation", b) for b in "ACGT"] + [("letters", "")]


def test_regions_that_are_typed_go_by_the_alias_file(register, toy, small, write_vcf, tmp_path):
    register(toy())
    genome, text = small
    (tmp_path / "alias").write_text("NC1\tchr1\n")
    vcf = write_vcf([("NC1", 401, ".", text[400], other(text[400]))])
    runs = [
        tracksmith.score_variants(
            vcf, "toy", genome, tmp_path / f"around-{name}", around=[f"{name}:390-430"],
            alias=tmp_path / "alias",
        ).run
        for name in ("NC1", "chr1")
    ]  # fmt: skip
    assert runs[0].files == runs[1].files
    assert any(file.path.endswith(".alt.bw") for file in runs[0].files)
    saturated = tracksmith.score_variants(
        None, "toy", genome, tmp_path / "ism", saturate="NC1:301-310", alias=tmp_path / "alias"
    ).run
    assert (saturated.folder / "regions.bed").read_text() == "chr1\t300\t310\n"


@pytest.mark.parametrize("number", ["0", "-1", "", "\u00b2", "9" * 5_000])
def test_a_number_of_variants_that_is_none_is_refused(
    number, register, toy, small, write_vcf, tmp_path
):
    register(toy())
    genome, text = small
    vcf = write_vcf([("chr1", 401, ".", text[400], other(text[400]))])
    with pytest.raises(InputError, match="give a number of variants, such as top:20"):
        tracksmith.score_variants(vcf, "toy", genome, tmp_path / "r", around=[f"top:{number}"])


def test_a_region_to_saturate_must_be_one_of_the_genome(register, toy, small, tmp_path):
    register(toy())
    with pytest.raises(InputError, match="no contig 'chr7'"):
        tracksmith.score_variants(None, "toy", small[0], tmp_path / "r", saturate="chr7:1-5")
    with pytest.raises(UsageError, match="Give a file of variants"):
        tracksmith.score_variants(None, "toy", small[0], tmp_path / "r")
    with pytest.raises(UsageError, match="tracks of its own"):
        tracksmith.score_variants(
            None, "toy", small[0], tmp_path / "r", saturate="chr1:1-5", around=["top:1"]
        )
