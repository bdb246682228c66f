"""The package as others get it: built, installed elsewhere, and used there with the model that travels with it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_an_installed_package_brings_its_model_along(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("stance_news-*.whl")
    # its own folder, first on the path, away from the checkout; the dependencies are those of this environment
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True, cwd=tmp_path)
    code = (
        "import pathlib, stance\n"
        f"assert pathlib.Path(stance.__file__).is_relative_to({str(tmp_path)!r}), stance.__file__\n"
        "print(stance.classify('Xi vowed to deepen cooperation with Pyongyang.').stance)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "favor\n", "")


def test_a_folder_of_the_same_name_does_not_hide_the_package(tmp_path: Path) -> None:
    (tmp_path / "stance").mkdir()  # such as a clone, with Python started beside it
    code = "import stance; print(stance.classify('Xi vowed to deepen cooperation with Pyongyang.').stance)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "favor\n", "")
