"""Numbers that may be of another kind are asked about first, and nothing is concluded from them before."""

from collections.abc import Mapping, Sequence

import pytest

from analysis.diagnostic import Scalar
from analysis.width_scaling.advice import advice, recipe_of
from analysis.width_scaling.family import Family, family, scaling
from analysis.width_scaling.law import Setting
from analysis.width_scaling.recipe import Recipe
from analysis.width_scaling.summary import summarise
from tests import families

TRUE = [Setting(d, 0.064 / d, 0.05 * d**0.5, 50_000.0) for d in families.WIDTHS]  # η 4e-3 at 16, λ 0.2


def stated(change: Mapping[str, Scalar] | None = None, independent: bool = True) -> list[Mapping[str, Scalar]]:
    """The facts of these models, their decay as a framework with independent decay writes it."""
    told: list[Mapping[str, Scalar]] = []
    for setting in TRUE:
        assert setting.learning_rate
        assert setting.weight_decay
        decay = setting.weight_decay * (setting.learning_rate if independent else 1.0)
        told.append({**families.facts(setting), "weight_decay": decay, **(change or {})})
    return told


def family_of(facts: Sequence[Mapping[str, Scalar]]) -> Family:
    found = family(families.table(TRUE, facts))
    assert found is not None
    return found


def test_a_tiny_decay_is_asked_about_before_anything_is_held_against_the_law() -> None:
    summary = summarise(families.table(TRUE, stated()))
    first, *others = summary.findings
    assert first.text.startswith("Is the weight decay (0.0004")
    assert "decay_form=independent" in first.why
    assert "--independent-decay" in first.why
    assert not [f for f in others if "law" in f.text or "steady" in f.text]
    assert "which form of weight decay" in summary.headline
    assert summary.numbers["law.fail"] == summary.numbers["law.pass"] == 0
    assert "form of weight decay" in str(advice(families.table(TRUE, stated()))["missing"])


def test_the_answer_is_used() -> None:
    found = family_of(stated({"decay_form": "independent"}))
    assert [s.weight_decay for s in found.settings] == pytest.approx([s.weight_decay for s in TRUE])
    overall = scaling(found).overall
    assert overall is not None
    assert overall.fit.exponent is not None
    assert overall.fit.exponent.value == pytest.approx(0.75, abs=1e-3)
    assert isinstance(recipe_of(found, 96), Recipe)
    kept = family_of(stated({"decay_form": "pytorch"}))
    assert kept.has_law
    assert kept.settings[0].weight_decay == pytest.approx(8e-4)


def test_an_independent_decay_without_a_rate_is_not_known() -> None:
    facts = [{**told, "learning_rate": None} for told in stated({"decay_form": "independent"})]
    assert [s.weight_decay for s in family_of(facts).settings] == [None] * 4


def test_one_rate_for_all_widths_is_asked_about_and_no_departure_is_called_one() -> None:
    """The base rate of μP: what the matrices had was 4e-3 · 16/d."""
    base: dict[str, Scalar] = {"learning_rate": 4e-3}
    summary = summarise(families.table(TRUE, stated(base, independent=False)))
    assert summary.findings[0].text == "Is the learning rate of all widths, 0.004, the one that the matrices got?"
    assert "μP" in summary.findings[0].why
    assert not [f for f in summary.findings if "the law says" in f.text or "law does not predict" in f.text]
    answered = summarise(families.table(TRUE, stated({**base, "parametrisation": "standard"}, independent=False)))
    assert not [f for f in answered.findings if f.text.startswith("Is ")]
    assert [f for f in answered.findings if "the law says" in f.text or "law does not predict" in f.text]


@pytest.mark.parametrize("name", ["Muon", "sgd", "Lion", "adafactor"])
def test_another_optimizer_gets_no_recipe_and_no_warning_of_the_law(name: str) -> None:
    given = families.settings("both constant")  # σ₁ drifts
    table = families.table(given, [{**families.facts(s), "optimizer": name, "step": 3.0} for s in given])
    summary = summarise(table)
    assert [f.text for f in summary.findings if f.severity.name != "NOTE"] == []
    assert f"The law is of AdamW, and says nothing of {name}" in summary.headline
    said = advice(table)
    assert said["recipe"] is None
    assert name in said["missing"]
    assert said["repairs"] == []
    assert {pair["law"] for pair in said["scaling"]["overall"]["pairs"]} == {None}
