"""Paste real output into Markdown: every ``pycon`` block and every ``console`` block of the files named.

    python docs/paste.py README.md            # rewrite
    python docs/paste.py --check README.md    # exit 1 where the page and the program disagree

A ``pycon`` block holds ``>>>`` lines, a ``console`` block ``$`` lines; what stands between them is replaced by what
the program prints now. Blocks of one page share their Python names, in order.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(pycon|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH = "100"


def pasted(page: str, folder: Path) -> str:
    """The page with every block's output made anew; commands run in ``folder``."""
    names: dict[str, Any] = {"__name__": "__main__"}

    def block(found: re.Match[str]) -> str:
        kind, body = found.groups()
        return f"```{kind}\n{_python(body, names) if kind == 'pycon' else _console(body, folder)}```"

    return _BLOCK.sub(block, page)


def _python(body: str, names: dict[str, Any]) -> str:
    lines: list[str] = []
    for example in doctest.DocTestParser().get_examples(body):
        first, *more = example.source.splitlines()
        lines += [f">>> {first}", *(f"... {line}" for line in more)]
        lines += _printed(example.source, names).splitlines()
    return "".join(f"{line}\n" for line in lines)


def _printed(source: str, names: dict[str, Any]) -> str:
    """What the interactive interpreter would print."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(source, "<page>", "single"), names)
        except Exception as error:
            print("Traceback (most recent call last):\n    ...")
            print(f"{type(error).__module__}.{type(error).__name__}: {error}".removeprefix("builtins."))
    return out.getvalue()


def _console(body: str, folder: Path) -> str:
    lines: list[str] = []
    for command in re.findall(r"^\$ (.*)$", body, re.MULTILINE):
        lines.append(f"$ {command}")
        lines += _run(command, folder).rstrip("\n").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _run(command: str, folder: Path) -> str:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "TERM": "dumb", "PATH": beside}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + ("" if done.returncode == 0 else done.stderr)


def main() -> int:
    """Paste into, or check, the files named on the command line."""
    names = [name for name in sys.argv[1:] if name != "--check"]
    stale = []
    for name in names:
        path = Path(name).resolve()
        old = path.read_text(encoding="utf-8")
        new = pasted(old, path.parent)
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'differs from what the program prints' if '--check' in sys.argv else 'output renewed'}")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
