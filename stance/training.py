"""Fit a classifier: grouped cross-validation for strength, calibration and thresholds, then one fit on everything."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.classifier import Classifier
from stance.errors import LabelError, MissingExtraError
from stance.features import Analysis, Featurizer, bigrams
from stance.jsonl import PathLike
from stance.labels import infer_schema, read_rows
from stance.lexicon import BLOCKS
from stance.linear import Floats, decide, softmax
from stance.metrics import best_threshold, precision_curve, score
from stance.model import Column, Decision, Heads, Model
from stance.model_folder import DEFAULT_MODEL, load_model
from stance.options import Options
from stance.records import LabelledSentence, fingerprint, training_order
from stance.schema import NEUTRAL, Output, Schema
from stance.solver import Design, Mask, Problem, solve
from stance.sources import Source, is_folder
from stance.splits import grouped_folds

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Ints = NDArray[np.int64]
BLOCK_WEIGHTS = {"presence": 2.0}
"""How much a block's values count against the others' 1: who is in a sentence says much, in few features."""
Progress = Callable[[str], None]
TRIAL_FOLDS = 2
"""Folds that the strengths are tried on, where there are several to choose from."""
GRID = np.linspace(0.04, 0.96, 47)
"""Thresholds that are tried."""
TOPIC_CLASSES: tuple[str, ...] = ("absent", "present")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of features: keys in sorted order, and their scales.

    A key's scale is its smoothed IDF over the block's mean, so that a row's norm is about 1 in every domain.
    """

    keys: tuple[str, ...]
    scales: Floats


