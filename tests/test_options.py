"""The record of training options."""

from typing import Any

import pytest

from stance import OptionError, Options


def test_options_survive_their_plain_form() -> None:
    options = Options(seed=7, strengths=(0.5, 2.0))
    assert Options.from_dict(options.to_dict()) == options


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "unknown option 'sed'; did you mean 'seed'"),
        ({"seed": -1}, "option 'seed' must be an integer of at least 0, got -1"),
        ({"seed": True}, "option 'seed' must be an integer, got True"),
        ({"folds": 1}, "option 'folds' must be an integer from 2 to 20, got 1"),
        ({"folds": 2.5}, "option 'folds' must be an integer, got 2.5"),
        ({"char_max": 2}, "option 'char_max' must be 0 .off. or an integer from char_min to 9, got 2"),
        ({"seed": "1"}, "option 'seed' must be an integer, got '1'"),
        ({"strengths": ()}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"strengths": (0.0,)}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"strengths": (float("inf"),)}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"strengths": ("a",)}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"strengths": "15"}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"strengths": 5}, "option 'strengths' must be one or more finite numbers above 0"),
        ({"jobs": 0}, "option 'jobs' must be an integer of at least 1, got 0"),
    ],
)
def test_a_bad_option_says_what_it_must_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Options.from_dict(change)
    if "sed" not in change:
        with pytest.raises(OptionError, match=message):
            Options(**change)
