"""What becomes of every kind of genotype: applied, or listed with a reason, never silent."""

import csv
import json

import numpy as np
import pytest
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.errors import InputError, TrustError, UsageError
from tracksmith.models.card import Alphabet, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.run import Run
from tracksmith.tracks.reader import read_values

GEOMETRY = WindowGeometry(60, 12, 36, 1)
SEQUENCE = "ACGT" * 150


class Notes:
    """A progress that remembers what it was told."""

    def __init__(self):
        self.said = []

    def start(self, *arguments):
        pass

    advance = finish = start

    def note(self, text):
        self.said.append(text)


@pytest.fixture
def network(register):
    dense = Dense(GEOMETRY, 1)
    card = toy_card(GEOMETRY, ("1",), alphabet=Alphabet(heterozygous="half"))
    register(Model(card, lambda request: Predictor({"1": dense})))
    return dense


@pytest.fixture
def predict(network, write_genome, tmp_path):
    """Predict on chr1 (600 bp) and chrX (240 bp); return the run."""
    genome = write_genome(chr1=SEQUENCE, chrX="TTGCA" * 48)

    def run(vcf, name="run", **options):
        return tracksmith.predict("toy", genome, tmp_path / name, vcf=vcf, **options)

    return run


def table(run, person="ann"):
    with (run.folder / "edits" / f"{person}.edits.tsv").open() as rows:
        return list(csv.DictReader(rows, delimiter="\t"))


def track(run, what, contig="chr1", name="both"):
    path = run.folder / "tracks" / f"toy.{name}.ann.{what}.bw"
    length = {"chr1": 600, "chrX": 240}[contig]
    return read_values(path, contig, 0, length)


@pytest.mark.parametrize(
    ("row", "applied", "reason"),
    [
        (("chr1", 101, "A", "C", ["0|1"]), "2", "."),
        (("chr1", 101, "A", "C", ["1|1"]), "1,2", "."),
        (("chr1", 101, "A", "C", ["1/1"]), "1,2", "."),
        (("chrX", 101, "T", "C", ["1"]), "1,2", "."),
        (("chr1", 101, "A", "C", [".|1"]), "2", "."),
        (("chr1", 101, "A", "*", ["0|1"]), ".", "unsupported_allele"),
        (("chr1", 101, "A", "<DEL>", ["1|0"]), ".", "unsupported_allele"),
        (("chr1", 101, "A", "<NON_REF>", ["1|0"]), ".", "unspecified_allele"),
        (("chr1", 101, "A", "A[chr1:5[", ["1|0"]), ".", "unsupported_allele"),
        (("chr1", 101, "A", "N", ["1|0"]), ".", "ambiguous_allele"),
        (("chr1", 101, "A", "A", ["1|0"]), ".", "no_change"),
        (("chr1", 101, "G", "C", ["1|0"]), ".", "ref_mismatch"),
        (("chr7", 101, "G", "C", ["1|0"]), ".", "unknown_contig"),
        (("chr1", 599, "GTA", "G", ["1|0"]), ".", "outside_contig"),
        (("chr1", 0, "N", "C", ["1|0"]), ".", "telomere"),
    ],
)  # fmt: skip
def test_every_allele_is_applied_or_listed_with_a_reason(
    row, applied, reason, predict, write_people
):
    # A second, sound record: a file of nothing but strangers is another genome's.
    rows = [row, ("chr1", 301, "A", "T", ["1|0"])]
    run = predict(write_people(rows), max_skipped=1)
    found = next(line for line in table(run) if line["pos"] == str(row[1]))
    assert (found["applied"], found["reason"]) == (applied, reason)
    counts = run.results.people["ann"]
    assert counts.applied == (2 if reason == "." else 1)
    assert dict(counts.skipped) == ({} if reason == "." else {reason: 1})
    assert counts.applied == run.plan.haplotypes.samples[0].edits


def test_two_different_alternatives_go_to_their_haplotypes(predict, write_people):
    run = predict(write_people([("chr1", 101, "A", "C,ATT", ["2|1"])]))
    assert [(row["alt"], row["applied"]) for row in table(run)] == [("C", "2"), ("ATT", "1")]


def test_missing_and_half_missing_calls_are_the_reference_and_counted(predict, write_people):
    rows = [
        ("chr1", 101, "A", "C", [".|."]), ("chr1", 105, "A", "C", ["."]),
        ("chr1", 109, "A", "C", ["0|."]), ("chr1", 113, "A", "C", ["1|."]),
    ]  # fmt: skip
    run = predict(write_people(rows))
    assert dict(run.results.people["ann"].calls) == {"missing": 2, "half_missing": 2}
    assert [(row["pos"], row["applied"]) for row in table(run)] == [("113", "1")]
    assert track(run, "hap1-hap2").any()


