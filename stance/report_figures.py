"""Figures for people: evaluations, comparisons, training runs, agreement between coders, models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stance.agreement import Agreement
from stance.evaluation import Change, Comparison, Difference, EvaluationResult, Figures
from stance.metrics import Interval
from stance.model import Model, commonest_f1, counted_labels
from stance.schema import NEUTRAL, Schema
from stance.terminal import Cell, Column, Screen, Table, counted, shown

_NOT_FIGURES = ("C", "scale", "shift", "classes", "log_loss")
"""What a head's record in the provenance holds beside its out-of-fold figures."""
_LOWER_IS_BETTER = ("log_loss", "calibration_error")
_FEW_ARTICLES = 10
"""Below this a bootstrap over articles sees too little to trust its intervals."""
_SEED_NOTE = "another seed of training moves such figures, too"


def print_evaluation(screen: Screen, result: EvaluationResult) -> None:
    """The model beside its baselines, then each label on its own."""
    split = f", split {result.split}" if result.split else ""
    screen.line(f"{_measured_on(result.sentences, result.articles)}{split}")
    if result.trained_on_these:
        screen.line(Cell("the model was trained on just these sentences: what it remembers is no measure", "bold"))
    screen.line(Cell(_intervals_note(result.articles), "dim"))
    screen.line()
    screen.table(systems_table((result.model, *result.baselines), intervals=result.articles > 1))
    screen.line()
    screen.table(labels_table(result))


def systems_table(systems: Sequence[Figures], *, intervals: bool = True) -> Table:
    """One row a figure, one column a system; the best of a row is marked."""
    names = list(_values(systems[0]))
    rows: list[tuple[Cell | str, ...]] = []
    for name in names:
        values = [_values(system)[name] for system in systems]
        best = max((v.value for v in values if not math.isnan(v.value)), default=math.nan)
        cells = [
            Cell(_interval(v) if intervals else f"{v.value:.2f}", "bold" if v.value == best else "") for v in values
        ]
        rows.append((name, *cells))
    return Table((Column("F1"), *(Column(system.system, right=True) for system in systems)), tuple(rows))


def labels_table(result: EvaluationResult) -> Table:
    """Precision, recall, F1, support, calibration error, and recall at 90% precision of each label."""
    rows = [
        (
            key.replace(":", ": "),
            str(score.support),
            *(_number(value) for value in (score.precision, score.recall, score.f1)),
            _number(result.calibration_error.get(key, math.nan)),
            f"{100 * result.coverage_at_90.get(key, math.nan):.0f}%" if score.support else "",
        )
        for key, score in result.model.labels.items()
    ]
    columns = ("sentences", "precision", "recall", "F1", "calibration error", "found at 90% precision")
    return Table((Column("label"), *(Column(name, right=True) for name in columns)), tuple(rows))


def print_comparison(screen: Screen, found: Comparison, *, show: int, more: str = "") -> None:
    """Figures old and new with paired intervals, then the decisions that changed.

    Args:
        show: how many changed decisions to list at most.
        more: how to see the rest.
    """
    screen.line(_measured_on(found.sentences, found.articles))
    if found.trained_on_these:
        screen.line(Cell("one of them was trained on just these sentences: what it remembers is no measure", "bold"))
    screen.line(Cell(_intervals_note(found.articles), "dim"))
    screen.line(Cell(_SEED_NOTE, "dim"))
    screen.table(differences_table(found.differences, intervals=found.articles > 1))
    screen.line()
    print_changes(screen, found.changes, show=show, more=more)


def differences_table(differences: Sequence[Difference], *, intervals: bool = True) -> Table:
    """One row a figure; a difference whose interval leaves out zero is called better or worse."""
    rows = []
    for found in differences:
        low, high = found.difference.low, found.difference.high
        row: tuple[Cell | str, ...] = (
            _figure_name(found.figure),
            _number(found.old),
            _number(found.new),
            _signed(found.difference.value),
        )
        rows.append((*row, f"[{_signed(low)}, {_signed(high)}]", _verdict(found.difference)) if intervals else row)
    columns = [Column("figure"), *(Column(name, right=True) for name in ("old", "new", "difference"))]
    if intervals:
        columns += [Column("95% interval", right=True), Column("so the new is")]
    return Table(tuple(columns), tuple(rows))


