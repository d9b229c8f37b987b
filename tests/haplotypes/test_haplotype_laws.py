"""What must hold of two haplotypes, whatever the model: to the bit where it says so."""

import numpy as np
import pytest
import torch
from by_hand import Spliced, haplotype
from engine_toys import Dense, cut, dense_by_hand, toy_card
from test_registers import close, random_edits, rows_of, tracks

import tracksmith
from tracksmith.engine.tiling import chunk_stride, tile
from tracksmith.files import digest_of_file
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(60, 12, 36, 12)
STATISTICS = ("hap1", "hap2", "hap1-hap2")


@pytest.fixture
def network(register):
    dense = Dense(GEOMETRY, 1)
    register(Model(toy_card(GEOMETRY, ("1",)), lambda request: Predictor({"1": dense})))
    return dense


@pytest.fixture
def predict(tmp_path, write_genome, random_sequence):
    """Predict people on a sequence of 3,000 bases; return the folder."""
    genome = write_genome(chr1=random_sequence(3000, 1))

    def run(name, vcf, **options):
        tracksmith.predict("toy", genome, tmp_path / name, vcf=vcf, **options)
        return tmp_path / name

    return run


def digests(run, person="ann"):
    return {
        (track, what): digest_of_file(run / "tracks" / f"toy.{track}.{person}.{what}.bw")
        for track in ("plus", "minus", "both")
        for what in STATISTICS
    }


def bits(run, statistic):
    return tracks(run, 3000, 12, statistic).astype(np.float32).view(np.uint32)


def test_what_no_edit_reaches_has_the_bits_of_the_reference_and_is_not_computed(
    network, predict, write_people, random_sequence
):
    """Laws 1 and 2."""
    sequence = random_sequence(3000, 1)
    edits = [(285, 286, "A" if sequence[285] != "A" else "C"), (1500, 1500, "ACGTA")]
    run = predict("run", write_people(rows_of(sequence, edits, edits[:1])))
    reach = {core for core in range(84) for start, end, _ in edits
             if core * 36 - 12 <= end and start <= core * 36 + 48}  # fmt: skip
    free = [core for core in range(83) if core not in reach]
    columns = [bin_number for core in free for bin_number in range(3 * core, 3 * core + 3)]
    reference = bits(run, "")
    for statistic in (".ann.hap1", ".ann.hap2"):
        found = bits(run, statistic)
        assert (found[:, columns] == reference[:, columns]).all()
        assert (found != reference).any()
    counts = tracksmith.runs.run.Run.open(run).results.haplotype_cores["toy"]
    assert counts.cores == 2 * 84
    assert 4 <= counts.computed <= 2 * len(reach) < 12
    # The SNV is on both haplotypes: its windows are computed once.
    assert counts.windows < counts.computed


def test_without_edits_the_haplotypes_are_the_bytes_of_the_reference(
    network, predict, write_people, write_genome, random_sequence, tmp_path
):
    run = predict("run", write_people([("chr1", 5, random_sequence(3000, 1)[4], "A", ["0|0"])]))
    tracksmith.predict("toy", tmp_path / "genome.fa", tmp_path / "plain")
    for track in ("plus", "minus", "both"):
        plain = digest_of_file(tmp_path / "plain" / "tracks" / f"toy.{track}.bw")
        for what in ("", ".ann.hap1", ".ann.hap2"):
            assert digest_of_file(run / "tracks" / f"toy.{track}{what}.bw") == plain
    assert not tracks(run, 3000, 12, ".ann.hap1-hap2").any()


def test_homozygous_haplotypes_are_equal_and_swapped_ones_swap_to_the_byte(
    network, predict, write_people, random_sequence
):
    sequence = random_sequence(3000, 1)
    first, second = random_edits(sequence, 3, 30), random_edits(sequence, 4, 30)
    same = digests(predict("same", write_people(rows_of(sequence, first, first))))
    one = digests(predict("one", write_people(rows_of(sequence, first, second))))
    other = digests(predict("other", write_people(rows_of(sequence, second, first))))
    for track in ("plus", "minus", "both"):
        assert same[track, "hap1"] == same[track, "hap2"] != one[track, "hap2"]
        assert one[track, "hap1"] == other[track, "hap2"]
        assert one[track, "hap2"] == other[track, "hap1"]


