"""A genome, 30 peaks on two contigs, 182 real motifs, and a small GET of seeded weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from verbs import request as request_of

from tracksmith.runs.request import Request

WIDTH = 8


class SmallGet(NamedTuple):
    """What to ask, the contigs as text, and the peaks (contig, start, end) in order."""

    request: Request
    texts: dict[str, str]
    regions: list[tuple[str, int, int]]


def write_small_get(shared: Path, folder: Path) -> SmallGet:
    from tracksmith_get.motifs import MotifSet

    motifs = shared / "data/motifs"
    meme, clusters = motifs / "jaspar_2024_consensus.meme", motifs / "jaspar_2024_clusters.tsv"
    names = MotifSet.read(meme, clusters).clusters
    random = np.random.default_rng(8)
    texts = {n: "".join(random.choice(list("ACGT"), 12_000)) for n in ("chr1", "chr2")}
    genome, peaks = folder / "genome.fa", folder / "peaks.bed"
    genome.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    regions = [("chr1", s, s + 300) for s in range(500, 10_500, 500)]
    regions += [("chr2", s, s + 250) for s in range(1_000, 6_000, 500)]
    peaks.write_text("".join(f"{c}\t{a}\t{b}\n" for c, a, b in regions))
    state = {}
    shapes = {
        "cls_token": (1, 1, WIDTH), "region_embed.embed.weight": (WIDTH, len(names) + 1),
        "region_embed.embed.bias": (WIDTH,), "encoder.norm.weight": (WIDTH,),
        "encoder.norm.bias": (WIDTH,), "head_exp.head.weight": (2, WIDTH),
        "head_exp.head.bias": (2,),
    }  # fmt: skip
    for name, shape in {
        "norm1.weight": (WIDTH,), "norm1.bias": (WIDTH,), "attn.q_bias": (WIDTH,),
        "attn.v_bias": (WIDTH,), "attn.qkv.weight": (3 * WIDTH, WIDTH),
        "attn.proj.weight": (WIDTH, WIDTH), "attn.proj.bias": (WIDTH,), "norm2.weight": (WIDTH,),
        "norm2.bias": (WIDTH,), "mlp.fc1.weight": (4 * WIDTH, WIDTH), "mlp.fc1.bias": (4 * WIDTH,),
        "mlp.fc2.weight": (WIDTH, 4 * WIDTH), "mlp.fc2.bias": (WIDTH,),
    }.items():  # fmt: skip
        shapes[f"encoder.blocks.0.{name}"] = shape
    for name, shape in shapes.items():
        state[name] = torch.from_numpy(random.normal(0, 0.5, shape).astype(np.float32))
    weights = folder / "small.ckpt"
    torch.save({"state_dict": {f"model.{name}": v for name, v in state.items()}}, weights)
    request = request_of(
        "get-expression", genome, peaks=peaks, inputs={"motifs": meme, "clusters": clusters},
        weights=weights, options={"heads": "2"}, device="cpu",
    )  # fmt: skip
    return SmallGet(request, texts, regions)
