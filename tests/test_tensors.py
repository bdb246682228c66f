"""Our reader of safetensors files finds what the library's does, and refuses what it refuses."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from stance.tensors import read_tensors

ARRAYS = {
    "rows": np.arange(6, dtype=np.int16).reshape(2, 3),
    "keys": np.frombuffer(b"a\nbc", dtype=np.uint8),
    "none": np.zeros((0, 3), dtype=np.float32),
    "bias": np.array([0.5], dtype=np.float32),
}


def file(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, stop: int, dtype: str = "U8", shape: Any = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [stop - start] if shape is None else shape, "data_offsets": [start, stop]}


def test_arrays_that_the_library_wrote_are_read_as_they_were() -> None:
    found = read_tensors(save(ARRAYS, metadata={"a": "b"}))
    assert found.keys() == ARRAYS.keys()
    types = {"I16": np.int16, "U8": np.uint8, "F32": np.float32}
    for name, array in ARRAYS.items():
        assert found[name].shape == array.shape
        read = np.frombuffer(found[name].data, dtype=types[found[name].dtype]).reshape(found[name].shape)
        assert (read == array).all()


@pytest.mark.parametrize(
    ("given_file", "why"),
    [
        (b"", "cut short"),
        (b"\x00" * 7, "cut short"),
        (struct.pack("<Q", 9) + b"{}", "cut short"),
        (struct.pack("<Q", 2**63) + b"{}", "cut short"),
        (file(b"[]", b""), "not a JSON object"),
        (file(b"{", b""), "Expecting"),
        (file(b"\xff", b""), "utf-8"),
        (file(b'{"a": 1, "a": 2}', b""), "twice"),
        (file({"a": [0, 1]}, b"x"), "a: expected dtype, shape and data_offsets"),
        (file({"a": entry(0, 1, "I64")}, b"x"), "a: expected numbers of type U8, I16, F32, got 'I64'"),
        (file({"a": entry(0, 1, shape=[-1])}, b"x"), "expected a shape and two offsets"),
        (file({"a": entry(0, 1, shape=[True])}, b"x"), "expected a shape and two offsets"),
        (file({"a": entry(0, 1, shape=1)}, b"x"), "expected a shape and two offsets"),
        (file({"a": entry(0, 2, shape=[3])}, b"xy"), "do not fit together"),
        (file({"a": entry(0, 2, "I16")}, b"xy"), "do not fit together"),
        (file({"a": entry(0, 9)}, b"xy"), "do not fit together"),
        (file({"a": entry(0, 1, shape=[1] * 9)}, b"x"), "do not fit together"),
        (file({"a": entry(0, 0, shape=[10**4000] * 8)}, b""), "do not fit together"),
        (file({"a": entry(0, 1), "b": entry(2, 3)}, b"xyz"), "expected one at 1, got 2"),
        (file({"a": entry(0, 2), "b": entry(1, 3)}, b"xyz"), "expected one at 2, got 1"),
        (file({"a": entry(0, 1)}, b"xyz"), "expected 1 bytes of data, got 3"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(given_file: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_tensors(given_file)


@given(st.integers(min_value=0), st.binary(min_size=1, max_size=3))
def test_no_damaged_header_is_read_that_the_library_refuses(at: int, put: bytes) -> None:
    whole = save(ARRAYS)
    at = at % (len(whole) - len(put))
    damaged = whole[:at] + put + whole[at + len(put) :]
    try:
        found = read_tensors(damaged)
    except ValueError:
        return
    try:
        wanted = dict(deserialize(damaged))  # type: ignore[no-untyped-call]
    except SafetensorError:
        pytest.fail(f"the library refuses {damaged!r}")
    assert {name: bytes(tensor.data) for name, tensor in found.items()} == {
        name: bytes(tensor["data"]) for name, tensor in wanted.items()
    }
