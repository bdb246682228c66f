"""What people and machines get of predictions: tables of sentences and shares, JSONL, CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Protocol, TextIO

from stance.jsonl import dumps
from stance.records import Article, ArticlePrediction, Prediction
from stance.schema import NEUTRAL, Schema
from stance.terminal import Cell, Column, Screen, Table, counted, shown

ABSTAINS = "abstains"
_STYLES = {"favor": "bold green", "against": "bold dark_orange", NEUTRAL: "dim", ABSTAINS: "dim italic"}
_OTHER_STYLES = ("bold cyan", "bold magenta", "bold yellow", "bold blue")
_BAR = 16
_DIGITS = 6
Others = Sequence[Mapping[str, Any]]
"""What stood beside each text in its table: column -> a value that JSON can hold."""


class Report(Protocol):
    """Where predictions go, one article or one batch of texts after the other."""

    def article(self, article: Article, found: ArticlePrediction) -> None:
        """Tell of one article."""
        ...

    def texts(self, names: Sequence[str], predictions: Sequence[Prediction], others: Others = ()) -> None:
        """Tell of texts that are no part of an article, and of what stood beside them."""
        ...

    def close(self) -> None:
        """Tell what there is to tell in the end."""
        ...


class TableReport:
    """For people: a table an article with its shares, and the shares of everything.

    Args:
        sentences: False shows one row an article instead of its sentences.
    """

    def __init__(self, file: TextIO, schema: Schema, target: str | None, *, sentences: bool = True) -> None:
        self._screen = Screen(file)
        self._schema = schema
        self._target = target
        self._sentences = sentences
        self._articles: list[tuple[str, Tally]] = []
        self._all = Tally(schema)

    def article(self, article: Article, found: ArticlePrediction) -> None:
        """The article's sentences, then its shares."""
        tally = Tally(self._schema)
        tally.add(found.predictions)
        self._all.add(found.predictions)
        self._articles.append((article.id, tally))
        if self._sentences:
            self._heading(article.metadata.get("title") or article.id)
            self._screen.table(sentence_table(found.predictions, self._schema, self._target))
            self._screen.line()
            print_summary(self._screen, tally, self._target, article.id)

    def texts(self, names: Sequence[str], predictions: Sequence[Prediction], others: Others = ()) -> None:
        """The next rows of one long table; what stood beside them is not shown."""
        first = self._all.sentences + 1
        if first == 1:
            self._heading("")
        table = sentence_table(predictions, self._schema, self._target, first=first, header=first == 1)
        self._all.add(predictions)
        self._screen.table(table)
        self._screen.flush()

    def close(self) -> None:
        """One row an article, and the shares of everything, where there was more than one article."""
        if len(self._articles) > 1:
            self._screen.table(overview_table(self._articles, self._schema, self._target))
            self._screen.line()
        if len(self._articles) != 1 or not self._sentences:
            print_summary(self._screen, self._all, self._target, "all together" if len(self._articles) > 1 else "")

    def _heading(self, title: str) -> None:
        toward = f"stance toward {self._target}" if self._target else ""
        line = " · ".join(part for part in (shown(title), toward) if part)
        self._screen.line(Cell(line, "bold"))


