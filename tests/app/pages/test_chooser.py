"""The chooser's form: what it shows is the registry, and what it reads is what the options take."""

import doctest

import pytest

from analysis.diagnostic import Scope
from analysis.diagnostics import DIAGNOSTICS, requests
from app.pages import chooser
from app.pages.chooser import NOTHING, OF_SEVERAL, Chooser, blank, blank_of_several, chooser_as_sent, read

ALONE = [each for each in DIAGNOSTICS if each.scope is Scope.ONE]


def as_sent(form: Chooser) -> dict[str, list[str]]:
    """What a browser sends of a form that nobody touched."""
    fields = [field for choice in form.choices for field in choice.fields]
    sent = {field.name: [field.value] for field in fields if field.value or field.kind != "flag"}
    return sent | {"diagnostic": [choice.name for choice in form.choices if choice.checked]}


def test_it_begins_with_the_defaults() -> None:
    form = blank()
    assert [choice.name for choice in form.choices] == [each.name for each in ALONE]
    assert [choice.name for choice in form.choices if choice.checked] == [d.name for d in DIAGNOSTICS if d.default]
    for choice, known in zip(form.choices, ALONE, strict=True):
        assert [field.meaning for field in choice.fields] == [option.meaning for option in known.options]
    assert doctest.testmod(chooser).failed == 0


def test_an_untouched_form_asks_for_the_default_run() -> None:
    asked = read(as_sent(blank()))
    assert not isinstance(asked, Chooser)
    assert requests(asked) == requests()


def test_every_diagnostic_with_its_defaults() -> None:
    asked = read(as_sent(blank()) | {"diagnostic": [each.name for each in ALONE]})
    assert not isinstance(asked, Chooser)
    assert requests(asked) == requests({each.name: {} for each in ALONE})


def test_of_several_it_offers_what_compares_first() -> None:
    form = blank_of_several()
    assert {choice.name for choice in form.choices} == {d.name for d in DIAGNOSTICS if d.scope is not Scope.FAMILY}
    assert [choice.name for choice in form.choices if choice.checked] == [
        each.diagnostic.name for each in requests(None, 3)
    ]
    assert [choice.checked for choice in form.choices] == sorted((c.checked for c in form.choices), reverse=True)
    asked = read(as_sent(form) | {"intruders.k": ["5"]}, OF_SEVERAL)
    assert not isinstance(asked, Chooser)
    assert asked["intruders"]["k"] == 5
    again = chooser_as_sent(as_sent(form) | {"diagnostic": ["update"], "update.directions": ["9"]}, OF_SEVERAL)
    assert [choice.name for choice in again.choices if choice.checked] == ["update"]
    assert [f.value for c in again.choices for f in c.fields if f.name == "update.directions"] == ["9"]


def test_options_are_read_as_their_kind() -> None:
    changed = {
        "diagnostic": ["farms", "random_matrix"], "farms.fit": ["ks"], "farms.aspect": [" 1.5 "], "farms.sweep": ["on"],
        "random_matrix.replicas": ["2"],
    }  # fmt: skip
    asked = read(as_sent(blank()) | changed)
    assert not isinstance(asked, Chooser)
    assert {name: asked["farms"][name] for name in ("fit", "aspect", "sweep", "side")} == {
        "fit": "ks", "aspect": 1.5, "sweep": True, "side": 0,
    }  # fmt: skip
    assert list(asked) == ["random_matrix", "farms"]  # in the registry's order
    assert asked["random_matrix"]["replicas"] == 2


@pytest.mark.parametrize(
    ("field", "typed"),
    [("random_matrix.replicas", "-3"), ("random_matrix.replicas", "2.5"), ("random_matrix.replicas", "many"),
     ("random_matrix.replicas", "nan"), ("random_matrix.replicas", "1e999"), ("random_matrix.replicas", ""),
     ("random_matrix.compat", "matlab")],
)  # fmt: skip
def test_what_an_option_does_not_take_is_told_at_its_field(field: str, typed: str) -> None:
    form = read(as_sent(blank()) | {"diagnostic": ["random_matrix"], field: [typed]})
    assert isinstance(form, Chooser)
    assert form.open
    (choice,) = [choice for choice in form.choices if choice.checked]
    assert choice.wrong
    (wrong,) = [each for each in choice.fields if each.error]
    assert (wrong.name, wrong.value) == (field, typed)
    assert wrong.error.startswith(f"option {field.partition('.')[2]}: ")


def test_options_of_what_is_not_asked_for_do_not_matter() -> None:
    assert not isinstance(read(as_sent(blank()) | {"farms.side": ["x"]}), Chooser)


@pytest.mark.parametrize("names", [[], ["no such"]])
def test_nothing_chosen_is_told(names: list[str]) -> None:
    form = read(as_sent(blank()) | {"diagnostic": names})
    assert isinstance(form, Chooser)
    assert form.error == NOTHING
