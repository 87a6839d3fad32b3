"""The figures of a report in one file: which, in which order, how many; weights by their keys."""

import json
from dataclasses import replace

import pytest

from analysis.diagnostic import Finding, Severity
from frontend.document import pictures as module
from frontend.document.pictures import LONGEST, MOST_LAYERS, choose_layers, pictures
from tests.frontend import pairs
from tests.frontend.examples import DIAGNOSTIC, FIGURES, blocks, power_law, row, table

KEYS = {f"layers.{depth}.{role}": str(at) for at, (role, depth) in enumerate((r, d) for r in "qk" for d in range(3))}


def test_layers_of_the_worst_findings_come_first() -> None:
    findings = [Finding(Severity.BAD, "b", "", ("layers.1.k", "gone")), Finding(Severity.NOTE, "a", "", ("embed",))]
    found = choose_layers([blocks()], findings)
    assert found[:3] == ["layers.1.k", "embed", "layers.0.q"]
    assert len(found) == len(set(found)) == 8


def test_no_more_layers_than_the_file_carries() -> None:
    many = table([row(f"w{n}", steepness=3.0) for n in range(MOST_LAYERS + 5)])
    assert len(choose_layers([many], [])) == MOST_LAYERS


def test_figures_of_tables_come_before_those_of_layers() -> None:
    found, left_out = pictures([blocks(), power_law()], ["w"], {}, {**KEYS, "w": "9"})
    assert left_out == 0
    of_layers = [picture.weight for picture in found]
    assert of_layers == sorted(of_layers)
    assert [p.title for p in found if p.weight == "9"] == ["Density", "Search"]
    assert {"By depth", "Map", "Pair", "Flow", "Spread"} <= {p.title for p in found}


def test_a_layer_without_curves_has_no_figures() -> None:
    assert not [p for p in pictures([blocks()], ["embed"], {}, {})[0] if p.weight]


def test_a_weight_is_its_key() -> None:
    (by_depth,) = [p for p in pictures([blocks()], [], {}, KEYS)[0] if p.title == "By depth"]
    assert "layers." not in by_depth.drawing
    customs = [trace["customdata"] for trace in json.loads(by_depth.drawing)["data"] if "customdata" in trace]
    assert {entry[0] for custom in customs for entry in custom} == set(KEYS.values())


def test_a_name_of_64_thousand_letters_is_cut() -> None:
    rows = [row("x" * 65_536, "q", n, steepness=3.0 + n) for n in range(2)]
    for picture in pictures([table(rows)], [], {}, {})[0]:
        assert "x" * (LONGEST + 1) not in picture.drawing


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    everything, _ = pictures([blocks()], [], {}, KEYS)
    monkeypatch.setattr(module, "MOST", len(everything[0].drawing))
    some, left_out = pictures([blocks()], [], {}, KEYS)
    assert some[0] == everything[0]
    assert sum(len(picture.drawing) for picture in some) <= module.MOST
    assert len(some) + left_out == len(everything)


def test_without_blocks_the_layers_stand_in_their_order() -> None:
    flat = table([row(f"w{n}", depth=None, steepness=2.0 + n) for n in range(3)])
    declared, _ = pictures([flat], [], {}, {})
    assert [picture.title for picture in declared] == ["Flow", "Spread"]
    by_depth = replace(DIAGNOSTIC, figures=tuple(figure for figure in FIGURES if figure.name == "by-depth"))
    (made,), _ = pictures([replace(flat, diagnostic=by_depth)], [], {}, {})
    assert (made.title, made.kind) == ("β along the layers", "flow")


def test_a_figure_of_a_pair_is_drawn_for_each_tuned_checkpoint() -> None:
    compared = pairs.table([pairs.pair("a", 1), pairs.pair("a", 2)])
    found, _ = pictures([compared], ["a"], {}, {"a": "0"})
    assert [p.whose for p in found if p.kind == "match"] == ["LoRA r = 1", "full"]
    assert [p.whose for p in found if p.kind in ("sweep", "spectra", "ranks")] == ["", "", ""]
