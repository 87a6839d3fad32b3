"""Traps of a whole checkpoint: planted ones are found with their place, and what cannot be read is said."""

from pathlib import Path

import torch

from tests.analysis.prescriptions.golden import llama, members, prescribe, save

UP, DOWN, Q = (
    f"model.layers.{n}.{name}.weight" for n, name in ((0, "mlp.up_proj"), (1, "mlp.down_proj"), (2, "self_attn.q_proj"))
)


def planted() -> dict[str, torch.Tensor]:
    tensors = {name: torch.randn(t.shape, generator=torch.Generator().manual_seed(n)) if t.ndim > 1 else t
               for n, (name, t) in enumerate(llama().items())}  # fmt: skip
    tensors[UP][17, 41] = 40.0
    tensors[DOWN][5] = 30.0
    return tensors


def test_an_entry_and_a_row_are_named(tmp_path: Path) -> None:
    found = prescribe("traps", members(save(planted(), tmp_path / "m.safetensors")))
    assert found.entries[UP] == 1
    more = found.answer.details[UP]
    assert (more["row"], more["column"], more["place"], more["label"]) == (17, 41, "entry", "localized_risky")
    more = found.answer.details[DOWN]
    assert (more["place"], more["index"]) == ("row", 5)
    assert [name for name, count in found.entries.items() if count] == [UP, DOWN]
    largest = found.answer.extra["traps"][UP]["largest_entries"]
    assert len(largest) == 5
    assert (largest[0]["row"], largest[0]["column"]) == (17, 41)
    assert found.answer.notes[0].startswith("2 of 23 matrices with a trap")


def test_the_answer_repeats_itself(tmp_path: Path) -> None:
    given = members(save(planted(), tmp_path / "m.safetensors"))
    assert prescribe("traps", given).to_json() == prescribe("traps", given).to_json()


def test_a_layer_with_nan_is_left_out_and_named(tmp_path: Path) -> None:
    tensors = planted()
    tensors[Q][0, 0] = torch.nan
    found = prescribe("traps", members(save(tensors, tmp_path / "m.safetensors")))
    assert found.entries[Q] is None
    assert f"Not examined: {Q}: 1 of 4096 values are NaN or infinite" in found.answer.notes
    assert found.entries[UP] == 1


def test_one_small_layer_only(tmp_path: Path) -> None:
    matrix = torch.randn(20, 16, generator=torch.Generator().manual_seed(0))
    found = prescribe("traps", members(save({"w.weight": matrix}, tmp_path / "m.safetensors")), largest=2)
    assert found.entries == {"w.weight": 0}
    assert any("1 matrix with fewer than 32 rows or columns" in note for note in found.answer.notes)
    assert len(found.answer.extra["traps"]["w.weight"]["largest_entries"]) == 2
