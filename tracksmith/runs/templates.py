"""Scripts that run the parts of a plan on a cluster; they call the same three commands."""

from __future__ import annotations

import shlex
from pathlib import Path

from tracksmith.models.trust import consent
from tracksmith.runs.run import Run

__all__ = ["TEMPLATES", "cluster_script"]

MOST_TASKS = 1000
"""Tasks of an array; SLURM's own default limit is 1,001."""

SLURM = """\
#!/bin/bash
# sbatch THIS_FILE; then, when the array is done: tracksmith finish {run}
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
    input: expand("{plain}.shares/{{share}}.done", share=TASKS)
    shell: "tracksmith finish {run}"

rule work:
    output: touch("{plain}.shares/{{share}}.done")
    shell: "tracksmith work {run} --part {{wildcards.share}}/{tasks} --device {device}{trust}"
"""

NEXTFLOW = """\
// nextflow run THIS_FILE
process work {{
    errorStrategy 'retry'
    maxRetries 3
    input: val share
    output: val true
    script: "tracksmith work {run} --part ${{share}}/{tasks} --device {device}{trust}"
}}

process finish {{
    input: val done
    script: "tracksmith finish {run}"
}}

workflow {{
    work(Channel.of(0..{last})) | collect | finish
}}
"""

TEMPLATES = {"slurm": SLURM, "snakemake": SNAKEMAKE, "nextflow": NEXTFLOW}


def cluster_script(kind: str, run: Run) -> str:
    """Return a script for ``slurm``, ``snakemake`` or ``nextflow`` that computes all parts.

    It trusts the weights that are trusted where this is called.
    """
    folder = Path(run.folder).resolve()
    tasks = max(1, min(run.parts, MOST_TASKS))
    return TEMPLATES[kind].format(
        run=shlex.quote(str(folder)),
        plain=folder,
        tasks=tasks,
        last=tasks - 1,
        device=run.plan.device,
        trust=consent().options,
    )
