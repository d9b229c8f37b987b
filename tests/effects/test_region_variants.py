"""Variants over GET's regions against features and windows put together by hand."""

import os
import threading

import numpy as np
import pytest
import torch
import verbs
from click.testing import CliRunner

from tests.engine.test_runs import Notes
from tracksmith.cli import main
from tracksmith.errors import InputError, PluginError, TrustError, UsageError

MODEL = "get-expression"


@pytest.fixture
def world(small_get):
    return small_get


def score(request, source, out, mode="ratio", **changes):
    """Score a file by what was asked of the model; ``mode`` makes the features of alleles."""
    options = {"heads": "2", "alleles": mode}
    return verbs.run_all(verbs.changed(request, variants=source, options=options, **changes), out)


def write(path, rows):
    lines = ["##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [
        f"{c}\t{p + 1}\tv{n}\t{ref}\t{alt}\t.\t.\t." for n, (c, p, ref, alt) in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def by_hand(request, texts, regions, row, mode):
    """Reference and alternative of the window around the variant's peak, and the peak's place."""
    from tracksmith_get.features import open_features
    from tracksmith_get.plugin import tracksmith_models

    from tracksmith.genome.bases import encode
    from tracksmith.plugin import FeatureRequest, LoadRequest, RegionBatch

    source = open_features(FeatureRequest(dict(request.of(MODEL).inputs), {"scan_ends": "all"}))

    def scan(texts_of_peaks):
        bases = [encode(text) for text in texts_of_peaks]
        ends = np.array([len(text) for text in bases])
        return source.features(RegionBatch("x", np.zeros_like(ends), ends, bases))

    contig, position, ref, alt = row
    raw = scan([texts[c][a:b] for c, a, b in regions])
    matrix, used = source.normalise(raw, None, None)
    peak = next(n for n, (c, a, b) in enumerate(regions) if c == contig and a <= position <= b)
    start, end = regions[peak][1:]
    text = texts[contig]
    new = scan([text[start:position] + alt + text[position + len(ref) : end]])
    if mode == "ratio":
        changed = matrix[peak].copy()
        changed[:-1] *= (new[0] + 0.01) / (raw[peak] + 0.01)
    else:
        changed = source.normalise(new, None, used)[0][0]
    model = next(m for m in tracksmith_models() if m.card.name == MODEL)
    options = {"heads": "2", "accessibility": "binary"}
    network = model.load(
        LoadRequest({"": (request.of(MODEL).weights,)}, ("plus", "minus"), options)
    ).eval()
    inside = [n for n, region in enumerate(regions) if region[0] == contig]
    own = inside.index(peak)
    window = matrix[inside]
    other = window.copy()
    other[own] = changed
    with torch.inference_mode():
        both = network(torch.from_numpy(np.stack([window, other])))
    return both[0].numpy(), both[1].numpy(), own, [regions[n][1] for n in inside]


@pytest.mark.parametrize("mode", ["ratio", "recompute"])
def test_effects_at_the_peak_and_where_they_are_strongest(world, tmp_path, table_of, mode):
    request, texts, regions = world
    rows = []
    for contig, position in (("chr1", 640), ("chr1", 641), ("chr1", 5_700), ("chr2", 1_200)):
        ref = texts[contig][position]
        rows.append((contig, position, ref, "ACGT"[("ACGT".index(ref) + 2) % 4]))
    rows.append(("chr1", 3_050, texts["chr1"][3_050], texts["chr1"][3_050] + "TGACTCAG"))
    rows.append(("chr1", 3_490, texts["chr1"][3_490], "A" if texts["chr1"][3_490] != "A" else "C"))
    source = write(tmp_path / "v.vcf", rows)
    run = score(
        request, source, tmp_path / "run", mode,
        max_skipped=1.0, scores=["diff", "strongest", "log2fc"],
    )  # fmt: skip
    reasons = run.results.counts[MODEL].reasons
    expected = {"outside_peaks": 1, "length_change": 1} if mode == "ratio" else {"outside_peaks": 1}
    assert reasons == expected
    table = table_of(tmp_path / "run/variants/get-expression.tsv.gz")
    assert {row["track"] for row in table} == {"plus", "minus"}, "logarithms are not added"
    seen = 0
    scored = {int(line["id"][1:]) for line in table}
    truth = {number: by_hand(request, texts, regions, rows[number], mode) for number in scored}
    for line in table:
        r, a, own, starts = truth[int(line["id"][1:])]
        track = ["plus", "minus"].index(line["track"])
        delta = (a - r)[:, track]
        value = float(line["value"])
        if line["score"] == "diff":
            assert value == pytest.approx(delta[own], abs=2e-5)
            assert float(line["reference"]) == pytest.approx(r[own, track], abs=2e-5)
        elif line["score"] == "strongest":
            there = delta[starts.index(int(line["at"]) - 1)]
            assert value == pytest.approx(there, abs=2e-5)
            assert abs(there) == pytest.approx(np.abs(delta).max(), abs=2e-5)
        else:
            tpm = 10.0 ** np.array([r[own, track], a[own, track]]) - 1
            assert value == pytest.approx(np.log2((tpm[1] + 1) / (tpm[0] + 1)), abs=1e-4)
        seen += 1
    assert seen == 2 * 3 * (4 if mode == "ratio" else 5)


def flanked(texts, position, new=""):
    """A deletion of one base, or an insertion before it, with the base before as anchor."""
    old = texts["chr1"][position - 1 : position + (not new)]
    return ("chr1", position - 1, old, old[0] + new)


def test_the_changed_bases_decide_whether_an_allele_is_in_a_peak(world, tmp_path, table_of):
    request, texts, regions = world
    text = list(texts["chr1"])
    for place, base in ((499, "A"), (500, "C"), (501, "G"), (799, "C"), (800, "G"), (801, "T")):
        text[place] = base
    texts = {**texts, "chr1": "".join(text)}
    genome = tmp_path / "genome.fa"
    genome.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    rows = [
        flanked(texts, 500),  # deletes the first base of the peak 500-800
        flanked(texts, 500, "TGACTCAG"),  # inserted before that base
        flanked(texts, 800, "TGACTCAG"),  # inserted after the last base
        ("chr1", 499, "ACG", "ACT"),  # an SNV inside, written with bases outside
        flanked(texts, 800),  # deletes the first base after the peak
        ("chr1", 798, texts["chr1"][798:804], texts["chr1"][798]),  # deletes bases on both sides
    ]
    source = write(tmp_path / "v.vcf", rows)
    run = score(
        request, source, tmp_path / "run", "recompute", genome=genome,
        max_skipped=1.0, scores=["diff"], allow_other_lengths=True,
    )  # fmt: skip
    assert run.results.counts[MODEL].reasons == {"outside_peaks": 2}
    table = table_of(tmp_path / "run/variants/get-expression.tsv.gz")
    assert {line["id"] for line in table} == {"v0", "v1", "v2", "v3"}
    for line in table:
        contig, position, ref, alt = rows[int(line["id"][1:])]
        while ref and alt and ref[0] == alt[0]:
            position, ref, alt = position + 1, ref[1:], alt[1:]
        r, a, own, _ = by_hand(request, texts, regions, (contig, position, ref, alt), "recompute")
        track = ["plus", "minus"].index(line["track"])
        assert float(line["value"]) == pytest.approx((a - r)[own, track], abs=2e-5)
    lines = (tmp_path / "run/variants/skipped.tsv").read_text().splitlines()
    texts_of = {f"v{n}": next(x for x in lines if f"\tv{n}\t" in x) for n in (4, 5)}
    assert "lies in no region" in texts_of["v4"]
    assert "on both sides of the end of a region" in texts_of["v5"]


def test_a_prediction_that_is_not_finite_is_refused_with_its_variant(world, tmp_path):
    request, texts, _ = world
    weights = torch.load(request.of(MODEL).weights, weights_only=True)
    weights["state_dict"]["model.head_exp.head.weight"][1, 0] = float("nan")
    torch.save(weights, tmp_path / "nan.ckpt")
    old = texts["chr1"][640]
    source = write(tmp_path / "v.vcf", [("chr1", 640, old, "A" if old != "A" else "C")])
    with pytest.raises(PluginError, match=r"returned nan for track minus .*variant at chr1:641"):
        score(request, source, tmp_path / "run", weights=tmp_path / "nan.ckpt")


def test_the_command_scores_over_peaks(world, tmp_path):
    request, texts, _ = world
    source = write(
        tmp_path / "v.vcf",
        [("chr1", 640, texts["chr1"][640], "ACGT"[("ACGT".index(texts["chr1"][640]) + 1) % 4])],
    )
    own = request.of(MODEL)
    command = [
        "variants", source, "-m", MODEL, "-g", request.genome, "-o", tmp_path / "run",
        "--peaks", own.peaks, "--input", f"motifs={own.inputs['motifs']}",
        "--input", f"clusters={own.inputs['clusters']}", "--weights", own.weights,
        "--option", "heads=2",
    ]  # fmt: skip
    done = CliRunner().invoke(main, list(map(str, command)))
    assert done.exit_code == 0, done.output
    assert "1 records = 1 scored + 0 skipped" in done.stdout
    assert "non-commercial" in done.stderr or "may not be used commercially" in done.stderr


def test_what_a_model_over_regions_cannot_do_is_refused(world, tmp_path):
    request, texts, _ = world
    source = write(tmp_path / "v.vcf", [("chr1", 640, texts["chr1"][640], "N")])
    for options, message in (
        ({"background": 10}, "--background has no meaning for get-expression"),
        ({"around": ["top:3"]}, "--around has no meaning for get-expression"),
        ({"mode": "guess"}, "--option alleles=guess: use one of ratio, recompute"),
        ({"scores": ["l2"]}, "a model over regions, is called 'l2'"),
    ):
        with pytest.raises(UsageError, match=message):
            score(request, source, tmp_path / "run", **options)
        assert not (tmp_path / "run").exists()


def test_peaks_that_changed_after_planning_are_refused(world, tmp_path):
    request, texts, _ = world
    peaks = tmp_path / "peaks.bed"
    peaks.write_bytes(request.of(MODEL).peaks.read_bytes())
    source = write(tmp_path / "v.vcf", [("chr1", 640, texts["chr1"][640], "T")])
    verbs.plan(verbs.changed(request, variants=source, peaks=peaks), tmp_path / "run")
    peaks.write_text("chr1\t500\t900\n")
    with pytest.raises(TrustError, match=r"peaks\.bed is not the peaks that was planned"):
        verbs.work(tmp_path / "run")


def test_alleles_that_change_no_feature_have_no_effect_at_all(
    world, tmp_path, table_of, monkeypatch
):
    request, texts, regions = world
    contig, start, end = regions[0]
    rows = [
        (contig, p, texts[contig][p], "ACGT"[("ACGT".index(texts[contig][p]) + 2) % 4])
        for p in range(start, end, (end - start) // 12)
    ]
    monkeypatch.setattr(
        "tracksmith.effects.region_scorer.RegionScorer._new_rows",
        lambda self, alleles, peak: self.matrix[peak],
    )
    source = write(tmp_path / "v.vcf", rows)
    score(request, source, tmp_path / "run")
    table = table_of(tmp_path / "run/variants/get-expression.tsv.gz")
    assert len({row["pos"] for row in table}) == len(rows)
    assert {row["value"] for row in table} == {"0"}


def together(request, source, **options):
    """Ask GET and the promoter model for the effects of one file."""
    own = {name: {MODEL: value} for name, value in request.own[""].items()}
    models = ("core-promoter", MODEL)
    return verbs.request(models, request.genome, variants=source, device="cpu", **own, **options)


@pytest.fixture
def snvs(world, tmp_path):
    """Twelve substitutions in a peak of 300 bp, and one outside of all peaks."""
    text = world.texts["chr1"]
    rows = [("chr1", p, text[p], "ACGT"[("ACGT".index(text[p]) + 1) % 4]) for p in
            (300, *range(520, 760, 20))]  # fmt: skip
    return write(tmp_path / "v.vcf", rows)


def test_models_over_windows_and_over_regions_score_one_file_as_each_does_alone(
    world, snvs, tmp_path, table_of
):
    run = verbs.run_all(together(world.request, snvs, max_skipped=0.1), tmp_path / "both")
    counts = run.results.counts
    assert counts["core-promoter"].alleles_scored == 13
    assert counts[MODEL].alleles_scored == 12 and counts[MODEL].reasons == {"outside_peaks": 1}
    alone = verbs.changed(world.request, variants=snvs, max_skipped=0.1)
    verbs.run_all(alone, tmp_path / "regions")
    plain = verbs.request("core-promoter", world.request.genome, variants=snvs, device="cpu")
    verbs.run_all(plain, tmp_path / "windows")
    for model, folder in ((MODEL, "regions"), ("core-promoter", "windows")):
        for end in ("tsv.gz", "bb", "absmax.bw", "top.tsv", "parquet"):
            name = f"variants/{model}.{end}"
            one, two = ((tmp_path / of / name).read_bytes() for of in ("both", folder))
            assert one == two, name
    (skipped,) = table_of(tmp_path / "both/variants/skipped.tsv")
    assert (skipped["id"], skipped["reason"], skipped["model"]) == ("v0", "outside_peaks", MODEL)


def test_random_variants_are_left_out_for_the_model_over_regions_of_a_run_of_both(
    world, snvs, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    request = together(world.request, snvs, max_skipped=0.1, background=20)
    notes = Notes()
    assert verbs.run_all(request, tmp_path / "run", notes).finished
    assert [note for note in notes.said if note.startswith("--background has no meaning")]
    page = (tmp_path / "run/variants/summary.html").read_text()
    assert (
        "percentage of 20 random SNVs" in page and "percentage of the alleles of this file" in page
    )


def test_some_tracks_of_a_model_over_regions_are_scored_as_with_all_of_them(
    world, snvs, tmp_path, table_of
):
    rows = {}
    for name, tracks in (("all", ()), ("one", ("minus",))):
        score(world.request, snvs, tmp_path / name, max_skipped=0.1, tracks=tracks)
        table = table_of(tmp_path / name / f"variants/{MODEL}.tsv.gz")
        rows[name] = [(r["id"], r["score"], r["value"]) for r in table if r["track"] == "minus"]
        assert {row["track"] for row in table} == (set(tracks) or {"plus", "minus"})
    assert rows["one"] == rows["all"]


def test_overwrite_keeps_the_old_run_when_a_model_over_regions_cannot_start(world, snvs, tmp_path):
    out = tmp_path / "run"
    score(world.request, snvs, out, max_skipped=0.1)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    weights = torch.load(world.request.of(MODEL).weights, weights_only=True)
    for part in ("weight", "bias"):
        name = f"model.head_exp.head.{part}"
        weights["state_dict"][name] = weights["state_dict"][name][:1]
    torch.save(weights, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="predicts 1 values a region"):
        verbs.run_all(
            verbs.changed(world.request, variants=snvs, weights=tmp_path / "other.ckpt"), out,
            overwrite=True,
        )  # fmt: skip
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def piped(path, content):
    """A pipe at a path, which gives its content once."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
    return path


def test_peaks_aliases_and_variants_may_come_out_of_pipes(world, snvs, tmp_path):
    text = snvs.read_bytes().replace(b"\nchr1\t", b"\nNC_1\t")
    (tmp_path / "renamed.vcf").write_bytes(text)
    (tmp_path / "alias.tsv").write_text("chr1\tNC_1\n")
    options = {"max_skipped": 0.1, "alias": tmp_path / "alias.tsv"}
    plain = score(world.request, tmp_path / "renamed.vcf", tmp_path / "files", **options)
    out = tmp_path / "pipes"
    options["alias"] = piped(tmp_path / "alias.pipe", b"chr1\tNC_1\n")
    peaks = piped(tmp_path / "peaks.pipe", world.request.of(MODEL).peaks.read_bytes())
    run = score(world.request, piped(tmp_path / "v.pipe", text), out, peaks=peaks, **options)
    assert run.results.counts == plain.results.counts
    for name in (f"{MODEL}.tsv.gz", f"{MODEL}.bb", "annotated.vcf.gz"):
        one, two = ((folder / "variants" / name).read_bytes() for folder in (out, plain.folder))
        assert one == two, name
    assert not (out / ".inputs").exists()
