"""The report: sums over matrices, each module's energy once."""

import json

from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.report import Energy, MitigatedWeight, MitigationReport
from analysis.weight import WeightInfo


def weight(name: str, tensor: str) -> WeightInfo:
    return WeightInfo(name, tensor, 8, 4, 1, "gate", 0)


def mended() -> MitigationReport:
    """Two halves of one module, a module beside it, one without an intruder and one that could not be read."""
    shared, other = Energy(4, 4, 10.0, 9.0), Energy(4, 5, 30.0, 30.0)
    return MitigationReport(
        MitigationOptions(),
        "adapter",
        ("adapter_config.json", "adapter_model.safetensors"),
        (
            MitigatedWeight(weight("up.gate", "up"), 2, 1, shared),
            MitigatedWeight(weight("up.up", "up"), 1, 0, shared),
            MitigatedWeight(weight("down", "down"), 1, 1, other),
            MitigatedWeight(weight("q", "q"), 0, 0),
            MitigatedWeight(weight("k", "k"), None, None, note="NaN"),
        ),
    )


def test_sums_count_a_modules_energy_once() -> None:
    found = mended()
    assert (found.before, found.after, len(found.changed)) == (4, 2, 3)
    assert found.energy_lost == 1.0 / 40.0
    assert MitigationReport(MitigationOptions(), "weights", (), found.weights[3:]).energy_lost is None


def test_it_is_json_that_holds_no_nan() -> None:
    told = json.loads(json.dumps(mended().to_json(), allow_nan=False))
    assert told["energy_lost"] == 0.025
    assert told["matrices_with"] == 3
    assert told["weights"][0] == {
        "weight": "up.gate", "label": "Block 0 · MLP gate", "shape": [8, 4], "before": 2, "after": 1,
        "rank_before": 4, "rank": 4, "energy_lost": 0.1, "note": None,
    }  # fmt: skip
    assert told["weights"][4]["energy_lost"] is None