@dataclass(frozen=True, slots=True)
class Head:
    """One problem to fit: an output's labels (class numbers) and the rows that carry them."""

    name: str
    output: Output
    classes: tuple[str, ...]
    rows: Ints
    labels: Ints
    weights: Floats
    """How much each row counts when probabilities and thresholds are set: the rate in use over the labels' rate."""

    @property
    def is_topic(self) -> bool:
        """Whether the output is a topic, present or absent."""
        return self.classes == TOPIC_CLASSES


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head's coefficients (classes, features) and intercepts, calibrated, with how they were chosen."""

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
        source: a labels folder, a .csv, .tsv, .jsonl or .parquet file, a DataFrame, a ``datasets.Dataset``, or rows.
        schema: a `Schema` or a ``schema.toml``; "infer" takes topics and targets from the labels, without a lexicon;
            None takes the labels folder's own, else the shipped default model's.
        options: all options as one record; ``changes`` are single ones by name (``seed=1``).
        splits: of a labels folder, the gold files to train on.
        progress: called with one line of text as work goes on.

    Raises:
        LabelError: bad labels, or too few of them; says where.
        OptionError: an unknown option or a value outside its range.
        MissingExtraError: the ``train`` extra is not installed.
    """
    _require_extra()
    settings = Options.from_dict({**(options or Options()).to_dict(), **changes})
    chosen = _schema_for(source, schema)
    if schema is None and progress and not is_folder(source):
        progress(
            f"schema of the shipped model: topics {', '.join(chosen.topic_names)}; targets "
            f"{', '.join(chosen.target_names)}; its word lists and its share of neutral sentences. For topics and "
            'targets of your own: schema "infer"'
        )
    rows = read_rows(source, chosen, splits=tuple(splits) if is_folder(source) else None)
    if not rows:
        raise LabelError("training: expected labelled sentences, got none")
    return Classifier(fit(rows, _labelled_part(chosen, rows), settings, progress or (lambda line: None)))


def _require_extra() -> None:
    for package in ("scipy", "joblib"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("training", "train", package)


def _schema_for(source: Source, schema: Schema | PathLike | None) -> Schema:
    if isinstance(schema, Schema):
        return schema
    if schema == "infer":
        return infer_schema(source)
    if schema is not None:
        return Schema.load(schema)
    if isinstance(source, str | os.PathLike) and (Path(source) / "schema.toml").is_file():
        return Schema.load(Path(source) / "schema.toml")
    return load_model(DEFAULT_MODEL).schema


def _labelled_part(schema: Schema, rows: Sequence[LabelledSentence]) -> Schema:
    """The schema without topics or targets that no row has labels for."""
    labelled = {target for row in rows for target in row.stances}
    targets = tuple(target for target in schema.targets if target.name in labelled)
    names = [target.name for target in targets]
    default = schema.default_target if schema.default_target in names else next(iter(names), None)
    topics = schema.topics if any(row.topics is not None for row in rows) else ()
    return dataclasses.replace(schema, topics=topics, targets=targets, default_target=default)


def fit(rows: Sequence[LabelledSentence], schema: Schema, options: Options, progress: Progress) -> Model:
    """Fit features, heads, calibration and thresholds on labelled sentences.

    Raises:
        LabelError: an output with too few sentences of a label, or too few articles for the folds.
    """
    rows = training_order(rows)
    featurizer = Featurizer(schema, char_min=options.char_min, char_max=options.char_max)
    if len({row.article for row in rows}) == len(rows):
        progress(
            "every sentence is an article of its own: name their articles in a column 'article', or sentences of "
            "one article will judge each other"
        )
    progress(f"features of {len(rows):,} sentence{'s' * (len(rows) != 1)}")
    analyses = [featurizer.analyse(row.text) for row in rows]
    blocks, design = _features(analyses, featurizer, options)
    heads = [_head(rows, schema, output) for output in (*schema.topics, *schema.targets)]
    for head in heads:
        if not head.is_topic and NEUTRAL in head.classes and head.classes.index(NEUTRAL) not in head.labels:
            progress(f"no sentence is {NEUTRAL} toward {head.output.name}: the model will take a side on every one")
    folds = grouped_folds(rows, k=options.folds, seed=options.seed)
    progress(f"{len(heads)} heads, {options.folds} folds, {design.width:,} features")
    fitted = _fit_heads(design, heads, folds, options)
    return Model(
        schema=schema,
        options=options,
        heads=_assemble(fitted, blocks),
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
    return blocks, Design(hstack(direct, format="csr"), spelled, grams)


def _counted(rows: Sequence[Sequence[str]]) -> tuple[csr_matrix, list[str]]:
    """How often each key occurs in each row, and the keys in order of first appearance."""
    from scipy.sparse import csr_matrix

    index: dict[str, int] = {}
    places = [index.setdefault(key, len(index)) for row in rows for key in row]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    matrix = csr_matrix((np.ones(len(places)), np.array(places, dtype=np.int32), starts), shape=(len(rows), len(index)))
    matrix.sum_duplicates()
    return matrix, list(index)


def _block(counts: csr_matrix, names: list[str], minimum: int, weight: float) -> tuple[Block, Ints]:
    """The block, and which of the counted columns it keeps."""
    seen = counts.getnnz(axis=0)
    kept = np.array([i for i in sorted(range(len(names)), key=names.__getitem__) if seen[i] >= minimum], dtype=np.int64)
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
    labelled = np.array([i for i, label in enumerate(found) if label is not None], dtype=np.int64)
    labels = np.array([classes.index(label) for label in found if label is not None], dtype=np.int64)
    counts = np.bincount(labels, minlength=len(classes))
    enough = counts >= 2
    if not (enough.all() if output in schema.topics else enough.sum() >= 2):
        name, count = classes[int(np.argmin(counts))], int(counts.min())
        raise LabelError(
            f"training: {output.name} needs two or more sentences labelled {name!r}, got {count}: "
            "label some, or leave it out of the schema"
        )
    name = output.name if output in schema.topics else f"{output.name} stance"
    return Head(name, output, classes, labelled, labels, _rate_weights(output, classes, rest, counts)[labels])


def _rate_weights(output: Output, classes: tuple[str, ...], rest: str, counts: Ints) -> Floats:
    share = counts / counts.sum()
    rates = np.array([output.rates.get(name, np.nan) for name in classes])
    if rest in classes and output.rates:
        rates[classes.index(rest)] = 1 - sum(output.rates.values())
    return np.where(np.isnan(rates) | (counts == 0), 1.0, rates / np.where(counts == 0, 1.0, share))


def _fit_heads(design: Design, heads: Sequence[Head], folds: Sequence[Ints], options: Options) -> list[FittedHead]:
    """Choose strengths on the first folds, calibrate and set thresholds out of fold, fit on all rows."""
    from joblib import Parallel, delayed

    # Arrays are sent, not mapped from files: joblib's tracker of such files can complain on standard error.
    parallel = Parallel(n_jobs=options.jobs, max_nbytes=None)
    everything = np.ones(design.direct.shape[0], dtype=bool)
    held = [_mask(fold, len(everything)) for fold in folds]
    trial = held[:TRIAL_FOLDS] if len(options.strengths) > 1 else []
    tried = [(c, mask) for c in options.strengths for mask in trial]
    parts = parallel(delayed(_held_out)(design, heads, mask, [c] * len(heads)) for c, mask in tried)
    scores = {
        c: _joined(heads, [(m, part) for (d, m), part in zip(tried, parts, strict=True) if d == c])
        for c in options.strengths
    }
    seen = np.any(trial, axis=0) if trial else None
    losses = [_losses(head, {c: scores[c][i] for c in scores}, seen) for i, head in enumerate(heads)]
    strengths = [min(found, key=lambda c: found[c]) if found else options.strengths[0] for found in losses]
    *rest, final = parallel(
        [
            *(delayed(_held_out)(design, heads, mask, strengths) for mask in held[len(trial) :]),
            delayed(_solved)(design, heads, everything, strengths),
        ]
    )
    known = [(mask, [scores[c][i][mask] for i, c in enumerate(strengths)]) for mask in trial]
    whole = _joined(heads, [*known, *zip(held[len(trial) :], rest, strict=True)])
    return [_calibrated(head, final[i], whole[i][head.rows], strengths[i], losses[i]) for i, head in enumerate(heads)]


def _joined(heads: Sequence[Head], parts: Sequence[tuple[Mask, Sequence[Floats]]]) -> list[Floats]:
    """Each head's scores of all rows, put together from folds."""
    found = [np.zeros((len(parts[0][0]) if parts else 0, len(head.classes))) for head in heads]
    for mask, scores in parts:
        for whole, part in zip(found, scores, strict=True):
            whole[mask] = part
    return found


