"""Fit a classifier: grouped cross-validation for strength, calibration and thresholds, then one fit on everything."""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import math
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.calibration import Truth, calibrate, log_loss, thresholds
from stance.classifier import Classifier
from stance.errors import LabelError, MissingExtraError
from stance.features import Analysis, Featurizer, bigrams
from stance.jsonl import PathLike
from stance.labels import folder_schema, infer_schema, read_rows
from stance.lexicon import BLOCKS
from stance.linear import Floats, Ints, decide, softmax
from stance.metrics import precision_curve, score
from stance.model import Column, Decision, Heads, Model
from stance.model_folder import DEFAULT_MODEL, load_model, read_schema
from stance.options import Options
from stance.records import LabelledSentence, fingerprint, training_order
from stance.schema import NEUTRAL, Output, Schema
from stance.solver import Design, Mask, Problem, Solution, solve
from stance.sources import Source, folders, read_source
from stance.splits import grouped_folds

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BLOCK_WEIGHTS = {"presence": 2.0}
"""How much a block's values count against the others' 1: who is in a sentence says much, in few features."""
LARGEST = 2**15 - 1
"""The largest of the whole numbers that weights are saved as. Scoring is fastest where a word's n-grams, too, come to
no more together."""
Progress = Callable[[str], None]
TRIAL_FOLDS = 2
"""Folds that the strengths are tried on."""
TOPIC_CLASSES: tuple[str, ...] = ("absent", "present")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of features: keys, the commonest first, and their scales.

    What is common lies together in memory then, in training and in scoring.

    A key's scale is its smoothed IDF over the block's mean, so that a row's norm is about 1 in every domain.
    """

    keys: tuple[str, ...]
    scales: Floats


@dataclass(frozen=True, slots=True)
class Head:
    """One problem to fit: an output, and the labels of the rows that carry any."""

    name: str
    output: Output
    rows: Ints
    truth: Truth

    @property
    def is_topic(self) -> bool:
        """Whether the output is a topic, present or absent."""
        return self.truth.classes == TOPIC_CLASSES


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head's coefficients (features, columns) and intercepts, calibrated, with how they were chosen."""

    coefficients: Floats
    intercepts: Floats
    decisions: dict[str, Decision]
    record: dict[str, Any]


def train(
    source: Source,
    *,
    schema: Schema | PathLike | None = None,
    options: Options | None = None,
    splits: Sequence[str] = ("train",),
    progress: Progress | None = None,
    **changes: Any,
) -> Classifier:
    """Train a classifier: fitted, calibrated, thresholds set; the same labels and options give the same bytes.

    Args:
        source: a labels folder, a .csv, .tsv, .jsonl or .parquet file, a list of those to train on together, a
            DataFrame, a ``datasets.Dataset``, or rows.
        schema: a `Schema`, or a ``schema.toml``, or the folder of labels or of a model that has one; "infer" takes
            topics and targets from the labels, without a lexicon, even where a labels folder has its own; None takes
            the folder's own, else the shipped default model's.
        options: all options as one record; ``changes`` are single ones by name (``seed=1``).
        splits: of labels folders, the gold files to train on.
        progress: called with one line of text as work goes on.

    Raises:
        LabelError: bad labels, or too few of them; says where.
        OptionError: an unknown option or a value outside its range.
        MissingExtraError: the ``train`` extra is not installed.
    """
    _require_extra()
    settings = Options.from_dict({**(options or Options()).to_dict(), **changes})
    say = progress or (lambda line: None)
    parts = ((splits,) if isinstance(splits, str) else tuple(splits)) if folders(source) else None
    with _collector_resting():
        found = read_source(source, splits=parts)
        chosen = infer_schema(found) if schema == "infer" else _schema_for(source, schema)
        if schema is None and not folders(source):
            say(
                f"schema of the shipped model: topics {', '.join(chosen.topic_names)}; targets "
                f"{', '.join(chosen.target_names)}; its word lists and its share of neutral sentences. For topics and "
                'targets of your own: schema "infer"'
            )
        every = read_rows(found, chosen)
        rows = [row for row in every if row.topics is not None or row.stances]
        if len(rows) < len(every):
            say(f"left out: {len(every) - len(rows)} of {len(every):,} sentences, which carry no label")
        if not rows:
            raise LabelError("training: expected labelled sentences, got none")
        if disagreeing := _disagreeing(rows):
            say(
                f"labelled twice, and not the same: {len(disagreeing)} sentence{'s' * (len(disagreeing) != 1)}, such "
                f"as {disagreeing[0]!r}; each counts. A row that corrects another needs its id"
            )
        return Classifier(_fit(rows, _labelled_part(chosen, rows), settings, say))


