"""Bases that are refused, and models of several widths."""

import pytest

from analysis.errors import WrongBase
from analysis.tensors.matching import align, check_base
from tests.analysis.tensors.matching.examples import Shapes, bert, lora, member, pairs


def test_an_adapter_is_no_base() -> None:
    with pytest.raises(WrongBase, match="must be the whole model") as refused:
        align([member(lora("q"), "adapter"), member(bert())])
    assert refused.value.code == "base-is-adapter"


@pytest.mark.parametrize("tuned", [bert(width=16), {"norm.weight": (8,)}])
def test_a_base_that_nothing_belongs_to_is_refused(tuned: Shapes) -> None:
    with pytest.raises(WrongBase, match="tuned was not trained from base") as refused:
        check_base(align([member(bert()), member(tuned)]), ["base", "tuned"])
    assert refused.value.code == "wrong-base"


def test_a_base_of_another_naming_is_no_wrong_base() -> None:
    with pytest.raises(WrongBase, match="tuned names its layers otherwise than base does") as refused:
        check_base(align([member(bert()), member({"features.0.0.block.weight": (8, 8)})]), ["base", "tuned"])
    assert refused.value.code == "unknown-names"


def test_a_base_is_refused_for_each_tuned_by_itself() -> None:
    alignment = align([member(bert()), member(bert()), member(bert(width=16))])
    with pytest.raises(WrongBase, match=r"wide was not trained from base.*16 × 16 against 8 × 8"):
        check_base(alignment, ["base", "tuned", "wide"])
    check_base(align([member(bert()), member(bert())]), ["base", "tuned"])


def test_models_of_several_widths_pair_by_name() -> None:
    alignment = align([member(bert()), member(bert(width=16))], same_shape=False)
    assert pairs(alignment) == {name: name for name in bert() if not name.endswith("bias")}


# modules as transformers 4.57 names them in memory and as every version saves them, and as 5.23 names them in memory,
# which is how PEFT 0.21 names the tensors of an adapter
NAMINGS = {
    "ViT": (
        "vit.encoder.layer.{}.",
        "vit.layers.{}.",
        {
            "attention.attention.query": "attention.q_proj",
            "attention.attention.key": "attention.k_proj",
            "attention.attention.value": "attention.v_proj",
            "attention.output.dense": "attention.o_proj",
            "intermediate.dense": "mlp.fc1",
            "output.dense": "mlp.fc2",
        },
    ),
    "DINOv2": (
        "dinov2.encoder.layer.{}.",
        "dinov2.encoder.layer.{}.",
        {
            "attention.attention.query": "attention.q_proj",
            "attention.attention.value": "attention.v_proj",
            "attention.output.dense": "attention.o_proj",
            "mlp.fc1": "mlp.fc1",
        },
    ),
    "Swin": (
        "swin.encoder.layers.0.blocks.{}.",
        "swin.encoder.layers.0.blocks.{}.",
        {
            "attention.self.query": "attention.q_proj",
            "attention.self.value": "attention.v_proj",
            "attention.output.dense": "attention.o_proj",
            "intermediate.dense": "mlp.fc1",
            "output.dense": "mlp.fc2",
        },
    ),
}


@pytest.mark.parametrize("model", NAMINGS)
@pytest.mark.parametrize("modules", [slice(None), slice(0, 1)])  # all linear ones, and the queries alone
def test_names_of_transformers_4_and_5_mean_the_same_modules(model: str, modules: slice) -> None:
    former, now, names = NAMINGS[model]
    base: Shapes = {f"{former.format(d)}{name}.weight": (8, 8) for d in range(12) for name in names}
    head: Shapes = {"classifier.weight": (3, 8)}
    chosen = list(names.items())[modules]
    pairs_of = {f"{former.format(d)}{a}": f"{now.format(d)}{b}" for d in range(12) for a, b in chosen}
    saved: Shapes = {"base_model.model.classifier.weight": (3, 8)}
    for tuned in (pairs_of.values(), pairs_of.keys()):
        found = align([member(base | head), member(lora(*tuned) | saved, "adapter")])
        wanted = {f"{a}.weight": f"base_model.model.{b}.lora_A.weight" for a, b in zip(pairs_of, tuned, strict=True)}
        assert pairs(found) == wanted | {"classifier.weight": "base_model.model.classifier.weight"}
        check_base(found, ["base", "tuned"])


def test_a_head_alone_does_not_make_the_base_of_an_adapter() -> None:
    base = {**bert(), "classifier.weight": (3, 8)}
    saved: Shapes = {"base_model.model.classifier.weight": (3, 8)}
    strange = member(lora("stages.0.q_proj", "stages.1.q_proj") | saved, "adapter")
    text = r"stages.0.q_proj.weight, which the base does not have.*; the base has embeddings.word_embeddings.weight"
    with pytest.raises(WrongBase, match=text) as refused:
        check_base(align([member(base), strange]), ["base", "tuned"])
    assert refused.value.code == "unknown-names"
    check_base(align([member(base), member(saved, "adapter")]), ["base", "tuned"])  # it changes nothing else
    partly = member(lora("encoder.layer.0.attention.self.query", "stages.1.q_proj") | saved, "adapter")
    check_base(align([member(base), partly]), ["base", "tuned"])
