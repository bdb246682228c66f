"""A model on disk: ``model.json``, ``weights.safetensors``, ``README.md``. No pickle, checksums, one format number.

To change the format: raise `FORMAT`, teach `load_model` to read the number before if it was ever released, and keep a
folder of the old format under ``tests/`` with a test that loads it.
"""

from __future__ import annotations

import json
import math
import os
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, overload

from stance.background import in_background, one_thread
from stance.errors import ModelError, StanceError, did_you_mean
from stance.jsonl import PathLike, dumps, sha256
from stance.lexicon import BLOCKS
from stance.model import Decision, Heads, Model, columns_of, commonest_f1, counted_labels
from stance.options import Options
from stance.schema import Schema
from stance.tensors import Tensor, read_tensors

T = TypeVar("T")
_TRIES, _WAIT = 50, 0.01
"""How often, and after how many seconds, a model is read again that is being replaced."""
FORMAT = 3
DEFAULT_MODEL = "default"
MANIFEST, WEIGHTS, CARD = "model.json", "weights.safetensors", "README.md"
_UNSEALED = b"0" * 64
_KEYS = ("format", "schema", "options", "decisions", "provenance", "weights_sha256", "sha256")


def shipped_models() -> dict[str, Path]:
    """Name -> folder of the models that come with the package."""
    return {folder.name: folder for folder in sorted(_shipped().glob("*")) if (folder / MANIFEST).is_file()}


def find_model(name: PathLike) -> Path:
    """The folder of the shipped model of that name, or of that path.

    A string that is a shipped model's name is that model, whatever lies in the current folder; ``./default`` is a path.

    Raises:
        ModelError: neither exists.
    """
    path = Path(name)
    with suppress(OSError):  # a name that no file can have
        if isinstance(name, str) and name == path.name and (_shipped() / name / MANIFEST).is_file():
            return _shipped() / name
        if path.is_dir() and str(name):
            return path
    shipped = shipped_models()
    known = ", ".join(shipped) or "none"
    raise ModelError(
        f"no model folder at {str(name)!r}, and no shipped model of that name (shipped: {known})"
        + did_you_mean(name, shipped)
    )


def _shipped() -> Path:
    installed = Path(__file__).parent / "shipped"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "models"


def check_replaceable(path: PathLike) -> Path:
    """The path, if a model may be written there.

    Raises:
        ModelError: it is a file, or a folder that holds something else than a model.
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / MANIFEST).exists())):
        raise ModelError(f"will not replace {target}: it is not a model folder")
    return target


def save_model(model: Model, path: PathLike) -> None:
    """Write the folder beside ``path``, then put it in place; `load_model` never takes half of it.

    Raises:
        ModelError: ``path`` is a file, or a folder that holds something else than a model.
    """
    import shutil
    import tempfile

    target = check_replaceable(path)
    weights = _serialized(model.heads)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "schema": model.schema.to_dict(),
        "options": model.options.to_dict(),
        "decisions": {key: {"threshold": d.threshold, "curve": d.curve} for key, d in model.decisions.items()},
        "provenance": model.provenance,
        "weights_sha256": sha256(weights),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        staged.chmod(0o755)
        (staged / MANIFEST).write_bytes(_sealed(manifest))
        (staged / WEIGHTS).write_bytes(weights)
        (staged / CARD).write_text(_card(target.name, manifest), encoding="utf-8")
        _swap(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@overload
def load_model(path: PathLike) -> Model: ...
@overload
def load_model(path: PathLike, build: Callable[[Model], T]) -> T: ...
def load_model(path: PathLike, build: Callable[[Model], Any] | None = None) -> Any:
    """Read and check everything; nothing in a folder is ever run.

    A model that is being replaced meanwhile is read again: it is the old one or the new one.

    Args:
        build: what to make of the model. It is called while the checksum of the weights is still being worked out, and
            what it makes is given only if that is right.

    Raises:
        ModelError: a file is missing, damaged, of a newer format, or does not fit together; says which and how.
    """
    for _ in range(_TRIES):
        before = _files(path)
        try:
            return _load(find_model(path), build)
        except ModelError:
            if _files(path) == before and not _being_replaced(path):
                raise
            time.sleep(_WAIT)
    return _load(find_model(path), build)


def _files(path: PathLike) -> list[tuple[int, int]]:
    """Which files a model's are, to tell whether they were replaced."""
    found = []
    for name in (MANIFEST, WEIGHTS):
        with suppress(OSError, ValueError):
            file = os.stat(Path(path) / name)
            found.append((file.st_ino, file.st_mtime_ns))
    return found