def _require_extra() -> None:
    for package in ("scipy", "joblib"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("training", "train", package)


def _disagreeing(rows: Sequence[LabelledSentence]) -> list[str]:
    """The texts that two rows give different labels."""
    first: dict[str, LabelledSentence] = {}
    found: dict[str, None] = {}
    for row in rows:
        other = first.setdefault(row.text, row)
        if other is row:
            continue
        topics = None not in (row.topics, other.topics) and set(row.topics or ()) != set(other.topics or ())
        if topics or any(stance != other.stances.get(target, stance) for target, stance in row.stances.items()):
            found[row.text] = None
    return list(found)


def _schema_for(source: Source, schema: Schema | PathLike | None) -> Schema:
    if isinstance(schema, Schema):
        return schema
    if schema is not None:
        return read_schema(schema)
    return folder_schema(source) or load_model(DEFAULT_MODEL).schema


def _labelled_part(schema: Schema, rows: Sequence[LabelledSentence]) -> Schema:
    """The schema without topics or targets that no row has labels for."""
    labelled = {target for row in rows for target in row.stances}
    targets = tuple(target for target in schema.targets if target.name in labelled)
    names = [target.name for target in targets]
    default = schema.default_target if schema.default_target in names else next(iter(names), None)
    topics = schema.topics if any(row.topics is not None for row in rows) else ()
    return dataclasses.replace(schema, topics=topics, targets=targets, default_target=default)


def _fit(rows: Sequence[LabelledSentence], schema: Schema, options: Options, progress: Progress) -> Model:
    """Fit features, heads, calibration and thresholds on labelled sentences."""
    rows = training_order(rows)
    featurizer = Featurizer(schema, char_min=options.char_min, char_max=options.char_max)
    if len({row.article for row in rows}) == len(rows):
        progress(
            "every sentence is an article of its own: name their articles in a column 'article', or sentences of "
            "one article will judge each other"
        )
    heads = [_head(rows, schema, output) for output in (*schema.topics, *schema.targets)]
    folds = grouped_folds(rows, k=options.folds, seed=options.seed)
    starting = _starting(options)
    progress(f"features of {len(rows):,} sentence{'s' * (len(rows) != 1)}")
    analyses = [featurizer.analyse(row.text) for row in rows]
    blocks, design = _features(analyses, featurizer, options)
    for head in heads:
        truth = head.truth
        if not head.is_topic and NEUTRAL in truth.classes and truth.classes.index(NEUTRAL) not in truth.labels:
            progress(f"no sentence is {NEUTRAL} toward {head.output.name}: the model will take a side on every one")
    progress(f"{len(heads)} head{'s' * (len(heads) != 1)}, {options.folds} folds, {design.width:,} features")
    list(starting)  # all are there
    fitted = _fit_heads(design, heads, folds, options)
    return Model(
        schema=schema,
        options=options,
        heads=_assemble(fitted, blocks, design),
        decisions={key: decision for head in fitted for key, decision in head.decisions.items()},
        provenance=_provenance(rows, heads, fitted),
    )


def _features(
    analyses: Sequence[Analysis], featurizer: Featurizer, options: Options
) -> tuple[dict[str, Block], Design]:
    from scipy.sparse import diags, hstack

    spelled, names = _counted([analysis.words for analysis in analyses])
    # A word's n-grams are a function of the word: count them once a word. Their product is needed only to see in how
    # many sentences each n-gram occurs.
    grams, gram_names = _counted([featurizer.char_ngrams(word) for word in names])
    counts = {
        "word": _counted([[*analysis.units, *bigrams(analysis.units)] for analysis in analyses]),
        "char": (spelled @ grams, gram_names),
        "lexicon": _counted([analysis.lexicon_keys() for analysis in analyses]),
        "context": _counted([analysis.context_keys() for analysis in analyses]),
        "presence": _counted([analysis.company.presence for analysis in analyses]),
    }
    minimum = {"word": options.word_min_count, "char": options.char_min_count}
    blocks: dict[str, Block] = {}
    direct: list[csr_matrix] = []
    for name in BLOCKS:
        matrix, keys = counts[name]
        block, kept = _block(matrix, keys, minimum.get(name, 1), BLOCK_WEIGHTS.get(name, 1.0))
        blocks[name] = block
        share = diags(1 / np.sqrt(np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)))
        if name == "char":
            spelled, grams = (share @ spelled).tocsr(), (grams[:, kept] @ diags(block.scales)).tocsr()
        else:
            direct.append(share @ matrix[:, kept] @ diags(block.scales))
    parts = (hstack(direct, format="csr"), spelled, grams)
    return blocks, Design(*(part.astype(np.float32) for part in parts))


