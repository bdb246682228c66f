"""A result as a typed record: what was measured, on what, by which versions."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from stance.jsonl import write_text

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("stance-news", "numpy", "scipy", "scikit-learn", "safetensors")


@dataclass(frozen=True)
class Record:
    """One suite's result.

    Attributes:
        suite: its name; also the file's.
        results: the figures, as the suite lays them out.
        fingerprint: of the data measured on.
        seed: of every random step.
        date, commit, versions, machine: when, what and where.
    """

    suite: str
    results: dict[str, Any]
    fingerprint: str = ""
    seed: int = 0
    date: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date().isoformat())
    commit: str = field(default_factory=lambda: _commit())
    versions: dict[str, str] = field(default_factory=lambda: _versions())
    machine: str = field(default_factory=lambda: _machine())

    def write(self, folder: Path = RESULTS) -> Path:
        """Write ``<suite>.json``, atomically."""
        path = folder / f"{self.suite}.json"
        write_text(path, json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read what `write` wrote; an unknown key is a `TypeError`."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def with_interval(figure: Mapping[str, float]) -> str:
    """A figure and its interval, for a table's cell."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
