"""The written adapters: PEFT loads them and adds the truncated update, and kohya's keys are kept."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from analysis.linalg.triplets import triplets
from analysis.prescriptions.lora_rank.adapters import factors
from analysis.prescriptions.writing import write
from tests.analysis.mitigation import planted
from tests.analysis.prescriptions.golden import arrays, members, prescribe


def truncate(delta: Tensor, rank: int) -> Tensor:
    left, values, right = torch.linalg.svd(delta.double().flatten(1), full_matrices=False)
    kept: Tensor = (left[:, :rank] * values[:rank]) @ right[:rank]
    return kept.reshape(delta.shape)


def test_peft_loads_the_resized_adapter_and_adds_the_truncated_update(tmp_path: Path) -> None:
    made = planted.adapter(target_modules=["q", "up", "c_fc", "conv", "embed_tokens"], lora_alpha=3, use_rslora=True)
    planted.adapted(tmp_path / "lora", made)
    found = prescribe("lora-rank", members(tmp_path / "lora"), value=0.8)
    assert "adapter/adapter_model.safetensors" in write(found, tmp_path / "out")
    before, after = planted.deltas(made), planted.deltas(planted.loaded(tmp_path / "out" / "adapter"))
    assert len(set(found.entries.values())) > 1
    assert set(after) == set(before)
    for name, delta in before.items():
        rank = found.entries[name]
        assert isinstance(rank, int)
        torch.testing.assert_close(after[name].double(), truncate(delta, rank), rtol=1e-5, atol=1e-6)


def test_a_module_without_an_update_is_left_out(tmp_path: Path) -> None:
    made = planted.adapter()
    for name, layer in planted.layers(made):
        if name == "layers.1.q":
            planted.factors(layer)[1].data.zero_()
    planted.adapted(tmp_path / "lora", made)
    found = prescribe("lora-rank", members(tmp_path / "lora"))
    assert found.entries["layers.1.q.weight"] == 0
    write(found, tmp_path / "out")
    assert set(planted.deltas(planted.loaded(tmp_path / "out" / "adapter"))) == set(planted.deltas(made)) - {
        "layers.1.q.weight"
    }


def test_an_extracted_adapter_brings_the_base_to_the_fine_tune(tmp_path: Path) -> None:
    base = planted.model().state_dict()
    random = torch.Generator().manual_seed(5)
    tuned = dict(base)
    for name in ("layers.0.q.weight", "layers.1.c_fc.weight", "conv.weight", "head.weight"):
        flat = base[name].flatten(1)
        change = torch.randn(len(flat), 2, generator=random) @ torch.randn(2, flat.shape[1], generator=random)
        tuned[name] = base[name] + 0.1 * change.reshape(base[name].shape)
    planted.saved(tmp_path / "base", base)
    planted.saved(tmp_path / "tuned", tuned)
    found = prescribe("lora-rank", members(tmp_path / "base", tmp_path / "tuned"), value=1.0, max_rank=2)
    write(found, tmp_path / "out")
    after = planted.deltas(planted.loaded(tmp_path / "out" / "adapter"))
    assert set(after) == {name for name in base if not torch.equal(base[name], tuned[name])}
    for name, delta in after.items():
        torch.testing.assert_close(base[name] + delta, tuned[name], rtol=1e-4, atol=1e-5)


def test_a_kohya_file_keeps_its_keys_and_has_its_ranks_as_alpha(tmp_path: Path) -> None:
    A, B = (torch.from_numpy(arrays()[name]).float().contiguous() for name in ("lora_A", "lora_B"))
    start = "lora_unet_mid_block_attentions_0_proj_in"
    source = {f"{start}.lora_down.weight": A, f"{start}.lora_up.weight": B, f"{start}.alpha": torch.tensor(8.0)}
    save_file(source, tmp_path / "k.safetensors", {"format": "pt"})
    found = prescribe("lora-rank", members(tmp_path / "k.safetensors"), rule="ratio", value=4.0)
    assert write(found, tmp_path / "out") == ("prescription.json", "adapter/lora.safetensors")
    written = load_file(tmp_path / "out" / "adapter" / "lora.safetensors")
    assert set(written) == set(source)
    assert float(written[f"{start}.alpha"]) == 4.0 == next(iter(found.entries.values()))
    product = written[f"{start}.lora_up.weight"] @ written[f"{start}.lora_down.weight"]
    torch.testing.assert_close(product.double(), truncate(8.0 / 16.0 * B @ A, 4), rtol=1e-4, atol=1e-5)


def test_factors_share_the_singular_values() -> None:
    matrix = torch.randn(9, 7, dtype=torch.float64)
    A, B = factors(triplets(matrix), 3)
    torch.testing.assert_close(A @ A.mT, B.mT @ B)
    torch.testing.assert_close(B @ A, truncate(matrix, 3))
    assert factors(triplets(matrix), 9)[0].shape == (9, 7)
