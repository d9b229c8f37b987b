"""Scripts that run the parts of a plan on a cluster; they call the same three commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracksmith.errors import UsageError
from tracksmith.models.trust import consent
from tracksmith.runs.folder import LOGS, MARKS
from tracksmith.runs.run import Run

__all__ = ["TEMPLATES", "cluster_script", "task_count"]

MOST_TASKS = 1000
"""Tasks of an array; SLURM's own default limit is 1,001."""

GPU_PARTS = 128
"""Parts of a task on a GPU, which takes 0.3 to 2 seconds for one, and 15 to start."""

SLURM = """\
#!/bin/bash
# bash THIS_FILE
# submits {tasks} tasks, and a job that joins their parts when all of them are done. What was
# lost is computed by the same command again. Memory, cores and time are yours to change here.
set -euo pipefail
mkdir -p {logs}
array=$(sbatch --parsable --job-name=tracksmith --array=0-{last} --requeue \\
    --ntasks=1 --cpus-per-task={cores} --mem={memory}G{gpus} --output={log} <<'TASK'
#!/bin/bash
exec tracksmith work {run} --part "$SLURM_ARRAY_TASK_ID/{tasks}" --device {device}{trust}
TASK
)
finish=$(sbatch --parsable --job-name=tracksmith-finish --requeue \\
    --dependency="afterok:${{array%%;*}}" --kill-on-invalid-dep=yes \\
    --ntasks=1 --cpus-per-task={cores} --mem={memory}G{finish_gpus} --output={finish_log} <<'TASK'
#!/bin/bash
exec tracksmith finish {run}{trust}
TASK
)
echo "Tasks: job $array; joining their parts: job $finish. What they say is in" {logs}
"""

SNAKEMAKE = """\
# snakemake -s THIS_FILE --cores all{limit}
workdir: {folder}

rule finish:
    input: expand("{marks}/{{share}}.done", share=range({tasks}))
    log: "{logs}/snakemake-finish.log"
    threads: {cores}
    resources: {finish_resources}
    shell: {finish}

rule work:
    output: touch("{marks}/{{share}}.done")
    log: "{logs}/snakemake-{{share}}.log"
    threads: {cores}
    resources: {resources}
    shell: {work}
"""

NEXTFLOW = """\
// nextflow run THIS_FILE{limit}
params.gpus = 1  // tasks at a time, where they need a GPU

process work {{
    cache false  // tracksmith knows what is done
    errorStrategy 'retry'
    maxRetries 3
    cpus {cores}
    memory '{memory} GB'
{gpus}    input: val share
    output: val true
    script: "{work}"
}}

process finish {{
    cache false
    cpus {cores}
    memory '{memory} GB'
{finish_gpus}    input: val done
    script: "{finish}"
}}

workflow {{
    work(channel.of(0..{last})) | collect | finish
}}
"""


@dataclass(frozen=True)
class _Needs:
    """What tasks need: cores, memory in GB, and whether a GPU, to compute and to finish."""

    cores: int
    memory: int
    gpu: bool
    finish_gpu: bool

    @classmethod
    def of(cls, run: Run, finishes_on: str) -> _Needs:
        """Return them for a run, by the kind of device that it was planned for."""
        gpu = run.plan.device == "cuda"
        return cls(8 if gpu else 4, 32 if gpu else 16, gpu, finishes_on == "cuda")


def _slurm(run: Run, folder: Path, tasks: int, needs: _Needs) -> str:
    logs = str(folder / LOGS).replace("%", "%%")  # a lone % is a field of SLURM's
    ask = " --gpus-per-task=1"
    return SLURM.format(
        run=shlex.quote(str(folder)), logs=shlex.quote(str(folder / LOGS)),
        tasks=tasks, last=tasks - 1,
        cores=needs.cores, memory=needs.memory, device=run.plan.device, trust=consent().options,
        gpus=ask if needs.gpu else "", finish_gpus=ask if needs.finish_gpu else "",
        log=shlex.quote(f"{logs}/slurm-%A_%a.log"),
        finish_log=shlex.quote(f"{logs}/slurm-%j-finish.log"),
    )  # fmt: skip