def _losses(head: Head, scores: dict[float, Floats], seen: Mask | None) -> dict[float, float]:
    """Strength -> log loss, once calibrated, on the rows of the trial folds."""
    if seen is None:
        return {}
    inside = seen[head.rows]
    part = dataclasses.replace(head, labels=head.labels[inside], weights=head.weights[inside])
    found = {}
    for c, whole in scores.items():
        own = whole[head.rows][inside]
        found[c] = _log_loss(own, part, *_calibration(own, part))
    return found


def _mask(rows: Ints, length: int) -> Mask:
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return mask


def _solved(
    design: Design, heads: Sequence[Head], rows: Mask, strengths: Sequence[float]
) -> list[tuple[Floats, Floats]]:
    """Each head's coefficients (classes, features) and intercepts, fitted on some rows."""
    problems = []
    for head, strength in zip(heads, strengths, strict=True):
        labels = np.zeros(len(rows), dtype=np.int64)
        labels[head.rows] = head.labels
        labelled = _mask(head.rows, len(rows))
        columns = 1 if head.is_topic else len(head.classes)
        problems.append(Problem(labels[rows], labelled[rows], columns, strength))
    found = []
    for head, (weights, intercepts) in zip(heads, solve(design[rows], problems), strict=True):
        if head.is_topic:  # absent is the class that the other is weighed against
            weights, intercepts = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, intercepts)
        found.append((weights.T, intercepts))
    return found


def _held_out(design: Design, heads: Sequence[Head], held: Mask, strengths: Sequence[float]) -> list[Floats]:
    """Each head's scores of the rows held out, fitted on the others."""
    rest = design[held]
    return [rest.scores(w.T, b) for w, b in _solved(design, heads, ~held, strengths)]


def _calibrated(
    head: Head, raw: tuple[Floats, Floats], scores: Floats, strength: float, tried: dict[float, float]
) -> FittedHead:
    """The raw coefficients and intercepts calibrated, and decisions set, by the scores out of fold."""
    weights, intercepts = raw
    scale, shift = _calibration(scores, head)
    losses = tried or {strength: _log_loss(scores, head, scale, shift)}
    probabilities = softmax(scores * scale + shift)
    decisions = _decisions(probabilities, head)
    record = {
        "C": strength,
        "log_loss": {str(c): round(loss, 4) for c, loss in losses.items()},
        "scale": scale,
        "shift": shift.tolist(),
        "classes": dict(zip(head.classes, np.bincount(head.labels, minlength=len(head.classes)).tolist(), strict=True)),
        "f1": _held_out_f1(probabilities, head, decisions),
    }
    return FittedHead(weights * scale, intercepts * scale + shift, decisions, record)


def _held_out_f1(probabilities: Floats, head: Head, decisions: dict[str, Decision]) -> float:
    """Out-of-fold F1 of a topic, macro-F1 of a target's stances; thresholds were set on the same sentences."""
    if head.is_topic:
        return round(score(head.labels == 1, probabilities[:, 1] >= decisions[head.name].threshold).f1, 4)
    thresholds = np.array([decisions[f"{head.output.name}:{name}"].threshold for name in head.classes])
    found = decide(probabilities, head.classes, thresholds)
    scores = [score(head.labels == c, found == c).f1 for c in np.union1d(head.labels, found)]
    return round(float(np.mean(scores)), 4)


