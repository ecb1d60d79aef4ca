"""`pytest bench` ends with what each stage does in a second: of the unit it handles, not of calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mqttdissect.cli.build import build

RATES = pytest.StashKey[list[tuple[str, str, float]]]()
ROUNDS = 7


def pytest_configure(config: pytest.Config) -> None:
    """Nothing has been measured."""
    config.stash[RATES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a stage."""
    if config.stash[RATES]:
        terminalreporter.section(f"per second, median of {ROUNDS} rounds, {build()}")
    for name, unit, rate in config.stash[RATES]:
        terminalreporter.write_line(f"{name:<32}{rate:>12,.0f} {unit}")


@pytest.fixture
def stage(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Callable[..., None]:
    """`stage(unit, count, setup, run)`: measure `run(*setup())`, which handles so many of a unit."""

    def measure(unit: str, count: int, setup: Callable[[], tuple[object, ...]], run: Callable[..., object]) -> None:
        benchmark.pedantic(run, setup=lambda: (setup(), {}), rounds=ROUNDS, warmup_rounds=1)
        if benchmark.stats is not None:  # None with --benchmark-disable
            rate = count / benchmark.stats.stats.median
            benchmark.extra_info[unit] = rate
            request.config.stash[RATES].append((request.node.name, unit, rate))

    return measure
