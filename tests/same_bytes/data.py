"""The inputs of the requests: made here from seeds, or taken from the fixtures beside the checkout.

Nothing here imports tracksmith: the same bytes go to both checkouts.
"""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["DEMO", "KINDS", "write_inputs"]

CONTIGS = {"chr5": 12_000, "chr9": 7_000, "chr14": 3_050}
"""CLIPNET's folds 1 and 3 hold out chr5 and chr14, none holds out chr9."""
DEMO = """
from importlib import import_module
from pathlib import Path
for name in ("tracksmith_demo.genome", "tracksmith_demo.demo_genome",
             "tracksmith.models.demo_genome"):
    try:
        write = import_module(name).write_demo_genome
        break
    except ImportError:
        continue
write(Path("data"))
"""
"""Run with a checkout's code: the demonstration genome has moved between versions."""
HEADER = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


class Row(NamedTuple):
    """A record of a VCF; ``position`` is 0-based."""

    contig: str
    position: int
    name: str
    ref: str
    alt: str


def write_inputs(folder: Path, shared: Path) -> dict[str, str]:
    """Write the inputs below ``folder``, where the demonstration genome is already.

    Returns
    -------
    missing
        For each kind of input that cannot be made here, the reason.
    """
    _derive_from_demo(folder)
    texts = _write_genome(folder / "small.fa")
    _write_small_variants(folder, texts)
    _write_peaks(folder, texts)
    missing = {}
    for kind, (needed, write) in KINDS.items():
        source = shared / needed
        if source.exists():
            write(folder, source)
        else:
            missing[kind] = f"there is no {source}"
    return missing


