"""Articles from files: text, Markdown, HTML, JSON lines; front matter, encodings, errors that name file and place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.articles import article_from_text, is_html, read_articles
from stance.errors import LabelError
from stance.html_text import html_to_text
from stance.records import Article
from stance.sentences import article_sentences


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def only(path: Path) -> Article:
    (article,) = read_articles(path)
    return article


def sentences(article: Article) -> list[str]:
    return [sentence.text for sentence in article_sentences(article)]


FRONT = "---\nid: bridge-1\nregister: wire\ndate: 2024-05-01\ntitle: 'Over: the bridge'\n---\n"


def test_plain_text_is_named_after_its_file(tmp_path: Path) -> None:
    article = only(written(tmp_path / "bridge.txt", "He left.\n"))
    assert (article.id, article.text, article.body_start, article.metadata) == ("bridge", "He left.\n", 0, {})


@pytest.mark.parametrize("suffix", ["txt", "md", "MD"])
def test_front_matter_names_the_article_and_is_metadata(tmp_path: Path, suffix: str) -> None:
    article = only(written(tmp_path / f"x.{suffix}", FRONT + "He left.\n"))
    assert article.id == "bridge-1"
    assert article.metadata == {"register": "wire", "date": "2024-05-01", "title": "Over: the bridge"}


def test_the_text_holds_the_front_matter_and_the_body_starts_behind_it(tmp_path: Path) -> None:
    article = only(written(tmp_path / "x.txt", FRONT + "He left.\n"))
    assert article.text == FRONT + "He left.\n"
    assert article.text[article.body_start :] == "He left.\n"


def test_line_ends_stay_and_spans_count_them(tmp_path: Path) -> None:
    article = only(written(tmp_path / "x.txt", "---\r\nid: a\r\n---\r\nA headline\r\n\r\nHe left.\r\n"))
    # "---\r\n" and "id: a\r\n" and "---\r\n" are 5 + 7 + 5 characters.
    assert article.body_start == 17
    assert [(s.start, s.text) for s in article_sentences(article)] == [(17, "A headline"), (31, "He left.")]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert only(written(tmp_path / "x.txt", b"\xef\xbb\xbfHe left.")).text == "He left."


def test_lists_and_comments_in_front_matter_are_read(tmp_path: Path) -> None:
    article = only(written(tmp_path / "x.md", "---\ntags:\n  - one\n- two\n# a comment\n\nempty:\n---\nHe left."))
    assert article.metadata == {"tags": "- one - two", "empty": ""}


def test_a_ruled_line_at_the_top_is_no_front_matter(tmp_path: Path) -> None:
    article = only(written(tmp_path / "x.md", "---\nHe left.\n---\nShe stayed.\n"))
    assert sentences(article) == ["He left.", "She stayed."]


def test_front_matter_without_end_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "x.md", "---\nid: a\n")
    with pytest.raises(LabelError, match=r"x\.md, line 1: expected '---' at the end of the front matter, found none"):
        list(read_articles(path))


def test_a_line_in_front_matter_that_is_no_pair_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "x.md", "---\nid: a\ndate 2024\n---\n")
    with pytest.raises(LabelError, match=r"x\.md, line 3: expected 'key: value' or '---' .* got 'date 2024'"):
        list(read_articles(path))


def test_json_lines_are_an_article_each(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "He left.", "date": "2024-05-01", "views": 3, "tags": ["x"]},
        {"text": "She stayed."},
        {"id": 7, "text": "They met."},
    ]
    path = written(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows)))
    articles = list(read_articles(path))
    assert [(a.id, a.text) for a in articles] == [("a", "He left."), ("x-2", "She stayed."), ("7", "They met.")]
    assert articles[0].metadata == {"date": "2024-05-01", "views": "3", "tags": '["x"]'}


def test_a_json_line_without_text_is_an_error_that_guesses(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", '{"text": "a"}\n{"txt": "b"}\n')
    with pytest.raises(LabelError, match=r"x\.jsonl, line 2: expected a string under 'text', got None; .* 'txt'\?"):
        list(read_articles(path))


def test_a_json_id_that_is_no_string_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", '{"id": [1], "text": "a"}\n')
    with pytest.raises(LabelError, match=r"x\.jsonl, line 1: expected a string under 'id', got \[1\]"):
        list(read_articles(path))


PAGE = """<!DOCTYPE html><html><head><title>Bridge &amp; train</title><script>var a = "<p>no</p>";</script>
<style>p { color: red }</style><meta property="article:published_time" content="2024-05-01T10:00"></head><body>
<header><a href="/">The Bridge Times</a><h1>Grain train crosses
 the bridge</h1></header><nav><ul><li>World</li></ul></nav><!-- <p>no</p> -->
