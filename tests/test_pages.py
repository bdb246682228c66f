"""What the pages show is what the program prints."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", ["README.md"])
def test_the_output_on_a_page_is_what_the_program_prints(page: str) -> None:
    done = subprocess.run(
        [sys.executable, "docs/paste.py", "--check", page], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_api_page_says_what_the_docstrings_say() -> None:
    done = subprocess.run(
        [sys.executable, "docs/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tour_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "tour.py"))
    assert "majority" in capsys.readouterr().out
