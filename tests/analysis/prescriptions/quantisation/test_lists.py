"""The lists as their readers match them: transformers', gguf's names, and compressed-tensors' rule."""

import json
import re

import pytest
import yaml
from gguf import MODEL_ARCH, get_tensor_name_map
from transformers.quantizers.quantizers_utils import should_convert_module

from analysis.prescriptions.quantisation.lists import gguf_name, list_files
from tests.analysis.prescriptions.golden import PROJECTIONS, model

INFOS = {info.name: info for info in model().checkpoints[0].tensors}
CHOSEN = [INFOS["model.layers.1.mlp.down_proj.weight"], INFOS["model.layers.2.self_attn.q_proj.weight"]]
FILES = list_files(CHOSEN, [INFOS["lm_head.weight"]])
MODULES = {name.removesuffix(".weight") for name in INFOS}
KEPT = {"model.layers.1.mlp.down_proj", "model.layers.2.self_attn.q_proj", "lm_head"}


def test_transformers_skips_exactly_the_chosen_modules() -> None:
    skip = json.loads(FILES["bitsandbytes.json"])["llm_int8_skip_modules"]
    others = {*MODULES, "model.layers.11.mlp.down_proj", "model.layers.1.mlp.down_proj_2x"[:-3]}
    assert {name for name in others if not should_convert_module(name, skip)} == KEPT


def test_compressed_tensors_ignores_exactly_the_chosen_modules() -> None:
    ignore = yaml.safe_load(FILES["llm_compressor_ignore.yaml"])["ignore"]
    others = {*MODULES, "model.layers.11.mlp.down_proj", "model_layers.1.mlp.down_proj"}

    def matches(target: str, name: str) -> bool:
        return re.match(target[3:], name) is not None if target.startswith("re:") else target == name

    assert {name for name in others if any(matches(target, name) for target in ignore)} == KEPT


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_names_are_those_of_gguf(projection: str) -> None:
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, 4)
    info = INFOS[f"model.layers.3.{projection}.weight"]
    assert gguf_name(info) == names.get_name(f"model.layers.3.{projection}")


def test_llama_quantize_gets_a_line_for_each_and_none_for_the_head() -> None:
    assert FILES["tensor-types.txt"].decode().splitlines() == ["blk.1.ffn_down=q8_0", "blk.2.attn_q=q8_0"]
    assert gguf_name(INFOS["lm_head.weight"]) is None