<p class="a>b">He said &ldquo;no&rdquo; to the <b>U.S.</b>
Navy.<br>She stayed.</p><figure><img src="a.jpg" alt="x"><figcaption>A caption</figcaption></figure>
<aside><p>Ten things</p></aside><form><input><p>Sign up</p></form><ul><li>One thing</li><li>5 &lt; 6</li></ul>
<footer>About us</footer></body></html>"""


def test_a_page_is_its_text_without_furniture() -> None:
    assert html_to_text(PAGE)[0] == (
        "Grain train crosses the bridge\n\nHe said “no” to the U.S. Navy.\nShe stayed.\n\nOne thing\n\n5 < 6"
    )


def test_a_page_gives_title_and_date() -> None:
    assert html_to_text(PAGE)[1] == {"title": "Bridge & train", "date": "2024-05-01T10:00"}


def test_spans_point_into_the_text_of_a_page(tmp_path: Path) -> None:
    article = only(written(tmp_path / "page.html", PAGE))
    assert article.id == "page"
    assert "<p" not in article.text
    assert sentences(article) == [
        "Grain train crosses the bridge",
        "He said “no” to the U.S. Navy.",
        "She stayed.",
        "One thing",
        "5 < 6",
    ]


HTML_TEXTS = [
    ("plain words", "plain words"),
    ("a < b and <3 and a<b>c</b>", "a < b and <3 and ac"),
    ("<p>a<p>b", "a\n\nb"),
    ("<P>a</P\n><DIV>b</DIV>", "a\n\nb"),
    ("a<br/>b<br />c", "a\nb\nc"),
    ("<nav>menu<p>a</p>", "menu\n\na"),
    ("<nav>x<nav>y</nav>z</nav>a", "a"),
    ("<form><p>a</p></form>", "a"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc"),
    ("<pre>a\n  b</pre>", "a\nb"),
    ("a<script>b", "a"),
    ("a<!-- b", "a"),
    ("a<svg/>b", "a\n\nb"),
    ('<a href="x>b', "b"),
    ("&amp;lt; &#8220;x&#x201d; &nbsp; y", "&lt; “x” y"),
    ("", ""),
]


@pytest.mark.parametrize(("page", "text"), HTML_TEXTS)
def test_html_is_read_as_a_browser_would(page: str, text: str) -> None:
    assert html_to_text(page)[0] == text


TAG_SOUP = st.sampled_from(
    [*"<>/!-\"'= ap&;\n", "script", "nav", "h1", "header", "<pre>", "<title>", "<nav>", "</nav>"]
)


@given(st.lists(TAG_SOUP, max_size=60))
def test_any_page_is_read_without_an_error(pieces: list[str]) -> None:
    text, _ = html_to_text("".join(pieces))
    assert text == text.strip()


def test_a_folder_is_read_sorted_and_deep_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "c/d.html", "c/notes.csv", ".git/e.txt", ".f.txt"):
        written(tmp_path / name, "He left.")
    assert [article.id for article in read_articles(tmp_path)] == ["a", "b", "d"]


def test_a_file_without_suffix_is_plain_text(tmp_path: Path) -> None:
    assert only(written(tmp_path / "article", "He left.")).id == "article"


def test_a_missing_file_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected a file or folder of articles, found nothing at .*none\.txt"):
        read_articles(tmp_path / "none.txt")


def test_another_suffix_is_an_error_that_guesses(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", "{}")
    with pytest.raises(LabelError, match=r"expected an article \('\.txt', .* got suffix '\.json'; did you mean '\.jso"):
        read_articles(path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"expected articles .* found none in this folder"):
        list(read_articles(tmp_path))


@pytest.mark.parametrize(("content", "byte"), [(b"caf\xe9 bar", 3), (b"\xef\xbb\xbfcaf\xe9 bar", 6)])
def test_text_that_is_not_utf8_is_an_error_at_its_byte(tmp_path: Path, content: bytes, byte: int) -> None:
    path = written(tmp_path / "x.txt", content)
    with pytest.raises(LabelError, match=rf"x\.txt: expected UTF-8, got .* at byte {byte}; save it as UTF-8"):
        list(read_articles(path))


def test_two_articles_of_one_id_are_an_error(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "He left.")
    written(tmp_path / "b.txt", "---\nid: a\n---\nShe stayed.")
    with pytest.raises(LabelError, match=r"b\.txt: article ids must be distinct, got 'a' again, first in .*a\.txt"):
        list(read_articles(tmp_path))


def test_an_article_from_a_string_keeps_the_id_it_is_given() -> None:
    article = article_from_text(FRONT + "He left.", id="mine")
    assert (article.id, article.metadata["register"], sentences(article)) == ("mine", "wire", ["He left."])


def test_an_article_from_a_string_takes_broken_front_matter_for_text() -> None:
    assert article_from_text("---\nid: a\nHe left.").body_start == 0


def test_an_article_from_no_string_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="text must be a str, got NoneType"):
        article_from_text(None)  # type: ignore[arg-type]


def test_many_comments_before_a_text_do_not_make_it_slow_to_tell() -> None:
    comments = "<!-- a -->\n" * 300
    assert not is_html(comments + "Norland praised Southmark.")
    assert is_html(comments + "<html>")
