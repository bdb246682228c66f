"""A labels folder: its articles' sentences, everything wrong with its labels, and the gold built from both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stance.annotations import Merged, annotation_lines, coder_files, merge, numbered_sentences
from stance.articles import read_articles
from stance.errors import LabelError, did_you_mean
from stance.jsonl import PathLike, read_jsonl
from stance.labels import write_rows
from stance.records import Annotation, LabelledSentence
from stance.schema import Schema
from stance.splits import DEFAULT_SHARES, Shares, assign_splits

ADJUDICATION = "adjudication"
"""Of the files in ``annotations/``, the one that settles disagreements; its notes give one-line reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceToLabel:
    """One sentence as a coder gets it; ``sha`` ties the label to this very text."""

    id: str
    article: str
    register: str
    date: str
    text: str
    sha: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a labels folder."""

    message: str
    file: str
    line: int | None = None

    def __str__(self) -> str:
        """One line for people, place first."""
        return str(LabelError(self.message, file=self.file, line=self.line))

    @classmethod
    def of(cls, error: LabelError) -> Problem:
        """The problem that an error about a file tells of."""
        place = str(LabelError("", file=error.file, line=error.line))
        return cls(str(error).removeprefix(place), error.file or "", error.line)


@dataclass
class _Folder:
    """What a labels folder holds, with the labels that fit a sentence, and what was wrong with the others."""

    path: Path
    sentences: dict[str, SentenceToLabel] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    """Coder, or adjudication -> file."""
    coders: dict[str, list[Annotation]] = field(default_factory=dict)
    adjudication: list[Annotation] = field(default_factory=list)
    named: dict[str, set[str]] = field(default_factory=dict)
    """Coder -> ids in the file, also those whose label does not fit: these are no gaps besides."""
    problems: list[Problem] = field(default_factory=list)
    merged: Merged = field(default_factory=lambda: Merged((), ()))


def sentences_to_label(path: PathLike) -> list[SentenceToLabel]:
    """Every sentence of a labels folder's ``articles/`` (or of a path to articles), by article id, in text order.

    Raises:
        FileNotFoundError: nothing at ``path``.
        LabelError: no articles, or one that cannot be read.
    """
    folder = Path(path) / "articles"
    articles = sorted(read_articles(folder if folder.is_dir() else path), key=lambda article: article.id)
    return [
        SentenceToLabel(
            id=name,
            article=article.id,
            register=article.metadata.get("register", ""),
            date=article.metadata.get("date", ""),
            text=sentence.text,
            sha=sentence.sha,
        )
        for article in articles
        for name, sentence in numbered_sentences(article)
    ]


def check(folder: PathLike, schema: Schema) -> list[Problem]:
    """Everything that keeps a labels folder from being gold; empty where all is well.

    Labels that do not parse, that name no sentence, or whose sentence has changed since; articles labelled in part or
    by nobody; targets left out; disagreements that are open; adjudications without a one-line reason.
    """
    return _examined(Path(folder), schema).problems


def build_gold(
    folder: PathLike,
    schema: Schema,
    *,
    seed: int,
    shares: Shares = DEFAULT_SHARES,
    kept: Mapping[str, str] | None = None,
) -> dict[str, list[LabelledSentence]]:
    """Split -> gold rows, sorted by article and sentence; the same folder and seed give the same rows.

    Args:
        kept: article -> split of those that are not to be moved; None: as the folder's gold has them.

    Raises:
        LabelError: the first of `check`'s problems, and how many there are.
    """
    found = _examined(Path(folder), schema)
    if found.problems:
        first, *others = found.problems
        more = f" (and {len(others)} more: `stance labels check`)" if others else ""
        raise LabelError(first.message + more, file=first.file, line=first.line)
    labels = {annotation.id: annotation for annotation in found.merged.annotations}
    rows = [_gold(sentence, labels[name]) for name, sentence in found.sentences.items()]
    if kept is None:
        kept = drawn(folder, [split for split, _ in shares])
    split_of = assign_splits(rows, seed=seed, shares=shares, kept=kept)
    return {split: [row for row in rows if split_of[row.article] == split] for split, _ in shares}


def write_gold(gold: Mapping[str, Sequence[LabelledSentence]], folder: PathLike, schema: Schema) -> list[Path]:
    """Write ``gold/<split>.jsonl`` of a labels folder, each atomically; returns the paths.

    Raises:
        LabelError: another file there holds articles that are in these splits: they would be in two.
    """
    paths = {split: Path(folder) / "gold" / f"{split}.jsonl" for split in gold}
    articles = {row.article for rows in gold.values() for row in rows}
    for other in sorted(set((Path(folder) / "gold").glob("*.jsonl")) - set(paths.values())):
        both = sum(article in articles for article in drawn(folder, [other.stem]))
        if both:
            raise LabelError(
                f"it holds {both} articles that are now in another part: take it away, or give it a share", file=other
            )
    for split, path in paths.items():
        write_rows(gold[split], path, schema)
    return list(paths.values())


def drawn(folder: PathLike, splits: Sequence[str]) -> dict[str, str]:
    """Article -> split, as the folder's gold has them; empty where there is none yet."""
    files = {split: Path(folder) / "gold" / f"{split}.jsonl" for split in splits}
    return {
        row["article"]: split
        for split, file in files.items()
        if file.is_file()
        for _, row in read_jsonl(file)
        if isinstance(row.get("article"), str)
    }


