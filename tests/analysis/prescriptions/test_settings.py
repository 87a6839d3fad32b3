"""NAME=VALUE as people type it."""

import pytest

from analysis.errors import OptionError
from analysis.prescriptions import rule
from analysis.prescriptions.settings import parse_settings


def test_values_are_of_the_options_type() -> None:
    asked = parse_settings(rule("sparsity"), ["target=.5", "per=matrix", "epsilon=0"])
    assert asked == {"target": 0.5, "per": "matrix", "epsilon": 0}
    assert parse_settings(rule("weight-decay"), ["keep_mean=Yes"]) == {"keep_mean": True}
    assert parse_settings(rule("trainable"), ["model=7"]) == {"model": "7"}


def test_a_word_alone_is_no_setting() -> None:
    with pytest.raises(OptionError, match="target is not NAME=VALUE"):
        parse_settings(rule("sparsity"), ["target"])
