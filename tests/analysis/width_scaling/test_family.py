"""From a table to the family that it speaks of: settings, kinds of weight, and what the fits say of each."""

import json
from dataclasses import replace

import pytest

from analysis.diagnostic import Table
from analysis.width_scaling.family import HEAD, MATRIX, VECTOR, Family, family, scaling
from analysis.width_scaling.law import Setting
from tests.families import WIDTHS, facts, law, settings, table

RULE = "λ constant"


def found(given: Table) -> Family:
    one = family(given)
    assert one is not None
    return one


def test_widths_come_from_the_shapes() -> None:
    one = found(table(settings(RULE)))
    assert [setting.width for setting in one.settings] == list(WIDTHS)
    assert one.stated == (None,) * 4
    assert one.contradictions == []


def test_stated_widths_that_are_the_same_multiple_are_believed() -> None:
    stated = [{**facts(setting), "width": 2 * setting.width} for setting in settings(RULE)]
    one = found(table(settings(RULE), stated))
    assert [setting.width for setting in one.settings] == [2 * width for width in WIDTHS]
    assert one.contradictions == []


@pytest.mark.parametrize("told", [(16, 24, 99, 48), (None, None, 33, None)])
def test_a_width_that_contradicts_the_shapes_is_not(told: tuple[int | None, ...]) -> None:
    stated = [{"width": width} for width in told]
    one = found(table(settings(RULE), stated))
    assert one.contradictions == [2]
    assert [setting.width for setting in one.settings] == list(WIDTHS)


def test_facts_that_are_no_numbers_are_not_known() -> None:
    stated = [{"learning_rate": wrong, "weight_decay": 0.0} for wrong in ("0.1", True, -1.0, None)]
    one = found(table(settings(RULE), stated))
    assert one.missing("learning_rate") == [0, 1, 2, 3]
    assert one.missing("weight_decay") == []


def test_kinds_of_weight_by_class() -> None:
    one = found(table(settings(RULE)))
    kinds = {layers.role: layers.kind for layers in one.layers}
    assert kinds == {
        **dict.fromkeys(["q", "k", "v", "o", "gate", "up", "down"], MATRIX),
        "embedding": VECTOR,
        "head": HEAD,
    }
    query = one.layers[0]
    assert query.blocks.tolist() == [0, 1, 2]
    assert query.sigma[0] == pytest.approx([law(setting) for setting in settings(RULE)], rel=1e-5)


def test_the_fits_of_a_family_that_keeps_the_law() -> None:
    fits = scaling(found(table(settings(RULE))))
    assert fits.overall is not None
    for kind in [*fits.matrices, fits.overall]:
        assert kind.fit.exponent is not None
        assert kind.fit.exponent.value == pytest.approx(0.75, abs=1e-4)
        assert [pair.target for pair in kind.pairs] == [1, 2, 3]
        assert {pair.law for pair in kind.pairs} == {"pass"}
    assert len(fits.overall.layers.rows) == 21


def test_the_law_does_not_speak_of_embeddings_and_heads() -> None:
    fits = scaling(found(table(settings(RULE))))
    for kind in fits.kinds:
        if kind.layers.kind != MATRIX:
            assert kind.fit.exponent is None
            assert kind.fit.drift is not None
            assert [pair.law for pair in kind.pairs] == [None] * 3


def test_the_narrowest_is_found_wherever_it_stands() -> None:
    one = found(table(settings(RULE, (48.0, 16.0, 32.0))))
    assert one.narrowest == 1
    assert one.wider == [2, 0]


def test_rows_without_their_curves_make_no_family() -> None:
    given = table(settings(RULE))
    bare = [replace(row, measurement=replace(row.measurement, curves={})) for row in given.rows]
    assert family(replace(given, rows=tuple(bare))) is None
    assert family(replace(given, rows=())) is None


def test_json_has_every_fit_and_nothing_else() -> None:
    said = json.loads(json.dumps(scaling(found(table(settings(RULE)))).to_json(), allow_nan=False))
    assert [member["width"] for member in said["members"]] == list(WIDTHS)
    assert said["members"][0]["ratio"] == pytest.approx(0.02)
    assert [kind["role"] for kind in said["kinds"]] == ["q", "k", "v", "o", "gate", "up", "down", "embedding", "head"]
    assert said["kinds"][0]["exponent"]["value"] == pytest.approx(0.75, abs=1e-4)
    assert said["kinds"][0]["pairs"][0]["law"] == "pass"
    assert len(said["overall"]["layers"]) == 21


def test_one_width_has_settings_too() -> None:
    given = [Setting(16.0, 0.01, decay) for decay in (0.5, 1.0, 2.0)]
    fits = scaling(found(table(given)))
    assert fits.overall is not None
    assert fits.overall.fit.ratio is not None
    assert fits.overall.fit.ratio.value == pytest.approx(0.5, abs=1e-4)
