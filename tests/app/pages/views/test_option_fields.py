"""Options as fields of a form, whatever declares them, and what was typed into them."""

from analysis.option import Option
from analysis.prescriptions import PRESCRIPTIONS
from app.pages.views.option_fields import field_of, read_options

SHARE = Option("share", 0.5, "A share.", minimum=0.0, maximum=1.0)
COUNT = Option("count", 3, "A count.", minimum=1.0)
FLAG = Option("flag", True, "A flag.")
WORD = Option("word", "a", "A word.", choices=("a", "b"))


def test_a_field_has_what_the_option_declares() -> None:
    share, count = (field_of("rule", option, {}, {}) for option in (SHARE, COUNT))
    assert (share.name, share.kind, share.value, share.step) == ("rule.share", "number", "0.5", "any")
    assert (share.minimum, share.maximum, share.limits) == ("0", "1", "0 to 1")
    assert (count.step, count.minimum, count.maximum) == ("1", "1", "")
    assert field_of("rule", FLAG, {}, {}).value == "on"
    assert field_of("rule", WORD, {}, {}).choices == ("a", "b")


def test_what_was_sent_is_read_as_the_options_kind() -> None:
    errors: dict[str, str] = {}
    sent = {"rule.share": [" 0.25 "], "rule.count": ["7"], "rule.word": ["b"]}
    found = read_options("rule", (SHARE, COUNT, FLAG, WORD), sent, errors)
    assert (found, errors) == ({"share": 0.25, "count": 7, "flag": False, "word": "b"}, {})
    assert read_options("rule", (SHARE,), {"rule.share": ["2"]}, errors) == {}
    assert list(errors) == ["rule.share"]
    assert "from 0 to 1" in errors["rule.share"]


def test_every_rules_own_defaults_are_read_back_as_they_are() -> None:
    for rule in PRESCRIPTIONS:
        fields = [field_of(rule.name, option, {}, {}) for option in rule.options]
        sent = {f.name: [f.value] for f in fields if f.kind != "flag" or f.value}
        errors: dict[str, str] = {}
        assert read_options(rule.name, rule.options, sent, errors) == {o.name: o.default for o in rule.options}
        assert errors == {}
