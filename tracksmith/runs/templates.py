"""Scripts that run the parts of a plan on a cluster; they call the same three commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from tracksmith.errors import UsageError
from tracksmith.models.trust import consent
from tracksmith.runs.run import Run

__all__ = ["TEMPLATES", "cluster_script"]

MOST_TASKS = 1000
"""Tasks of an array; SLURM's own default limit is 1,001."""

SLURM = """\
#!/bin/bash
# sbatch THIS_FILE; when the array is done, run `tracksmith finish` on the same folder.
#SBATCH --job-name=tracksmith
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=4
#SBATCH --requeue
set -euo pipefail
tracksmith work {run} --part "$SLURM_ARRAY_TASK_ID/{tasks}" --device {device}{trust}
"""

SNAKEMAKE = """\
# snakemake -s THIS_FILE --cores all
TASKS = range({tasks})

rule finish:
    input: expand({done}, share=TASKS)
    shell: {finish}

rule work:
    output: touch({done})
    shell: {work}
"""

NEXTFLOW = """\
// nextflow run THIS_FILE
process work {{
    errorStrategy 'retry'
    maxRetries 3
    input: val share
    output: val true
    script: "{work}"
}}

process finish {{
    input: val done
    script: "{finish}"
}}

workflow {{
    work(Channel.of(0..{last})) | collect | finish
}}
"""


def _slurm(run: Run, folder: Path, tasks: int) -> str:
    return SLURM.format(
        run=shlex.quote(str(folder)), tasks=tasks, last=tasks - 1, device=run.plan.device,
        trust=consent().options,
    )  # fmt: skip


def _snakemake(run: Run, folder: Path, tasks: int) -> str:
    """Write texts as Python reads them; braces of a path are not Snakemake's own."""

    def text(template: str, path: str) -> str:
        return repr(template.replace("PATH", path.replace("{", "{{").replace("}", "}}")))

    quoted, options = shlex.quote(str(folder)), f"--device {run.plan.device}{consent().options}"
    return SNAKEMAKE.format(
        tasks=tasks,
        # The run's id is part of the name: what was done for another run is not done for this.
        done=text(f"PATH.shares/{run.id[:12]}/{{share}}.done", str(folder)),
        finish=text("tracksmith finish PATH", quoted),
        work=text(f"tracksmith work PATH --part {{wildcards.share}}/{tasks} {options}", quoted),
    )


def _nextflow(run: Run, folder: Path, tasks: int) -> str:
    """Write texts as Groovy reads them: a dollar sign of a path starts no variable."""
    quoted = shlex.quote(str(folder)).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    options = f"--device {run.plan.device}{consent().options}"
    # `: ID` does nothing but make the script of another run another script for -resume.
    return NEXTFLOW.format(
        last=tasks - 1,
        work=f": {run.id[:12]}; tracksmith work {quoted} --part ${{share}}/{tasks} {options}",
        finish=f": {run.id[:12]}; tracksmith finish {quoted}",
    )


TEMPLATES: dict[str, Callable[[Run, Path, int], str]] = {
    "slurm": _slurm,
    "snakemake": _snakemake,
    "nextflow": _nextflow,
}


def cluster_script(kind: str, run: Run) -> str:
    """Return a script for ``slurm``, ``snakemake`` or ``nextflow`` that computes all parts.

    It trusts the weights that are trusted where this is called.

    Raises
    ------
    UsageError
        The folder's name holds a line break, which no script could quote.
    """
    folder = run.folder.resolve()
    if any(letter in str(folder) for letter in "\n\r\0"):
        raise UsageError(
            f"The folder {str(folder)!r} has a line break in its name, which no cluster script "
            "can quote. Choose another with -o."
        )
    return TEMPLATES[kind](run, folder, max(1, min(run.parts, MOST_TASKS)))
