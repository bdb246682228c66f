"""Splits and folds: articles stay whole, shares come out, nothing depends on the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.errors import LabelError, OptionError
from stance.records import LabelledSentence
from stance.splits import assign_splits, grouped_folds, stratify


def sentence(
    article: str, number: int, topics: tuple[str, ...] = (), stance: str = "neutral", register: str = "wire"
) -> LabelledSentence:
    return LabelledSentence(
        id=f"{article}-{number}",
        article=article,
        text="x",
        topics=topics,
        stances={"ties": stance},
        register=register,
    )


def corpus(articles: int, seed: int = 0) -> list[LabelledSentence]:
    """Articles of 9 to 14 sentences with registers and labels that keep together, as in the news."""
    generator = np.random.default_rng(seed)
    rows = []
    for n in range(articles):
        aid, favor, against = generator.gamma(0.4, 0.25, size=3).clip(max=0.45)
        register = ("wire", "state", "essay")[generator.integers(3)]
        for i in range(generator.integers(9, 15)):
            stance = generator.choice(["favor", "against", "neutral"], p=[favor, against, 1 - favor - against])
            topics = ("aid",) if generator.random() < aid else ()
            rows.append(sentence(f"a{n:04d}", i, topics=topics, stance=str(stance), register=register))
    return rows


def share(rows: list[LabelledSentence], part: list[LabelledSentence], stance: str) -> float:
    count = [sum(row.stances["ties"] == stance for row in some) for some in (part, rows)]
    return count[0] / count[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("stance", ["favor", "against", "neutral"])
def test_every_split_has_its_share_of_each_stance(seed: int, stance: str) -> None:
    rows = corpus(200, seed)
    split_of = assign_splits(rows, seed=seed)
    shares = {s: share(rows, [r for r in rows if split_of[r.article] == s], stance) for s in ("train", "dev", "test")}
    assert shares == pytest.approx({"train": 0.8, "dev": 0.07, "test": 0.13}, abs=0.02)


@pytest.mark.parametrize("register", ["wire", "state", "essay"])
def test_every_split_has_its_share_of_each_register(register: str) -> None:
    rows = [row for row in corpus(200) if row.register == register]
    split_of = assign_splits(corpus(200), seed=0)
    shares = [sum(split_of[row.article] == split for row in rows) / len(rows) for split in ("train", "dev", "test")]
    assert shares == pytest.approx([0.8, 0.07, 0.13], abs=0.04)


def test_splits_are_balanced_better_than_by_chance() -> None:
    def imbalance(parts: np.ndarray, content: np.ndarray, shares: np.ndarray) -> float:
        held = np.stack([content[parts == k].sum(axis=0) for k in range(len(shares))])
        return float((np.abs(held / content.sum(axis=0) - shares[:, None]) / shares[:, None]).mean())

    generator = np.random.default_rng(0)
    content, shares = generator.poisson(generator.gamma(0.5, 2, size=(150, 8))), np.array([0.7, 0.1, 0.2])
    by_chance = np.mean([imbalance(generator.choice(3, 150, p=shares), content, shares) for _ in range(20)])
    assert imbalance(stratify(content, shares.tolist(), 0), content, shares) < by_chance / 4


def test_the_order_of_rows_does_not_matter() -> None:
    rows = corpus(40)
    assert assign_splits(rows, seed=3) == assign_splits(rows[::-1], seed=3)


def test_the_same_seed_gives_the_same_splits() -> None:
    assert assign_splits(corpus(40), seed=3) == assign_splits(corpus(40), seed=3)


def test_another_seed_gives_other_splits() -> None:
    assert len({tuple(assign_splits(corpus(40), seed=seed).items()) for seed in range(5)}) == 5


def test_an_article_that_has_a_split_keeps_it_as_others_come() -> None:
    before = assign_splits(corpus(40), seed=3)
    after = assign_splits(corpus(80), seed=4, kept=before)
    assert {article: after[article] for article in before} == before
    assert set(after.values()) == {"train", "dev", "test"}


def test_new_articles_make_up_for_what_the_kept_ones_lack() -> None:
    rows = corpus(200)
    kept = {row.article: "train" for row in rows[: len(rows) // 2]}
    split_of = assign_splits(rows, seed=0, kept=kept)
    tested = [row for row in rows if split_of[row.article] == "test"]
    assert len(tested) / len(rows) == pytest.approx(0.13, abs=0.02)


def test_a_split_that_is_no_longer_wanted_binds_nothing() -> None:
    rows = [sentence(f"{n}", 0) for n in range(10)]
    found = assign_splits(rows, seed=0, shares=(("fit", 0.5), ("check", 0.5)), kept={"0": "train", "1": "check"})
    assert found["1"] == "check"
    assert list(found.values()).count("fit") == 5


def test_no_split_stays_empty_while_articles_are_enough() -> None:
    rows = [sentence(name, 0) for name in "abc"]
    assert sorted(assign_splits(rows, seed=0).values()) == ["dev", "test", "train"]


def test_shares_may_be_others() -> None:
    rows = [sentence(f"{n}", 0) for n in range(10)]
    found = list(assign_splits(rows, seed=0, shares=(("fit", 0.5), ("check", 0.5))).values())
    assert (found.count("fit"), found.count("check")) == (5, 5)


@pytest.mark.parametrize(
    "shares", [(), (("a", 0.5), ("b", 0.6)), (("a", 1.5), ("b", -0.5)), (("a", 0.5), ("a", 0.5)), (("a", 1), ("b", 0))]
)
def test_shares_that_make_no_split_are_refused(shares: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(OptionError, match="shares must be positive, sum to 1 and name each split once, got "):
        assign_splits([sentence("a", 0)], seed=0, shares=shares)


def test_fewer_articles_than_splits_are_refused() -> None:
    with pytest.raises(LabelError, match="splits: expected at least 3 articles, got 1"):
        assign_splits([sentence("a", 0), sentence("a", 1)], seed=0)


rows_of_any_kind = st.lists(
    st.builds(
        sentence,
        article=st.sampled_from("abcdefghij"),
        number=st.integers(0, 9),
        topics=st.sampled_from([(), ("aid",), ("aid", "war")]),
        stance=st.sampled_from(["favor", "against", "neutral"]),
        register=st.sampled_from(["wire", "essay"]),
    ),
    max_size=60,
).filter(lambda rows: len({row.article for row in rows}) >= 3)


@given(rows=rows_of_any_kind, seed=st.integers(0, 5))
@settings(deadline=None)
def test_every_row_is_in_one_fold_and_no_article_in_two(rows: list[LabelledSentence], seed: int) -> None:
    folds = grouped_folds(rows, k=3, seed=seed)
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(rows)))
    articles = [{rows[i].article for i in fold} for fold in folds]
    assert sum(map(len, articles)) == len(set.union(*articles))


@given(rows=rows_of_any_kind, seed=st.integers(0, 5))
@settings(deadline=None)
def test_no_fold_is_empty(rows: list[LabelledSentence], seed: int) -> None:
    assert all(len(fold) for fold in grouped_folds(rows, k=3, seed=seed))


@pytest.mark.parametrize("stance", ["favor", "against", "neutral"])
def test_every_fold_has_its_share_of_each_stance(stance: str) -> None:
    rows = corpus(200)
    shares = [share(rows, [rows[i] for i in fold], stance) for fold in grouped_folds(rows, k=5, seed=0)]
    assert shares == pytest.approx([0.2] * 5, abs=0.02)


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(OptionError, match="k must be 2 or more, got 1"):
        grouped_folds([sentence("a", 0)], k=1, seed=0)


def test_fewer_articles_than_folds_are_refused() -> None:
    with pytest.raises(LabelError, match="folds: expected at least 5 articles, as many as folds, got 2"):
        grouped_folds([sentence("a", 0), sentence("b", 0)], k=5, seed=0)