def _derive_from_demo(folder: Path) -> None:
    """Write the demonstration's genome and variants in the other formats that can be read."""
    import pysam

    shutil.copyfile(folder / "demo.fa", folder / "packed.fa")
    pysam.tabix_compress(str(folder / "packed.fa"), str(folder / "packed.fa.gz"))
    pysam.tabix_compress(str(folder / "variants.vcf"), str(folder / "variants.vcf.gz"))
    (folder / "packed.fa").unlink()
    (folder / "aliases.tsv").write_text("demo1\tone\ndemo2\ttwo\n")
    (folder / "regions.bed").write_text(
        "one\t4000\t16000\ta\none\t15000\t15500\tb\none\t290000\t300500\tc\ntwo\t59000\t62001\td\n"
    )
    lines = (folder / "variants.vcf").read_text().splitlines()
    header = [line for line in lines if line.startswith("#")]
    records = [line for line in lines if not line.startswith("#")]
    mixed = random.Random(3).sample(records, len(records))
    (folder / "unsorted.vcf").write_text("\n".join([*header, *mixed]) + "\n")
    rows = [line.replace("demo1\t", "one\t").split("\t")[:5] for line in records]
    table = ["chrom\tpos\tid\tref\talt", *("\t".join(row) for row in rows)]
    (folder / "variants.tsv").write_text("\n".join(table) + "\n")
    with (
        pysam.VariantFile(str(folder / "variants.vcf")) as source,
        pysam.VariantFile(str(folder / "variants.bcf"), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)


def _write_genome(path: Path) -> dict[str, str]:
    """Write contigs with a gap, repeats in lower case and ambiguous codes; return them."""
    dice = random.Random(1)
    texts = {name: "".join(dice.choices("ACGT", k=length)) for name, length in CONTIGS.items()}
    chr5 = texts["chr5"]
    chr5 = f"{chr5[:7_000]}{'N' * 400}{chr5[7_400:9_000].lower()}R{chr5[9_001:9_040]}YK"
    texts["chr5"] = chr5 + texts["chr5"][len(chr5) :]
    with path.open("w", encoding="ascii") as handle:
        for name, text in texts.items():
            lines = (text[at : at + 70] for at in range(0, len(text), 70))
            handle.write(f">{name}\n" + "\n".join(lines) + "\n")
    return texts


def _write_small_variants(folder: Path, texts: dict[str, str]) -> None:
    """Write plain variants, and odd ones: several alleles, samples, symbols, wrong references."""
    dice = random.Random(2)
    rows = [
        _snv(texts, name, at, dice)
        for name, length in CONTIGS.items()
        for at in range(540, length - 100, 610)
    ]
    header = ["##fileformat=VCFv4.3"]
    header += [f"##contig=<ID={name},length={length}>" for name, length in CONTIGS.items()]
    header += ['##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">']
    header += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    header += ['##FILTER=<ID=q10,Description="Quality below 10">', '##ALT=<ID=DEL,Description="">']
    plain = [_vcf_line(row) + "\t.\tPASS\t." for row in rows]
    (folder / "small.vcf").write_text("\n".join([*header, HEADER, *plain]) + "\n")
    order = list(CONTIGS)
    rows = sorted([*rows, *_odd_rows(texts)], key=lambda row: (order.index(row.contig), row[1]))
    odd = [_vcf_line(row) + f"\t{n}.5\tq10\tDP={n}\tGT\t0|1" for n, row in enumerate(rows)]
    (folder / "odd.vcf").write_text("\n".join([*header, f"{HEADER}\tFORMAT\tsample", *odd]) + "\n")


def _odd_rows(texts: dict[str, str]) -> list[Row]:
    chr5, chr9 = texts["chr5"].upper(), texts["chr9"]
    first = chr9[1_000]
    others = "".join(base for base in "ACGT" if base != first)
    return [
        Row("chr9", 1_000, "alleles", first, ",".join(others)),
        Row("chr9", 1_000, "again", first, others[0]),
        Row("chr9", 1_500, "star", chr9[1_500], "*"),
        Row("chr9", 1_600, "symbol", chr9[1_600], "<DEL>"),
        Row("chr9", 1_700, "break", chr9[1_700], f"{chr9[1_700]}[chr5:900["),
        Row("chr9", 1_800, "none", chr9[1_800], "."),
        Row("chr9", 2_130, "deletion", chr9[2_130:2_142], chr9[2_130]),
        Row("chr9", 2_200, "insertion", chr9[2_200], chr9[2_200] + "TGACTCAGGT"),
        Row("chr9", 2_240, "complex", chr9[2_240:2_244], "GATTACA"),
        Row("chr9", 2_280, "long", chr9[2_280], chr9[2_280] + "ACGGT" * 300),
        Row("chr9", 2_400, "edge", chr9[2_400:2_402], chr9[2_400:2_402][::-1] + "A"),
        Row("chr9", 2, "start", chr9[2], "A" if chr9[2] != "A" else "C"),
        Row("chr5", 2_000, "wrong", "A" if chr5[2_000] != "A" else "C", chr5[2_000]),
        Row("chr5", 7_100, "gap", "N", "A"),
        Row("chr5", 7_420, "beside_gap", chr5[7_420], "A" if chr5[7_420] != "A" else "C"),
        Row("chr5", 9_000, "ambiguous", "R", "A"),
    ]


def _snv(texts: dict[str, str], contig: str, at: int, dice: random.Random) -> Row:
    ref = texts[contig][at].upper()
    return Row(contig, at, f"{contig}_{at}", ref, dice.choice("ACGT".replace(ref, "")))


def _vcf_line(row: Row) -> str:
    return f"{row.contig}\t{row.position + 1}\t{row.name}\t{row.ref}\t{row.alt}"


def _write_peaks(folder: Path, texts: dict[str, str]) -> None:
    """Write peaks with counts, the same with overlaps, and their accessibility as a bigWig."""
    import pyBigWig

    dice = random.Random(4)
    rows = [
        (name, start, start + 180 + dice.randrange(150), f"{name}.{start}", dice.choice((0, 3, 19)))
        for name, length in CONTIGS.items()
        for start in range(400, length - 500, 430)
        if "N" not in texts[name][start : start + 400]
    ]
    _write_bed(folder / "peaks.bed", rows)
    _write_bed(folder / "few.bed", [row for row in rows if row[0] != "chr5"])
    wider = [(name, start, start + 500, label, count) for name, start, _, label, count in rows[::4]]
    _write_bed(folder / "overlapping.bed", [*rows, *wider])
    with pyBigWig.open(str(folder / "signal.bw"), "w") as file:
        file.addHeader(list(CONTIGS.items()))
        for name, start, end, _, count in rows:
            if count:
                middle = (start + end) // 2
                file.addEntries([name], [middle - 20], ends=[middle + 20], values=[count / 8])


def _write_bed(path: Path, rows: list[tuple[str, int, int, str, int]]) -> None:
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def _take_clipnet(folder: Path, folds: Path) -> None:
    """Make nine folds of three files: fewer are no ensemble and would be refused."""
    (folder / "clipnet").mkdir()
    for fold in range(1, 10):
        shutil.copyfile(folds / f"fold_{(fold - 1) % 3 + 1}.h5", folder / f"clipnet/fold_{fold}.h5")


def _take_mpralegnet(folder: Path, parity: Path) -> None:
    place = folder / "mpralegnet/K562"
    place.mkdir(parents=True)
    shutil.copyfile(parity / "small.ckpt", place / "small.ckpt")
    shutil.copyfile(parity / "small_config.json", place / "config.json")


def _take_enformer(folder: Path, weights: Path) -> None:
    """Take narrow weights, said to predict the published number of bins, and name their tracks."""
    place = folder / "enformer"
    place.mkdir()
    shutil.copyfile(weights / "model.safetensors", place / "model.safetensors")
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    count = config["output_heads"]["human"]
    (place / "config.json").write_text(json.dumps(config | {"target_length": 896}))
    columns = ["index", "genome", "identifier", "file", "clip", "scale", "sum_stat", "description"]
    rows = [f"{n}\t0\tID{n}\t/x\t32\t2\tmean\tDNASE:cell {n}" for n in range(count)]
    (place / "targets_human.txt").write_text("\n".join(["\t".join(columns), *rows]) + "\n")


def _take_get(folder: Path, motifs: Path) -> None:
    """Take motifs, write a scan of the peaks, and seeded weights for as many clusters."""
    import pysam

    place = folder / "get"
    place.mkdir()
    table = motifs / "jaspar_2024_clusters.tsv"
    shutil.copyfile(table, place / "clusters.tsv")
    shutil.copyfile(motifs / "jaspar_2024_consensus.meme", place / "motifs.meme")
    names = sorted({line.split("\t")[1] for line in table.read_text().splitlines()[1:]})
    (place / "clusters.txt").write_text("\n".join(names) + "\n")
    dice = random.Random(6)
    scan = place / "archetypes.bed"
    with scan.open("w") as handle:
        for contig, length in CONTIGS.items():
            for start in sorted(dice.sample(range(length - 30), length // 20)):
                end, score = start + dice.randrange(6, 20), dice.randrange(5_000, 15_000) / 1000
                handle.write(f"{contig}\t{start}\t{end}\t{dice.choice(names)}\t{score}\t+\n")
    pysam.tabix_index(str(scan), preset="bed")
    for model, tracks in (("expression", 2), ("atac", 1)):
        _write_get_weights(place / f"{model}.ckpt", len(names) + 1, tracks)


def _write_get_weights(path: Path, features: int, tracks: int, width: int = 8) -> None:
    import numpy as np
    import torch

    dice = np.random.default_rng(5)
    block = {
        "norm1.weight": (width,), "norm1.bias": (width,), "attn.q_bias": (width,),
        "attn.v_bias": (width,), "attn.qkv.weight": (3 * width, width),
        "attn.proj.weight": (width, width), "attn.proj.bias": (width,), "norm2.weight": (width,),
        "norm2.bias": (width,), "mlp.fc1.weight": (4 * width, width), "mlp.fc1.bias": (4 * width,),
        "mlp.fc2.weight": (width, 4 * width), "mlp.fc2.bias": (width,),
    }  # fmt: skip
    shapes = {
        "cls_token": (1, 1, width), "region_embed.embed.weight": (width, features),
        "region_embed.embed.bias": (width,), "encoder.norm.weight": (width,),
        "encoder.norm.bias": (width,), "head_exp.head.weight": (tracks, width),
        "head_exp.head.bias": (tracks,),
        **{f"encoder.blocks.0.{name}": shape for name, shape in block.items()},
    }  # fmt: skip
    state = {
        f"model.{name}": torch.from_numpy(dice.normal(0, 0.5, shape).astype(np.float32))
        for name, shape in shapes.items()
    }
    torch.save({"state_dict": state}, path)


KINDS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "clipnet": ("parity/clipnet/folds", _take_clipnet),
    "mpralegnet": ("parity/mpralegnet", _take_mpralegnet),
    "enformer": ("parity/enformer/enformer_formula", _take_enformer),
    "get": ("data/motifs", _take_get),
}
"""What beside the demonstration genome a request may need: where it lies, and who takes it."""
