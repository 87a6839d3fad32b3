"""Matching by headers alone, case by case: what is paired, and the reason where nothing is."""

from dataclasses import asdict
from typing import Literal

import pytest

from analysis.adapters import AdaptedModule
from analysis.errors import WrongBase
from analysis.tensors.matching import Alignment, Member, align, check_base
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo

Shapes = dict[str, tuple[int, ...]]
SIZES = {"float32": 4, "bfloat16": 2, "int8": 1}


def member(shapes: Shapes, kind: Literal["model", "adapter"] = "model", dtype: str = "float32") -> Member:
    def header(shape: tuple[int, ...]) -> Header:
        size = SIZES[dtype]
        for extent in shape:
            size *= extent
        return Header(shape, dtype, size)

    return Member(kind, describe({name: header(shape) for name, shape in shapes.items()}))


def bert(width: int = 8, words: int = 30, prefix: str = "") -> Shapes:
    found: Shapes = {f"{prefix}embeddings.word_embeddings.weight": (words, width)}
    for layer in range(2):
        place = f"{prefix}encoder.layer.{layer}"
        found[f"{place}.attention.self.query.weight"] = (width, width)
        found[f"{place}.attention.self.query.bias"] = (width,)
        found[f"{place}.output.dense.weight"] = (width, 4 * width)
    return found


def lora(*modules: str, rank: int = 2, prefix: str = "base_model.model.") -> Shapes:
    return {
        f"{prefix}{module}.{factor}.weight": shape
        for module in modules
        for factor, shape in (("lora_A", (rank, 8)), ("lora_B", (8, rank)))
    }


def pairs(alignment: Alignment, position: int = 1) -> dict[str, str]:
    """Base tensor -> the first tensor of its partner."""
    found = ((row.base.name, row.partners[position - 1]) for row in alignment.rows)
    return {name: partner.tensors[0] for name, partner in found if partner is not None}


def reasons(alignment: Alignment) -> tuple[dict[str, str], dict[str, str]]:
    """Of one tuned checkpoint: why its own tensors, and why the base's, have no partner."""
    return dict(alignment.unmatched[0]), dict(alignment.missing[0])


QUERY = "encoder.layer.0.attention.self.query.weight"
WORDS = "embeddings.word_embeddings.weight"


def test_every_matrix_of_the_same_model_pairs_with_itself() -> None:
    alignment = align([member(bert()), member(bert(), dtype="bfloat16")])
    assert pairs(alignment) == {name: name for name in bert() if not name.endswith("bias")}
    assert reasons(alignment) == ({}, {})
    assert list(alignment.tensors_of(0)) == [row.base.name for row in alignment.rows]
    assert alignment.tensors_of(1) == pairs(alignment)


@pytest.mark.parametrize("prefix", ["bert.", "module.", "base_model.model.bert."])
def test_prefixes_do_not_matter(prefix: str) -> None:
    alignment = align([member(bert()), member(bert(prefix=prefix))])
    assert pairs(alignment) == {name: prefix + name for name in bert() if not name.endswith("bias")}


def test_the_order_of_the_files_does_not_matter() -> None:
    backwards = dict(reversed(bert().items()))
    assert pairs(align([member(bert()), member(backwards)])) == pairs(align([member(bert()), member(bert())]))


def test_what_only_one_side_has_is_listed_on_that_side() -> None:
    base = {**bert(), "pooler.dense.weight": (8, 8)}
    tuned = {**bert(), "classifier.weight": (3, 8)}
    ours, theirs = reasons(align([member(base), member(tuned)]))
    assert ours == {"classifier.weight": "not in the base"}
    assert theirs == {"pooler.dense.weight": "not in this checkpoint"}


def test_another_shape_is_said_with_both() -> None:
    tuned = {**bert(), QUERY: (16, 8)}
    ours, theirs = reasons(align([member(bert()), member(tuned)]))
    assert ours[QUERY] == theirs[QUERY] == "shape differs: 16 × 8 against 8 × 8 in the base"


@pytest.mark.parametrize("words", [28, 33])
def test_a_resized_vocabulary_is_compared_in_the_rows_that_both_have(words: int) -> None:
    alignment = align([member(bert()), member(bert(words=words))])
    assert pairs(alignment)[WORDS] == WORDS


@pytest.mark.parametrize(("base", "tuned"), [((2, 8), (3, 8)), ((30, 8), (30, 9))])
def test_a_classifier_of_other_classes_is_no_vocabulary(base: tuple[int, ...], tuned: tuple[int, ...]) -> None:
    alignment = align([member({**bert(), "classifier.weight": base}), member({**bert(), "classifier.weight": tuned})])
    assert "classifier.weight" not in pairs(alignment)
    assert "shape differs" in reasons(alignment)[0]["classifier.weight"]


