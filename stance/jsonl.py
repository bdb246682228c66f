"""Files in and out: atomic writes, JSON lines, checksums. Knows nothing of the domain."""

from __future__ import annotations

import codecs
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from stance.errors import LabelError

PathLike = str | os.PathLike[str]
# The longer ones first: one of UTF-32 begins as one of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def sha256(data: bytes | str) -> str:
    """Hexadecimal SHA-256 of bytes, or of a string's UTF-8."""
    return hashlib.sha256(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data).hexdigest()


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON with characters kept as they are and keys in the order given."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, or UTF-16 or UTF-32 with one.

    Raises:
        UnicodeDecodeError: it is none of these.
    """
    return data.decode(next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8-sig"))


def plain(value: Any) -> Any:
    """The value as JSON can hold it: dates as ISO 8601, what is no number as None, anything else as its string."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(cell) for key, cell in value.items()}
    if isinstance(value, list | tuple):
        return [plain(cell) for cell in value]
    return value.isoformat() if isinstance(value, date | time) else str(value)


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all: into a neighbour first, then renamed over it.

    A link is followed. What is no regular file (a pipe, a device) is written to, never replaced. Missing folders are
    made.
    """
    import tempfile  # only for writing: starting up must not wait for it

    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        with open(path, "wb") as stream:
            stream.write(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes the file private; give it the mode a plain open() would have given.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: PathLike, text: str) -> None:
    """`write_bytes` of the text's UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_jsonl(path: PathLike, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, atomically."""
    write_text(path, "".join(dumps(row) + "\n" for row in rows))


def read_jsonl(path: PathLike) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for each line that is not blank.

    Raises:
        LabelError: a line is not UTF-8, not JSON, or not an object; names file and line.
    """
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                raise LabelError(f"expected UTF-8, got {error.reason}", file=path, line=number) from None
            except json.JSONDecodeError as error:
                where = min(error.pos, len(raw.rstrip().decode("utf-8-sig"))) + 1  # no later than behind the line
                raise LabelError(f"not a JSON object: {error.msg} at column {where}", file=path, line=number) from None
            except (ValueError, RecursionError) as error:  # endless numbers, endless nesting
                raise LabelError(f"not a JSON object: {error}", file=path, line=number) from None
            if not isinstance(row, dict):
                raise LabelError(f"expected a JSON object, got {type(row).__name__}", file=path, line=number)
            yield number, row


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
