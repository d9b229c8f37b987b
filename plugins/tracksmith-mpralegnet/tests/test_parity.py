"""Networks, adapters and strands against outputs of the original code."""

import copy

import numpy as np
import pytest
import torch
from tracksmith_mpralegnet.checkpoint import read_checkpoint
from tracksmith_mpralegnet.files import find_weights
from tracksmith_mpralegnet.plugin import GENOMIC, INSERT, STRANDED, load
from tracksmith_mpralegnet.reporter import FIVE_PRIME, THREE_PRIME

from tracksmith.models.encoding import encoding_table
from tracksmith.plugin import LoadRequest

CHECKPOINTS = {
    "published_like_5_3": ("published_like_5_3.state_only.ckpt", "published_like_5_3"),
    "small": ("small.ckpt", "small"),
    "small_legacy": ("small_legacy.ckpt", "small"),
    "small_revchan": ("small_revchan.ckpt", "small_revchan"),
}
MASKS = {"A": 1, "C": 2, "G": 4, "T": 8, "N": 15}
OTHER = str.maketrans("ACGTN", "TGCAN")


def encode(sequences):
    masks = np.array([[MASKS[base] for base in text.upper()] for text in sequences])
    table = torch.from_numpy(encoding_table(INSERT.alphabet))
    return table[torch.from_numpy(masks)].transpose(1, 2).contiguous()


def close(what, outputs, expected):
    """Hold values within 1e-5 of the original's; `pytest -rP` shows by how much they differ."""
    print(f"{what}: largest difference {np.abs(np.asarray(outputs) - expected).max():.2e}")
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5)


def reverse_complement(text):
    return text.upper().translate(OTHER)[::-1]


def with_row(network, sequences, row):
    extra = torch.full_like(sequences[:, :1], row)
    return torch.cat([sequences, extra], 1) if network.inputs == 5 else sequences


@pytest.fixture(params=CHECKPOINTS)
def case(request, parity):
    """A network and the prefix of its outputs in the oracle."""
    name, prefix = CHECKPOINTS[request.param]
    network = read_checkpoint(parity / name, parity / f"{prefix}_config.json", both_strands=True)
    return network.eval(), prefix


def test_the_card_encodes_as_the_authors_do(oracle):
    assert any("N" in text for text in oracle["seqs"])
    np.testing.assert_array_equal(encode(oracle["seqs"]), oracle["onehot_encode_seq"])


def test_every_checkpoint_gives_the_original_outputs_in_exact_arithmetic(case, oracle):
    network, prefix = case
    network.double()
    bases = encode(oracle["seqs"]).double()
    with torch.inference_mode():
        forward = network(with_row(network, bases, 0))
        turned = network(with_row(network, bases.flip(1, 2), 1))
    close(f"{prefix} fwd, double precision", forward, oracle[f"{prefix}_fwd"])
    close(f"{prefix} rc, double precision", turned, oracle[f"{prefix}_rc"])


def batched(network, bases, size):
    with torch.inference_mode():
        return torch.cat([network(some) for some in bases.split(size)]).numpy()


def test_off_the_cpu_every_tensor_is_float32(case, oracle):
    network, _ = case
    bases = with_row(network, encode(oracle["seqs"]), 0)
    assert {values.dtype for values in network.parameters()} == {torch.float32, torch.float64}
    moved = copy.deepcopy(network).to("meta")
    assert {values.dtype for values in moved.parameters()} == {torch.float32}
    expected = batched(network, bases, 64)
    difference = np.abs(batched(network.float(), bases, 64) - expected).max()
    assert 0 < difference < 2e-5


@pytest.mark.parametrize("size", [1, 2, 5, 16, 64])
def test_in_float32_the_outputs_are_the_original_ones(case, oracle, size):
    # The original's own float32 outputs are up to 7e-6 from exact arithmetic. How many
    # sequences are predicted together decides the order of sums.
    network, prefix = case
    bases = encode(oracle["seqs"])
    forward = batched(network, with_row(network, bases, 0), size)
    turned = batched(network, with_row(network, bases.flip(1, 2), 1), size)
    outputs = {"fwd": forward, "rc": turned, "avg": (forward + turned) / 2}
    for name, values in outputs.items():
        expected = oracle[f"{prefix}_{name}"]
        close(f"{prefix} {name}, batches of {size}", values, expected)


def library_inserts(oracle):
    """Return inserts of 200 bp, whether their oligo is turned in the fixture, and its place."""
    for place, text in enumerate(oracle["seqs"]):
        for turned, oligo in ((False, text.upper()), (True, reverse_complement(text))):
            if oligo.startswith(FIVE_PRIME) and oligo.endswith(THREE_PRIME):
                yield oligo[15:215], turned, place