def test_a_call_of_one_copy_makes_no_difference_of_nothing(predict, write_people):
    run = predict(write_people([("chrX", 101, "T", "C", ["1"])]))
    assert run.results.people["ann"].calls["haploid"] == 1
    assert not track(run, "hap1-hap2", "chrX").any()
    reference = read_values(run.folder / "tracks" / "toy.both.bw", "chrX", 0, 240)
    assert (track(run, "hap1", "chrX") != reference).any()


UNPHASED = [
    ("chr1", 101, "A", "C", ["0/1"]),
    ("chr1", 201, "A", "AGG", ["0/1"]),
    ("chr1", 301, "A", "C,G", ["1/2"]),
    ("chr1", 401, "A", "T", ["./1"]),
    ("chr1", 501, "A", "T", ["0|1"]),
]


def test_unphased_calls_are_refused_with_their_number_and_the_first(predict, write_people):
    said = (
        r"people\.vcf: 4 heterozygous genotypes of ann are not phased, the first at chr1:101 "
        r"\(0/1\), line 5.*--unphased reference.*two-hot"
    )
    with pytest.raises(InputError, match=said):
        predict(write_people(UNPHASED))


def test_unphased_calls_may_be_left_out(predict, write_people):
    run = predict(write_people(UNPHASED), unphased="reference")
    assert [row["applied"] for row in table(run)] == [".", ".", ".", ".", ".", "2"]
    assert dict(run.results.people["ann"].skipped) == {"unphased": 5}
    assert run.plan.haplotypes.unphased == "reference"


def test_two_hot_reads_both_bases_of_an_snv_on_both_haplotypes(
    network, predict, write_people, tmp_path
):
    run = predict(write_people(UNPHASED), unphased="two-hot")
    applied = {row["pos"]: (row["alt"], row["applied"], row["reason"]) for row in table(run)}
    assert applied == {
        "101": ("C", "1,2", "."), "201": ("AGG", ".", "unphased"), "301": ("C,G", "1,2", "."),
        "401": ("T", "1,2", "."), "501": ("T", "2", "."),
    }  # fmt: skip
    # The same bases written into the genome as IUPAC codes: M is A and C, S is C and G.
    letters = list(SEQUENCE)
    letters[100], letters[300], letters[400] = "M", "S", "W"
    other = tmp_path / "codes.fa"
    other.write_text(f">chr1\n{''.join(letters)}\n>chrX\n{'TTGCA' * 48}\n")
    tracksmith.predict("toy", other, tmp_path / "codes")
    expected = read_values(tmp_path / "codes" / "tracks" / "toy.both.bw", "chr1", 0, 600)
    found = track(run, "hap1")
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_two_hot_needs_a_code_in_the_alphabet(register, write_genome, write_people, tmp_path):
    dense = Dense(GEOMETRY, 1)
    register(Model(toy_card(GEOMETRY, ("1",)), lambda request: Predictor({"1": dense})))
    with pytest.raises(UsageError, match="the alphabet of toy has no code for two bases"):
        tracksmith.predict(
            "toy", write_genome(chr1=SEQUENCE), tmp_path / "run", unphased="two-hot",
            vcf=write_people(UNPHASED),
        )  # fmt: skip


def test_the_earlier_of_two_edits_that_overlap_wins_on_its_haplotype(predict, write_people):
    rows = [
        ("chr1", 101, "ACGTAC", "A", ["1|0"]),  # takes 102 to 106
        ("chr1", 103, "G", "T", ["1|1"]),
        ("chr1", 105, "A", "C", ["1|0"]),
        ("chr1", 107, "G", "T", ["1|0"]),
        ("chr1", 201, "A", "ATT", ["0|1"]),
        ("chr1", 201, "A", "AGG", ["0|1"]),
    ]
    run = predict(write_people(rows))
    found = [(row["pos"], row["alt"], row["applied"], row["reason"]) for row in table(run)]
    assert found == [
        ("101", "A", "1", "."), ("103", "T", "2", "overlap"), ("105", "C", ".", "overlap"),
        ("107", "T", "1", "."), ("201", "AGG", "2", "."), ("201", "ATT", ".", "overlap"),
    ]  # fmt: skip
    assert dict(run.results.people["ann"].skipped) == {"overlap": 3}


def test_a_record_that_is_there_twice_is_applied_once_and_said(predict, write_people):
    rows = [("chr1", 101, "A", "C", ["1|0"])] * 2
    notes = Notes()
    run = predict(write_people(rows), progress=notes)
    assert [row["reason"] for row in table(run)] == [".", "duplicate"]
    assert any("that were there already, left out: 1" in said for said in notes.said)


