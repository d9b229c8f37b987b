"""From the parts of a variant run to its files, each of them whole or absent."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from tracksmith.effects.annotate import write_annotated
from tracksmith.effects.background import background_ranks
from tracksmith.effects.bed import absmax_pieces, bed_rows, schema
from tracksmith.effects.deltas import write_deltas
from tracksmith.effects.parquet import has_parquet, write_parquet
from tracksmith.effects.records import SkippedAllele
from tracksmith.effects.results import read_results
from tracksmith.effects.saturation_tracks import write_saturation
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.summary import LISTED, summary_page, top_rows, top_table
from tracksmith.effects.survey import Counts, ModelFacts, ModelResults, survey
from tracksmith.effects.tables import COLUMNS, SKIPPED_COLUMNS, TableLines
from tracksmith.effects.worker import VariantPlan, VariantWorker
from tracksmith.engine.finish import damaged_files, value_facts
from tracksmith.engine.parts import PartStore
from tracksmith.errors import InputError, TracksmithError, TrustError, UsageError
from tracksmith.files import aside, crash_point, digest_of_file
from tracksmith.genome.alleles import GVCF_HINT, Reason
from tracksmith.genome.bgzf_writer import BgzfWriter, write_tabix_index
from tracksmith.models.trust import trusted_files
from tracksmith.progress import Progress
from tracksmith.provenance import file_entry
from tracksmith.run import make_folder
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.bigwig import write_bigwig
from tracksmith.tracks.external_sort import DiskSorter
from tracksmith.tracks.intervals import INTERVAL_BIN
from tracksmith.tracks.options import TrackOptions

__all__ = ["Limits", "finish_variants"]

_ORDER = struct.Struct(">IQQ")


WRONG_GENOME = {
    reason.value for reason in (Reason.REF_MISMATCH, Reason.UNKNOWN_CONTIG, Reason.OUTSIDE_CONTIG)
}
"""Reasons for skipping that another assembly would give."""


@dataclass(frozen=True)
class Limits:
    """How many alleles may be skipped: none (``strict``), or up to a share of them."""

    strict: bool = False
    most_skipped: float = 0.05

    def check(self, counts: Counts, name: str) -> None:
        """Refuse a run with too many skipped alleles, before any file is written.

        Raises
        ------
        InputError
            With the counts by reason and what to do.
        """
        skipped, total = counts.alleles_skipped, counts.alleles_skipped + counts.alleles_scored
        if not skipped or (not self.strict and skipped <= self.most_skipped * total):
            return
        reasons = ", ".join(f"{n:,} {code}" for code, n in counts.reasons.most_common())
        hint = "Repeat `tracksmith variants` without --strict to go on without them."
        if not self.strict:
            hint = (
                "`tracksmith variants` with --max-skipped 1 goes on without them; what is scored "
                "so far is kept."
            )
            if Reason.UNSPECIFIED_ALLELE.value in counts.reasons:
                hint = f"{GVCF_HINT} Or: {hint}"
            if counts.reasons.keys() & WRONG_GENOME:
                hint = f"Is it the right genome (assembly, strand)? {hint}"
        raise InputError(
            f"{name}: {skipped:,} of {total:,} alleles cannot be scored ({reasons}). {hint}"
        )


def finish_variants(
    worker: VariantWorker, limits: Limits, progress: Progress, keep_parts: bool = False
) -> None:
    """Write every file of a run from its parts; safe to kill and to repeat.

    The caller holds the run's lock.

    Raises
    ------
    IncompleteError
        Parts are missing or broken; the message lists them all.
    InputError
        More alleles were skipped than the limits allow.
    """
    plan, store = worker.plan, worker.store
    run = plan.run
    run.sweep()
    if run.finished and not damaged_files(run):
        return
    run.content["finished"] = False
    store.require_all()
    if plan.saturated is None:
        entries = _Files(worker, limits, progress).write()
    else:
        entries = _write_saturation(worker, progress)
    run.content["files"] = entries
    run.content["trusted_weights"] = trusted_files(run.request["models"], store.trusted())
    run.content["finished"] = True
    run.save()
    crash_point("finished")
    if not keep_parts:
        store.remove()
        (run.folder / "input").unlink(missing_ok=True)


def _write_saturation(worker: VariantWorker, progress: Progress) -> list[dict[str, Any]]:
    plan = worker.plan
    plan.run.content["without_value"] = {}
    make_folder(plan.run.folder / "ism")
    options = TrackOptions(compressor=plan.run.request["compressor"])
    entries = []
    for number in range(len(plan.models)):
        facts, counts = ModelFacts(plan, number), Counts()
        for result in read_results(worker.store, number):
            counts.add(result)
        plan.run.content["without_value"][facts.name] = dict(sorted(counts.reasons.items()))
        for reason, alleles in counts.reasons.most_common():
            progress.note(f"WARNING: {facts.name}: {alleles:,} changes have no value: {reason}.")
        entries += write_saturation(facts, worker.store, options)
    return entries


class _Files:
    """The files of a run over a list of variants."""

    def __init__(self, worker: VariantWorker, limits: Limits, progress: Progress) -> None:
        self.worker = worker
        self.plan: VariantPlan = worker.plan
        self.store: PartStore = worker.store
        self.limits = limits
        self.progress = progress
        self.folder = self.plan.run.folder
        self.options = TrackOptions(compressor=self.plan.run.request["compressor"])

    def write(self) -> list[dict[str, Any]]:
        """Write everything; return the entries for ``run.json``."""
        make_folder(self.folder / "variants")
        models = [self._results(number) for number in range(len(self.plan.models))]
        self.plan.run.content["counts"] = {
            model.name: model.survey.counts.to_dict() for model in models
        }
        entries: list[dict[str, Any]] = []
        tops = []
        for model in models:
            tops.append(top_rows(model))
            entries += self._tables(model, tops[-1])
            entries += self._browser_files(model)
            if self.plan.facts["around"]:
                scorer = self._window_scorer(model.number)
                whole = replace(scorer, every_bin=True)
                entries += write_deltas(model, whole, self.options)
        if not has_parquet():
            self.progress.note("No Parquet was written: that needs `pip install pyarrow`.")
        entries.append(self._skipped(models))
        entries += self._annotated(models)
        self._require_same_source()
        page = summary_page(models, tops).encode("utf-8", "replace")
        entries.append(self._bytes("variants/summary.html", "summary", page, {}))
        return entries

    def _require_same_source(self) -> None:
        """Refuse a file of variants that changed while it was read."""
        if digest_of_file(self.plan.path) == self.plan.source["sha256"]:
            return
        for path in (self.folder / "variants").glob("annotated.vcf.gz*"):
            path.unlink()
        raise TrustError(
            f"{self.plan.path} changed while the run was at work; nothing that was made of it can "
            "be trusted. Restore it, or score the new file with --overwrite."
        )

    def _results(self, number: int) -> ModelResults:
        """Read the results of a model once."""
        facts = ModelFacts(self.plan, number)
        listed = [int(text[4:]) for text in self.plan.facts["around"] if text.startswith("top:")]
        found = survey(
            read_results(self.store, number), len(facts.scores), facts.units,
            max(LISTED, *listed, 0),
        )  # fmt: skip
        if not found.counts.adds_up or found.counts.records != self.plan.records:
            raise TracksmithError(
                f"The counts of {facts.name} do not add up: {found.counts.to_dict()} for "
                f"{self.plan.records} records. This is a fault of tracksmith: please report it."
            )
        self.limits.check(found.counts, self.plan.source["name"])
        ranks = found.ranks
        if self.plan.facts["background"]["snvs"]:
            ranks = background_ranks(facts, self._window_scorer(number))
        return ModelResults(self.plan, number, self.store, found, ranks)

    def _window_scorer(self, number: int) -> Scorer:
        scorer = self.worker.scorer(number)
        if not isinstance(scorer, Scorer):
            raise UsageError(
                "Random variants and tracks around variants need a model over windows."
            )
        return scorer

    def _bytes(self, path: str, kind: str, content: bytes, facts: dict[str, Any]) -> dict[str, Any]:
        with aside(self.folder / path) as temporary:
            temporary.write_bytes(content)
        return file_entry(self.folder, path, kind, facts)

    def _tables(self, model: ModelResults, top: Sequence[Any]) -> list[dict[str, Any]]:
        facts = {"model": model.name, "rows": model.survey.counts.alleles_scored}
        path = f"variants/{model.name}.tsv.gz"
        self._write_table(self.folder / path, model)
        entries = [
            file_entry(self.folder, path, "effects", facts),
            *self._index_entries(path),
        ]
        if has_parquet():
            path = f"variants/{model.name}.parquet"
            with aside(self.folder / path) as temporary:
                write_parquet(temporary, model)
            entries.append(file_entry(self.folder, path, "parquet", facts))
        path = f"variants/{model.name}.top.tsv"
        small = {"model": model.name, "rows": len(top)}
        entries.append(self._bytes(path, "table", top_table(top), small))
        return entries

    def _index_entries(self, path: str) -> Iterator[dict[str, Any]]:
        for suffix in (".tbi", ".csi"):
            if (self.folder / f"{path}{suffix}").is_file():
                yield file_entry(self.folder, f"{path}{suffix}", "index", {})

    def _write_table(self, path: Path, model: ModelResults) -> None:
        longest = int(self.plan.engine.contigs.lengths.max(initial=0))
        suffix = ".csi" if longest >= 2**29 else ".tbi"
        with aside(path) as temporary:
            with BgzfWriter(temporary) as out:
                out.write(("#" + "\t".join(COLUMNS) + "\n").encode())
                for record in self._table_rows(model, path.parent):
                    out.write(record[_ORDER.size :])
            with aside(path.with_name(path.name + suffix)) as index:
                write_tabix_index(temporary, index, "vcf", longest)

    def _table_rows(self, model: ModelResults, folder: Path) -> Iterator[bytes]:
        if model.survey.sorted:
            yield from _in_file_order(model)
            return
        self.progress.note(f"{self.plan.source['name']} is not sorted; the table is.")
        with DiskSorter(folder) as sorter:
            for record in _in_file_order(model):
                sorter.add(record)
            yield from sorter

    def _browser_files(self, model: ModelResults) -> list[dict[str, Any]]:
        contigs = self.plan.engine.contigs
        path = f"variants/{model.name}.bb"
        facts: dict[str, Any] = {
            "model": model.name,
            "rows": model.survey.counts.alleles_scored,
            "score": model.scores[0].name,
        }
        write_bigbed(
            self.folder / path, list(contigs), bed_rows(model),
            schema(model.name, model.scores[0]), compressor=self.options.compressor,
            presorted=model.survey.in_genome_order,
        )  # fmt: skip
        if not facts["rows"]:
            facts["values"] = 0
        entry = file_entry(self.folder, path, "bigbed", facts)
        crash_point("track-finished")
        path = f"variants/{model.name}.absmax.bw"
        summary = write_bigwig(
            self.folder / path,
            list(contigs),
            lambda: absmax_pieces(model, contigs, self.folder / "variants", self.options),
            INTERVAL_BIN,
            self.options,
        )
        crash_point("track-finished")
        facts = {"model": model.name, "track": "", "statistic": "absmax", **value_facts(summary)}
        return [entry, file_entry(self.folder, path, "bigwig", facts)]

    def _skipped(self, models: Sequence[ModelResults]) -> dict[str, Any]:
        """Write the alleles that were not scored; those of a single model bear its name."""
        path = "variants/skipped.tsv"
        rows = 0
        with aside(self.folder / path) as temporary, temporary.open("wb") as out:
            out.write(("\t".join(SKIPPED_COLUMNS) + "\n").encode())
            for line in skipped_lines(models):
                out.write(line.encode("utf-8", "backslashreplace"))
                rows += 1
        return file_entry(self.folder, path, "skipped", {"rows": rows})

    def _annotated(self, models: Sequence[ModelResults]) -> list[dict[str, Any]]:
        if self.plan.source["kind"] == "table":
            return []
        path = "variants/annotated.vcf.gz"
        write_annotated(self.folder / path, models, self.progress.note)
        crash_point("track-finished")
        entry = file_entry(self.folder, path, "vcf", {"rows": self.plan.records})
        return [entry, *self._index_entries(path)]


def _in_file_order(model: ModelResults) -> Iterator[bytes]:
    """Yield the lines of every row after its place, as a record that can be sorted."""
    lines = TableLines(model.name, model.scores, model.units)
    number = 0
    for result in model.parts():
        rows = result.rows
        places = zip(rows["contig"].tolist(), rows["position"].tolist(), strict=True)
        blocks = lines.blocks(result, model.percentiles(result))
        for (contig, position), text in zip(places, blocks, strict=True):
            yield _ORDER.pack(contig, position, number) + text
            number += 1


def skipped_lines(models: Sequence[ModelResults]) -> Iterator[str]:
    """Yield the lines of skipped.tsv: what every model skips once, then what only one does."""
    first = models[0]
    for entry in _skipped_by(first):
        own = entry.reason in OWN_REASONS and len(models) > 1
        yield f"{entry.line}\t{first.name if own else '.'}\n"
    for model in models[1:]:
        told: set[tuple[int, str]] = set()
        known = groupby(_skipped_by(first), key=lambda entry: entry.record)
        record = -1
        for entry in _skipped_by(model):
            while record < entry.record:
                record, group = next(known, (NO_RECORD, iter(())))
                told = {(other.allele, other.reason) for other in group}
            shared = record == entry.record and (entry.allele, entry.reason) in told
            if entry.reason in OWN_REASONS or not shared:
                yield f"{entry.line}\t{model.name}\n"


def _skipped_by(model: ModelResults) -> Iterator[SkippedAllele]:
    for result in model.parts():
        yield from result.skipped


NO_RECORD = 1 << 62

OWN_REASONS = {"too_long", "too_many_n", "no_fold", "outside_peaks", "length_change"}
"""Reasons that depend on the model."""
