"""Text to features."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.features import Featurizer, gate_open
from stance.lexicon import normalise, words
from stance.schema import Output, Schema

SCHEMA = Schema(
    topics=(Output(name="trade", entities=(("east", "west"),)),),
    targets=(),
    default_target=None,
    entities={"east": ("Eastland", "Kim Jong Un", "E. Korea"), "west": ("Westland", "West")},
    cues={"warm": ("deepen*", "friendly", "shake * hands"), "cool": ("rift", "cold war")},
    scopes={"negation": ("not", "stopped short of"), "concession": ("despite",), "turn": ("but",)},
)


@pytest.fixture
def featurizer() -> Featurizer:
    return Featurizer(SCHEMA, char_min=3, char_max=4)


def keys(featurizer: Featurizer, text: str) -> list[str]:
    return featurizer.analyse(text).lexicon_keys()


@given(st.text())
def test_normalising_never_moves_a_character(text: str) -> None:
    assert len(normalise(text)) == len(text)


def test_normalising_lowers_letters_and_turns_digits_to_zero() -> None:
    assert normalise("In 2024, the 75TH") == "in 0000, the 00th"


def test_a_letter_with_a_longer_lower_case_is_left_alone() -> None:
    assert normalise("İA") == "İa"


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("U.S. firms' K-99 n_n") == ["u", "s", "firms", "k", "00", "n", "n"]


@given(st.one_of(st.text(), st.text(st.characters(max_codepoint=127))))
def test_the_quick_way_through_ascii_finds_the_same_words(text: str) -> None:
    assert words(text) == [match.group() for match in re.finditer(r"[^\W_]+", normalise(text))]


def test_an_alias_of_several_words_becomes_one_unit(featurizer: Featurizer) -> None:
    assert featurizer.analyse("Kim Jong Un met Westland").units == ["<east>", "met", "<west>"]


def test_an_alias_with_a_dot_matches_with_and_without_it(featurizer: Featurizer) -> None:
    assert featurizer.analyse("E. Korea and E Korea").units == ["<east>", "and", "<east>"]


def test_an_alias_needs_all_its_words(featurizer: Featurizer) -> None:
    assert featurizer.analyse("Kim Jong Il").units == ["kim", "jong", "il"]


def test_a_cue_with_a_star_matches_any_continuation(featurizer: Featurizer) -> None:
    assert keys(featurizer, "ties deepened") == ["{warm}"]


def test_a_lone_star_in_a_cue_stands_for_one_word(featurizer: Featurizer) -> None:
    assert keys(featurizer, "they shake muddy hands") == ["{warm}"]
    assert keys(featurizer, "they shake hands") == []


def test_a_cue_at_the_very_end_needs_its_last_word(featurizer: Featurizer) -> None:
    assert keys(featurizer, "a cold") == []
    assert keys(featurizer, "a cold war") == ["{cool}"]


def test_a_negation_reaches_four_words(featurizer: Featurizer) -> None:
    assert keys(featurizer, "not a b c friendly") == ["{warm}", "{warm}/negated"]
    assert keys(featurizer, "not a b c d friendly") == ["{warm}"]


def test_a_negation_of_several_words_counts_from_its_last(featurizer: Featurizer) -> None:
    assert keys(featurizer, "it stopped short of a friendly word") == ["{warm}", "{warm}/negated"]


def test_a_concession_reaches_to_the_comma(featurizer: Featurizer) -> None:
    assert keys(featurizer, "Despite a rift, a friendly word") == ["{cool}", "{warm}", "{cool}/conceded"]


def test_a_turn_marks_what_came_before_it(featurizer: Featurizer) -> None:
    assert keys(featurizer, "a friendly word but a rift") == ["{warm}", "{cool}", "{warm}/before"]


def test_two_entity_groups_make_a_pair_and_open_the_gate(featurizer: Featurizer) -> None:
    analysis = featurizer.analyse("Westland wrote to Eastland")
    assert analysis.lexicon_keys() == ["<east>+<west>"]
    assert gate_open(SCHEMA.topics[0], analysis.groups)


def test_a_cue_counts_once_more_where_all_of_an_outputs_groups_occur(featurizer: Featurizer) -> None:
    both, one = featurizer.analyse("Westland and Eastland, friendly"), featurizer.analyse("Westland, friendly")
    assert both.context_keys() == ["{warm} <east>&<west>"]
    assert one.context_keys() == []


def test_presence_counts_a_group_once_however_often_it_is_named(featurizer: Featurizer) -> None:
    analysis = featurizer.analyse("Westland, Westland and Eastland")
    assert analysis.company.presence == ("<east>", "<west>", "<east>&<west>")


def test_one_entity_group_leaves_the_gate_shut(featurizer: Featurizer) -> None:
    assert not gate_open(SCHEMA.topics[0], featurizer.analyse("Westland wrote to itself").groups)


def test_character_n_grams_stand_between_boundary_marks(featurizer: Featurizer) -> None:
    # "\x02ab\x03" has two 3-grams and one 4-gram
    assert featurizer.char_ngrams("ab") == ("\x02ab", "ab\x03", "\x02ab\x03")


def test_a_word_of_a_thousand_letters_gives_no_more_n_grams_than_one_of_forty(featurizer: Featurizer) -> None:
    assert len(featurizer.char_ngrams("x" * 1000)) == len(featurizer.char_ngrams("x" * 40))


def test_occurrences_point_at_what_they_stand_for(featurizer: Featurizer) -> None:
    text = "Kim Jong Un, friendly"
    found = {(o.block, o.key): text[o.start : o.end] for o in featurizer.occurrences(text)}
    assert found["word", "<east>"] == "Kim Jong Un"
    assert found["word", "<east> friendly"] == "Kim Jong Un, friendly"
    assert found["lexicon", "{warm}"] == "friendly"


def test_a_pair_of_groups_stands_half_on_each_first_mention(featurizer: Featurizer) -> None:
    text = "Westland and Eastland"
    halves = [(text[o.start : o.end], o.share) for o in featurizer.occurrences(text) if o.key == "<east>+<west>"]
    assert halves == [("Eastland", 0.5), ("Westland", 0.5)]


PIECES = "Kim Jong Un Eastland Westland not friendly but despite deepens , . “ ’ İ 中 😀 9"
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES.split())).map(" ".join))


@given(TEXTS)
def test_spans_of_any_text_lie_inside_it_and_hold_a_word(text: str) -> None:
    for occurrence in Featurizer(SCHEMA, char_min=3, char_max=4).occurrences(text):
        assert 0 <= occurrence.start < occurrence.end <= len(text)
        assert text[occurrence.start].isalnum()
        assert text[occurrence.end - 1].isalnum()


@given(TEXTS)
def test_features_do_not_depend_on_what_was_seen_before(text: str) -> None:
    fresh = Featurizer(SCHEMA, char_min=3, char_max=4)
    used = Featurizer(SCHEMA, char_min=3, char_max=4)
    used.occurrences("Kim Jong Un did not deepen a friendly rift but Westland")
    assert used.occurrences(text) == fresh.occurrences(text)