@pytest.mark.parametrize(
    ("name", "config"), [CHECKPOINTS["published_like_5_3"], CHECKPOINTS["small_revchan"]]
)
def test_a_genomic_window_gets_the_adapters_of_the_library(oracle, parity, place, name, config):
    root = place(parity / name, "HepG2/weights.ckpt")
    place(parity / f"{config}_config.json", "HepG2/config.json")
    library_rows = list(library_inserts(oracle))
    assert {turned for _, turned, _ in library_rows} == {False, True}
    if config == "small_revchan":
        # It reads an oligo and the turned one differently: only what the oracle turned counts.
        library_rows = [row for row in library_rows if not row[1]]
    inserts, _, places = zip(*library_rows, strict=True)
    assert len(inserts) > 10
    request = LoadRequest(weights=find_weights(root), tracks=("HepG2",))
    with torch.inference_mode():
        library_rows = load(INSERT, request).networks["single"].eval()(encode(inserts))
    assert library_rows.shape == (len(inserts), 1, 1)
    expected = oracle[f"{config}_avg"][list(places)]
    close("inserts", library_rows[:, 0, 0], expected)


def test_without_averaging_only_the_oligo_itself_is_read(oracle, parity, place):
    root = place(parity / "small.ckpt", "K562/weights.ckpt")
    place(parity / "small_config.json", "config.json")
    chosen = [(insert, row) for insert, turned, row in library_inserts(oracle) if not turned]
    request = LoadRequest(find_weights(root), ("K562",), {"average": "no"})
    with torch.inference_mode():
        outputs = load(INSERT, request).networks["single"].eval()(encode([i for i, _ in chosen]))
    expected = oracle["small_fwd"][[row for _, row in chosen]]
    close("inserts", outputs[:, 0, 0], expected)


def test_the_minus_track_is_the_turned_insert_between_unturned_adapters(oracle, parity, place):
    root = place(parity / "small.ckpt", "WTC11/weights.ckpt")
    place(parity / "small_config.json", "WTC11/config.json")
    inserts, _, places = zip(*library_inserts(oracle), strict=True)
    genomic = [reverse_complement(insert) for insert in inserts]
    request = LoadRequest(find_weights(root), ("WTC11_plus", "WTC11_minus"))
    with torch.inference_mode():
        outputs = load(STRANDED, request).networks["single"].eval()(encode(genomic))
    expected = oracle["small_avg"][list(places)]
    close("inserts of the minus strand", outputs[:, 1, 0], expected)
    assert np.abs(outputs[:, 0, 0].numpy() - expected).max() > 0.1


@pytest.fixture
def variants(parity):
    with np.load(parity / "variant_oracle.npz") as file:
        table = {name: file[name] for name in file.files}
    genome = "".join((parity / "mini.fa").read_text().split("\n")[1:])
    return table, genome


def alleles(table, genome, shift):
    """Return the 231-bp windows of both alleles, the variant at offset 115 - shift."""
    windows = {"ref": [], "alt": []}
    for pos, start, ref, alt in zip(
        table["pos0"], table[f"window_start_{shift}"], table["ref"], table["alt"], strict=True
    ):
        assert (pos - start, genome[pos]) == (115 - shift, ref)
        text = genome[start : start + 231]
        windows["ref"].append(text)
        windows["alt"].append(text[: pos - start] + alt + text[pos - start + 1 :])
    return windows


@pytest.mark.parametrize("shift", [-3, 0, 2])
def test_variant_windows_give_the_original_outputs(variants, parity, shift):
    network = read_checkpoint(
        parity / "small.ckpt", parity / "small_config.json", both_strands=True
    ).eval()
    table, genome = variants
    for allele, windows in alleles(table, genome, shift).items():
        bases = encode(windows)
        with torch.inference_mode():
            forward, turned = network(bases), network(bases.flip(1, 2))
        for outputs, strand in ((forward, "forw"), (turned, "rev")):
            expected = table[f"{allele}_{shift}_{strand}"]
            close(f"variants, shift {shift}, {allele} {strand}", outputs, expected)


def test_the_genomic_model_gives_the_original_variant_effects(variants, parity, place):
    root = place(parity / "small.ckpt", "K562/best_model_test10_val1.ckpt")
    place(parity / "small_config.json", "K562/config.json")
    geometry = GENOMIC.window_geometry
    assert geometry.window // 2 == 115
    table, genome = variants
    request = LoadRequest(weights=find_weights(root), tracks=("K562",))
    network = load(GENOMIC, request).networks["test10_val1"].eval()
    with torch.inference_mode():
        outputs = {a: network(encode(w)) for a, w in alleles(table, genome, 0).items()}
    means = {a: (table[f"{a}_0_forw"] + table[f"{a}_0_rev"]) / 2 for a in ("ref", "alt")}
    effects = (outputs["alt"] - outputs["ref"])[:, 0, 0]
    close("variant effects", effects, means["alt"] - means["ref"])
