"""Sentences and their spans: abbreviations, quotations, ellipses, wrapped lines, any Unicode, linear time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.articles import article_from_text
from stance.cleaning import BLANK, clean
from stance.errors import OptionError
from stance.sentences import article_sentences, split_sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


ONE_SENTENCE = [
    "It met at 3 p.m. Tuesday in Seoul.",
    "The call began at 9 a.m. Moscow time and ended at noon.",
    "UN Res. No. 2270 was adopted in March.",
    "Lt. Gen. Pak Jong Chon stood beside Vice Adm. Kim Myong Sik.",
    "Defense Minister Gen. No Kwang Chol did not travel.",
    "A reply by Mr. So was not read out.",
    "N. Korea and S. Korea traded leaflets.",
    "The U.S. State Dept. had no comment.",
    "The U.S. Navy sailed home.",
    "U.S. And Allies Vow to Reopen Bridge",
    "On Sept. 9 he came, and on Jan. 5 he left.",
    "No. 2 in the party is its premier.",
    "Nos. 1 and 2 furnaces were shut.",
    "The match was Pak vs. Ri.",
    "Hyundai Co. Ltd. rose by a tenth.",
    "She lives in St. Petersburg now.",
    "V. Putin and J. K. Pak met on the quay.",
    "PYONGYANG, Sept. 9 (KCNA) -- A gala was held.",
    "MOSCOW, October 6. /TASS/. The ministry received the envoy.",
    "Crowds climbed Mt. Paektu at dawn.",
    "The 4.25 Day of Victory is its name.",
    "They want to “deepen friendly… cooperation” this year.",
    "He paused, and so... but he went on.",
    "“Is it over?” he asked.",
    '"Is it over?" Xi asked.',
    "“Who gains?” the ministry's deputy spokesman said on Monday.",
    "“Go home!” the crowd shouted.",
    "Trade (it fell. It fell again.) is a sore point.",
    "The alliance (the U.S.) Navy watched.",
    "He wrote: “… the rest is history.”",
    "A page at example.com and News.Com lists them.",
    "Mr. Kim’s ‘new era’ began in 2012.",
]


@pytest.mark.parametrize("text", ONE_SENTENCE)
def test_one_sentence_stays_one(text: str) -> None:
    assert texts(text) == [text]


SEVERAL_SENTENCES = [
    "He lives in the U.S.|He likes it.",
    "They flew to Washington, D.C.|She left at once.",
    "They flew to Washington, D.C.|Pak left at once.",
    "Talks ran until 3 p.m.|Kim then left.",
    "They went home at 6 p.m.|The square was empty.",
    "It was Kim Jong Un.|He waved.",
    "UN Res. No. 2270 was adopted.|It passed.",
    "It passed in 2006.|Fifteen members voted.",
    "It passed in 2006.|14 members voted.",
    "It fell in May.|Kim blamed the weather.",
    "The mine yields iron ore.|China buys it.",
    "No.|China did not agree.",
    "The answer was no.|China did not agree.",
    "There was a Plan B.|China had none.",
    "They banned coal, iron, etc.|China agreed.",
    "In the U.S.|No one noticed.",
    "They met…|Then it voted.",
    "They met...|Then it voted.",
    "They met . . .|Then it voted.",
    "Is it?|No!|Yes.",
    "He left.|(He came back.)|She stayed.",
    "It ended.|Everyone went home",
    "It grew.[2]|It fell again.[3]",
    "他走了。|她留下。",
    "Everyone left.|😀 Nobody stayed. 😀",
]


@pytest.mark.parametrize("text", SEVERAL_SENTENCES)
def test_several_sentences_part_where_marked(text: str) -> None:
    separator = "" if "。" in text else " "
    assert texts(text.replace("|", separator)) == text.split("|")


QUOTATIONS = [
    "“We met.|We talked,” he said.|“It was good.”|She left.",
    '"We met.|We talked," he said.|"It was good."|She left.',
    "'We met.|We talked,' he said.|'It was good.'|She left.",
    "He said: “Go.”|Then he went.",
    "It was “a gift.”|“No,” she said.",
    "«Good.»|He left.",
    "It ended.|’Tis over.",
    "Kim praised the ‘era.’|‘It lasts,’ he added.",
]


@pytest.mark.parametrize("text", QUOTATIONS)
def test_each_sentence_of_a_quotation_stands_alone_with_its_own_marks(text: str) -> None:
    assert texts(text.replace("|", " ")) == text.split("|")


def test_a_full_stop_glued_to_a_capital_ends_a_sentence() -> None:
    assert texts("They met in Beijing.State media praised it.") == ["They met in Beijing.", "State media praised it."]


def test_a_straight_quotation_mark_glued_to_both_sides_goes_where_its_pair_is() -> None:
    # The second mark is the third of the text: it opens.
    assert texts('"One" ended."We go," he said.') == ['"One" ended.', '"We go," he said.']


def test_an_abbreviation_glued_to_a_name_ends_nothing() -> None:
    assert texts("Gen.Pak flew to St.Petersburg on Oct.6 for N.Korea.") == [
        "Gen.Pak flew to St.Petersburg on Oct.6 for N.Korea."
    ]


def test_a_line_is_a_block_of_its_own() -> None:
    assert texts("A headline without a full stop\nHe left. She stayed.") == [
        "A headline without a full stop",
        "He left.",
        "She stayed.",
    ]


def test_hard_wrapped_lines_are_joined_and_split_at_full_stops_only() -> None:
    wrapped = (
        "The two foreign ministries said on Tuesday that trains will run across\n"
        "the river again from May, after a break of five years, and that Gen.\n"
        "Pak will be on the first of them. Nobody was willing to say how many\n"
        "wagons there will be.\n"
    )
    assert texts(wrapped) == [
        "The two foreign ministries said on Tuesday that trains will run across\n"
        "the river again from May, after a break of five years, and that Gen.\n"
        "Pak will be on the first of them.",
        "Nobody was willing to say how many\nwagons there will be.",
    ]


def test_spans_hold_with_characters_outside_the_basic_plane() -> None:
    text = "𝔘𝔫 said 😀 so. 😀 Then 𝔥𝔢 left."
    assert [text[s.start : s.end] for s in split_sentences(text)] == ["𝔘𝔫 said 😀 so.", "😀 Then 𝔥𝔢 left."]


def test_punctuation_alone_joins_its_neighbour() -> None:
    assert texts("He left. *** She stayed. !!!") == ["He left.", "*** She stayed. !!!"]


def test_spans_limit_what_is_split() -> None:
    text = "One is here. SKIP. Two is here. Three is."
    assert [s.text for s in split_sentences(text, [(0, 12), (19, 41)])] == [
        "One is here.",
        "Two is here.",
        "Three is.",
    ]


@pytest.mark.parametrize("spans", [[(3, 2)], [(0, 99)], [(0, 4), (2, 6)], [(-1, 2)]])
def test_spans_must_be_sorted_disjoint_and_inside(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(OptionError, match=r"sorted, disjoint and inside 0\.\.8"):
        split_sentences("He left.", spans)


def test_a_text_that_is_no_string_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="text must be a str, got bytes"):
        split_sentences(b"He left.")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\n", "\u200b"])
def test_a_blank_text_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


def test_article_sentences_begin_behind_the_front_matter_and_leave_out_residue() -> None:
    article = article_from_text(
        "---\ndate: 2020-01-01\n---\nA headline of five words\n\nHe left. She stayed.\n\nLeave a comment\n"
    )
    assert [s.text for s in article_sentences(article)] == ["A headline of five words", "He left.", "She stayed."]


PIECES = st.sampled_from(
    [
        *ONE_SENTENCE,
        "He said so.",
        "“We met. ",
        "We talked,” ",
        '"',
        "”",
        "(",
        ")",
        "[1]",
        "U.S. ",
        "... ",
        "…",
        "\n",
        "\n\n",
        "\r\n",
        "\u2028",
        " ",
        "READ: a headline",
        "Article continues after this advertisement",
        "FEATURED STORIES A B",
        "By Jane Doe",
        '" alt="x" width="2',
        "- ",
        "# ",
        "Leave a comment",
        "5",
        "a",
        "😀",
        "\ud800",
        "No. ",
        "3 p.m. ",
    ]
)
ANY_TEXT = st.text(st.characters(), max_size=200) | st.lists(PIECES, max_size=20).map("".join)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_spans_are_sorted_disjoint_true_and_trimmed(text: str) -> None:
    end = 0
    for sentence in split_sentences(text):
        assert end <= sentence.start < sentence.end <= len(text)
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip(BLANK)
        end = sentence.end


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_every_character_with_ink_is_in_a_sentence(text: str) -> None:
    assert not outside(text, split_sentences(text)).strip(BLANK)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
def test_what_cleaning_keeps_is_in_a_sentence(text: str) -> None:
    sentences = article_sentences(article_from_text(text, "any"))
    start = article_from_text(text, "any").body_start
    for begin, end in clean(text, start):
        inside = [s for s in sentences if begin <= s.start and s.end <= end]
        covered = {index for s in inside for index in range(s.start, s.end)}
        assert not "".join(text[i] for i in range(begin, end) if i not in covered).strip(BLANK)


def outside(text: str, sentences: list) -> str:  # type: ignore[type-arg]
    covered = {index for s in sentences for index in range(s.start, s.end)}
    return "".join(character for index, character in enumerate(text) if index not in covered)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        ". ",
        "... ",
        "A. ",
        '"',
        "“a. ",
        "(",
        "(a. b) ",
        "[1]",
        "a.",
        "'",
        "U.S. ",
        "?” Xi ",
        "3 p.m. X ",
        "a\n",
        "A.",
        "U.S.",
    ],
)
def test_a_long_run_of_anything_is_split_to_the_end(unit: str) -> None:
    # with a splitter quadratic in its quotation marks this would take hours
    text = unit * (100_000 // len(unit))
    assert all(text[found.start : found.end] == found.text for found in split_sentences(text))
