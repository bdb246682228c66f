"""The vocabulary and its checks."""

from pathlib import Path

import pytest

from stance import LabelError, Schema

GOOD = """
default_target = "ties"
[topics.trade]
entities = [["east", "west"]]
[targets.ties]
entities = [["east", "west"]]
rates = {favor = 0.1, against = 0.05}
keywords = {favor = ["warm"]}
[entities]
east = ["Eastland"]
west = ["Westland"]
[cues]
warm = ["friendly"]
"""


def schema_file(folder: Path, text: str) -> Path:
    path = folder / "schema.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_schema_survives_its_plain_form(tmp_path: Path) -> None:
    schema = Schema.load(schema_file(tmp_path, GOOD))
    assert Schema.from_dict(schema.to_dict()) == schema


def test_the_shipped_schema_loads() -> None:
    schema = Schema.load(Path(__file__).parent.parent / "labels" / "schema.toml")
    assert schema.topic_names == ("sanctions", "anniversary", "russia_ties")
    assert schema.target_names == ("china_ties", "russia_ties", "sanctions")
    assert schema.default_target == "china_ties"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'default_target = "ties"',
            'default_target = "tie"',
            "default_target must be 'ties', got 'tie'; did you mean 'ties'",
        ),
        (
            'entities = [["east", "west"]]\nrates',
            'entities = [["east", "wst"]]\nrates',
            "group 'wst'.*did you mean 'west'",
        ),
        ("favor = 0.1,", "favr = 0.1,", "ties: unknown label 'favr'; did you mean 'favor'"),
        ("favor = 0.1,", "favor = 0.99,", "rates must be above 0 and sum to less than 1"),
        ("favor = 0.1,", "favor = 0,", "rates must be above 0 and sum to less than 1"),
        ("favor = 0.1,", "neutral = 0.1,", "'neutral' is what the others leave, and has no rate"),
        ('entities = [["east", "west"]]\nrates', "entities = 3\nrates", "ties.entities must be a list of lists, got 3"),
        ('favor = ["warm"]', 'favor = ["wrm"]', "unknown cue group 'wrm'; did you mean 'warm'"),
        ("[entities]", "[entitys]", "unknown key 'entitys'; did you mean 'entities'"),
        ('east = ["Eastland"]', 'east = "Eastland"', "entities.east must be a list of strings"),
        ('east = ["Eastland"]', "east = [", "expected TOML"),
        ('warm = ["friendly"]', '"w>m" = ["x"]\nwarm = ["friendly"]', "digits, _ and -, got 'w>m'"),
    ],
)
def test_a_schema_that_does_not_fit_says_what_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = schema_file(tmp_path, GOOD.replace(old, new))
    with pytest.raises(LabelError, match=message) as caught:
        Schema.load(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="expected a schema, found no file"):
        Schema.load(tmp_path)


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="nowhere.toml: expected a schema, found no file"):
        Schema.load(tmp_path / "nowhere.toml")


def test_an_unknown_stance_names_its_target_and_the_nearest_word() -> None:
    schema = Schema.from_dict({"default_target": "ties", "targets": {"ties": {}}})
    with pytest.raises(LabelError, match="expected a stance for ties .*got 'favour'; did you mean 'favor'"):
        schema.check_stance("favour", "ties")