def test_neither_the_order_of_records_nor_how_alleles_are_written_matters(
    network, predict, write_people, random_sequence
):
    """Law 5: shuffled records, alleles with bases that they share, indels moved to the right."""
    sequence = random_sequence(3000, 1)
    sequence = sequence[:700] + "CAGAGAGAGAGAGAGAGAGAGAGAGT" + sequence[726:]
    genome = sequence
    first, second = random_edits(sequence[:690], 3, 12), random_edits(sequence[:690], 5, 12)
    left = [("chr1", 701, "CAG", "C", ["1|0"])]
    right = [("chr1", 723, "GAG", "G", ["1|0"])]
    plain = rows_of(sequence, first, second)
    longer = [
        (contig, position - 2, genome[position - 3 : position - 1] + ref + genome[end : end + 3],
         genome[position - 3 : position - 1] + alt + genome[end : end + 3], genotypes)
        for contig, position, ref, alt, genotypes in plain
        if (end := position - 1 + len(ref)) and position > 3
    ]  # fmt: skip
    shuffled = [*right, *np.random.default_rng(0).permutation(np.array(longer, object)).tolist()]
    kept = [row for row in plain if row[1] > 3]
    (predict("x", write_people([])).parent / "genome.fa").write_text(f">chr1\n{sequence}\n")
    one = digests(predict("one", write_people([*kept, *left])))
    other = digests(predict("other", write_people(shuffled, name="shuffled.vcf")))
    assert one == other


def test_deleted_bases_are_gaps_and_so_are_bins_of_nothing_else(
    network, predict, write_people, random_sequence
):
    """Law 6."""
    sequence = random_sequence(3000, 1)
    start = next(p for p in range(1201, 1212) if sequence[p - 1] != sequence[p + 39])
    run = predict("run", write_people(rows_of(sequence, [(start, start + 40, "")], [])))
    gone = np.isnan(tracks(run, 3000, 12, ".ann.hap1")[0])
    whole = {b for b in range(250) if start <= 12 * b and 12 * b + 12 <= start + 40}
    assert set(np.flatnonzero(gone)) == whole
    assert len(whole) >= 2
    assert not np.isnan(tracks(run, 3000, 12, ".ann.hap2")).any()
    assert set(np.flatnonzero(np.isnan(tracks(run, 3000, 12, ".ann.hap1-hap2")[0]))) == whole