def print_changes(screen: Screen, changes: Sequence[Change], *, show: int, more: str = "") -> None:
    """Up to ``show`` changed decisions, and how many of all became right or wrong."""
    mended = sum(c.new == c.truth for c in changes)
    broken = sum(c.old == c.truth for c in changes)
    screen.line(
        Cell(f"{counted(len(changes), 'decision')} changed", "bold"),
        f": {mended} are right now, {broken} are wrong now, {len(changes) - mended - broken} are wrong as before"
        if changes
        else "",
    )
    rows = tuple(
        (
            shown(c.label),
            c.truth,
            c.old,
            Cell(c.new, "bold green" if c.new == c.truth else "bold dark_orange" if c.old == c.truth else ""),
            shown(c.text),
        )
        for c in changes[:show]
    )
    screen.table(Table((Column("output"), Column("truth"), Column("old"), Column("new"), Column("sentence")), rows))
    if len(changes) > show:
        screen.line(Cell(f"... and {len(changes) - show} more{more}", "dim"))


def print_training(screen: Screen, model: Model) -> None:
    """What was trained on, and each head's out-of-fold figures."""
    seen = model.provenance
    screen.line(f"trained on {_measured_on(seen['sentences'], seen['articles'])}")
    screen.line(Cell("out of fold: each sentence is judged by a model that did not see its article", "dim"))
    screen.table(heads_table(model))


def heads_table(model: Model) -> Table:
    """One row a head: its labels, chosen strength and out-of-fold figures."""
    heads: Mapping[str, Any] = model.provenance.get("heads", {})
    figures = {name: head_figures(record) for name, record in heads.items()}
    names = list(dict.fromkeys(name for found in figures.values() for name in found))
    rows = tuple(
        (
            output,
            counted_labels(record.get("classes", {})),
            f"{record['C']:g}" if isinstance(record.get("C"), int | float) else "",
            *(_number(figures[output].get(name, math.nan)) for name in names),
            _number(commonest_f1(record["classes"]) if record.get("classes") else math.nan),
        )
        for output, record in heads.items()
    )
    last = "F1 of the commonest label"
    right = [Column(name, right=True) for name in ("strength", *(_out_of_fold_name(n) for n in names), last)]
    return Table((Column("output"), Column("sentences labelled"), *right), rows)


def head_figures(record: Mapping[str, Any]) -> dict[str, float]:
    """Name -> out-of-fold figure of one head's record: its log loss, and every other number that is there."""
    loss = record.get("log_loss")
    chosen = loss.get(str(record.get("C"))) if isinstance(loss, Mapping) else loss
    found = {"log_loss": float(chosen)} if chosen is not None else {}
    return found | {
        name: float(value)
        for name, value in record.items()
        if name not in _NOT_FIGURES and isinstance(value, int | float) and not isinstance(value, bool)
    }


def print_model_changes(screen: Screen, old: Model, new: Model) -> None:
    """What differs between the model that was there and the one that takes its place."""
    screen.line(Cell("Compared with the model that was there", "bold"))
    for line in _model_changes(old, new):
        screen.line(f"  {line}")
    rows = []
    for output, record in new.provenance["heads"].items():
        before = head_figures(old.provenance.get("heads", {}).get(output, {}))
        for name, value in head_figures(record).items():
            if name in before:
                rows.append((output, _out_of_fold_name(name), _number(before[name]), _number(value),
                             _signed(value - before[name])))  # fmt: skip
    columns = (
        Column("output"),
        Column("out of fold"),
        Column("old", right=True),
        Column("new", right=True),
        Column("new - old", right=True),
    )
    screen.table(Table(columns, tuple(rows)))
    screen.line(Cell(f"of one draw of folds each: {_SEED_NOTE}", "dim"))


def agreement_table(columns: Sequence[Agreement], title: str) -> Table:
    """One row a topic or target: sentences, per cent agreed, kappa, alpha, AC1."""
    rows = tuple(
        (
            f"{found.kind} {found.name}",
            str(found.n),
            *(_interval(v) for v in (found.observed, found.kappa, found.alpha, found.ac1)),
        )
        for found in columns
    )
    right = ("sentences", "agreed", "Cohen's kappa", "Krippendorff's alpha", "Gwet's AC1")
    return Table((Column("column"), *(Column(name, right=True) for name in right)), rows, title=title)