def with_text(labels: Iterable[Annotation], articles: PathLike) -> tuple[list[LabelledSentence], list[Annotation]]:
    """Coders' labels joined with the articles that they are of, and those whose sentence is not there.

    Args:
        articles: what the sentences were taken from: a labels folder, or a file or folder of articles.

    Raises:
        FileNotFoundError, LabelError: as `sentences_to_label`.
    """
    sentences = {(sentence.id, sentence.sha): sentence for sentence in sentences_to_label(articles)}
    pairs = [(label, sentences.get((label.id, label.sha))) for label in labels]
    return (
        [_gold(sentence, label) for label, sentence in pairs if sentence is not None],
        [label for label, sentence in pairs if sentence is None],
    )


def _gold(sentence: SentenceToLabel, label: Annotation) -> LabelledSentence:
    return LabelledSentence(
        id=sentence.id,
        article=sentence.article,
        text=sentence.text,
        topics=label.topics,
        stances=label.stances,
        register=sentence.register,
        date=sentence.date,
    )


def _examined(path: Path, schema: Schema) -> _Folder:
    found = _Folder(path)
    try:
        found.sentences = {sentence.id: sentence for sentence in sentences_to_label(path / "articles")}
    except FileNotFoundError:
        found.problems.append(Problem("expected a folder of articles, found nothing", str(path / "articles")))
        return found
    except LabelError as error:
        found.problems.append(Problem.of(error))
        return found
    try:
        found.files = coder_files(path / "annotations")
    except LabelError as error:
        found.problems.append(Problem.of(error))
        return found
    for coder, file in found.files.items():
        labels = list(_fitting(file, schema, found))
        if coder == ADJUDICATION:
            found.adjudication = labels
        else:
            found.coders[coder] = labels
    if not found.coders:
        message = "expected a coder's labels, <coder>.jsonl or <coder>.csv, found none"
        found.problems.append(Problem(message, str(path / "annotations")))
        return found
    found.problems += _gaps(found)
    _merge(found)
    return found


def _fitting(file: Path, schema: Schema, found: _Folder) -> Iterator[Annotation]:
    """The annotations of a file that belong to a sentence as it stands; problems are noted in ``found``."""
    id_of_text = {(sentence.article, sentence.sha): name for name, sentence in found.sentences.items()}
    for line, annotation in annotation_lines(file, schema):
        if isinstance(annotation, LabelError):
            found.problems.append(Problem.of(annotation))
            continue
        for message in _faults(annotation, file.stem == ADJUDICATION, schema):
            found.problems.append(Problem(f"{annotation.id}: {message}", str(file), line))
        found.named.setdefault(file.stem, set()).add(annotation.id)
        sentence = found.sentences.get(annotation.id)
        moved = id_of_text.get((annotation.id.rpartition("-")[0], annotation.sha))
        if sentence is not None and sentence.sha == annotation.sha:
            yield annotation
        elif sentence is None:
            hint = f"; its text is now {moved}" if moved else did_you_mean(annotation.id, found.sentences)
            found.problems.append(Problem(f"no sentence has the id {annotation.id!r}{hint}", str(file), line))
        else:
            hint = f"; the text labelled is now {moved}" if moved else "; label it again"
            message = f"{annotation.id}: the sentence changed since it was labelled (sha {annotation.sha[:12]}, "
            found.problems.append(Problem(f"{message}now {sentence.sha[:12]}){hint}", str(file), line))


def _faults(annotation: Annotation, adjudicates: bool, schema: Schema) -> Iterator[str]:
    if adjudicates:
        if not annotation.note.strip() or "\n" in annotation.note:
            yield f"expected a note that gives the reason in one line, got {annotation.note!r}"
        return
    for target in schema.target_names:
        if target not in annotation.stances:
            yield f"expected a stance for every target, got none for {target}"


def _gaps(found: _Folder) -> Iterator[Problem]:
    """Articles that a coder labelled in part, and those that nobody labelled."""
    sentences_of: dict[str, list[str]] = defaultdict(list)
    for name, sentence in found.sentences.items():
        sentences_of[sentence.article].append(name)
    begun: set[str] = set()
    for coder in found.coders:
        labelled = found.named.get(coder, set())
        for article, names in sentences_of.items():
            left_out = [name for name in names if name not in labelled]
            if len(left_out) < len(names):
                begun.add(article)
                if left_out:
                    message = f"expected a label for every sentence of {article}, got none for {', '.join(left_out)}"
                    yield Problem(message, str(found.files[coder]))
    if untouched := [article for article in sentences_of if article not in begun]:
        message = f"expected labels for every article, got none for {len(untouched)}: {', '.join(untouched)}"
        yield Problem(message, str(found.path / "annotations"))


def _merge(found: _Folder) -> None:
    file = str(found.files.get(ADJUDICATION, found.path / "annotations" / f"{ADJUDICATION}.jsonl"))
    labelled = {label.id for labels in found.coders.values() for label in labels}
    verdicts = [verdict for verdict in found.adjudication if verdict.id in labelled]
    for verdict in found.adjudication:
        if verdict.id not in labelled:
            found.problems.append(Problem(f"{verdict.id} is adjudicated, but no coder labelled it", file))
    found.merged = merge(found.coders, verdicts)
    for difference in found.merged.disagreements:
        found.problems.append(Problem(f"open disagreement: {difference}", file))