def middle_by_hand(network, geometry, sequence, edits):
    """One window a core, its middle in register; bins by where most of their bases lie."""
    spliced = Spliced(sequence, edits)
    exact = haplotype(network, geometry, sequence, edits)
    size, bins = geometry.bin, geometry.core_length // geometry.bin
    for number in range(exact.shape[1]):
        core = number // bins
        begin = core * geometry.core_length
        kept = [p for p in range(number * size, (number + 1) * size) if p in spliced.place]
        middle = next(
            (p for p in range(begin + geometry.core_length // 2, 10**6)
             if p in spliced.place or p >= len(sequence)), None,
        )  # fmt: skip
        if not kept or middle >= len(sequence):
            continue
        offset = spliced.place[middle] - middle
        # Most of its bases are where the middle one of those that are left is.
        nearest = (spliced.place[kept[len(kept) // 2]] - offset) // size - core * bins
        if 0 <= nearest < bins:
            window = begin - geometry.core_start + offset
            text = cut(spliced.text, window, window + geometry.window)
            exact[:, number] = dense_by_hand(network, text)[:, nearest]
    return exact


@pytest.mark.parametrize("geometry", [GEOMETRY, WindowGeometry(160, 32, 96, 1)],
                         ids=["bin-12", "bin-1"])  # fmt: skip
def test_one_window_a_core_has_its_middle_in_register(
    geometry, register, predict, write_people, random_sequence
):
    dense = Dense(geometry, 2)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": dense})))
    sequence = random_sequence(3000, 1)
    edits = random_edits(sequence[:2900], 6, 40)
    vcf = write_people(rows_of(sequence, edits, []))
    run = predict("core", vcf, register="core")
    found = tracks(run, 3000, geometry.bin, ".ann.hap1")
    close(found, middle_by_hand(dense, geometry, sequence, edits))
    exact = predict("exact", vcf)
    assert (found != tracks(exact, 3000, geometry.bin, ".ann.hap1")).any()
    cores = [
        tracksmith.runs.run.Run.open(folder).results.haplotype_cores["toy"].windows
        for folder in (run, exact)
    ]
    assert cores[0] < cores[1]


def test_the_run_says_which_register_was_used(network, predict, write_people, random_sequence):
    vcf = write_people([("chr1", 5, random_sequence(3000, 1)[4], "N", ["0|0"])])
    plan = tracksmith.runs.run.Run.open(predict("auto", vcf)).plan
    assert plan.models[0].register == "exact"
    plan = tracksmith.runs.run.Run.open(predict("core", vcf, register="core")).plan
    assert plan.models[0].register == "core"


def test_a_window_that_ends_right_before_an_edit_is_copied(
    network, predict, write_people, random_sequence
):
    sequence = random_sequence(3000, 1)
    place = 40 * 36 + 48  # the window of core 40 ends here, and that of core 42 begins
    edits = [(place, place + 1, "A" if sequence[place] != "A" else "C")]
    run = predict("run", write_people(rows_of(sequence, edits, [])))
    windows = [(core * 36 - 12, core * 36 + 48) for core in range(84)]
    holding = [window for window in windows if window[0] <= place < window[1]]
    counts = tracksmith.runs.run.Run.open(run).results.haplotype_cores["toy"]
    assert counts.computed == counts.windows == len(holding) > 0


class PlaceInBatch(Dense):
    """A network whose last digits depend on where in its batch a window is, as sums do."""

    def forward(self, bases):
        rows = torch.arange(len(bases), dtype=torch.float32)
        return super().forward(bases) + 1e-3 * rows[:, None, None]


def test_haplotypes_swap_and_equal_ones_are_equal_though_batches_decide_last_digits(
    register, predict, write_people, random_sequence
):
    dense = PlaceInBatch(GEOMETRY, 1)
    register(Model(toy_card(GEOMETRY, ("1",)), lambda request: Predictor({"1": dense})))
    sequence = random_sequence(3000, 1)
    first, second = random_edits(sequence, 3, 30), random_edits(sequence, 4, 30)
    one = digests(predict("one", write_people(rows_of(sequence, first, second))))
    other = digests(predict("other", write_people(rows_of(sequence, second, first))))
    same = digests(predict("same", write_people(rows_of(sequence, second, second))))
    for track in ("plus", "minus", "both"):
        assert one[track, "hap1"] == other[track, "hap2"]
        assert one[track, "hap2"] == other[track, "hap1"]
        assert same[track, "hap1"] == same[track, "hap2"]


def test_edits_behind_a_long_deletion_are_in_the_windows_before_it(
    network, write_genome, write_people, random_sequence, tmp_path
):
    """Where the deletion passes the end of a chunk, they lie beyond its windows."""
    sequence = random_sequence(20_000, 1)
    span = chunk_stride(tile(GEOMETRY), 12, 20_000)
    assert 1000 < span < 15_000
    start = next(p for p in range(span - 30, span) if sequence[p - 1] != sequence[p + 399])
    end = start + 400
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    edits = [(start, end, ""), (end + 3, end + 4, other[sequence[end + 3]])]
    edits.append((end + 9, end + 9, "ACGTAC" + other[sequence[end + 8]]))
    vcf = write_people(rows_of(sequence, edits, []))
    tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", vcf=vcf)
    found = tracks(tmp_path / "run", 20_000, 12, ".ann.hap1")
    near = slice((span - 600) // 12, (span + 1200) // 12)
    at = (span - 1200) // 36 * 36
    text = sequence[at : span + 2400]
    moved = [(first - at, last - at, new) for first, last, new in edits]
    expected = haplotype(network, GEOMETRY, text, moved)
    close(found[:, near], expected[:, near.start - at // 12 : near.stop - at // 12])
