"""A model on disk: exact round trips, and every kind of damage refused with its own message."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import stance
from stance import ModelError
from stance.classifier import Classifier
from stance.jsonl import sha256
from stance.model_folder import FORMAT, _sealed, load_model, save_model, shipped_models

TEXTS = ["Norland and Southmark deepened their friendship.", "", "Ostia doubled its tariffs 中 😀."]


@pytest.fixture
def folder(tiny_model: Classifier, tmp_path: Path) -> Path:
    tiny_model.save(tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, **changes: object) -> None:
    """Change the manifest and make its checksum right again, as a forger would."""
    manifest = json.loads((folder / "model.json").read_text())
    del manifest["sha256"]
    manifest.update(changes)
    (folder / "model.json").write_bytes(_sealed(manifest))


def test_a_loaded_model_scores_exactly_as_the_saved_one(tiny_model: Classifier, folder: Path) -> None:
    loaded = stance.load(folder)
    assert (loaded.decision_function(TEXTS) == tiny_model.decision_function(TEXTS)).all()
    assert loaded.classify(TEXTS, min_precision=0.5) == tiny_model.classify(TEXTS, min_precision=0.5)


def test_saving_what_was_loaded_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    stance.load(folder).save(tmp_path / "again")
    for name in ("model.json", "weights.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_saving_replaces_an_older_model_whole(tiny_model: Classifier, folder: Path) -> None:
    (folder / "stray.txt").write_text("left over")
    tiny_model.save(folder)
    assert sorted(os.listdir(folder)) == ["README.md", "model.json", "weights.safetensors"]
    assert os.listdir(folder.parent) == ["model"]


def test_saving_never_replaces_a_folder_of_something_else(tiny_model: Classifier, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ModelError, match="will not replace .*: it is not a model folder"):
        tiny_model.save(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_flipped_byte_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name}: .*(checksum does not match|damaged)"):
        stance.load(folder)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_truncated_file_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=f"{name}: .*damaged"):
        stance.load(folder)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"the file {name} is missing"):
        stance.load(folder)


def test_a_folder_in_the_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    (folder / "weights.safetensors").mkdir()
    with pytest.raises(ModelError, match=r"weights\.safetensors: cannot be read"):
        stance.load(folder)


def test_numbers_beyond_all_bounds_and_endless_nesting_are_refused(folder: Path) -> None:
    edit(folder, options={"strengths": [int("9" * 400)]})
    with pytest.raises(ModelError, match="does not hold a model that fits together"):
        stance.load(folder)
    (folder / "model.json").write_text('{"a":' + "[" * 200_000)
    with pytest.raises(ModelError, match="expected JSON"):
        stance.load(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    edit(folder, format=FORMAT + 1)
    with pytest.raises(ModelError, match=f"format {FORMAT + 1}, but this version reads format {FORMAT}: upgrade"):
        stance.load(folder)


def test_an_older_format_asks_for_training(folder: Path) -> None:
    edit(folder, format=1)
    with pytest.raises(ModelError, match="format 1, but this version reads format 3: train the model again"):
        stance.load(folder)


def test_an_unknown_key_is_refused(folder: Path) -> None:
    edit(folder, optoins={})
    with pytest.raises(ModelError, match="unknown key 'optoins'; did you mean 'options'"):
        stance.load(folder)


def test_a_missing_key_is_named(folder: Path) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    del manifest["options"]
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="missing key 'options'"):
        stance.load(folder)


def test_an_unknown_option_inside_is_refused(folder: Path) -> None:
    edit(folder, options={"sed": 1})
    with pytest.raises(ModelError, match="unknown option 'sed'; did you mean 'seed'"):
        stance.load(folder)


def test_decisions_must_be_for_the_schema(folder: Path) -> None:
    edit(folder, decisions={})
    with pytest.raises(ModelError, match="decisions must be for"):
        stance.load(folder)


def test_weights_that_do_not_fit_the_schema_are_refused(folder: Path) -> None:
    from safetensors.numpy import load, save

    tensors = load((folder / "weights.safetensors").read_bytes())
    tensors["bias"] = tensors["bias"][:-1]
    data = save(tensors)
    (folder / "weights.safetensors").write_bytes(data)
    edit(folder, weights_sha256=sha256(data))
    with pytest.raises(ModelError, match="bias: expected 8 numbers, got shape .7."):
        stance.load(folder)


def test_weights_of_another_width_are_refused(folder: Path) -> None:
    from safetensors.numpy import load, save

    tensors = load((folder / "weights.safetensors").read_bytes())
    tensors["word.weights"] = np.ascontiguousarray(tensors["word.weights"].T)
    data = save(tensors)
    (folder / "weights.safetensors").write_bytes(data)
    edit(folder, weights_sha256=sha256(data))
    with pytest.raises(ModelError, match=r"word: expected 8 weights a row, got shape \[8, "):
        stance.load(folder)


@pytest.mark.parametrize("name", ["bias", "steps"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_number_that_is_not_finite_is_refused(folder: Path, name: str, value: float) -> None:
    from safetensors.numpy import load, save

    tensors = {name: array.copy() for name, array in load((folder / "weights.safetensors").read_bytes()).items()}
    tensors[name][1] = value
    data = save(tensors)
    (folder / "weights.safetensors").write_bytes(data)
    edit(folder, weights_sha256=sha256(data))
    with pytest.raises(ModelError, match=f"{name}: a number is not finite"):
        stance.load(folder)


def test_a_name_that_is_no_model_lists_the_shipped_ones() -> None:
    with pytest.raises(ModelError, match="no model folder at 'defalt', and no shipped model .*did you mean 'default'"):
        stance.load("defalt")


def test_every_shipped_model_loads() -> None:
    assert "default" in shipped_models()
    for path in shipped_models().values():
        assert load_model(path).schema.targets


def test_loading_and_classifying_unpickle_nothing_and_import_no_trainer(folder: Path) -> None:
    code = f"""
