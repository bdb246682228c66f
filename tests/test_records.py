"""What people see of the values that are given out."""

from __future__ import annotations

from stance.records import Contribution, Explanation, OutputExplanation, Prediction


def test_a_reason_is_a_line_of_the_heaviest_pieces_and_the_rest() -> None:
    pieces = [Contribution(n, n + 1, letter, "words", -0.1 * n) for n, letter in enumerate("abcdefgh")]
    twice = Contribution(7, 8, "h", "spelling", 1.5)  # h: 0.8 in all
    why = OutputExplanation(logit=-0.3, probability=0.4256, bias=1.0, contributions=(twice, *pieces))
    assert str(why) == "43%: h +0.80, g -0.60, f -0.50, e -0.40, d -0.30, c -0.20, 2 more -0.10, bias +1.00; sum -0.30"


def test_an_explanation_shows_a_line_for_each_label_given() -> None:
    why = OutputExplanation(logit=0.0, probability=0.5, bias=0.0, contributions=())
    found = Prediction("It rained.", ("rain",), "favor", {"sun": "favor", "wind": None}, {}, {})
    stances = {target: {"favor": why, "neutral": why} for target in ("sun", "wind")}
    assert str(Explanation("It rained.", found, {"rain": why, "snow": why}, stances)) == (
        "It rained.\nrain: 50%: bias +0.00; sum +0.00\nsun, favor: 50%: bias +0.00; sum +0.00"
    )
