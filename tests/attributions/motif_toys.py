"""A file of the demonstration's motifs, with random ones beside them."""

import numpy as np
from tracksmith_demo.plugin import ELEMENTS, INITIATOR, IUPAC


def write_meme(path, decoys, seed=3):
    """Write the elements of the demonstration, and so many random motifs beside them."""
    random = np.random.default_rng(seed)
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]

    def add(name, rows):
        lines.append(f"MOTIF {name}")
        lines.append(f"letter-probability matrix: alength= 4 w= {len(rows)} nsites= 20 E= 0")
        lines.extend(" ".join(f"{value:.4f}" for value in row) for row in rows)
        lines.append("")

    for element in (INITIATOR, *ELEMENTS):
        letters = [IUPAC[letter] for letter in element.consensus]
        add(element.name, [[0.02 + 0.92 / len(x) * (b in x) for b in "ACGT"] for x in letters])
    for number in range(decoys):
        width = int(random.integers(6, 13))
        rows = np.full((width, 4), 0.04)
        rows[np.arange(width), random.integers(0, 4, width)] = 0.88
        add(f"other{number}", rows)
    path.write_text("\n".join(lines) + "\n")
    return path