import pickle, sys
def refuse(*args, **kwargs):
    raise AssertionError("unpickled")
pickle.load = pickle.loads = pickle.Unpickler = refuse
import stance
model = stance.load({str(folder)!r})
model.classify("Norland welcomed Southmark.")
model.classify_article("Norland welcomed Southmark.")
heavy = {{"sklearn", "scipy", "joblib", "pandas", "datasets", "torch", "cloudpickle", "dill"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_no_numpy() -> None:
    code = "import stance, sys; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_shipped_model_s_name_means_that_model_whatever_lies_in_the_current_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.rename(tmp_path / "default")
    monkeypatch.chdir(tmp_path)
    assert stance.load().schema.default_target == "china_ties"
    assert stance.load("default").schema.default_target == "china_ties"
    assert stance.load("./default").schema.default_target == "union"
    assert stance.load(Path("default")).schema.default_target == "union"


def test_a_model_that_is_replaced_while_it_is_read_is_the_old_one_or_the_new_one(
    tiny_model: Classifier, folder: Path
) -> None:
    others = [dataclasses.replace(tiny_model.model, provenance={"sentences": n}) for n in (1, 2)]
    stop = threading.Event()

    def replace() -> None:
        while not stop.is_set():
            for other in others:
                save_model(other, folder)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        seen = [load_model(folder).provenance["sentences"] for _ in range(200)]
    finally:
        stop.set()
        thread.join()
    assert set(seen) <= {1, 2, tiny_model.model.provenance["sentences"]}


def test_if_the_new_folder_cannot_be_put_in_place_the_old_one_is_back(
    tiny_model: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "model.json").read_bytes()
    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        if target == folder and ".old." not in str(source):
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        tiny_model.save(folder)
    assert (folder / "model.json").read_bytes() == before
    assert os.listdir(folder.parent) == ["model"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"provenance": None}, "provenance: expected an object"),
        ({"provenance": {"heads": 3}}, "provenance: expected an object"),
        ({"provenance": {"heads": {"trade": {"classes": []}}}}, "provenance: expected an object"),
        ({"provenance": {"sentences": "many"}}, "provenance: expected an object"),
    ],
)
def test_a_provenance_that_reports_could_not_read_is_refused(folder: Path, changes: object, message: str) -> None:
    edit(folder, **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        stance.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": float("nan")}, "a threshold is not a finite number"),
        ({"curve": [[0.5, float("inf")]]}, "a threshold is not a finite number"),
        ({"theta": 1}, "a decision must have a threshold and a curve, got"),
    ],
)
def test_a_decision_that_decides_nothing_is_refused(folder: Path, change: dict[str, object], message: str) -> None:
    decisions = json.loads((folder / "model.json").read_text())["decisions"]
    decisions["trade"] |= change
    edit(folder, decisions=decisions)
    with pytest.raises(ModelError, match=message):
        stance.load(folder)


def test_a_saved_model_may_be_read_by_others(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, ""], ids=["a null", "long", "blank"])
def test_a_name_that_no_folder_can_have_is_refused_like_any_other(name: str) -> None:
    with pytest.raises(ModelError, match="no model folder at"):
        stance.load(name)
