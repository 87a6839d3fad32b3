"""Sentences that windows of one shape give."""

import numpy as np
import torch

from analysis.diagnostic import Finding, Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.farms.diagnostic import FARMS
from analysis.diagnostics.farms.summary import summarise
from tests.analysis.diagnostics.battery import blocks, randn, summary


def test_what_is_said_of_a_model() -> None:
    """Eight square layers and one long one of the same noise: it is the shape; a heavy one stands out."""
    heavy = torch.from_numpy(np.random.default_rng(0).standard_t(1.5, (96, 96))).float()
    square = [randn(96, 96, seed=seed) for seed in range(8)]
    said = summary(FARMS, [*blocks(square), *blocks([randn(400, 96, seed=9)], "down"), *blocks([heavy], "gate")])
    texts = [(finding.severity, finding.text) for finding in said.findings]
    assert (Severity.NOTE, "The shape raises α of MLP down projection (down_proj) of block 0") in texts
    assert not any("siblings" in text for _, text in texts)  # roles differ by nature
    assert said.numbers["shaped"] == 1
    assert not any("up" in text for _, text in texts)


def test_a_layer_apart_from_its_siblings() -> None:
    heavy = torch.from_numpy(np.random.default_rng(0).standard_t(1.5, (96, 96))).float()
    said = summary(FARMS, blocks([*(randn(96, 96, seed=seed) for seed in range(6)), heavy]))
    (found,) = [finding for finding in said.findings if "siblings" in finding.text]
    assert found.text == "MLP up projection (up_proj) of block 6 has a heavier tail than its siblings"
    assert (found.severity, found.weights) == (Severity.NOTE, ("layers.6.mlp.up_proj.weight",))


def test_a_verdict_that_is_one_on_the_shape() -> None:
    """With a search, 2 to 6 is the usual range, and a long matrix may leave it by its shape alone."""
    values: dict[str, Scalar] = {
        "alpha_farms": 5.1, "alpha_raw": 8.2, "aspect_bias": 3.1, "windows_sd": 0.2, "aspect": 4.0, "num_evals": 999,
    }  # fmt: skip
    info = blocks([randn(64, 16)])[0].info
    for fit, ending in (
        ("ks", "Only one of the two lies between 2 and 6."),
        ("hill", "Compare it by α FARMS."),
    ):
        (found,) = FARMS.summarise(Table(FARMS, (Row(info, (0,), Measurement(values | {"fit": fit})),))).findings
        assert found.why.endswith(ending)
        assert "α 8.2 raw, 5.1 by windows of one shape, so 43% of what it is above 1 comes from its 4.0:1" in found.why


def findings(raw: float, seen: float, spread: float | None) -> tuple[Finding, ...]:
    values: dict[str, Scalar] = {
        "alpha_farms": seen, "alpha_raw": raw, "aspect_bias": raw - seen, "windows_sd": spread, "aspect": 4.0,
        "num_evals": 999, "fit": "hill",
    }  # fmt: skip
    return summarise(Table(FARMS, (Row(blocks([randn(64, 16)])[0].info, (0,), Measurement(values)),))).findings


def test_a_bias_within_the_spread_of_the_windows_is_none() -> None:
    assert findings(4.0, 2.5, 0.2)[0].text == "The shape raises α of MLP up projection (up_proj) of block 0"
    assert findings(4.0, 2.5, 1.6) == ()
    assert findings(4.0, 2.5, None) != ()
    assert findings(4.0, 3.9, 0.01) == ()  # a thirtieth of the exponent


def test_an_empty_table() -> None:
    assert summarise(Table(FARMS, ())).headline == "No matrix has windows to fit."
