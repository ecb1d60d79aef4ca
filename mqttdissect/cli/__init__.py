"""The command line: parse options, build the pipeline, set the exit status; nothing else."""

import gc

COLLECT_EVERY = 500_000  # objects; nearly none are in cycles, so that the collector mostly finds nothing
gc.set_threshold(COLLECT_EVERY, 50, 100)  # now: while modules load, it would take a fifteenth of the start
