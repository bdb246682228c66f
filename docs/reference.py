"""Write docs/api.md: every public name of `stance` with its signature and docstring.

    python docs/reference.py            # write
    python docs/reference.py --check    # exit 1 where the page and the docstrings disagree

A test holds the page to them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import stance

PAGE = Path(__file__).parent / "api.md"
HEAD = """# What `import stance` gives

Made from the docstrings by `python docs/reference.py`. The command line is told by `stance --help`.
"""


def page() -> str:
    """The whole page: functions, then classes and errors, each in order of their names."""
    found = {name: getattr(stance, name) for name in stance.__all__ if name != "__version__"}
    functions = {name: value for name, value in found.items() if not inspect.isclass(value)}
    errors = {name: value for name, value in found.items() if inspect.isclass(value) and issubclass(value, Exception)}
    classes = {name: value for name, value in found.items() if name not in {*functions, *errors}}
    parts = [HEAD]
    for title, names in (("Functions", functions), ("Classes", classes), ("Errors", errors)):
        parts.append(f"## {title}\n")
        for name, value in names.items():
            parts.append(_entry(f"stance.{name}", value, call=name in functions))
            parts += [_entry(f"{name}.{own}", each, call=callable(each)) for own, each in _members(value)]
    return "\n".join(parts)


def _members(owner: Any) -> Iterator[tuple[str, Any]]:
    """A class's own documented methods and properties, as they stand there."""
    if not inspect.isclass(owner) or issubclass(owner, Exception):
        return
    for name, value in vars(owner).items():
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        told = hasattr(value, "__get__") and not inspect.ismemberdescriptor(value) and inspect.getdoc(value)
        if told and not name.startswith("_"):
            yield name, value


def _entry(name: str, value: Any, *, call: bool) -> str:
    return f"### `{name}{_signature(value) if call else ''}`\n\n```text\n{inspect.getdoc(value)}\n```\n"


def _signature(function: Any) -> str:
    """Names and defaults; the docstring tells what they are."""
    given = inspect.signature(function)
    bare = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in given.parameters.values()
        if p.name not in ("self", "cls")
    ]
    return str(given.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def main() -> int:
    """Write the page, or check it."""
    made = page()
    if "--check" in sys.argv:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made
        print("docs/api.md: as the docstrings say" if same else "docs/api.md: differs from the docstrings")
        return int(not same)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
