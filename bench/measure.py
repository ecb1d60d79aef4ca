"""Runs one command with its output discarded and prints what it cost, as one JSON object.

    python -I -S -E bench/measure.py COMMAND [ARGUMENT...]

A process of its own because Linux counts what a process held between fork and exec as the peak of the program
that it becomes: started from a large parent, every command would seem at least as large as the parent. This
one imports little and stays near 10 MB. Standard library only.

Peak memory is the larger of two figures: the peak of the largest single process (`ru_maxrss`), and, for
commands that start others, the highest sum of the tree's proportional shares (PSS, in which pages shared by
forked workers count once), looked at every 50 ms.
"""

import json
import os
import sys
import threading
import time

INTERVAL = 0.05  # seconds


def tree_of(pid: int) -> list[int]:
    """`pid` and its descendants, as far as they are alive."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def share_of(pid: int) -> int:
    """The proportional share of memory of one process in KiB; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


class Watch(threading.Thread):
    """Looks at the memory of a tree of processes now and then; nearly free while there is one process."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0  # KiB
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(INTERVAL):
            tree = tree_of(self.pid)
            if len(tree) > 1:
                self.peak = max(self.peak, sum(map(share_of, tree)))


def measure(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds, peak KiB and exit status of `command`, its descendants included."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    watch = Watch(pid)
    watch.start()
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    watch.over.set()
    return {
        "wall": wall,
        "user": usage.ru_utime,
        "system": usage.ru_stime,
        "peak_kib": max(usage.ru_maxrss, watch.peak),
        "status": os.waitstatus_to_exitcode(status),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