def _counted(rows: Sequence[Sequence[str]]) -> tuple[csr_matrix, list[str]]:
    """How often each key occurs in each row, and the keys in order of first appearance."""
    from scipy.sparse import csr_matrix

    index: dict[str, int] = defaultdict(count().__next__)
    places = [index[key] for row in rows for key in row]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    matrix = csr_matrix((np.ones(len(places)), np.array(places, dtype=np.int32), starts), shape=(len(rows), len(index)))
    matrix.sum_duplicates()
    return matrix, list(index)


def _block(counts: csr_matrix, names: list[str], minimum: int, weight: float) -> tuple[Block, Ints]:
    """The block, and which of the counted columns it keeps."""
    seen = counts.getnnz(axis=0)
    enough = sorted(np.flatnonzero(seen >= minimum).tolist(), key=names.__getitem__)
    kept = np.array(enough, dtype=np.intp)[np.argsort(-seen[enough], kind="stable")]
    idf = np.log((1 + counts.shape[0]) / (1 + seen[kept])) + 1
    scales = weight * idf / (float((idf * seen[kept]).sum() / seen[kept].sum()) if kept.size else 1.0)
    return Block(tuple(names[i] for i in kept), scales), kept


def _head(rows: Sequence[LabelledSentence], schema: Schema, output: Output) -> Head:
    if output in schema.topics:
        classes = TOPIC_CLASSES
        found = [None if r.topics is None else classes[output.name in r.topics] for r in rows]
        rest = "absent"
    else:
        classes, rest = schema.stances, NEUTRAL
        found = [row.stances.get(output.name) for row in rows]
    labelled = np.array([i for i, label in enumerate(found) if label is not None], dtype=np.intp)
    labels = np.array([classes.index(label) for label in found if label is not None], dtype=np.intp)
    counts = np.bincount(labels, minlength=len(classes))
    enough = counts >= 2
    if not (enough.all() if output in schema.topics else enough.sum() >= 2):
        name, count = classes[int(np.argmin(counts))], int(counts.min())
        raise LabelError(
            f"training: {output.name} needs two or more sentences labelled {name!r}, got {count}: "
            "label some, or leave it out of the schema"
        )
    name = output.name if output in schema.topics else f"{output.name} stance"
    weights = _rate_weights(output, classes, rest, counts)[labels]
    return Head(name, output, labelled, Truth(classes, labels, weights))


def _rate_weights(output: Output, classes: tuple[str, ...], rest: str, counts: Ints) -> Floats:
    share = counts / counts.sum()
    rates = np.array([output.rates.get(name, np.nan) for name in classes])
    if rest in classes and output.rates:
        rates[classes.index(rest)] = 1 - sum(output.rates.values())
    return np.where(np.isnan(rates) | (counts == 0), 1.0, rates / np.where(counts == 0, 1.0, share))


def _workers(options: Options, **how: Any) -> Any:
    from joblib import Parallel

    # Arrays are sent, not mapped from files: joblib's tracker of such files can complain on standard error.
    return Parallel(n_jobs=options.jobs, max_nbytes=None, **how)


def _starting(options: Options) -> Iterator[None]:
    """Have worker processes start, which takes them a second or two; ends when all are there."""
    from joblib import delayed

    found: Iterator[None] = _workers(options, return_as="generator")(delayed(_started)() for _ in range(options.jobs))
    return found


