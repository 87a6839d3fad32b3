"""Every method that PEFT computes for us, against PEFT's own merge of the whole model."""

import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from analysis.adapters.methods import DELEGATED
from analysis.errors import AdapterError, NotFinite, UnknownFormat
from tests.adapters import LINEAR, Trained, assert_merges_as_peft, inputs_first, peft, train

CONVOLVED = (*LINEAR, "conv")

# method -> (class of its config, its settings, what it adapts)
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "BOFT": ("BOFTConfig", {"boft_block_size": 4, "boft_n_butterfly_factor": 2}, CONVOLVED),
    "C3A": ("C3AConfig", {"block_size": 8}, LINEAR),
    "C3A by module": ("C3AConfig", {"block_size": 8, "block_size_pattern": {"up": 4}}, LINEAR),
    "DEFT": ("DeftConfig", {"r": 4}, LINEAR),
    "DELORA": ("DeloraConfig", {"r": 4, "rank_pattern": {"o": 2}}, LINEAR),
    "FOURIERFT": ("FourierFTConfig", {"n_frequency": 50, "n_frequency_pattern": {"o": 20}}, LINEAR),
    "GLORA": ("GloraConfig", {"r": 4}, LINEAR),
    "GLORA vector": ("GloraConfig", {"r": 4, "config_A_B": "vector"}, LINEAR),
    "GRALORA": ("GraloraConfig", {"r": 8, "gralora_k": 2}, LINEAR),
    "GRALORA hybrid": ("GraloraConfig", {"r": 8, "gralora_k": 2, "hybrid_r": 2, "alpha": 5}, LINEAR),
    "HIRA": ("HiraConfig", {"r": 4, "rank_pattern": {"q": 2}}, (*CONVOLVED, "emb")),
    "HRA": ("HRAConfig", {"r": 4}, CONVOLVED),
    "HRA orthogonal": ("HRAConfig", {"r": 4, "apply_GS": True}, CONVOLVED),
    "IA3": ("IA3Config", {"feedforward_modules": ["up"]}, CONVOLVED),
    "LOHA": ("LoHaConfig", {"r": 4, "alpha": 3, "rank_pattern": {"o": 2}, "alpha_pattern": {"q": 9}}, CONVOLVED),
    "LOHA effective": ("LoHaConfig", {"r": 4, "use_effective_conv2d": True}, CONVOLVED),
    "LOKR": ("LoKrConfig", {"r": 4, "alpha": 3, "alpha_pattern": {"q": 9}}, CONVOLVED),
    "LOKR both": ("LoKrConfig", {"r": 2, "decompose_both": True, "decompose_factor": 4}, CONVOLVED),
    "MISS": ("MissConfig", {"r": 4}, LINEAR),
    "MISS bat": ("MissConfig", {"r": 4, "init_weights": "bat"}, LINEAR),
    "MISS mini": ("MissConfig", {"r": 4, "mini_r": 2, "init_weights": "mini"}, LINEAR),
    "OFT": ("OFTConfig", {"oft_block_size": 4}, CONVOLVED),
    "OFT shared": ("OFTConfig", {"r": 2, "oft_block_size": 0, "block_share": True}, LINEAR),
    "OFT exact": ("OFTConfig", {"oft_block_size": 4, "use_cayley_neumann": False, "coft": True, "eps": 0.3}, LINEAR),
    "OSF": ("OSFConfig", {"effective_rank": 8, "rank_pattern": {"up": 4}}, LINEAR),
    "PEANUT": ("PeanutConfig", {"r": 4, "depth": 2}, LINEAR),
    "PSOFT": ("PsoftConfig", {"r": 4}, LINEAR),
    "PVERA": ("PveraConfig", {"r": 4}, LINEAR),
    "RANDLORA": ("RandLoraConfig", {"r": 4}, LINEAR),
    "RANDLORA sparse": ("RandLoraConfig", {"r": 3, "sparse": True, "randlora_alpha": 7}, LINEAR),
    "ROAD": ("RoadConfig", {"group_size": 4}, LINEAR),
    "ROAD 4": ("RoadConfig", {"group_size": 4, "variant": "road_4"}, LINEAR),
    "SHIRA": ("ShiraConfig", {"r": 2}, LINEAR),
    "SUPERTUNING": ("SupertuningConfig", {"sparsity": 0.9}, LINEAR),
    "SUPERTUNING hybrid": (
        "SupertuningConfig",
        {"sparsity": 0.9, "r": 3, "lora_alpha": 5, "save_precomputed_indices": False},
        LINEAR,
    ),
    "TINYLORA": ("TinyLoraConfig", {"r": 4, "weight_tying": 1.0}, (*LINEAR, "emb")),
    "UNILORA": ("UniLoraConfig", {"r": 4, "theta_d_length": 64, "save_indices": True}, LINEAR),
    "VBLORA": ("VBLoRAConfig", {"r": 4, "num_vectors": 20, "vector_length": 8}, LINEAR),
    "VBLORA top k": (
        "VBLoRAConfig",
        {"r": 4, "num_vectors": 20, "vector_length": 8, "save_only_topk_weights": True},
        LINEAR,
    ),
    "VERA": ("VeraConfig", {"r": 4}, LINEAR),
    "WAVEFT": ("WaveFTConfig", {"n_frequency": 50}, LINEAR),
    "WAVEFT proportional": ("WaveFTConfig", {"n_frequency": 200, "proportional_parameters": True}, LINEAR),
}


