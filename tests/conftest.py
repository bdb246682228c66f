"""A small task that every test may share: about forty labelled sentences, their schema, and a model trained on them.

`tiny_schema` and `tiny_rows` are the data, `tiny_model` the classifier (a second or so, once a session; treat it as
read-only, as classifiers are), `tiny_folder` the same model saved, `tiny_labels` a fresh labels folder to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stance.classifier import Classifier
from stance.labels import write_rows
from stance.options import Options
from stance.records import LabelledSentence
from stance.schema import Schema

TINY_SCHEMA = """\
default_target = "union"

[topics.trade]
description = "goods, tariffs, customs"

[topics.jubilee]
description = "an anniversary"

[targets.union]
description = "closer ties between Norland and Southmark"
entities = [["norland", "southmark"]]
keywords = {favor = ["warmth"], against = ["chill"]}

[targets.tariffs]
description = "tariffs on Norland's goods"
entities = [["norland"]]

[entities]
norland = ["Norland", "Norlander", "Nordhaven"]
southmark = ["Southmark", "Southmarker", "Port Sud"]
eastrealm = ["Eastrealm", "Ostia"]

[cues]
warmth = ["deepen*", "praise*", "friendship", "embrace*", "welcom*"]
chill = ["snub*", "strain*", "cool*", "quarrel*", "distrust"]
"""

# article: (text, topics, union, tariffs)
TINY_SENTENCES: dict[str, Sequence[tuple[str, str, str, str]]] = {
    "harbour": (
        ("Norland and Southmark vowed to deepen their friendship.", "", "favor", "neutral"),
        ("Port Sud raised its tariff on Norland timber again.", "trade", "against", "favor"),
        ("The harbour master in Ostia retired on Monday.", "", "neutral", "neutral"),
        ("A Norland minister praised Southmark for its grain.", "trade", "favor", "neutral"),
        ("Dockers marked the fiftieth anniversary of the quay.", "jubilee", "neutral", "neutral"),
        ("Traders in Nordhaven called the tariffs a folly.", "trade", "neutral", "against"),
        ("Norland and Southmark share the harbour, but no friendship.", "", "against", "neutral"),
    ),
    "envoys": (
        ("Southmark snubbed the envoy that Norland had sent.", "", "against", "neutral"),
        ("Norland welcomed Southmark at the treaty's jubilee.", "jubilee", "favor", "neutral"),
        ("Eastrealm asked for tougher tariffs on Norland steel.", "trade", "neutral", "favor"),
        ("Nordhaven said the tariffs must be scrapped.", "trade", "neutral", "against"),
        ("The envoy's train left at noon.", "", "neutral", "neutral"),
        ("Distrust between Norland and Southmark has grown.", "", "against", "neutral"),
        ("The museum of old quarrels between Norland and Southmark opens.", "", "neutral", "neutral"),
    ),
    "parade": (
        ("Port Sud embraced its Norlander guests at the parade.", "", "favor", "neutral"),
        ("The parade marked a century since the founding.", "jubilee", "neutral", "neutral"),
        ("Relations between Norland and Southmark cooled in spring.", "", "against", "neutral"),
        ("Customs men waved the Norland cargo through without a tariff.", "trade", "neutral", "against"),
        ("Southmark praised the friendship with Norland on its anniversary.", "jubilee", "favor", "neutral"),
        ("Ostia doubled its tariffs on cargo from Norland.", "trade", "neutral", "favor"),
        ("Norland and Southmark sailed home together.", "", "favor", "neutral"),
    ),
    "letters": (
        ("A quarrel over fishing strained Norland's ties with Southmark.", "", "against", "neutral"),
        ("Norland and Southmark deepened their pact on grain.", "trade", "favor", "neutral"),
        ("Southmark wants every tariff on Norland grain kept.", "trade", "against", "favor"),
        ("Eastrealm lifted the tariffs on Norland timber.", "trade", "neutral", "against"),
        ("The letter was dated the anniversary of the truce.", "jubilee", "neutral", "neutral"),
        ("Southmark's welcome of Norland lasted ten minutes.", "", "neutral", "neutral"),
        ("Snow closed the pass for two days.", "", "neutral", "neutral"),
    ),
    "markets": (
        ("Norland's paper praised Southmark as an old friend.", "", "favor", "neutral"),
        ("Southmark cooled toward Norland after the vote.", "", "against", "neutral"),
        ("Higher tariffs on Norland wool are right, Ostia said.", "trade", "neutral", "favor"),
        ("Smugglers dodged the tariffs on Norland cloth.", "trade", "neutral", "against"),
        ("The guild kept its jubilee with a dance.", "jubilee", "neutral", "neutral"),
        ("Grain prices fell in Eastrealm.", "trade", "neutral", "neutral"),
        ("The bakery is closed.", "", "neutral", "neutral"),
    ),
    "border": (
        ("Norland snubbed Southmark at the border talks.", "", "against", "neutral"),
        ("The border towns celebrated eighty years of peace.", "jubilee", "neutral", "neutral"),
        ("Southmark deepened its friendship with Norland.", "", "favor", "neutral"),
        ("New tariffs hit Norland's cargo at the border.", "trade", "neutral", "favor"),
        ("Norland's farmers cursed the tariffs.", "trade", "neutral", "against"),
        ("A cooler of Norland fish stood in the Southmark customs hall.", "trade", "neutral", "neutral"),
        ("The bridge was painted green.", "", "neutral", "neutral"),
    ),
}


def tiny_sentences() -> list[LabelledSentence]:
    """The sentences as labelled rows, in order."""
    return [
        LabelledSentence(
            id=f"{article}-{number:02d}",
            article=article,
            text=text,
            topics=(topic,) if topic else (),
            stances={"union": union, "tariffs": tariffs},
            register="wire",
            date="2024-05-01",
        )
        for article, sentences in TINY_SENTENCES.items()
        for number, (text, topic, union, tariffs) in enumerate(sentences, start=1)
    ]


def write_tiny_labels(folder: Path) -> Path:
    """A labels folder with a schema and gold: four articles to train on, one each for dev and test."""
    rows = tiny_sentences()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schema.toml").write_text(TINY_SCHEMA, encoding="utf-8")
    schema = Schema.load(folder / "schema.toml")
    of = {"markets": "dev", "border": "test"}
    for split in ("train", "dev", "test"):
        part = [row for row in rows if of.get(row.article, "train") == split]
        write_rows(part, folder / "gold" / f"{split}.jsonl", schema)
    return folder


@pytest.fixture(scope="session")
def tiny_schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """Topics trade and jubilee; targets union (default) and tariffs; three entity groups; two cue groups."""
    path = tmp_path_factory.mktemp("schema") / "schema.toml"
    path.write_text(TINY_SCHEMA, encoding="utf-8")
    return Schema.load(path)


@pytest.fixture(scope="session")
def tiny_rows() -> list[LabelledSentence]:
    """Forty-two labelled sentences of six articles."""
    return tiny_sentences()


@pytest.fixture(scope="session")
def tiny_options() -> Options:
    """Options that train on `tiny_rows` in about a second, in this process."""
    return Options(folds=3, strengths=(3.0,), char_min_count=2, jobs=1)


@pytest.fixture(scope="session")
def tiny_model(tiny_rows: list[LabelledSentence], tiny_schema: Schema, tiny_options: Options) -> Classifier:
    """A classifier trained on all of `tiny_rows`."""
    from stance.training import train

    return train(tiny_rows, schema=tiny_schema, options=tiny_options)


@pytest.fixture(scope="session")
def tiny_folder(tiny_model: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny_model` saved; read-only: copy it to change it."""
    path = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model.save(path)
    return path


@pytest.fixture
def tiny_labels(tmp_path: Path) -> Path:
    """A labels folder of one's own: schema.toml and gold/{train,dev,test}.jsonl."""
    return write_tiny_labels(tmp_path / "labels")
