from typing import Any

import numpy as np
import pytest

from frontend.figures.spectra import Spectra, draw_ranks, draw_spectra, ranks, spectra
from tests.frontend.figures.test_draw import accepted
from tests.frontend.pairs import RANKS, SPECTRA, both, pair, table


def prepared(kind: Any, figure: Any) -> Spectra:
    found = kind(figure, both(), "layers.0.q", 0)
    assert isinstance(found, Spectra)
    return found


def test_ranks_have_a_line_for_the_base_and_each_tuned() -> None:
    found = prepared(ranks, RANKS)
    assert [line.look.name for line in found.lines] == ["base", "LoRA r = 1", "full"]
    base, lora, full = found.lines
    assert lora.x[:3] == [1, 2, 3]
    assert lora.y[:3] == [8, 4, 2]
    assert full.y == [8] + [2] * 40
    assert base.y == pytest.approx(np.geomspace(100, 1, 30))
    assert found.words.startswith("base: 30 directions, the strongest 100; LoRA r = 1: 22 directions")


def test_rounding_below_an_update_of_low_rank_is_left_out() -> None:
    row = pair("w", 1)
    row.measurement.curves["sizes"][1:] = 1e-7
    found = ranks(RANKS, table([row]), "w", 0)
    assert isinstance(found, Spectra)
    assert found.lines[1].y == [8.0]
    accepted(draw_ranks(found, {}))


def test_a_density_of_logarithms_integrates_to_one() -> None:
    found = prepared(spectra, SPECTRA)
    for line in found.lines:
        middles = np.log10(line.x)
        width = middles[1] - middles[0]
        shown = sum(y for y in line.y if y is not None) * width
        assert 0.95 < shown <= 1 + 1e-9  # but for the few smallest, which the picture leaves out
    assert len({tuple(line.x) for line in found.lines}) == 1  # the same bins
    ends = found.lines[0].x
    assert ends[0] > 1  # λ = σ²: 1 to 10⁴, middles of bins
    assert ends[-1] < 1e4
    assert any(y is None for y in found.lines[1].y)  # no line through empty bins


def test_equal_values_still_have_a_density() -> None:
    row = pair("w", 2)
    for name in ("sizes", "base_sizes"):
        row.measurement.curves[name][:] = 3.0
    found = spectra(SPECTRA, table([row]), "w", 0)
    assert isinstance(found, Spectra)
    accepted(draw_spectra(found, {}))


def test_drawn_in_the_look_of_each_checkpoint() -> None:
    for drawn in (draw_ranks(prepared(ranks, RANKS), {}), draw_spectra(prepared(spectra, SPECTRA), {})):
        accepted(drawn)
        assert [trace["meta"]["member"] for trace in drawn["data"]] == [0, 1, 2]
        assert [trace["line"]["dash"] for trace in drawn["data"][1:]] == ["dot", "dash"]
        assert [trace["line"]["color"] for trace in drawn["data"][1:]] == ["var(--m-1)", "var(--m-2)"]
    bars = draw_spectra(prepared(spectra, SPECTRA), {})["data"][0]
    edges = np.log10([[x - w / 2, x + w / 2] for x, w in zip(bars["x"], bars["width"], strict=True)])
    assert np.diff(edges, axis=0)[:, 0].max() < 0.4  # of decades: bar stands by bar
    labels = draw_ranks(prepared(ranks, RANKS), {})["layout"]["annotations"]
    assert sorted(label["text"] for label in labels) == ["LoRA r = 1", "base", "full"]
    heights = sorted(label.get("ay", label["y"]) for label in labels)
    assert min(np.diff(heights)) > 0.1  # of decades: they can be read


def test_nothing_to_draw_says_why() -> None:
    assert ranks(RANKS, table([pair("w", 1, note="all zeros")]), "w", 0) == "all zeros"
    with pytest.raises(KeyError):
        spectra(SPECTRA, both(), "no such", 0)