@contextmanager
def _collector_resting() -> Iterator[None]:
    """No search for cycles, of which training makes few: with so many small objects it takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _started() -> None:
    """Done by a process that has imported this module, and what it will need."""
    importlib.import_module("scipy.sparse")


def _fit_heads(design: Design, heads: Sequence[Head], folds: Sequence[Ints], options: Options) -> list[FittedHead]:
    """Choose strengths on the first folds, calibrate and set thresholds out of fold, fit on all rows."""
    from joblib import delayed

    parallel = _workers(options)
    everything = np.ones(design.direct.shape[0], dtype=bool)
    held = [_mask(fold, len(everything)) for fold in folds]
    trial, later = held[:TRIAL_FOLDS], held[TRIAL_FOLDS:]
    path = [[strength] * len(heads) for strength in sorted(set(options.strengths))]
    tried = parallel(delayed(_held_out)(design, heads, mask, path) for mask in trial)
    losses = [
        {step[0]: _loss(head, trial, [fold[k][i] for fold in tried]) for k, step in enumerate(path)}
        for i, head in enumerate(heads)
    ]
    strengths = [min(found, key=lambda c: found[c]) for found in losses]
    *rest, final = parallel(
        [
            *(delayed(_held_out)(design, heads, mask, [strengths]) for mask in later),
            delayed(_final)(design, heads, everything, [strengths]),
        ]
    )
    places = [path.index([strength] * len(heads)) for strength in strengths]
    whole = [
        _joined(head, held, [*(fold[places[i]][i] for fold in tried), *(fold[0][i] for fold in rest)])
        for i, head in enumerate(heads)
    ]
    return [_calibrated(head, final[i], whole[i], strengths[i], losses[i]) for i, head in enumerate(heads)]


def _joined(head: Head, masks: Sequence[Mask], parts: Sequence[Floats]) -> Floats:
    """A head's scores of its rows in some folds, put together."""
    whole = np.zeros((len(masks[0]), len(head.truth.classes)))
    for mask, scores in zip(masks, parts, strict=True):
        whole[mask] = scores
    found: Floats = whole[head.rows[_inside(head, masks)]]
    return found


def _loss(head: Head, masks: Sequence[Mask], parts: Sequence[Floats]) -> float:
    """The log loss, once calibrated, of a head's scores in some folds."""
    inside = _inside(head, masks)
    truth = Truth(head.truth.classes, head.truth.labels[inside], head.truth.weights[inside])
    scores = _joined(head, masks, parts)
    return log_loss(scores, truth, *calibrate(scores, truth))


def _inside(head: Head, masks: Sequence[Mask]) -> Mask:
    """Which of a head's rows lie in some folds."""
    found: Mask = np.any(masks, axis=0)[head.rows]
    return found


def _mask(rows: Ints, length: int) -> Mask:
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return mask


def _solved(
    design: Design, heads: Sequence[Head], rows: Mask, path: Sequence[Sequence[float]]
) -> Iterator[list[Solution]]:
    """Each head fitted on some rows, at each step of a path of strengths."""
    problems = []
    for head in heads:
        labels = np.zeros(len(rows), dtype=np.intp)
        labels[head.rows] = head.truth.labels
        columns = 1 if head.is_topic else len(head.truth.classes)
        problems.append(Problem(labels[rows], _mask(head.rows, len(rows))[rows], columns))
    return solve(design[rows], problems, path)


def _scores(design: Design, heads: Sequence[Head], solutions: Sequence[Solution]) -> list[Floats]:
    """Each head's scores of all rows of a design: (rows, classes)."""
    found = []
    for head, solution in zip(heads, solutions, strict=True):
        scores = design.scores(solution.coefficients, solution.intercepts)
        # Of a topic, absent is the class that the other is weighed against.
        found.append(np.hstack([np.zeros_like(scores), scores]) if head.is_topic else scores)
    return found


def _held_out(design: Design, heads: Sequence[Head], held: Mask, path: Sequence[Sequence[float]]) -> list[list[Floats]]:
    """Each head's scores of the rows held out, fitted on the others, at each step of a path of strengths."""
    own = design[held]
    return [_scores(own, heads, solutions) for solutions in _solved(design, heads, ~held, path)]


def _final(design: Design, heads: Sequence[Head], rows: Mask, path: Sequence[Sequence[float]]) -> list[Solution]:
    """Each head's solution at the end of a path."""
    *_, last = _solved(design, heads, rows, path)
    return last