def test_it_is_said_that_no_edit_is_applied(predict, write_people):
    """A file of other contigs, or a sample of nothing but 0|0, would go unnoticed."""
    notes = Notes()
    predict(write_people([("chr1", 101, "A", "C", ["0|0"])]), progress=notes)
    assert any(
        said == "ann: edits that are applied: 0; the tracks of both haplotypes are those of the "
        "reference." for said in notes.said
    )  # fmt: skip


def test_a_file_out_of_order_is_said(predict, write_people):
    rows = [("chr1", 201, "A", "C", ["1|0"]), ("chr1", 101, "A", "C", ["1|0"])]
    notes = Notes()
    predict(write_people(rows), progress=notes)
    assert any("people.vcf is not sorted" in said for said in notes.said)


def test_too_much_that_cannot_be_applied_is_refused_with_the_reasons(predict, write_people):
    rows = [("chr1", 100 + n, "N", "C", ["1|0"]) for n in range(3)]
    rows += [("chr1", 201, "A", "C", ["1|0"])]
    vcf = write_people(rows)
    with pytest.raises(
        InputError, match=r"3 of 4 alleles of ann cannot be applied.*--max-skipped 1"
    ):
        predict(vcf)
    assert predict(vcf, max_skipped=1).finished
    with pytest.raises(InputError, match=r"1 of 2 alleles of ann .*Leave out --strict"):
        predict(write_people([rows[0], rows[3]]), "strict", strict=True)


def test_a_file_of_another_genome_is_refused(predict, write_people):
    vcf = write_people([("chr7", 5, "A", "C", ["1|0"])])
    with pytest.raises(InputError, match="none of its contigs is one of the genome"):
        predict(vcf)
    vcf = write_people([("chr1", 101, "A", "C", ["1|0"])], contigs={"chr1": 5000})
    with pytest.raises(InputError, match=r"another assembly.*\n.*\n.*\n.*--allow-other-lengths"):
        predict(vcf)
    assert predict(vcf, allow_other_lengths=True).finished


def test_contigs_go_by_their_aliases(predict, write_people, tmp_path):
    vcf = write_people([("1", 101, "A", "C", ["1|0"]), ("NC_1", 101, "T", "C", ["1|0"])])
    (tmp_path / "alias.txt").write_text("NC_1\tchrX\n")
    run = predict(vcf, alias=tmp_path / "alias.txt")
    assert [(row["chrom"], row["applied"]) for row in table(run)] == [("chr1", "1"), ("chrX", "1")]
    (tmp_path / "alias.txt").write_text("NC_2\tchrX\n")
    plan = tracksmith.plan("toy", tmp_path / "genome.fa", tmp_path / "p", vcf=vcf, max_skipped=1)
    (tmp_path / "people.vcf").write_text("")
    with pytest.raises(TrustError, match="not the file of genotypes that was planned"):
        tracksmith.work(plan.folder)


def test_two_phase_sets_are_drawn_and_windows_over_both_are_counted(predict, write_people):
    rows = [
        ("chr1", 101, "A", "C", ["1|0:7"]), ("chr1", 105, "A", "C", ["0|1:7"]),
        ("chr1", 109, "A", "C", ["1|1:9"]), ("chr1", 121, "A", "C", ["1|0:9"]),
        ("chr1", 401, "A", "C", ["1|0:9"]),
    ]  # fmt: skip
    run = predict(write_people(rows, keys="GT:PS"))
    bed = (run.folder / "edits" / "ann.phase_sets.bed").read_text()
    assert bed == "chr1\t100\t105\t7\t2\nchr1\t120\t401\t9\t2\n"
    assert run.results.people["ann"].phase_sets == 2
    # Cores of 36 bp, windows from 12 before to 12 behind: [60, 120) ends before 121's base.
    windows = [(k * 36 - 12, k * 36 + 48) for k in range(17)]
    both = [w for w in windows if w[0] < 105 and w[1] > 120]
    assert run.results.haplotype_cores["toy"].spanning == len(both) > 0


def test_only_edits_near_what_was_asked_for_are_listed_but_all_fill_windows(predict, write_people):
    rows = [("chr1", p, "A", "C", ["1|0"]) for p in (101, 301, 501)]
    rows += [("chrX", 101, "T", "C", ["0/1"])]
    run = predict(write_people(rows), regions=("chr1:290-330",))
    assert [row["pos"] for row in table(run)] == ["301"]
    assert run.plan.haplotypes.samples[0].edits == 1
    whole = predict(write_people(rows[:3]), "whole")
    part, all_of_it = track(run, "hap1"), track(whole, "hap1")
    assert np.isfinite(part[289:330]).all()
    assert np.isnan(part[:280]).all()
    near = np.abs(part[289:330] - all_of_it[289:330]).max()
    assert near <= 1e-6 * np.abs(all_of_it).max()


