"""Variant effects of published models' layouts, and every record of real files accounted for."""

import importlib.util
import re
import shutil

import numpy as np
import pysam
import pytest
import torch

import tracksmith
from tracksmith.errors import InputError
from tracksmith.genome.bases import encode
from tracksmith.models.card import VariantDefaults, WindowGeometry


def need(plugin):
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"the plugin {plugin} is not installed")


@pytest.fixture(scope="module")
def chr21(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chr21")
    source = shared / "data/hg38_chr21"
    for path in source.glob("chr21.hg38*"):
        shutil.copy(path, folder)
    return next(folder.glob("*.fa.gz"))


def columns(results, model=None):
    """All rows of the table by column."""
    pieces = list(results.pieces(model))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def test_mpralegnet_reproduces_the_authors_variant_script(shared, tmp_path):
    """Both alleles, both strands, shifts -3, 0 and 2, by the original code on the same weights."""
    need("tracksmith_mpralegnet")
    parity = shared / "parity/mpralegnet"
    weights = tmp_path / "HepG2/model_1_2"
    weights.mkdir(parents=True)
    shutil.copy(parity / "small.ckpt", weights / "best.ckpt")
    shutil.copy(parity / "small_config.json", weights / "config.json")
    genome = tmp_path / "mini.fa"
    shutil.copy(parity / "mini.fa", genome)
    results = tracksmith.score_variants(
        parity / "asb.tsv", "mpralegnet-genomic", genome, tmp_path / "run",
        weights=tmp_path / "HepG2", shifts=(-3, 0, 2),
    )  # fmt: skip
    table = columns(results)
    with np.load(parity / "variant_oracle.npz") as oracle:
        assert np.array_equal(table["pos"] - 1, oracle["pos0"])
        both = {
            allele: np.mean(
                [oracle[f"{allele}_{s}_{way}"] for s in (-3, 0, 2) for way in ("forw", "rev")],
                axis=0,
            )
            for allele in ("ref", "alt")
        }
    assert np.allclose(table["reference"], both["ref"], atol=1e-5)
    assert np.allclose(table["alternative"], both["alt"], atol=1e-5)
    # The authors print reference minus alternative: the opposite sign.
    assert np.allclose(table["value"], both["alt"] - both["ref"], atol=1e-5)


@pytest.fixture(scope="module")
def clipnet_runs(shared, tmp_path_factory):
    """A genome with contigs that fold 1, fold 2 and no fold held out, and runs over it."""
    need("tracksmith_clipnet")
    folder = tmp_path_factory.mktemp("clipnet")
    generator = np.random.default_rng(11)
    texts = {n: "".join(generator.choice(list("ACGT"), 2_000)) for n in ("chr5", "chr11", "chr21")}
    genome = folder / "genome.fa"
    genome.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    rows = [(name, 1_000 + 37 * n) for name in texts for n in range(3)]
    vcf = folder / "snvs.vcf"
    lines = ["##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for name, position in rows:
        ref = texts[name][position - 1]
        alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
        lines.append(f"{name}\t{position}\t.\t{ref}\t{alt}\t.\t.\t.")
    vcf.write_text("\n".join(lines) + "\n")
    torch.set_num_threads(1)
    run = tracksmith.score_variants(
        vcf, "clipnet-lcl", genome, folder / "run", folds="held-out:1,2,3",
        weights=shared / "parity/clipnet/folds", device="cpu",
    )  # fmt: skip
    return run, texts, shared / "parity/clipnet/folds"


def test_clipnets_held_out_composite_and_l2_equal_a_direct_computation(clipnet_runs):
    """Quantity and profile of the fold that never saw the contig, of all folds where none did."""
    from tracksmith_clipnet.hdf5 import read_layers
    from tracksmith_clipnet.network import Clipnet

    results, texts, folder = clipnet_runs
    networks = {n: Clipnet(read_layers(folder / f"fold_{n}.h5")).eval() for n in "123"}
    held_out = {"chr5": "1", "chr11": "2", "chr21": "123"}
    table = columns(results)
    pair = table["track"] == "plus+minus"
    seen = 0
    for row in np.flatnonzero(pair & (table["score"] == "log2fc")):
        name, at = str(table["chrom"][row]), int(table["pos"][row]) - 1
        window = texts[name][at - 500 : at + 500]
        changed = window[:500] + str(table["alt"][row]) + window[501:]
        tracks, quantity = [], []
        for text in (window, changed):
            twohot = torch.zeros(1, 4, 1000)
            masks = encode(text)
            for channel in range(4):
                twohot[0, channel, torch.from_numpy(masks == 1 << channel)] = 2.0
            with torch.inference_mode():
                raw = torch.stack([networks[n](twohot) for n in held_out[name]]).mean(0)[0].double()
            profile = raw[:1000]
            tracks.append(profile / (profile.sum() + 1e-3) * raw[1000])
            quantity.append(raw[1000].item())
        l2 = (tracks[1] - tracks[0]).square().sum().sqrt().item()
        same = pair & (table["line"] == table["line"][row]) & (table["score"] == "l2")
        assert table["value"][same] == pytest.approx(l2, rel=1e-4)
        ratio = np.log2((quantity[1] + 1e-6) / (quantity[0] + 1e-6))
        assert table["value"][row] == pytest.approx(ratio, abs=2e-5)
        seen += 1
    assert seen == 9


def account(results, records):
    counts = results.counts["toy"]
    assert counts.records == records
    assert records == counts.records_scored + counts.records_skipped
    return counts


@pytest.fixture
def quick(register, toy):
    """A model that costs next to nothing."""
    register(
        toy(geometry=WindowGeometry(32, 8, 16), variants=VariantDefaults(("diff",), max_allele=15))
    )


def test_every_record_of_na12878_is_accounted_for(quick, shared, chr21, tmp_path):
    source = next((shared / "data/hg38_chr21").glob("PlatinumGenomes*.vcf.gz"))
    results = tracksmith.score_variants(
        source, "toy", chr21, tmp_path / "run", allow_other_lengths=True
    )
    counts = account(results, 1_610)
    assert counts.alleles_scored + counts.alleles_skipped == 1_627
    assert set(counts.reasons) <= {"too_long"}
    with pysam.VariantFile(str(source)) as old, pysam.VariantFile(
        str(tmp_path / "run/variants/annotated.vcf.gz")
    ) as new:  # fmt: skip
        for one, other in zip(old, new, strict=True):
            mine, theirs = str(other).split("\t"), str(one).split("\t")
            assert mine[:7] == theirs[:7] and mine[8:] == theirs[8:]
            assert mine[7].startswith("" if theirs[7] == "." else theirs[7])
    table = columns(results)
    values, repeat = table["value"], np.char.find(table["flags"], "repeat") >= 0
    assert np.isfinite(values).all() and (values[~repeat] != 0).mean() > 0.99
    assert 0.05 < repeat.mean() < 0.3, "a base more or less in a long run is not seen"


def test_symbolic_structural_variants_are_named_and_skipped(
    quick, shared, chr21, tmp_path, table_of
):
    source = next((shared / "data/hg38_chr21").glob("1KGP_SV*.vcf.gz"))
    with pytest.raises(InputError, match=r"7 of 7 .* \(7 unsupported_allele\)\. `tracksmith var"):
        tracksmith.score_variants(source, "toy", chr21, tmp_path / "run", allow_other_lengths=True)
    results = tracksmith.score_variants(
        source, "toy", chr21, tmp_path / "run", allow_other_lengths=True, max_skipped=1.0
    )
    counts = account(results, 7)
    assert counts.reasons == {"unsupported_allele": 7}
    assert len(table_of(tmp_path / "run/variants/skipped.tsv")) == 7


def test_a_gvcf_is_said_to_be_one(quick, small, write_vcf, tmp_path):
    genome, text = small[0], small[1]["chr1"]
    rows = [("chr1", p + 1, ".", text[p], "<NON_REF>") for p in range(300, 390, 10)]
    rows.append(("chr1", 401, ".", text[400], ("C" if text[400] == "A" else "A") + ",<NON_REF>"))
    with pytest.raises(InputError, match=r"10 of 11 .* It is a GVCF: .* bcftools norm .* Or: "):
        tracksmith.score_variants(write_vcf(rows), "toy", genome, tmp_path / "run")
    assert not (tmp_path / "run").exists(), "it is said before anything is scored"
    with pytest.raises(InputError, match=r"10 of 11 .* It is a GVCF"):
        tracksmith.estimate("toy", genome, variants=write_vcf(rows), strict=True)
    results = tracksmith.score_variants(
        write_vcf(rows), "toy", genome, tmp_path / "run", max_skipped=1.0
    )
    assert account(results, 10).reasons == {"unspecified_allele": 10}
    # One of the two alleles there can be scored.
    tracksmith.score_variants(
        write_vcf(rows), "toy", genome, tmp_path / "there", regions="chr1:401", max_skipped=0.5
    )
    with pytest.raises(InputError, match=r"1 of 2 alleles cannot be scored \(1 unspecified_al"):
        tracksmith.plan(
            "toy", genome, tmp_path / "none", variants=write_vcf(rows), regions="chr1:401"
        )


def test_alleles_without_a_sequence_are_counted_alike_before_and_after(
    quick, small, write_vcf, tmp_path
):
    genome, text = small[0], small[1]["chr1"]
    base = [text[p] for p in range(300, 400)]
    other = ["C" if letter == "A" else "A" for letter in base]
    odd = ["*", "<DEL>", "N", ".", "<*>", f"{base[5]}[chr2:5[", "R", f"{other[7]},*", "", "A,G"]
    alts = [alt or other[n] for n, alt in enumerate(odd)]
    rows = [("chr1", 301 + n, ".", base[n], alt) for n, alt in enumerate(alts)]
    rows.append(("chr1", 320, ".", base[19] + base[20], base[19]))
    source = write_vcf(rows)
    with pytest.raises(InputError) as before:
        tracksmith.score_variants(source, "toy", genome, tmp_path / "run", max_skipped=0.2)
    counts = account(
        tracksmith.score_variants(source, "toy", genome, tmp_path / "run", max_skipped=1), 11
    )
    known = {"unsupported_allele", "unspecified_allele", "ambiguous_allele", "monomorphic"}
    counted = dict(re.findall(r"(\w+)", pair)[::-1] for pair in
                re.search(r"\(([^)]*)\)", str(before.value))[1].split(", "))  # fmt: skip
    assert {name: int(number) for name, number in counted.items()} == {
        name: number for name, number in counts.reasons.items() if name in known
    }


def test_every_site_of_chr20_is_accounted_for(quick, shared, tmp_path):
    folder = shared / "data/hg19_chr20"
    genome = tmp_path / next(folder.glob("*.fa.gz")).name
    for path in folder.glob("chr20.hg19*"):
        shutil.copy(path, tmp_path)
    source = next(folder.glob("1000G_phase3_sites*.vcf.gz"))
    results = tracksmith.score_variants(
        source, "toy", genome, tmp_path / "run", allow_other_lengths=True
    )
    counts = account(results, 28_998)
    assert counts.reasons["unsupported_allele"] == 24
    assert set(counts.reasons) == {"unsupported_allele", "too_long"}