def config(case: str) -> Any:
    kind, settings, targets = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(peft(), kind)(target_modules=list(targets), **settings)


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Trained]:
    return lambda case: train(tmp_path, config(case))


@pytest.mark.parametrize("case", CASES)
def test_the_weights_are_those_of_peft(case: str, made: Callable[[str], Trained]) -> None:
    assert_merges_as_peft(made(case), 1e-6, [f"{name}.weight" for name in CASES[case][2]])


def test_every_delegated_method_has_a_case() -> None:
    # BONE is known to PEFT before 0.18 alone; LORA's own cases are the two below
    assert {case.split()[0] for case in CASES} == DELEGATED.keys() - {"BONE", "LORA"}


def test_kasa_takes_the_smallest_directions_out_of_the_base(tmp_path: Path) -> None:
    from peft.tuners.lora.config import KasaConfig

    trained = train(tmp_path, peft().LoraConfig(r=4, target_modules=list(LINEAR), kasa_config=KasaConfig()))
    assert_merges_as_peft(trained, 1e-6, [f"{name}.weight" for name in LINEAR])


def test_block_diagonal_factors(tmp_path: Path) -> None:
    from peft.tuners.lora.config import BdLoraConfig

    blocks = BdLoraConfig(target_modules_bd_a=["q"], target_modules_bd_b=["up"], nblocks=2, match_strict=False)
    trained = train(tmp_path, peft().LoraConfig(r=4, target_modules=list(LINEAR), use_bdlora=blocks))
    assert_merges_as_peft(trained, 1e-6, [f"{name}.weight" for name in LINEAR])


TURNED: dict[str, dict[str, Any]] = {
    "VeraConfig": {"r": 3},
    "RandLoraConfig": {"r": 3},
    "FourierFTConfig": {"n_frequency": 20},
    "VBLoRAConfig": {"num_vectors": 10, "vector_length": 4},
    "HiraConfig": {"r": 3},
    "IA3Config": {"feedforward_modules": ["c_proj"]},
    "UniLoraConfig": {"r": 3, "theta_d_length": 30, "save_indices": True},
}


@pytest.mark.parametrize("kind", TURNED)
def test_a_layer_that_stores_inputs_first(kind: str, tmp_path: Path) -> None:
    settings = getattr(peft(), kind)(target_modules=["c_attn", "c_proj"], **TURNED[kind])
    trained = train(tmp_path, settings, inputs_first)
    assert_merges_as_peft(trained, 1e-6, ["h.0.attn.c_attn.weight", "h.0.attn.c_proj.weight"])


def test_the_random_state_of_the_caller_is_left_alone(made: Callable[[str], Trained]) -> None:
    trained = made("LOHA")
    torch.manual_seed(3)
    expected = torch.randn(2)
    torch.manual_seed(3)
    trained.tuned(trained.module("q.weight"))
    assert torch.equal(torch.randn(2), expected)


