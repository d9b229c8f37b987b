"""Runs the GC kind in a process of its own, so that it can be killed."""

import sys
from pathlib import Path

from gc_kind import Gc

import tracksmith.kinds
from tracksmith.cli import main

tracksmith.kinds.KINDS["gc"] = Gc

if sys.argv[1] == "all":
    from tracksmith.progress import Silent
    from tracksmith.runs import job
    from tracksmith.runs.request import make_request

    genome, bed, out = map(Path, sys.argv[2:])
    request = make_request(genome=genome, regions=[str(bed)])
    job.run_all(Gc(), request, out, Silent())
else:
    main(sys.argv[1:])
