"""The HTML page: whole, self-contained, escaped, and saying what the model says."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stance.articles import article_from_text
from stance.classifier import Classifier
from stance.html_report import ReadArticle, page, text
from stance.records import Article
from stance.training import train

STORY = (
    "Norland vowed to deepen its friendship with Southmark. It rained.\n"
    "Southmark snubbed Norland's envoy. Ostia doubled its tariffs on cargo from Norland."
)
VOID = {"meta", "input", "br", "link", "img"}


class Reader(HTMLParser):
    """Elements in order with their attributes and text; fails on tags that do not match."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.classes: list[str] = []
        self.by_class: list[tuple[str, str]] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.classes.append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.classes.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
            self.by_class += [(name, data) for names in self.classes for name in names.split()]

    def inside(self, name: str) -> str:
        """All text inside elements of a class, joined."""
        return "".join(data for found, data in self.by_class if found == name)


def read(model: Classifier, *texts: str, **options: float) -> list[ReadArticle]:
    articles = [article_from_text(body, id=f"story-{n}") for n, body in enumerate(texts, start=1)]
    return [ReadArticle(article, model.classify_article(article, **options)) for article in articles]  # type: ignore[arg-type]


def document(model: Classifier, *texts: str, target: str | None = None) -> str:
    return page(read(model, *texts), model.schema, model.explain, target=target)


def test_the_page_is_well_formed_and_ids_are_distinct(tiny_model: Classifier) -> None:
    ids = [
        attributes["id"] for _, attributes in Reader(document(tiny_model, STORY, STORY)).elements if "id" in attributes
    ]
    assert len(ids) == len(set(ids))


def test_the_page_fetches_nothing_and_runs_nothing(tiny_model: Classifier) -> None:
    html = document(tiny_model, STORY, STORY)
    found = Reader(html)
    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object"}
    assert all(a["href"] and a["href"].startswith("#") for _, a in found.elements if "href" in a)
    assert "url(" not in html
    assert "@import" not in html


def test_sentences_stand_in_reading_order(tiny_model: Classifier) -> None:
    sentences = tiny_model.classify_article(STORY).sentences
    assert Reader(document(tiny_model, STORY)).inside("words") == "".join(sentence.text for sentence in sentences)


def test_a_line_end_in_the_article_begins_a_paragraph(tiny_model: Classifier) -> None:
    prose = document(tiny_model, STORY).partition('<div class="prose">')[2].partition("</div>")[0]
    assert prose.count("<p>") == 2


def test_what_was_cleaned_away_is_not_shown(tiny_model: Classifier) -> None:
    assert "Article continues" not in document(tiny_model, "Article continues after this advertisement\n" + STORY)


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", '"><b>', "a & b"])
def test_text_from_outside_is_escaped(tiny_model: Classifier, title: str) -> None:
    article = Article(id="x", text=f"Norland {title} snubbed Southmark.", metadata={"title": title, "date": title})
    html = page(
        [ReadArticle(article, tiny_model.classify_article(article))], tiny_model.schema, tiny_model.explain, title=title
    )
    assert title not in html
    assert title in Reader(html).texts


def test_characters_that_no_document_may_hold_are_replaced() -> None:
    assert text("a\x00b\ud800c\x1bd\te") == "a\ufffdb\ufffdc\ufffdd\te"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(max_size=200))
def test_any_text_makes_a_well_formed_page(tiny_model: Classifier, body: str) -> None:
    html = document(tiny_model, body)
    assert html.encode("utf-8")
    Reader(html)


def test_each_sentence_says_its_stance_in_words(tiny_model: Classifier) -> None:
    tags = re.findall(r'<span class="tag o0 [^"]*">(\w+)', document(tiny_model, STORY))
    assert tags == [p.stances["union"] for p in tiny_model.classify_article(STORY).predictions]