def _calibrated(head: Head, raw: Solution, scores: Floats, strength: float, losses: dict[float, float]) -> FittedHead:
    """The raw coefficients and intercepts calibrated, and decisions set, by the scores out of fold."""
    truth = head.truth
    scale, shift = calibrate(scores, truth)
    probabilities = softmax(scores * scale + shift)
    decisions = _decisions(probabilities, head)
    counts = np.bincount(truth.labels, minlength=len(truth.classes)).tolist()
    record = {
        "C": strength,
        "log_loss": {str(c): round(loss, 4) for c, loss in losses.items()},
        "scale": scale,
        "shift": shift.tolist(),
        "classes": dict(zip(truth.classes, counts, strict=True)),
        "f1": _held_out_f1(probabilities, head, decisions),
    }
    shift = shift[1:] if head.is_topic else shift
    return FittedHead(raw.coefficients * scale, raw.intercepts * scale + shift, decisions, record)


def _held_out_f1(probabilities: Floats, head: Head, decisions: dict[str, Decision]) -> float:
    """Out-of-fold F1 of a topic, macro-F1 of a target's stances; thresholds were set on the same sentences."""
    labels, classes = head.truth.labels, head.truth.classes
    if head.is_topic:
        return round(score(labels == 1, probabilities[:, 1] >= decisions[head.name].threshold).f1, 4)
    bars = np.array([decisions[f"{head.output.name}:{name}"].threshold for name in classes])
    found = decide(probabilities, classes, bars)
    scores = [score(labels == c, found == c).f1 for c in np.union1d(labels, found)]
    return round(float(np.mean(scores)), 4)


def _decisions(probabilities: Floats, head: Head) -> dict[str, Decision]:
    """Threshold and precision curve of each label, on the out-of-fold probabilities at the rates in use."""
    decisions = {}
    truth = head.truth
    bars = thresholds(probabilities, truth)
    for number, name in enumerate(truth.classes):
        if head.is_topic and name == "absent":
            continue
        column = Column(head.output.name) if head.is_topic else Column(head.output.name, name)
        curve = precision_curve(truth.labels == number, probabilities[:, number], truth.weights)
        decisions[column.key] = Decision(threshold=float(bars[number]), curve=curve)
    return decisions


def _assemble(fitted: Sequence[FittedHead], blocks: dict[str, Block], design: Design) -> Heads:
    """Fold scales and calibration into one row a feature, rounded to the block's step."""
    stacked = np.hstack([head.coefficients for head in fitted])
    bias = np.concatenate([head.intercepts for head in fitted])
    # The design has the character n-grams last, the model has them second.
    sizes = {block: len(blocks[block].keys) for block in BLOCKS}
    order = [*(block for block in BLOCKS if block != "char"), "char"]
    starts = dict(zip(order, np.cumsum([0, *(sizes[block] for block in order)]), strict=False))
    keys = {block: "\n".join(blocks[block].keys).encode() for block in BLOCKS}
    weights = {
        block: stacked[starts[block] : starts[block] + sizes[block]] * blocks[block].scales[:, None] for block in BLOCKS
    }
    most = {block: np.abs(weights[block]).max(initial=0.0) for block in BLOCKS}
    most["char"] = max(most["char"], np.abs(design.grams @ stacked[starts["char"] :]).max(initial=0.0))
    steps = {block: _step(float(most[block])) for block in BLOCKS}
    whole = {block: np.round(weights[block] / steps[block]).astype("<i2").tobytes() for block in BLOCKS}
    return Heads(keys, whole, steps, tuple(bias.astype(np.float32).tolist()))


def _step(most: float) -> float:
    """The smallest power of two of which ``most`` holds no more than `LARGEST`: no weight moves by more than ``most``
    over 32,767 when it is rounded to it."""
    return 2.0 ** math.ceil(math.log2(most / LARGEST)) if most else 1.0


def _provenance(
    rows: Sequence[LabelledSentence], heads: Sequence[Head], fitted: Sequence[FittedHead]
) -> dict[str, Any]:
    import scipy

    return {
        "sentences": len(rows),
        "articles": len({row.article for row in rows}),
        "fingerprint": fingerprint(rows),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "heads": {head.name: result.record for head, result in zip(heads, fitted, strict=True)},
    }
