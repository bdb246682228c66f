"""Arrays in a `safetensors <https://github.com/huggingface/safetensors#format>`_ file, found without copying them.

The format: the header's size (8 bytes, little-endian), the header (JSON: name -> dtype, shape, and where the data
begins and ends), and the data, without a gap. The library that defines it writes our files, and a test reads them with
both; its reader copies every array, which takes longer than all else in loading a model.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

SIZES = {"U8": 1, "I16": 2, "F32": 4}
"""Bytes a number, of the types that models hold."""
HEADER_LIMIT = 100_000_000
"""Bytes of a header, and numbers along one side of an array: more would take long to refuse."""


class Tensor(NamedTuple):
    """One array: the type of its numbers, its shape, and its bytes, row after row."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def read_tensors(file: bytes) -> dict[str, Tensor]:
    """The arrays of a file, by name; views into the bytes given.

    Raises:
        ValueError: not such a file; or it holds types beyond `SIZES`, or bytes that belong to no array.
    """
    size = int.from_bytes(file[:8], "little")
    if len(file) < 8 or size > min(len(file) - 8, HEADER_LIMIT):
        raise ValueError("its header is cut short")
    header = json.loads(file[8 : 8 + size].decode(), object_pairs_hook=_distinct)
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    header.pop("__metadata__", None)
    body = memoryview(file)[8 + size :]
    found = {name: _tensor(name, entry, body) for name, entry in header.items()}
    end = 0
    for start, stop in sorted(entry["data_offsets"] for entry in header.values()):
        if start != end:
            raise ValueError(f"its arrays do not lie one after the other: expected one at {end}, got {start}")
        end = stop
    if end != len(body):
        raise ValueError(f"expected {end} bytes of data, got {len(body)}")
    return found


def _tensor(name: str, entry: Any, body: memoryview) -> Tensor:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name}: expected dtype, shape and data_offsets, got {entry!r}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in SIZES:
        raise ValueError(f"{name}: expected numbers of type {', '.join(SIZES)}, got {dtype!r}")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{name}: expected a shape and two offsets, got {shape!r} and {offsets!r}")
    if (
        len(shape) > 8
        or max(shape, default=0) > HEADER_LIMIT
        or math.prod(shape) * SIZES[dtype] != offsets[1] - offsets[0]
        or offsets[1] > len(body)
    ):
        raise ValueError(f"{name}: shape {shape!r} and offsets {offsets!r} do not fit together")
    return Tensor(dtype, tuple(shape), body[slice(*offsets)])


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its header names something twice")
    return found
