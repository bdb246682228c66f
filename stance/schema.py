"""The vocabulary of a task: topics, targets, stances, and the lexicon groups that features draw on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stance.errors import LabelError, did_you_mean, listed
from stance.jsonl import PathLike

NEUTRAL = "neutral"
SCOPES = ("negation", "concession", "turn")
STANCES = ("favor", "against", NEUTRAL)


@dataclass(frozen=True, kw_only=True)
class Output:
    """One thing to decide: a topic (present or not) or a target (one stance).

    ``entities`` lists alternatives: sets of entity groups, at least one of which a sentence about the output names
    whole. ``rates`` maps a target's stance to the share of sentences expected to take it in use
    (a topic's only key is "present"); what is left is for neutral (or absent). Probabilities and thresholds are set
    for these rates; empty means the labels' own. ``keywords`` maps a label ("present", or a stance) to cue groups:
    what the keyword baseline goes by, never the model. ``description`` is for people and coders.
    """

    name: str
    description: str = ""
    entities: tuple[tuple[str, ...], ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(rate <= 0 for rate in self.rates.values()) or sum(self.rates.values()) >= 1:
            raise LabelError(
                f"schema: {self.name}: rates must be above 0 and sum to less than 1, got {dict(self.rates)}"
            )


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Topics, targets, stances and lexicon groups: all that the library knows of a domain.

    ``entities`` maps a group to its aliases ("north_korea" -> "Pyongyang", "DPRK", ...); ``cues`` maps a group to
    words and phrases, where a word may end in ``*`` to match any continuation ("deepen*") and a ``*`` by itself
    stands for any one word. ``scopes`` lists the words that change what cues mean: a "negation" reaches the words
    after it, a "concession" ("despite") its own clause, a "turn" ("but") all that came before it.
    """

    topics: tuple[Output, ...]
    targets: tuple[Output, ...]
    default_target: str | None
    stances: tuple[str, ...] = STANCES
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cues: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [*self.topic_names, *(f"target {name}" for name in self.target_names)]
        if len(set(names)) != len(names):
            raise LabelError("schema: names of topics and of targets must be distinct")
        if not names:
            raise LabelError("schema: expected at least one topic or target, got none")
        if self.targets:
            if self.default_target not in self.target_names:
                raise LabelError(
                    f"schema: default_target must be {listed(self.target_names)}, got {self.default_target!r}"
                    + did_you_mean(self.default_target, self.target_names)
                )
            if len(self.stances) < 2 or len(set(self.stances)) != len(self.stances):
                raise LabelError(f"schema: stances must be two or more distinct names, got {list(self.stances)}")
        for group in (*self.entities, *self.cues):
            if not re.fullmatch(r"[\w-]+", group):
                raise LabelError(f"schema: a group's name must be letters, digits, _ and -, got {group!r}")
        for output in (*self.topics, *self.targets):
            expected = self.stances if output in self.targets else ("present",)
            for key in (*output.rates, *output.keywords):
                if key == NEUTRAL and key in expected:
                    raise LabelError(
                        f"schema: {output.name}: {key!r} is what the others leave, and has no rate or keywords"
                    )
                if key not in expected:
                    raise LabelError(f"schema: {output.name}: unknown label {key!r}{did_you_mean(key, expected)}")
            for group in (group for groups in output.keywords.values() for group in groups):
                if group not in self.cues:
                    raise LabelError(
                        f"schema: {output.name}: unknown cue group {group!r}" + did_you_mean(group, self.cues)
                    )
            for group in (group for alternative in output.entities for group in alternative):
                if group not in self.entities:
                    raise LabelError(
                        f"schema: {output.name} names the entity group {group!r}, which the lexicon does not have"
                        + did_you_mean(group, self.entities)
                    )

    @cached_property
    def topic_names(self) -> tuple[str, ...]:
        """Topics in schema order."""
        return tuple(topic.name for topic in self.topics)

    @cached_property
    def target_names(self) -> tuple[str, ...]:
        """Targets in schema order."""
        return tuple(target.name for target in self.targets)

    def check_topic(self, name: object) -> str:
        """The topic's name, or a `LabelError` with "did you mean"."""
        if isinstance(name, str) and name in self.topic_names:
            return name
        raise LabelError(
            f"expected a topic ({listed(self.topic_names) or 'none in this schema'}), got {name!r}"
            + (did_you_mean(name, self.topic_names) or '; for topics of your own: schema "infer"')
        )

    def check_target(self, name: object) -> str:
        """The target's name, or a `LabelError` with "did you mean"."""
        if isinstance(name, str) and name in self.target_names:
            return name
        raise LabelError(
            f"expected a target ({listed(self.target_names) or 'none in this schema'}), got {name!r}"
            + did_you_mean(name, self.target_names)
        )

    def check_stance(self, name: object, target: str) -> str:
        """The stance's name, or a `LabelError` with "did you mean"; ``target`` is for the message."""
        if isinstance(name, str) and name in self.stances:
            return name
        raise LabelError(
            f"expected a stance for {target} ({listed(self.stances)}), got {name!r}" + did_you_mean(name, self.stances)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form, the layout of ``schema.toml``."""

        def outputs(items: tuple[Output, ...]) -> dict[str, Any]:
            return {
                item.name: {
                    "description": item.description,
                    "entities": [list(a) for a in item.entities],
                    "rates": dict(item.rates),
                    "keywords": {label: list(groups) for label, groups in item.keywords.items()},
                }
                for item in items
            }

        return {
            "default_target": self.default_target,
            "stances": list(self.stances),
            "topics": outputs(self.topics),
            "targets": outputs(self.targets),
            "entities": {group: list(aliases) for group, aliases in self.entities.items()},
            "cues": {group: list(phrases) for group, phrases in self.cues.items()},
            "scopes": {scope: list(marks) for scope, marks in self.scopes.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, file: object = None) -> Schema:
        """Read `to_dict`'s form; unknown keys and wrong types are a `LabelError` that names ``file``."""
        try:
            return cls(
                topics=_outputs(data.get("topics", {}), "topics"),
                targets=_outputs(data.get("targets", {}), "targets"),
                default_target=data.get("default_target"),
                stances=_strings(data.get("stances", STANCES), "stances"),
                entities=_groups(data.get("entities", {}), "entities"),
                cues=_groups(data.get("cues", {}), "cues"),
                scopes=_groups(data.get("scopes", {}), "scopes"),
                **_no_others(data, "default_target stances topics targets entities cues scopes"),
                **_no_others(data.get("scopes", {}), " ".join(SCOPES)),
            )
        except LabelError as error:
            raise error if file is None else LabelError(str(error), file=file) from None

    @classmethod
    def load(cls, path: PathLike) -> Schema:
        """Read ``schema.toml``.

        Raises:
            LabelError: the file is missing, is not TOML, or does not fit.
        """
        import tomllib  # models are JSON: only whoever trains reads TOML

        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (FileNotFoundError, IsADirectoryError):
            raise LabelError("expected a schema, found no file", file=path) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LabelError(f"expected TOML, got {error}", file=path) from None
        return cls.from_dict(data, file=path)


def _no_others(data: Mapping[str, Any], known: str) -> dict[str, Any]:
    for key in data:
        if key not in known.split():
            raise LabelError(f"schema: unknown key {key!r}{did_you_mean(key, known.split())}")
    return {}


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not {*map(type, value)} <= {str} or not all(value):
        raise LabelError(f"schema: {where} must be a list of strings, got {value!r}")
    return tuple(value)


def _groups(value: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise LabelError(f"schema: {where} must be a table of lists, got {value!r}")
    return {group: _strings(phrases, f"{where}.{group}") for group, phrases in value.items()}


def _rates(value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping) or not all(isinstance(rate, int | float) for rate in value.values()):
        raise LabelError(f"schema: {where} must be a table of numbers, got {value!r}")
    return {name: float(rate) for name, rate in value.items()}


def _outputs(value: Any, where: str) -> tuple[Output, ...]:
    if not isinstance(value, Mapping) or not all(isinstance(item, Mapping) for item in value.values()):
        raise LabelError(f"schema: {where} must be a table of tables, got {value!r}")
    for name, item in value.items():
        _no_others(item, "description entities rates keywords")
        if not isinstance(item.get("entities", []), Sequence) or isinstance(item.get("entities"), str):
            raise LabelError(f"schema: {where}.{name}.entities must be a list of lists, got {item['entities']!r}")
    return tuple(
        Output(
            name=name,
            description=str(item.get("description", "")),
            entities=tuple(_strings(a, f"{where}.{name}.entities") for a in item.get("entities", [])),
            rates=_rates(item.get("rates", {}), f"{where}.{name}.rates"),
            keywords=_groups(item.get("keywords", {}), f"{where}.{name}.keywords"),
        )
        for name, item in value.items()
    )