def test_the_switch_has_every_target_and_begins_with_the_one_asked_for(tiny_model: Classifier) -> None:
    found = [a for tag, a in Reader(document(tiny_model, STORY, target="tariffs")).elements if tag == "input"]
    assert [("checked" in a, a["aria-label"]) for a in found] == [
        (False, "Stance toward union"),
        (True, "Stance toward tariffs"),
    ]


def test_each_sentence_can_be_reached_by_keyboard_and_has_its_reasons(tiny_model: Classifier) -> None:
    elements = Reader(document(tiny_model, STORY)).elements
    reached = [a["aria-describedby"] for _, a in elements if a.get("tabindex") == "0"]
    assert reached == [a["id"] for _, a in elements if a.get("role") == "tooltip"]
    assert len(reached) == 4


def test_reasons_hold_the_weights_of_the_explanation(tiny_model: Classifier) -> None:
    sentence = tiny_model.classify_article(STORY).sentences[0].text
    why = tiny_model.explain(sentence).stances["union"]["favor"]
    assert f"bias {why.bias:+.2f}, sum {why.logit:+.2f}" in document(tiny_model, sentence)


def test_the_heaviest_word_for_the_decision_is_highlighted_most(tiny_model: Classifier) -> None:
    marked = re.findall(
        r'<b class="(w0[^"]*)">(\w+)</b>',
        document(tiny_model, "Norland vowed to deepen its friendship with Southmark."),
    )
    assert {word for classes, word in marked if "w0p3" in classes} & {"deepen", "friendship"}


def test_shares_stand_at_the_top_of_each_article(tiny_model: Classifier) -> None:
    found = tiny_model.classify_article(STORY)
    top = Reader(document(tiny_model, STORY)).inside("stances")
    assert f"favor {100 * found.stance_shares['union']['favor']:.0f}%" in top


def test_several_articles_have_a_list_of_contents(tiny_model: Classifier) -> None:
    assert Reader(document(tiny_model, STORY, STORY)).inside("contents").split("\n")[1:3] == [
        "story-1 4 sentences",
        "story-2 4 sentences",
    ]
    assert Reader(document(tiny_model, STORY)).inside("contents") == ""


def test_an_abstention_is_said(tiny_model: Classifier) -> None:
    # Forty sentences leave no curve that promises certainty.
    html = page(read(tiny_model, STORY, min_precision=1.0), tiny_model.schema, tiny_model.explain)
    shown = [p for r in read(tiny_model, STORY, min_precision=1.0) for p in r.prediction.predictions]
    assert html.count(">abstains</span>") == sum(stance is None for p in shown for stance in p.stances.values()) > 0


def test_the_share_of_abstentions_stands_beside_the_stances(tiny_model: Classifier) -> None:
    (story,) = read(tiny_model, STORY)
    first, *others = story.prediction.predictions
    silent = dataclasses.replace(first, stances={**first.stances, "union": None})
    found = dataclasses.replace(story.prediction, predictions=(silent, *others))  # one sentence of four
    html = page([ReadArticle(story.article, found)], tiny_model.schema, tiny_model.explain)
    assert Reader(html).inside("legend").count("abstains") == 1
    assert "abstains 25%" in Reader(html).inside("legend")


def test_the_words_of_what_is_too_long_for_a_sentence_are_not_shown(tiny_model: Classifier) -> None:
    html = Reader(document(tiny_model, "Norland vowed to deepen its friendship with Southmark " * 100))
    assert html.inside("why").count("Too long for its words to be shown.") == len(tiny_model.schema.targets)
    assert html.inside("piece") == ""


def test_a_model_without_targets_has_no_switch() -> None:
    rows: Sequence[dict[str, str]] = [
        {"text": f"{word} {n}", "topics": topic} for n in range(8) for word, topic in (("grain", "trade"), ("rain", ""))
    ]
    model = train(rows, schema="infer", folds=2, jobs=1)
    html = document(model, "The grain is in. It rained.")
    assert not [tag for tag, _ in Reader(html).elements if tag == "input"]
    assert "trade" in Reader(html).inside("chip")