def _being_replaced(path: PathLike) -> bool:
    """Whether the old folder is away and the new one not yet there."""
    target = Path(path)
    with suppress(OSError, ValueError):
        return not target.exists() and any(
            name.startswith(f".{target.name}.old.") for name in os.listdir(target.parent)
        )
    return False


def _load(folder: Path, build: Callable[[Model], Any] | None) -> Any:
    weights = _read(folder, WEIGHTS)
    fault: Exception | None = None
    made: Any = None
    with one_thread():
        checksum = in_background(lambda: sha256(weights))
        manifest = _manifest(folder)
        try:
            model = _model(manifest, weights)
            made = model if build is None else build(model)
        except (StanceError, KeyError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            fault = error
    if checksum() != manifest["weights_sha256"]:
        raise ModelError(f"{folder / WEIGHTS}: checksum does not match {MANIFEST}: damaged or exchanged")
    if fault is not None:
        raise ModelError(f"{folder}: does not hold a model that fits together: {fault}") from None
    return made


def read_schema(path: PathLike) -> Schema:
    """The schema of a ``schema.toml``, of a labels folder that has one, or of a model folder.

    Raises:
        LabelError: the file does not hold a schema.
        ModelError: the folder has neither, or its model is damaged.
        OSError: the file cannot be read.
    """
    folder = Path(path)
    if (folder / "schema.toml").is_file():
        return Schema.load(folder / "schema.toml")
    return load_model(folder).schema if folder.is_dir() else Schema.load(folder)


def _model(manifest: Mapping[str, Any], weights: bytes) -> Model:
    schema = Schema.from_dict(manifest["schema"])
    decisions = {key: _decision(value) for key, value in manifest["decisions"].items()}
    expected = {column.key for column in columns_of(schema)}
    if decisions.keys() != expected:
        raise ModelError(f"decisions must be for {sorted(expected)}, got {sorted(decisions)}")
    return Model(
        schema=schema,
        options=Options.from_dict(manifest["options"]),
        heads=_heads(read_tensors(weights), len(expected)),
        decisions=decisions,
        provenance=_provenance(manifest["provenance"]),
    )


def _provenance(value: Any) -> dict[str, Any]:
    """What a model was made of, in the form that reports read."""
    heads = value.get("heads", {}) if isinstance(value, dict) else None
    counts = [value.get(what, 0) for what in ("sentences", "articles")] if isinstance(value, dict) else []
    if (
        not isinstance(heads, dict)
        or not all(isinstance(head, dict) and isinstance(head.get("classes", {}), dict) for head in heads.values())
        or not all(
            type(n) is int for n in (*counts, *(n for h in heads.values() for n in h.get("classes", {}).values()))
        )
    ):
        raise ModelError(f"provenance: expected an object with counts and an object a head, got {str(value)[:60]}")
    return dict(value)


def _serialized(heads: Heads) -> bytes:
    import numpy as np
    from safetensors.numpy import save

    tensors: dict[str, Any] = {
        "bias": np.array(heads.bias, dtype=np.float32),
        "steps": np.array([heads.steps[block] for block in BLOCKS], dtype=np.float32),
    }
    for block, keys in heads.keys.items():
        tensors[f"{block}.keys"] = np.frombuffer(keys, dtype=np.uint8)
        weights = np.frombuffer(heads.weights[block], dtype="<i2").astype(np.int16)
        tensors[f"{block}.weights"] = weights.reshape(-1, len(heads.bias))
    return save(tensors)


def _heads(tensors: Mapping[str, Tensor], outputs: int) -> Heads:
    expected = {"bias", "steps", *(f"{block}.{part}" for block in BLOCKS for part in ("keys", "weights"))}
    if tensors.keys() != expected:
        raise ModelError(f"expected the tensors {sorted(expected)}, got {sorted(tensors)}")
    for block in BLOCKS:
        if tensors[f"{block}.weights"].shape[1:] != (outputs,):
            raise ModelError(
                f"{block}: expected {outputs} weights a row, got shape {list(tensors[f'{block}.weights'].shape)}"
            )
    bias, steps = _floats(tensors, "bias", outputs), _floats(tensors, "steps", len(BLOCKS))
    keys = {block: _data(tensors, f"{block}.keys", "U8") for block in BLOCKS}
    weights = {block: _data(tensors, f"{block}.weights", "I16") for block in BLOCKS}
    return Heads(keys, weights, dict(zip(BLOCKS, steps, strict=True)), bias)


def _floats(tensors: Mapping[str, Tensor], name: str, count: int) -> tuple[float, ...]:
    if tensors[name].shape != (count,):
        raise ModelError(f"{name}: expected {count} numbers, got shape {list(tensors[name].shape)}")
    found = struct.unpack(f"<{count}f", _data(tensors, name, "F32"))
    if not all(map(math.isfinite, found)):
        raise ModelError(f"{name}: a number is not finite")
    return found


def _data(tensors: Mapping[str, Tensor], name: str, dtype: str) -> memoryview:
    if tensors[name].dtype != dtype:
        raise ModelError(f"{name}: expected numbers of type {dtype}, got {tensors[name].dtype}")
    return tensors[name].data


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    raw = _read(folder, MANIFEST)
    try:
        manifest = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: expected JSON, got {error}: damaged or cut short") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise ModelError(f"{file}: not the manifest of a stance model (no format number)")
    if manifest["format"] != FORMAT:
        raise ModelError(
            f"{file}: format {manifest['format']}, but this version reads format {FORMAT}: "
            + ("upgrade with pip install -U stance-news" if manifest["format"] > FORMAT else "train the model again")
        )
    for key in manifest:
        if key not in _KEYS:
            raise ModelError(f"{file}: unknown key {key!r}{did_you_mean(key, _KEYS)}")
    for key in _KEYS:
        if key not in manifest:
            raise ModelError(f"{file}: missing key {key!r}")
    if manifest["sha256"] != sha256(raw.replace(str(manifest["sha256"]).encode(), _UNSEALED)):
        raise ModelError(f"{file}: its checksum does not match its content: damaged or edited by hand")
    return manifest


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as JSON, a line a key, and at its end the SHA-256 of itself with zeros in that place."""
    lines = [f" {dumps(key)}: {dumps(value)}" for key, value in (*manifest.items(), ("sha256", _UNSEALED.decode()))]
    text = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    return text.replace(_UNSEALED, sha256(text).encode())


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{folder}: the file {name} is missing") from None
    except OSError as error:
        raise ModelError(f"{folder / name}: cannot be read: {error.strerror}") from None


def _decision(value: Mapping[str, Any]) -> Decision:
    if value.keys() != {"threshold", "curve"}:
        raise ModelError(f"a decision must have a threshold and a curve, got {sorted(value)}")
    threshold = float(value["threshold"])
    curve = tuple([(probability, precision) for probability, precision in value["curve"]])
    if not math.isfinite(threshold) or not all(map(math.isfinite, chain.from_iterable(curve))):
        raise ModelError("a threshold is not a finite number")
    return Decision(threshold=threshold, curve=curve)


def _swap(staged: Path, target: Path) -> None:
    import shutil
    import tempfile

    if not target.exists():
        os.rename(staged, target)
        return
    retired = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    os.rename(target, retired / "model")
    try:
        os.rename(staged, target)
    except OSError:
        os.rename(retired / "model", target)
        raise
    finally:
        shutil.rmtree(retired, ignore_errors=True)


def _held_out(heads: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The card's table of out-of-fold figures, beside what giving everything the commonest label reaches."""
    rows = []
    for name, head in heads.items():
        counts = head.get("classes", {})
        if not counts or not isinstance(head.get("f1"), float):
            continue
        rows.append(f"| {name} | {counted_labels(counts)} | {head['f1']:.3f} | {commonest_f1(counts):.3f} |")
    if not rows:
        return []
    return [
        "Out of fold, each sentence judged by a model that had not seen its article (thresholds were set on the same",
        "sentences); F1 of a topic, mean F1 of a target's stances. Text of other kinds can be harder.",
        "",
        "| output | sentences labelled | F1 | always the commonest label |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _card(name: str, manifest: Mapping[str, Any]) -> str:
    schema, provenance = manifest["schema"], manifest["provenance"]
    lines = [
        f"# Model `{name}`",
        "",
        "A sparse linear text classifier, trained with `stance`; `stance.load` takes this folder's path.",
        "",
        f"- Topics: {', '.join(f'`{topic}`' for topic in schema['topics']) or 'none'}",
        f"- Targets of stance: {', '.join(f'`{target}`' for target in schema['targets']) or 'none'}"
        f" (default `{schema['default_target']}`)",
        f"- Trained on {provenance.get('sentences', '?')} sentences of {provenance.get('articles', '?')} articles",
        f"- Data fingerprint: `{provenance.get('fingerprint', '?')}`",
        f"- Seed: {manifest['options']['seed']}",
        "",
        *_held_out(provenance.get("heads", {})),
        "Weights are integers of 16 bits in `weights.safetensors`, with a step for each block that they count in;",
        "everything else is in `model.json`, which holds a checksum of both. Loading runs no code from this folder.",
        "",
    ]
    return "\n".join(lines)