def print_model(screen: Screen, model: Model, place: str, scorer: str) -> None:
    """What a model decides, what it was trained on and with, and when each label is given."""
    seen = model.provenance
    facts = (
        ("folder", place),
        ("topics", ", ".join(model.schema.topic_names) or "none"),
        ("targets", ", ".join(model.schema.target_names) or "none"),
        ("default target", model.schema.default_target or "none"),
        ("trained on", f"{seen.get('sentences', '?')} sentences of {seen.get('articles', '?')} articles"),
        ("data fingerprint", str(seen.get("fingerprint", "?"))),
        ("features", f"{model.heads.unknown:,}"),
        ("options", ", ".join(f"{name} {value}" for name, value in model.options.to_dict().items())),
        ("scored by", scorer),
        ("versions", ", ".join(f"{name} {value}" for name, value in seen.get("versions", {}).items())),
    )
    screen.table(
        Table((Column(), Column()), tuple((Cell(name, "bold"), shown(text)) for name, text in facts), header=False)
    )
    rows = tuple(
        (
            key.replace(":", ": "),
            _expected(model.schema, key),
            "where no other is" if key.endswith(f":{NEUTRAL}") else f"{decision.threshold:.3f}",
        )
        for key, decision in model.decisions.items()
        if decision.threshold
    )
    columns = (Column("label"), Column("expected in use", right=True), Column("given from probability", right=True))
    screen.table(Table(columns, rows))
    if "heads" in seen:
        screen.table(heads_table(model))


def _expected(schema: Schema, key: str) -> str:
    """The share of sentences that probabilities and the threshold of a label are set for."""
    name, _, stance = key.partition(":")
    (output,) = (output for output in (schema.targets if stance else schema.topics) if output.name == name)
    if not output.rates:
        return "as labelled"
    rest = 1 - sum(output.rates.values()) if stance == NEUTRAL else math.nan
    rate = output.rates.get(stance or "present", rest)
    return "as labelled" if math.isnan(rate) else f"{rate:.0%}"


def plain_json(value: Any) -> Any:
    """The value with null for what JSON has no number for (nan, infinity)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return value


def _values(figures: Figures) -> dict[str, Interval]:
    found = {"topics, all decisions": figures.topic_micro_f1, "topics, mean": figures.mean_topic_f1}
    found |= {f"stance toward {target}": value for target, value in figures.stance_macro_f1.items()}
    found["stance, mean over targets"] = figures.mean_stance_macro_f1
    return {name: value for name, value in found.items() if not math.isnan(value.value)}


def _model_changes(old: Model, new: Model) -> Iterator[str]:
    for what in ("sentences", "articles"):
        before, after = old.provenance.get(what, 0), new.provenance[what]
        yield f"{what}: {before:,} -> {after:,}" + (f" ({after - before:+,})" if after != before else "")
    same = old.provenance.get("fingerprint") == new.provenance["fingerprint"]
    yield "labels and texts: " + ("the same, to the character" if same else "changed")
    before_options, after_options = old.options.to_dict(), new.options.to_dict()
    for name, value in after_options.items():
        if before_options.get(name) != value:
            yield f"option {name}: {before_options.get(name)} -> {value}"
    if old.schema != new.schema:
        yield "schema: changed"


def _measured_on(sentences: int, articles: int) -> str:
    return f"{counted(sentences, 'sentence')} of {counted(articles, 'article')}"


def _intervals_note(articles: int) -> str:
    if articles < 2:
        return "no intervals: they are drawn by article, and there is only one"
    rough = f"; with {articles} articles they are rough" if articles < _FEW_ARTICLES else ""
    return f"in brackets: 95% intervals, by article{rough}"


def _out_of_fold_name(name: str) -> str:
    better = " (lower is better)" if name in _LOWER_IS_BETTER else ""
    return _figure_name(name) + better


def _figure_name(figure: str) -> str:
    return figure.replace("_", " ").replace("f1", "F1").replace(":", ": ")


def _verdict(difference: Interval) -> Cell:
    if difference.low > 0:
        return Cell("better", "green")
    if difference.high < 0:
        return Cell("worse", "dark_orange")
    same = difference.low == difference.high == 0
    return Cell("same" if same else "cannot tell", "dim")


def _interval(value: Interval) -> str:
    if math.isnan(value.value):
        return "–"
    span = "" if math.isnan(value.low) else f" [{value.low:.2f}, {value.high:.2f}]"
    return f"{value.value:.2f}{span}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.3f}"