def edited(trained: Trained, name: str, tensor: torch.Tensor | None) -> Trained:
    """The adapter with another tensor of this name, or without it."""
    path = trained.folder / "adapter_model.safetensors"
    tensors = safetensors.torch.load_file(path)
    del tensors[name]
    safetensors.torch.save_file(tensors | ({} if tensor is None else {name: tensor}), path)
    return trained


def said(trained: Trained, **settings: object) -> Trained:
    path = trained.folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return trained


def test_a_missing_factor_is_named_and_spoils_its_module_alone(made: Callable[[str], Trained]) -> None:
    trained = edited(made("LOHA"), "base_model.model.q.hada_w2_b", None)
    with pytest.raises(AdapterError, match=r"q: hada_w2_b.* is missing"):
        trained.tuned(trained.module("q.weight"))
    assert torch.equal(trained.tuned(trained.module("o.weight")).tensor, trained.merged["o.weight"])


def test_missing_shared_vectors(made: Callable[[str], Trained]) -> None:
    trained = edited(made("VBLORA"), "base_model.vblora_vector_bank", None)
    with pytest.raises(AdapterError, match="vblora_vector_bank"):
        trained.tuned(trained.module("q.weight"))


def test_factors_of_another_shape(made: Callable[[str], Trained]) -> None:
    trained = edited(made("LOHA"), "base_model.model.q.hada_w1_a", torch.ones(15, 4))
    with pytest.raises(AdapterError, match=r"q: hada_w1_a is \[15, 4\] in its file; .* \[16, 4\]"):
        trained.tuned(trained.module("q.weight"))


def test_a_factor_that_is_not_finite(made: Callable[[str], Trained]) -> None:
    trained = edited(made("LOHA"), "base_model.model.q.hada_w1_a", torch.full((16, 4), math.nan))
    with pytest.raises(NotFinite, match=r"hada_w1_a of the adapter: 64 of 64"):
        trained.tuned(trained.module("q.weight"))


def test_a_size_beyond_the_tensors_asks_for_no_memory(made: Callable[[str], Trained]) -> None:
    trained = said(made("VERA"), r=2**30)
    with pytest.raises(AdapterError, match="r is 1073741824, beyond every side"):
        trained.tuned(trained.module("q.weight"))


def test_a_series_without_end_is_not_begun(made: Callable[[str], Trained]) -> None:
    trained = said(made("OFT"), num_cayley_neumann_terms=10**9)
    with pytest.raises(AdapterError, match="num_cayley_neumann_terms is 1000000000"):
        trained.tuned(trained.module("q.weight"))


def test_a_setting_that_peft_refuses_is_the_modules_error(made: Callable[[str], Trained]) -> None:
    trained = said(made("ROAD"), variant="road_9")
    with pytest.raises(AdapterError, match="q: the adapter does not fit the base"):
        trained.tuned(trained.module("q.weight"))


def test_what_the_config_names_is_not_followed(made: Callable[[str], Trained]) -> None:
    trained = said(
        made("LOHA"),
        base_model_name_or_path="/etc/passwd",
        auto_mapping={"base_model_class": "system", "parent_library": "os"},
        revision="main",
        target_modules="(a+)+$",
        layers_pattern="(a+)+$",
    )
    assert torch.equal(trained.tuned(trained.module("q.weight")).tensor, trained.merged["q.weight"])


def test_without_peft_it_is_refused_by_name(made: Callable[[str], Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    trained = made("LOHA")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UnknownFormat, match=r"LOHA is computed by PEFT.*pip install 'eigenscope\[peft\]'") as caught:
        _ = trained.adapter
    assert caught.value.code == "adapter-method"


def test_a_method_that_the_installed_peft_does_not_know(made: Callable[[str], Trained]) -> None:
    trained = said(made("LOHA"), peft_type="BONE")
    with pytest.raises(UnknownFormat, match="BONE is not among the methods of the PEFT installed here"):
        _ = trained.adapter


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, groups=2)


def test_a_convolution_in_groups(tmp_path: Path) -> None:
    trained = train(tmp_path, peft().LoHaConfig(r=2, target_modules=["conv"]), Grouped)
    assert_merges_as_peft(trained, 1e-6, ["conv.weight"])
