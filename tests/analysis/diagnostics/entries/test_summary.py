"""The state of a whole model in one sentence."""

import math

import pytest
import torch

from tests.analysis.diagnostics.battery import blocks, randn, weight
from tests.analysis.diagnostics.entries.models import planted, said, trained, warned


def test_a_model_at_its_initialisation_is_untrained_and_nothing_else_is_said() -> None:
    tables = [weight(randn(200, 64, seed=9), "embed_tokens.weight", "embedding", None)]
    found = said([*blocks([0.02 * randn(64, 64, seed=i) for i in range(6)]), *tables])
    assert found.headline == "Untrained: all matrices look like their random initialisation."
    assert found.findings == ()


def test_an_orthogonal_initialisation_is_recognised() -> None:
    found = said(blocks([torch.linalg.qr(randn(64, 64, seed=i)).Q for i in range(4)]))
    assert found.headline == "Untrained, or orthogonal by design: all matrices are orthogonal."


def test_copies_before_training_are_untrained_first() -> None:
    assert said(blocks([0.02 * randn(64, 64)] * 4)).headline.startswith("Untrained")


def test_a_faulty_layer_is_counted() -> None:
    found = said(planted(3.0 * trained(2)))
    assert found.headline == "1 of 12 matrices has a fault in its entries."
    assert found.numbers["measured"] == 12


def test_what_is_too_small_to_be_judged_is_told_beside_a_fault() -> None:
    small = [weight(randn(6, 5, seed=i), f"head.{i}.weight", "other", None) for i in range(20)]
    faulty = weight(torch.zeros(64, 64), "big.weight", "other", None)
    sentence = "1 of 21 matrices has a fault in its entries; of the others, all are too small for most tests."
    assert said([*small, faulty]).headline == sentence
    random = [weight(0.02 * randn(64, 64, seed=i), f"big.{i}.weight", "other", None) for i in range(2)]
    trained_one = weight(trained(1), "big.2.weight", "other", None)
    (found,) = warned([*small, *random, trained_one])
    assert found.text == "2 of the 3 matrices that can be told look like a random initialisation"


def test_a_large_model_names_its_worst_layers_and_how_many_of_each_role() -> None:
    fine = [*blocks([trained(i) for i in range(80)], "up"), *blocks([trained(100 + i) for i in range(80)], "down")]
    assert "Worst" not in said(fine).headline
    for place in (3, 9):
        fine[place] = blocks([torch.zeros(64, 64)] * (place + 1), "up")[place]
    sentence = "2 of 160 matrices have a fault in their entries. Look at block 3 · MLP up and block 9 · MLP up."
    assert said(fine).headline == sentence
    fine[30] = blocks([3.0 * trained(30)] * 31, "up")[30]
    fine[85] = blocks([torch.full((64, 64), math.nan)] * 6, "down")[5]
    assert said(fine).headline == (
        "1 matrix holds NaN or infinity. 3 of 159 matrices have a fault in their entries. "
        "By role: 3 MLP up and 1 MLP down. Worst: block 5 · MLP down, block 3 · MLP up and block 9 · MLP up."
    )


def test_nan_is_said_first_and_does_not_hide_the_rest() -> None:
    broken = trained(2)
    broken[0, 0] = math.nan
    weights = planted(broken)
    weights[8] = blocks([torch.zeros(64, 64)] * 3, "down")[2]
    found = said(weights)
    assert found.headline == "1 matrix holds NaN or infinity. 1 of 11 matrices has a fault in its entries."
    texts = [finding.text for finding in found.findings]
    assert texts == [
        "MLP up projection (up_proj) of block 2 holds values that are NaN or infinite",
        "MLP down projection (down_proj) of block 2 is all zeros",
    ]


def test_nothing_measured() -> None:
    assert said([]).headline == "No matrix could be measured."
    assert said([weight(torch.full((20, 20), math.nan))]).headline == "1 matrix holds NaN or infinity."


@pytest.mark.parametrize("count", [1, 2])
def test_models_of_few_layers_get_few_words(count: int) -> None:
    found = said([weight(trained(i), f"{2 * i}.weight", "other", None) for i in range(count)])
    assert found.findings == ()
    assert found.headline == f"No fault found in the entries of {count} {'matrix' if count == 1 else 'matrices'}."


def test_an_unnamed_layer_is_called_by_its_name_and_shape() -> None:
    layers = [weight(trained(i), f"{2 * i}.weight", "other", None) for i in range(4)]
    layers[1] = weight(0.1 * randn(64, 64), "2.weight", "other", None)
    (found,) = said(layers).findings
    assert found.text == "Layer 2.weight (64 × 64) looks like a random initialisation"


def test_codes_whose_scale_was_lost_are_quantised_and_too_large() -> None:
    codes = (trained(2) / trained(2).abs().max() * 127.0).round()
    assert [finding.cause.name for finding in warned(planted(codes)) if finding.cause] == ["quantised", "scale"]