def test_a_tied_head_is_the_embedding_that_the_file_kept() -> None:
    base = {f"model.{n}": s for n, s in bert().items() if n != WORDS} | {"model.embed_tokens.weight": (30, 8)}
    tuned = {n: s for n, s in base.items() if n != "model.embed_tokens.weight"} | {"lm_head.weight": (30, 8)}
    assert pairs(align([member(base), member(tuned)]))["model.embed_tokens.weight"] == "lm_head.weight"
    assert pairs(align([member(tuned), member(base)]))["lm_head.weight"] == "model.embed_tokens.weight"


def test_a_head_beside_the_embedding_it_is_tied_to_has_a_row_of_its_own() -> None:
    tied: Shapes = {"model.embed_tokens.weight": (30, 8), "model.layers.0.q_proj.weight": (8, 8)}
    both: Shapes = {**tied, "lm_head.weight": (30, 8)}
    untied = align([member(tied), member(both)])
    head = untied.rows[-1]
    assert (head.base.called, head.base.name, head.base.role) == ("lm_head.weight", "model.embed_tokens.weight", "head")
    assert head.partners[0] is not None
    assert head.partners[0].tensors == ("lm_head.weight",)
    assert reasons(untied)[0] == {}
    _, theirs = reasons(align([member(both), member(tied)]))
    assert theirs == {"lm_head.weight": "not in this checkpoint, whose head is tied to model.embed_tokens.weight"}


def test_the_orientation_of_conv1d_and_linear_does_not_matter() -> None:
    place = "h.0.mlp"
    gpt2: Shapes = {f"{place}.c_fc.weight": (8, 32), f"{place}.c_fc.bias": (32,), f"{place}.c_proj.weight": (8, 8)}
    nano: Shapes = {f"{place}.c_fc.weight": (32, 8), f"{place}.c_fc.bias": (32,), f"{place}.c_proj.weight": (8, 8)}
    (wide, square) = align([member(gpt2), member(nano)]).rows
    assert [partner and partner.turned for partner in (*wide.partners, *square.partners)] == [True, True]
    (wide, square) = align([member(gpt2), member(gpt2)]).rows
    assert [partner and partner.turned for partner in (*wide.partners, *square.partners)] == [False, False]


def test_a_quantised_copy_is_left_out_with_its_reason() -> None:
    tuned = describe({name: Header(shape, "int8", 64) for name, shape in bert().items()})
    alignment = align([member(bert()), Member("model", tuned)])
    assert pairs(alignment) == {}
    assert reasons(alignment)[1][QUERY].startswith("left out: whole numbers (int8)")
    with pytest.raises(WrongBase):
        check_base(alignment, ["base", "int8"])


def test_factors_beside_the_weights_do_not_hide_them() -> None:
    tuned = {name.replace(".weight", ".base_layer.weight"): shape for name, shape in bert().items()}
    tuned |= lora("encoder.layer.0.attention.self.query", prefix="")
    alignment = align([member(bert()), member(tuned)])
    assert pairs(alignment)[QUERY] == QUERY.replace(".weight", ".base_layer.weight")
    assert reasons(alignment)[0] == {}, "what they are is said where they are skipped"


def test_the_modules_of_an_adapter_pair_with_what_they_change() -> None:
    adapter = lora("bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.attention.self.query")
    alignment = align([member(bert()), member(adapter, "adapter")])
    assert len(pairs(alignment)) == 2
    row = next(row for row in alignment.rows if row.base.name == QUERY)
    assert row.partners[0] is not None
    assert isinstance(row.partners[0].source, AdaptedModule)
    assert set(alignment.tensors_of(1).values()) == {QUERY, QUERY.replace("0", "1")}
    assert len(alignment.tensors_of(1)) == 4
    assert reasons(alignment)[0] == {}
    assert reasons(alignment)[1][WORDS] == "left as it is by the adapter"


def test_a_module_that_the_base_lacks_is_named() -> None:
    adapter = lora("encoder.layer.0.attention.self.query", "encoder.layer.7.attention.self.query")
    ours, _ = reasons(align([member(bert()), member(adapter, "adapter")]))
    assert len(ours) == 2
    why = "changes encoder.layer.7.attention.self.query.weight, which the base does not have"
    assert set(ours.values()) == {why}


def test_a_whole_module_of_an_adapter_is_a_tensor_like_any_other() -> None:
    adapter = lora("encoder.layer.0.attention.self.query") | {f"base_model.model.{WORDS}": (33, 8)}
    row = next(r for r in align([member(bert()), member(adapter, "adapter")]).rows if r.base.name == WORDS)
    assert row.partners[0] is not None
    assert isinstance(row.partners[0].source, TensorInfo)


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


def test_what_two_tensors_could_be_is_listed_with_both() -> None:
    base = {f"{tower}.{name}": shape for tower in ("text", "vision") for name, shape in bert().items()}
    ours, _ = reasons(align([member(base), member(bert())]))
    assert ours[QUERY] == f"could be any of text.{QUERY}, vision.{QUERY}"


def test_an_alignment_is_plain_data() -> None:
    assert asdict(align([member(bert()), member(bert())]))["rows"][0]["base"]["name"] == WORDS