def test_the_person_the_file_and_the_edits_are_the_identity_of_the_run(predict, write_people):
    rows = [("chr1", 101, "A", "C", ["1|0", "0|1"])]
    run = predict(write_people(rows, ("ann", "bob")), sample=["ann", "bob"])
    assert [(s.name, s.edits) for s in run.plan.haplotypes.samples] == [("ann", 1), ("bob", 1)]
    for change in (
        {"vcf": write_people(rows, ("ann", "bob")), "sample": "ann"},
        {"vcf": write_people([*rows, ("chr1", 105, "A", "C", ["1|0", "0|0"])], ("ann", "bob")),
         "sample": ["ann", "bob"]},
    ):  # fmt: skip
        with pytest.raises(UsageError, match="holds another run"):
            predict(change.pop("vcf"), **change)


def test_nobody_elses_genotypes_are_in_any_file(predict, write_people):
    rows = [("chr1", 101, "A", "C", ["1|0", "0|0"]), ("chr1", 105, "A", "GATTACA", ["0|0", "1|1"])]
    run = predict(write_people(rows, ("ann", "robert")), sample="ann")
    for path in run.folder.rglob("*"):
        if path.is_file():
            assert b"GATTACA" not in path.read_bytes()
            assert b"robert" not in path.read_bytes()


def test_people_may_be_named_in_a_file(predict, write_people, tmp_path):
    vcf = write_people([("chr1", 101, "A", "C", ["1|0", "0|1"])], ("ann", "bob"))
    (tmp_path / "names").write_text("bob\nann\n")
    run = predict(vcf, samples=tmp_path / "names", sample="bob")
    assert [s.name for s in run.plan.haplotypes.samples] == ["bob", "ann"]


def test_names_that_no_path_can_hold_are_replaced_or_refused(predict, write_people):
    rows = [("chr1", 101, "A", "C", ["1|0", "0|1"])]
    run = predict(write_people(rows, ("a/b c", "bob")), sample="a/b c")
    assert (run.folder / "edits" / "a_b_c.edits.bb").is_file()
    assert run.results.people["a/b c"].applied == 1
    with pytest.raises(UsageError, match=r"would both be written to|files of one name"):
        predict(write_people(rows, ("a/b", "a b")), "twice", sample=["a/b", "a b"])


def test_options_of_people_need_the_file(predict):
    with pytest.raises(UsageError, match=r"--sample .*belongs to `tracksmith predict --vcf`"):
        predict(None, sample="ann")


def test_formats_and_precision_are_those_of_every_run(predict, write_people):
    run = predict(
        write_people([("chr1", 101, "A", "C", ["1|0"])]), formats=("bedgraph",), precision="8bits"
    )
    assert (run.folder / "tracks" / "toy.both.ann.hap1.bedGraph.gz").is_file()
    assert json.loads((run.folder / "run.json").read_text())["plan"]["precision"] == "8bits"
    assert Run.open(run.folder).finished


def test_a_study_asks_for_people_and_says_what_a_run_was_asked(predict, write_people, tmp_path):
    from tracksmith.study import read_study
    from tracksmith.study_of_runs import study_text

    vcf = write_people([("chr1", 101, "A", "C", ["0/1"])])
    run = predict(vcf, unphased="two-hot", register="core")
    text = study_text([run])
    assert text.startswith("[predict]")
    (tmp_path / "study.toml").write_text(text)
    (step,) = read_study(tmp_path / "study.toml").steps
    assert step.request.vcf == vcf
    assert (step.request.sample, step.request.unphased) == (("ann",), "two-hot")
    assert step.request.of("toy").register == "core"
    from verbs import plan

    assert plan(step.request, step.out).id == run.id
    (tmp_path / "short.toml").write_text(
        'models = ["toy"]\ngenome = "genome.fa"\nvcf = "people.vcf"\nunphased = "reference"\n'
        '[predict]\nout = "x"\n'
    )
    (step,) = read_study(tmp_path / "short.toml").steps
    assert step.request.vcf == vcf


def test_a_file_of_genotypes_may_come_through_a_pipe(network, write_genome, write_people, tmp_path):
    import os
    import threading

    vcf = write_people([("chr1", 101, "A", "C", ["0|1"])])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes(vcf.read_bytes()))
    feeder.start()
    run = tracksmith.predict("toy", write_genome(chr1=SEQUENCE), tmp_path / "run", vcf=pipe)
    feeder.join()
    assert run.results.people["ann"].applied == 1


def test_a_model_over_regions_is_refused_with_the_reason(small_get, write_people, tmp_path):
    from verbs import changed, run_all

    vcf = write_people([("chr1", 101, "A", "C", ["0|1"])])
    with pytest.raises(UsageError, match=r"--vcf: .* reads a list of regions .* not windows"):
        run_all(changed(small_get.request, vcf=vcf), tmp_path / "run")
