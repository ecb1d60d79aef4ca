"""What the whole suite shares: which build is under test, the shipped captures, and a way to run the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mqttdissect.cli.build import build

os.environ["PYTHONSAFEPATH"] = "1"  # what tests start is what is installed, not the checkout that they are started in

CAPTURES = Path(__file__).parent.parent / "captures"

settings.register_profile("ci", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_report_header() -> str:
    """Say which build is tested, and stop if it is not the one that CI wanted."""
    wanted = os.environ.get("MQTTDISSECT_EXPECT", "")
    if wanted and not build().startswith(wanted):
        raise pytest.UsageError(f"the build under test is {build()}, not {wanted}")
    return f"mqttdissect: {build()}"


@pytest.fixture(params=sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def capture(request: pytest.FixtureRequest) -> Path:
    """Each shipped capture in turn."""
    path: Path = request.param
    return path


@pytest.fixture
def mqttdissect(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`mqttdissect(*arguments, input=b"")`: run the installed command; what it printed and its exit status."""

    def run(*arguments: str | Path, input: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "mqttdissect", *map(str, arguments)],
            input=input,
            capture_output=True,
            cwd=tmp_path,
            timeout=120,
            env={**os.environ, "COLUMNS": "", "PYTHONUTF8": "1", **environment},
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