class JsonlReport:
    """For machines: one JSON object a sentence. They are label rows too: corrected, they can be trained on."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def article(self, article: Article, found: ArticlePrediction) -> None:
        """One line a sentence."""
        self._file.writelines(dumps(row) + "\n" for row in article_rows(article, found))

    def texts(self, names: Sequence[str], predictions: Sequence[Prediction], others: Others = ()) -> None:
        """One line a text."""
        rows = zip(names, predictions, others or repeat({}, len(names)), strict=True)
        self._file.writelines(dumps(line_row(name, found) | dict(beside)) + "\n" for name, found, beside in rows)
        self._file.flush()

    def close(self) -> None:
        """Nothing more to tell."""


class CsvReport:
    """For spreadsheets: topics joined by ``;``, a column per target, then every probability. Label rows too."""

    def __init__(self, file: TextIO, schema: Schema) -> None:
        self._file = file
        self._writer = csv.writer(file, lineterminator="\n")
        self._schema = schema
        self._others: tuple[str, ...] = ()
        self._header: tuple[str, ...] = ()

    def article(self, article: Article, found: ArticlePrediction) -> None:
        """One line a sentence."""
        for row in article_rows(article, found):
            self._write(row)

    def texts(self, names: Sequence[str], predictions: Sequence[Prediction], others: Others = ()) -> None:
        """One line a text; what stood beside it comes last, in the columns that the first text has."""
        for name, found, beside in zip(names, predictions, others or repeat({}, len(names)), strict=True):
            if not self._header:
                self._others = tuple(beside)
            self._write(line_row(name, found), [_plain_cell(beside.get(column)) for column in self._others])
        self._file.flush()

    def close(self) -> None:
        """The column names, if there was nothing under them."""
        self._begin(("id", "article", "start", "end"))

    def _begin(self, plain: Sequence[str]) -> None:
        if self._header:
            return
        targets, probabilities = self._schema.target_names, _probability_columns(self._schema)
        self._header = (*plain, "text", "topics", *targets, *probabilities, *self._others)
        self._writer.writerow(self._header)

    def _write(self, row: dict[str, Any], others: Sequence[object] = ()) -> None:
        plain = [key for key in row if key in ("id", "article", "start", "end")]
        self._begin(plain)
        cells = [*(row[key] for key in plain), row["text"], ";".join(row["topics"])]
        cells += [stance or "" for stance in row["stances"].values()]
        cells += row["topic_probabilities"].values()
        cells += (p for by_stance in row["stance_probabilities"].values() for p in by_stance.values())
        self._writer.writerow([*cells, *others])


def written_columns(schema: Schema) -> set[str]:
    """Names that no column beside the labels can have in what is written."""
    labels = {"topics", "stance", "stances", "topic_probabilities", "stance_probabilities", *schema.target_names}
    return {"id", "text", *labels, *_probability_columns(schema)}


def _probability_columns(schema: Schema) -> list[str]:
    topics = [f"probability_topic_{topic}" for topic in schema.topic_names]
    return topics + [f"probability_{t}_{s}" for t in schema.target_names for s in schema.stances]


def sentence_id(article: str, number: int) -> str:
    """``<article>-<nn>``, counted from 1: the same id that `stance labels sentences` gives."""
    return f"{article}-{number:02d}"


def article_rows(article: Article, found: ArticlePrediction) -> Iterator[dict[str, Any]]:
    """One JSON object a sentence."""
    for number, (sentence, prediction) in enumerate(zip(found.sentences, found.predictions, strict=True), start=1):
        place = {
            "id": sentence_id(article.id, number),
            "article": article.id,
            "start": sentence.start,
            "end": sentence.end,
        }
        yield place | _labels(prediction)


def line_row(name: str, prediction: Prediction) -> dict[str, Any]:
    """The JSON object of one text that is no part of an article."""
    return {"id": name} | _labels(prediction)


class Tally:
    """Counts over any number of predictions, in constant memory."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.sentences = 0
        self.topics: Counter[str] = Counter()
        self.stances: Counter[tuple[str, str]] = Counter()

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Count these predictions too."""
        for prediction in predictions:
            self.sentences += 1
            self.topics.update(prediction.topics)
            self.stances.update((target, stance or ABSTAINS) for target, stance in prediction.stances.items())


def sentence_table(
    predictions: Sequence[Prediction], schema: Schema, target: str | None, *, first: int = 1, header: bool = True
) -> Table:
    """One row a sentence: number, stance toward the target with its probability, topics, sentence."""
    columns = [Column("#", width=max(3, len(str(first + len(predictions)))), right=True)]
    if target is not None:
        columns += [
            Column("stance", width=max(map(len, (*schema.stances, ABSTAINS)))),
            Column("p", width=4, right=True),
        ]
    if schema.topics:
        *others, last = schema.topic_names  # each but the last may be followed by a comma
        columns.append(Column("topics", width=max(6, len(last), *(len(topic) + 1 for topic in others))))
    columns.append(Column("sentence"))
    rows = [_sentence_row(i, p, schema, target) for i, p in enumerate(predictions, start=first)]
    return Table(tuple(columns), tuple(rows), header=header)


def overview_table(articles: Sequence[tuple[str, Tally]], schema: Schema, target: str | None) -> Table:
    """One row an article: its share of each topic, and of each stance toward the target."""
    stances = [stance for stance in schema.stances if stance != NEUTRAL] if target else []
    columns = [Column("sentences", right=True), *(Column(name, right=True) for name in (*schema.topic_names, *stances))]
    rows: list[tuple[Cell | str, ...]] = []
    for name, tally in articles:
        n = max(tally.sentences, 1)
        topics = [Cell(percent(c / n), "blue" if c else "dim") for c in (tally.topics[t] for t in schema.topic_names)]
        sides = [_share_cell(tally.stances[target or "", stance], n, stance, schema) for stance in stances]
        rows.append((shown(name), str(tally.sentences), *topics, *sides))
    title = "share of sentences with each topic" + (f", and stance toward {target}" if stances else "")
    return Table((Column("article"), *columns), tuple(rows), title=title)


def shares_tables(tally: Tally, target: str | None) -> Iterator[Table]:
    """What share of the sentences has each topic, and each stance toward each target."""
    n = max(tally.sentences, 1)
    schema = tally.schema
    if schema.topics:
        yield Table(
            (Column("topic"), Column("share", right=True), Column(drawing=True), Column("sentences", right=True)),
            tuple(
                (
                    topic,
                    percent(tally.topics[topic] / n),
                    Cell(_bar(tally.topics[topic] / n), "blue"),
                    str(tally.topics[topic]),
                )
                for topic in schema.topic_names
            ),
        )
    if schema.targets:
        abstained = any(stance == ABSTAINS for _, stance in tally.stances)
        stances = (*schema.stances, ABSTAINS) if abstained else schema.stances
        yield Table(
            (Column("stance toward"), *(Column(stance, right=True) for stance in stances)),
            tuple(
                (
                    Cell(name, "bold" if name == target else ""),
                    *(_share(tally.stances[name, stance], n, stance, schema) for stance in stances),
                )
                for name in schema.target_names
            ),
        )


def print_summary(screen: Screen, tally: Tally, target: str | None, name: str) -> None:
    """The shares of one article, or of everything."""
    screen.line(Cell(f"{shown(name)}: " if name else "", "bold"), Cell(counted(tally.sentences, "sentence"), "dim"))
    for table in shares_tables(tally, target) if tally.sentences else ():
        screen.table(table)
        screen.line()


def _labels(prediction: Prediction) -> dict[str, Any]:
    return {
        "text": prediction.text,
        "topics": list(prediction.topics),
        "stances": prediction.stances,
        "topic_probabilities": _rounded(prediction.topic_probabilities),
        "stance_probabilities": {target: _rounded(p) for target, p in prediction.stance_probabilities.items()},
    }


def _plain_cell(value: object) -> object:
    if value is None:
        return ""
    return dumps(value) if isinstance(value, list | dict) else value


def _rounded(probabilities: dict[str, float]) -> dict[str, float]:
    return {name: round(p, _DIGITS) for name, p in probabilities.items()}


def _sentence_row(number: int, prediction: Prediction, schema: Schema, target: str | None) -> tuple[Cell | str, ...]:
    cells: list[Cell | str] = [Cell(str(number), "dim")]
    quiet = not prediction.topics
    if target is not None:
        stance = prediction.stances[target]
        style = stance_style(stance, schema.stances)
        cells += [
            Cell(stance or ABSTAINS, style),
            Cell("" if stance is None else percent(prediction.stance_probabilities[target][stance]), style),
        ]
        quiet = quiet and stance in (None, NEUTRAL)
    if schema.topics:
        cells.append(Cell(", ".join(prediction.topics), "blue"))
    cells.append(Cell(shown(prediction.text), "dim" if quiet else ""))
    return tuple(cells)


def stance_style(stance: str | None, stances: Sequence[str]) -> str:
    """The rich style of a stance; None is an abstention."""
    name = stance or ABSTAINS
    if name in _STYLES:
        return _STYLES[name]
    return _OTHER_STYLES[(stances.index(name) if name in stances else 0) % len(_OTHER_STYLES)]


def _share(count: int, n: int, stance: str, schema: Schema) -> Cell:
    cell = _share_cell(count, n, stance, schema)
    return Cell(f"{cell.text} ({count})", cell.style)


def _share_cell(count: int, n: int, stance: str, schema: Schema) -> Cell:
    return Cell(percent(count / n), stance_style(stance, schema.stances) if count else "dim")


def percent(share: float) -> str:
    """A share in whole per cent."""
    return f"{100 * share:.0f}%"


def _bar(share: float) -> str:
    """A bar of eighths of a character."""
    eighths = round(share * _BAR * 8)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else "▏▎▍▌▋▊▉"[eighths % 8 - 1])