def _log_loss(scores: Floats, head: Head, scale: float = 1.0, shift: Floats | float = 0.0) -> float:
    probabilities = softmax(scores * scale + shift)[np.arange(len(scores)), head.labels]
    return float(np.average(-np.log(np.maximum(probabilities, 1e-12)), weights=head.weights))


def _calibration(scores: Floats, head: Head) -> tuple[float, Floats]:
    """Temperature and bias per class (Guo et al. 2017, "On Calibration of Modern Neural Networks") by Newton-like
    minimisation of the weighted out-of-fold log loss; the weights carry the rates in use (Saerens et al. 2002)."""
    from scipy.optimize import minimize

    def loss(parameters: Floats) -> float:
        return _log_loss(scores, head, float(np.exp(parameters[0])), np.append(0.0, parameters[1:]))

    found = minimize(loss, np.zeros(len(head.classes)), method="BFGS").x
    return float(np.exp(found[0])), np.append(0.0, found[1:])


def _decisions(probabilities: Floats, head: Head) -> dict[str, Decision]:
    """Threshold and precision curve of each label, on the out-of-fold probabilities at the rates in use."""
    decisions = {}
    thresholds = _thresholds(probabilities, head)
    for number, name in enumerate(head.classes):
        if head.is_topic and name == "absent":
            continue
        column = Column(head.output.name) if head.is_topic else Column(head.output.name, name)
        curve = precision_curve(head.labels == number, probabilities[:, number], head.weights)
        decisions[column.key] = Decision(threshold=float(thresholds[number]), curve=curve)
    return decisions


def _thresholds(probabilities: Floats, head: Head) -> Floats:
    """Each class's own best threshold; where neutral is among the classes, those that together give the best macro-F1,
    found by turns, since a case called favor is not called neutral."""
    classes = range(len(head.classes))
    found = np.array([best_threshold(head.labels == c, probabilities[:, c], head.weights) for c in classes])
    if NEUTRAL not in head.classes:
        return found
    rest = head.classes.index(NEUTRAL)
    found[rest] = 1.0
    counts = np.bincount(head.labels, minlength=len(classes))
    for _ in range(3):
        for c in classes:
            if c == rest:
                continue
            scores = np.array(
                [_macro_f1(probabilities, head, np.where(np.arange(len(classes)) == c, t, found)) for t in GRID]
            )
            # Smoothed, and drawn toward 0.5 as if by ten more cases, as a single threshold is.
            smooth = np.convolve(np.pad(scores, 2, mode="edge"), np.full(5, 0.2), mode="valid")
            found[c] = (counts[c] * GRID[int(smooth.argmax())] + 10 * 0.5) / (counts[c] + 10)
    return found


def _macro_f1(probabilities: Floats, head: Head, thresholds: Floats) -> float:
    """Macro-F1 of the decisions, each row weighed at the rates in use."""
    size = len(head.classes)
    decided = decide(probabilities, head.classes, thresholds)
    table = np.bincount(head.labels * size + decided, weights=head.weights, minlength=size * size).reshape(size, size)
    right, both = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    return float(np.mean(2 * right / np.maximum(both, 1e-12)))


def _assemble(fitted: Sequence[FittedHead], blocks: dict[str, Block]) -> Heads:
    """Fold scales and calibration into one row a feature, rounded to the half precision that is saved."""
    coefficients, bias = [], []
    for head in fitted:
        weights, intercepts = head.coefficients, head.intercepts
        if tuple(head.record["classes"]) == TOPIC_CLASSES:  # one column: the log-odds
            weights, intercepts = weights[1:] - weights[:1], intercepts[1:] - intercepts[:1]
        coefficients.append(weights)
        bias.append(intercepts)
    stacked = np.vstack(coefficients).T
    # The design has the character n-grams last, the model has them second.
    sizes = {block: len(blocks[block].keys) for block in BLOCKS}
    order = [*(block for block in BLOCKS if block != "char"), "char"]
    starts = dict(zip(order, np.cumsum([0, *(sizes[block] for block in order)]), strict=False))
    keys = {block: "\n".join(blocks[block].keys) for block in BLOCKS}
    halves = {
        block: (stacked[starts[block] : starts[block] + sizes[block]] * blocks[block].scales[:, None])
        .astype("<f2")
        .tobytes()
        for block in BLOCKS
    }
    return Heads(keys, halves, tuple(np.concatenate(bias).astype(np.float32).tolist()))


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
