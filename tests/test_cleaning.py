"""Page residue goes, prose stays: general patterns on made-up pages, repeated links, wrapped lines, linear time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.cleaning import BLANK, clean, paragraphs
from stance.html_text import html_to_text


def blocks(text: str) -> list[str]:
    return [text[start:end] for start, end in clean(text)]


PROSE = "The grain train crossed the bridge again on Monday."
RESIDUE_LINES = [
    '" alt="The \'old\' bridge" width="2500" height="1532" data-lazy-srcset="https://example.org/a.jpg 2500w, https://exa...',
    'alt="The bridge"',
    "Article continues after this advertisement",
    "Story continues below advertisement",
    "ADVERTISEMENT",
    "Advertisement - Continue reading below",
    "FEATURED STORIES WORLD One thing happens WORLD Another 'thing' happens tooREAD: A third thing – ABC",
    "FEATURED STORIES WORLD Will one thing happen WORLD Will another thing happen this year?",
    "READ: Ten things to know about the bridge",
    "Article continues after this advertisementREAD: Ten things to know",
    "Read more: ten things to know about the bridge",
    "Subscribe to our daily newsletter",
    "SIGN UP FOR OUR NEWSLETTER",
    "Leave a comment",
    "Share this:",
    "Share this article on Facebook",
    "We use cookies to improve your visit. By continuing to browse you accept them.",
    "By signing up, you agree to our terms of use.",
    "Asia, News October 7, 2024 No Comments on Grain train crosses the bridge3 minute read",
    "News May 3, 2024 2 Comments on Grain train crosses the bridge",
    "3 min read",
    "October 7, 2024",
    "Published October 7, 2024 at 10:23 a.m.",
    "By Jane Doe",
    "BY JANE DOE AND JOHN VAN DER ROE",
    "By Jane Doe, Reuters | October 7, 2024 | 3 min read",
    "Reporting by Jane Doe in Seoul; Additional reporting by J. K. Roe; Editing by Ann Low",
    "(Reporting by Jane Doe; Editing by Ann Low)",
    "Photo: Jane Doe/AFP",
    "(Photo by Jane Doe/Getty Images)",
    "[Photo/Agencies]",
    "Image copyright AFP Image caption The bridge at dawn",
    "https://example.org/bridge",
    "https://example.org/a.jpg 2500w, https://example.org/b.jpg 1024w",
    "jane.doe@example.org",
    "© 2024 The Bridge Times. All rights reserved.",
    "Nurse cleared after two years of doubt Read more",
    "[Ten things to know](https://example.org/ten)",
    "![bridge](bridge.jpg)",
    "* * *",
    "=====",
]


@pytest.mark.parametrize("line", RESIDUE_LINES)
def test_a_line_of_residue_goes_and_its_neighbours_stay(line: str) -> None:
    assert blocks(f"He left.\n{line}\n{PROSE}\n") == ["He left.", PROSE]


GLUED = [
    ("Article continues after this advertisement" + PROSE, [PROSE]),
    ("He left.Article continues after this advertisement" + PROSE, ["He left.", PROSE]),
    ("ADVERTISEMENT" + PROSE, [PROSE]),
    ("He left.Leave a comment", ["He left."]),
    ("He left. Subscribe to our daily newsletter", ["He left."]),
    ("He left. Share this:", ["He left."]),
    ("He left.READ: Ten things to know", ["He left."]),
    ("READ: Ten things to know in Beijing" + PROSE, [PROSE]),
    ("READ: Ten things to know in Beijing. " + PROSE, [PROSE]),
    (f"FEATURED STORIES WORLD One thing happens{PROSE}READ: Ten things", [PROSE]),
    ("By Jane Doe" + PROSE, [PROSE]),
    ("By Jane DoeOctober 7, 2024" + PROSE, [PROSE]),
    ("News May 3, 2024 No Comments on Grain train 3 minute read" + PROSE, [PROSE]),
    ("He left. (Reporting by Jane Doe; Editing by Ann Low)", ["He left."]),
    ("The train on the bridge. Photo: Jane Doe/AFP", ["The train on the bridge."]),
    ("He left. (Xinhua)", ["He left."]),
    (f'He left. <img src="a.jpg" alt="A train" width="3"/>{PROSE}', ["He left.", PROSE]),
    (f"<p>He left.</p><p>{PROSE}</p>", ["He left.", PROSE]),
]


@pytest.mark.parametrize(("line", "expected"), GLUED)
def test_residue_glued_to_a_sentence_goes_and_the_sentence_starts_right(line: str, expected: list[str]) -> None:
    assert blocks(line) == expected


PROSE_LIKE_RESIDUE = [
    "By Land and Sea",
    "By Train, the Old Guard Rolls Into Town",
    "By continuing its tests, the North violates the terms of the accord.",
    "By then the terms of the accord were known to all.",
    "Reporting by journalists is banned in the North.",
    "Photo by photo, the exhibition shows the war.",
    "A banner that read: No war.",
    "The sign said READ: no entry.",
    "SPREAD: the map of the virus",
    "The article continues after the war.",
    "Why children should read more",
    "“No comment.”",
    "October 7, 2024, was a day of calm.",
    "BEIJING, Oct. 6 (Xinhua) -- The premier left.",
    "BEIJING — The premier left.",
    "Readers can subscribe to our daily newsletter, the editor said.",
    "Bakers say that recipes use cookies sparingly.",
    "Copyright law is old.",
    "He said that width=10 was wrong.",
    "See https://example.org for the treaty.",
]


@pytest.mark.parametrize("line", PROSE_LIKE_RESIDUE)
def test_prose_that_resembles_residue_stays(line: str) -> None:
    assert blocks(f"He left.\n\n{line}\n\n{PROSE}") == ["He left.", line, PROSE]


def test_a_name_with_an_inner_capital_is_no_seam() -> None:
    assert blocks("READ: How TikTok won over the young people of Asia.") == []


def test_a_list_of_headlines_goes_up_to_its_read_line() -> None:
    page = f"He left.\n\nRELATED STORIES\n\nOne thing happens\n\nAnother happens\n\nREAD: A third\n\n{PROSE}"
    assert blocks(page) == ["He left.", PROSE]


def test_a_list_of_headlines_ends_at_a_blank_line() -> None:
    page = f"He left.\nRelated stories\nOne thing happens\nAnother happens\n\nWhat it means\n\n{PROSE}"
    assert blocks(page) == ["He left.", "What it means", PROSE]


def test_a_list_of_headlines_ends_at_a_full_sentence() -> None:
    assert blocks(f"He left.\nFEATURED STORIES\nOne thing happens\n{PROSE}") == ["He left.", PROSE]


def test_a_heading_at_the_top_takes_no_lines_with_it() -> None:
    assert blocks("Top stories\nOne thing happens today\n\nHe left.") == ["One thing happens today", "He left."]


def test_a_link_twice_in_a_row_goes_in_both_copies() -> None:
    link = "Will the bridge open again?"
    assert blocks(f"He left.\n{link}\n{link}\n{PROSE}") == ["He left.", PROSE]


def test_a_line_without_full_stop_that_occurs_again_goes_everywhere() -> None:
    link = "Bridge opens after five years"
    assert blocks(f"He left.\n{link}\n{PROSE}\n{link}\nShe stayed.") == ["He left.", PROSE, "She stayed."]


def test_the_headline_stays_once() -> None:
    headline = "Grain train crosses the bridge"
    assert blocks(f"{headline}\n{headline}\nHe left.\n{headline}\nShe stayed.") == [headline, "He left.", "She stayed."]


def test_a_headline_that_asks_stays_once() -> None:
    headline = "Will the bridge open again?"
    assert blocks(f"{headline}\n{headline}\nHe left.") == [headline, "He left."]


def test_a_sentence_that_is_repeated_stays() -> None:
    assert blocks("He left.\nHe left.\nShe stayed.") == ["He left.", "He left.", "She stayed."]


def test_a_subheading_stays() -> None:
    assert blocks("He left.\nWhat it means\nShe stayed.") == ["He left.", "What it means", "She stayed."]


def test_markdown_markers_stay_outside() -> None:
    page = "# A title #\n\n- one thing\n* two things\n1. First thing\n2) Second thing\n> Quoted words.\n\n---\n"
    assert blocks(page) == ["A title", "one thing", "two things", "First thing", "Second thing", "Quoted words."]


def test_a_number_with_a_full_stop_is_no_list_marker_inside_a_sentence() -> None:
    assert blocks("1.5 million left.\n75 years on, he left.") == ["1.5 million left.", "75 years on, he left."]


WRAPPED = (
    "The two foreign ministries said on Tuesday that trains will run across\n"
    "the river again from May, after a break of five years, and that Gen.\n"
    "Pak will be on the first of them. Nobody was willing to say how many\n"
    "wagons there will be."
)


def test_wrapped_lines_are_one_block() -> None:
    assert blocks(WRAPPED) == [WRAPPED]


def test_wrapped_paragraphs_are_parted_by_a_blank_line() -> None:
    assert blocks(f"{WRAPPED}\n\n{WRAPPED}\n") == [WRAPPED, WRAPPED]


def test_wrapped_lines_with_carriage_returns_are_one_block() -> None:
    windows = WRAPPED.replace("\n", "\r\n")
    assert blocks(windows + "\r\n") == [windows]


def test_a_headline_right_above_wrapped_lines_is_not_joined() -> None:
    headline = "Trains will cross the river again in May, the ministries promise"
    assert blocks(f"{headline}\n{WRAPPED}") == [headline, WRAPPED]


def test_a_list_of_headlines_under_each_other_is_not_joined() -> None:
    page = (
        "Grain train crosses the old bridge after five years of silence\n"
        "Ministers promise a second one by the end of the coming summer\n"
        "Traders doubt it and keep their lorries at the gates of town"
    )
    assert blocks(page) == page.split("\n")


def test_a_line_that_continues_in_lower_case_is_joined() -> None:
    page = "The ministry, which rarely comments on such matters,\nsaid nothing."
    assert blocks(page) == [page]


def test_short_lines_in_lower_case_are_not_joined() -> None:
    assert blocks("grain\nbridges\ntrains") == ["grain", "bridges", "trains"]


def test_cleaning_starts_where_it_is_told() -> None:
    assert clean("He left.\nShe stayed.", 9) == ((9, 20),)


def test_paragraphs_leave_nothing_out() -> None:
    text = "# Title\nREAD: x\n\nHe left."
    assert [text[start:end] for start, end in paragraphs(text)] == ["# Title", "READ: x", "He left."]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(RESIDUE_LINES), max_size=6), st.lists(st.sampled_from(RESIDUE_LINES), max_size=6))
def test_any_residue_around_prose_leaves_the_prose(above: list[str], below: list[str]) -> None:
    page = "\n".join(["He left.", *above, PROSE, *below, "She stayed."])
    assert blocks(page) == ["He left.", PROSE, "She stayed."]


PAGES = st.text(st.characters(), max_size=200) | st.lists(
    st.sampled_from([*RESIDUE_LINES, *PROSE_LIKE_RESIDUE, PROSE, WRAPPED, "\n", "\n\n", " ", "\r", "\u2028", "# "]),
    max_size=12,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PAGES)
def test_spans_are_sorted_disjoint_trimmed_and_hold_ink(page: str) -> None:
    last = 0
    for start, end in clean(page):
        assert last <= start < end <= len(page)
        assert page[start:end] == page[start:end].strip(BLANK)
        assert any(character.isalnum() for character in page[start:end])
        last = end


@settings(max_examples=300, deadline=None)
@given(PAGES)
def test_paragraphs_hold_all_ink(page: str) -> None:
    inside = {index for start, end in paragraphs(page) for index in range(start, end)}
    assert not "".join(c for index, c in enumerate(page) if index not in inside).strip(BLANK)


UNITS = [
    *("a", " ", "\u00a0", ". ", '"', "“", "(", "=", "data-", 'alt="', "alt='\"", 'alt="x" ', "<p ", "<p>", "aB"),
    *("READ: ", "FEATURED STORIES ", "FEATURED STORIES\n", "Article continues after this advertisement"),
    *("No Comments on ", "By A B ", "Reporting by A, ", "Photo: ", "October 7, 2024", "# ", "> ", "![", "[a](", "a@"),
    *("Subscribe to our ", "we uses cookies ", "all rights reserved ", "word " * 18 + "\n", "same line here\n"),
    *("https://a ", "abc. D", "abcD", "\r\n"),
]
TAGS = ["<", "<a ", "<!--", "<a b='", '<a ="', "<?", "</", "<p>", "&#", "<script>", "<a/", "<nav>"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_run_of_anything_is_cleaned_to_the_end(unit: str) -> None:
    # with a pattern that backtracks this would take hours
    text = unit * (100_000 // len(unit))
    assert all(0 <= start < end <= len(text) for start, end in clean(text))


@pytest.mark.parametrize("unit", TAGS)
def test_a_long_run_of_markup_is_read_to_the_end(unit: str) -> None:
    text, _ = html_to_text(unit * (100_000 // len(unit)))
    assert isinstance(text, str)
