"""How fast both scanners are: ``python bench_scan.py MOTIFS.meme CLUSTERS.tsv``.

Both scan the same random sequence in regions of 400 bp, on both strands, with
the same thresholds, in one run; the hits must be the same.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from tracksmith_get.motifs import MotifSet
from tracksmith_get.scan import Stream, find_hits, has_lightmotif, motif_features

WIDTH = 400


def main() -> None:
    """Print seconds per Mb of every scanner, their ratio and the number of hits."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("meme", type=Path)
    parser.add_argument("clusters", type=Path)
    parser.add_argument("--bases", type=int, default=1_000_000)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    # CPU seconds do not depend on what else the machine does; a GPU's work is not among them.
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    began = clock()
    motifs = MotifSet.read(options.meme, options.clusters)
    cut = motifs.thresholds
    print(f"{len(cut)} motifs, thresholds in {clock() - began:.2f} s")
    codes = np.random.default_rng(0).choice([1, 2, 4, 8], options.bases).astype(np.uint8)
    masks = np.split(codes, range(WIDTH, options.bases, WIDTH))
    stream = Stream.of(masks)
    ways = [("convolution", options.device)] + [("lightmotif", "cpu")] * has_lightmotif()
    seconds, hits = {}, {}
    for scanner, device in ways:
        find_hits(Stream.of(masks[:10]), motifs, scanner, device)
        began = clock()
        hits[scanner] = find_hits(stream, motifs, scanner, device)
        seconds[scanner] = (clock() - began) * 1e6 / options.bases
        count = len(hits[scanner].score)
        print(f"{scanner:12} on {device}: {seconds[scanner]:6.2f} s per Mb, {count:,} hits")
    if len(ways) == 2:
        first, second = (hits[scanner] for scanner, _ in ways)
        same = all(
            np.array_equal(getattr(first, name), getattr(second, name))
            for name in ("position", "motif", "score")
        )
        ratio = seconds["convolution"] / seconds["lightmotif"]
        print(f"convolution takes {ratio:.2f} times as long; same hits and scores: {same}")
    began = clock()
    motif_features(masks, motifs, device=options.device)
    print(f"features of {len(masks):,} regions: {clock() - began:.2f} s")


if __name__ == "__main__":
    main()
