"""Runs over regions on other threads and in several worker processes: the same bytes."""

import pytest
import torch
import verbs
from region_toys import Neighbours, registry, toy


class Threads(Neighbours):
    """Values that depend on the threads of a product, as those of a large network do."""

    def forward(self, x):
        return super().forward(x) + torch.get_num_threads()


def test_the_threads_of_the_process_change_no_byte(
    write_genome, random_bases, tmp_path, monkeypatch
):
    models = registry(toy(Threads))
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: models)
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("".join(f"one\t{s}\t{s + 40}\n" for s in range(0, 4_000, 100)))
    request = verbs.request("toy", write_genome(one=random_bases(4_000, 1)), peaks=peaks)
    digests = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        run = verbs.run_all(request, tmp_path / f"{threads}")
        digests.append([file.sha256 for file in run.files])
    torch.set_num_threads(before)
    assert digests[0] == digests[1]


def test_two_workers_write_the_bytes_of_one_device(small_get, random_bases, tmp_path):
    pytest.importorskip("distributed")
    genome, peaks = tmp_path / "genome.fa", tmp_path / "peaks.bed"
    genome.write_text(f">chr1\n{random_bases(2_500_000, 1)}\n")
    peaks.write_text("".join(f"chr1\t{s}\t{s + 900}\n" for s in range(0, 2_500_000, 1_000)))
    request = verbs.changed(small_get.request, genome=genome, peaks=peaks, stride=10, batch_size=1)
    digests = []
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        run = verbs.run_all(verbs.changed(request, device=device), tmp_path / name)
        digests.append([file.sha256 for file in run.files])
    assert [len(stage.starts) for stage in run.plan.stages] == [3, 4]
    assert digests[0] == digests[1]
