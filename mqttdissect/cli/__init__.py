"""The command line: parse options, build the pipeline, set the exit status; nothing else."""