def _snakemake(run: Run, folder: Path, tasks: int, needs: _Needs) -> str:
    """Write texts as Python reads them; in commands, braces of a path are not Snakemake's own."""

    def text(template: str, path: str) -> str:
        return repr(template.replace("PATH", path.replace("{", "{{").replace("}", "}}")))

    def resources(*, gpu: bool) -> str:
        return f"mem_mb={needs.memory * 1000}" + (", gpu=1" if gpu else "")

    quoted, options = shlex.quote(str(folder)), f"--device {run.plan.device}{consent().options}"
    part = f"--part {{wildcards.share}}/{tasks}"
    return SNAKEMAKE.format(
        tasks=tasks, cores=needs.cores,
        limit=" --resources gpu=1  # or as many as there are" if needs.gpu else "",
        resources=resources(gpu=needs.gpu), finish_resources=resources(gpu=needs.finish_gpu),
        # Relative to the run: a brace in its path would be a wildcard, and --overwrite removes
        # the marks together with the run.
        folder=repr(str(folder)), marks=MARKS, logs=LOGS,
        finish=text(f"tracksmith finish PATH{consent().options} > {{log:q}} 2>&1", quoted),
        work=text(f"tracksmith work PATH {part} {options} > {{log:q}} 2>&1", quoted),
    )  # fmt: skip


def _nextflow(run: Run, folder: Path, tasks: int, needs: _Needs) -> str:
    """Write texts as Groovy reads them: a dollar sign of a path starts no variable."""

    def groovy(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")

    def log(name: str) -> str:
        return f"> {groovy(shlex.quote(f'{folder}/{LOGS}'))}/nextflow-{name}.log 2>&1"

    ask = "    accelerator 1\n    maxForks params.gpus\n"
    quoted, trust = groovy(shlex.quote(str(folder))), consent().options
    made = f"mkdir -p {groovy(shlex.quote(f'{folder}/{LOGS}'))};"
    options = f"--device {run.plan.device}{trust}"
    return NEXTFLOW.format(
        last=tasks - 1, cores=needs.cores, memory=needs.memory,
        limit=" --gpus 1  // or as many as there are" if needs.gpu else "",
        gpus=ask if needs.gpu else "", finish_gpus=ask if needs.finish_gpu else "",
        work=f"{made} tracksmith work {quoted} --part ${{share}}/{tasks} {options} "
        + log("${share}"),
        finish=f"{made} tracksmith finish {quoted}{trust} {log('finish')}",
    )  # fmt: skip


TEMPLATES: dict[str, Callable[[Run, Path, int, _Needs], str]] = {
    "slurm": _slurm,
    "snakemake": _snakemake,
    "nextflow": _nextflow,
}


def task_count(run: Run) -> int:
    """Return into how many tasks a run is cut: minutes of work each, a part on a CPU."""
    # decision: tasks-of-minutes (a part is what a kill loses; a task is what a start costs)
    if len({stage.wave for stage in run.plan.stages}) > 1:
        return 1  # tasks side by side would wait for one another's parts
    size = 1 if run.plan.device == "cpu" else GPU_PARTS
    return max(1, min(-(-run.parts // size), MOST_TASKS))


def cluster_script(kind: str, run: Run, finishes_on: str, tasks: int | None = None) -> str:
    """Return a script for ``slurm``, ``snakemake`` or ``nextflow`` that computes all parts.

    It trusts the weights that are trusted where this is called. ``finishes_on`` is the kind
    of device that joining the parts needs.

    Raises
    ------
    UsageError
        The folder's name holds a line break, which no script could quote; more tasks than
        parts.
    """
    folder = run.folder.resolve()
    if any(letter in str(folder) for letter in "\n\r\0"):
        raise UsageError(
            f"The folder {str(folder)!r} has a line break in its name, which no cluster script "
            "can quote. Choose another with -o."
        )
    if tasks is not None and not 1 <= tasks <= run.parts:
        raise UsageError(f"--tasks {tasks}: give 1 to {run.parts}, the number of parts.")
    needs = _Needs.of(run, finishes_on)
    return TEMPLATES[kind](run, folder, tasks or task_count(run), needs)
