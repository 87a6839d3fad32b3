"""Names across changes of prefix: what pairs, what is refused, and that both directions agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.tensors.prefixes import MOST_PARTS, WHOLE_BLOCK, pair_names, parts_of

BLOCK = [
    f"encoder.layer.{layer}.{place}.weight"
    for layer in range(3)
    for place in ("attention.self.query", "attention.output.dense", "intermediate.dense", "output.dense")
]
BERT = ["embeddings.word_embeddings.weight", *BLOCK, "pooler.dense.weight"]
PREFIXES = ["", "bert.", "module.bert.", "base_model.model.bert.", "0.auto_model.", "_orig_mod.", "a.b.c.d."]


def always(here: str, there: str) -> bool:
    return True


@pytest.mark.parametrize("ours", PREFIXES)
@pytest.mark.parametrize("theirs", PREFIXES)
def test_a_prefix_that_comes_goes_or_changes(ours: str, theirs: str) -> None:
    found = pair_names([ours + name for name in BERT], [theirs + name for name in BERT], always)
    assert found.partners == {ours + name: theirs + name for name in BERT}
    assert not found.ambiguous


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("h.0.q.base_layer.weight", "h 0 q weight"),
        ("_orig_mod.h.0.weight", "h 0 weight"),
        ("a._fsdp_wrapped_module.h.weight", "a h weight"),
        ("classifier.modules_to_save.default.weight", "classifier weight"),
        ("classifier.original_module.weight", "classifier original_module weight"),
    ],
)
def test_wrappers_are_no_part_of_a_place(name: str, parts: str) -> None:
    assert " ".join(parts_of(name)) == parts


def test_a_name_of_very_many_parts_is_compared_as_a_whole() -> None:
    name = ".".join("x" * (MOST_PARTS + 1))
    assert parts_of(name) == (name,)
    assert pair_names([name], [name], always).partners == {name: name}


def test_a_head_that_only_one_side_has_pairs_with_nothing() -> None:
    tuned = [f"bert.{name}" for name in BERT if "pooler" not in name]
    tuned += ["classifier.dense.weight", "classifier.out_proj.weight"]
    found = pair_names(tuned, BERT, always)
    assert "classifier.dense.weight" not in found.partners  # nor with the pooler, which is left over
    assert not found.ambiguous


def test_parts_of_a_model_may_move_differently() -> None:
    base = [f"model.{name}" for name in BERT] + ["lm_head.weight"]
    tuned = [f"model.language_model.{name}" for name in BERT] + ["language_model.lm_head.weight"]
    assert pair_names(tuned, base, always).partners == dict(zip(tuned, base, strict=True))


def test_what_two_sides_could_be_is_refused() -> None:
    base = [f"{tower}.{name}" for tower in ("text", "vision") for name in BERT]
    found = pair_names(BERT, base, always)
    assert not found.partners
    assert found.ambiguous[BERT[0]] == (f"text.{BERT[0]}", f"vision.{BERT[0]}")


def test_shapes_tell_two_towers_apart() -> None:
    base = [f"{tower}.{name}" for tower in ("text", "vision") for name in BERT]
    found = pair_names(BERT, base, lambda here, there: there.startswith("vision."))
    assert found.partners == {name: f"vision.{name}" for name in BERT}


def test_the_encoder_is_known_by_what_only_it_has() -> None:
    base = [f"encoder.block.{i}.layer.{n}" for i in range(2) for n in ("0.SelfAttention.q.weight", "1.Dense.wi.weight")]
    base += [
        f"decoder.block.{i}.layer.{n}" for i in range(2) for n in ("0.SelfAttention.q.weight", "2.Dense.wi.weight")
    ]
    tuned = [name.removeprefix("encoder.") for name in base[:4]]
    assert pair_names(tuned, base, always).partners == {name: f"encoder.{name}" for name in tuned}


def test_a_new_norm_is_not_that_of_a_block() -> None:
    found = pair_names([*BLOCK, "proj.norm.weight"], [*BLOCK, "encoder.layer.0.proj.norm.weight"], always)
    assert "proj.norm.weight" not in found.partners


def test_few_names_do_not_carry_a_change_of_prefix() -> None:
    base = [*BERT, *(f"head.{i}.proj.weight" for i in range(3))]
    tuned = [*BERT, *(f"tail.{i}.proj.weight" for i in range(3))]
    assert set(pair_names(tuned, base, always).partners) == set(BERT)
    many = [f"{i}.proj.weight" for i in range(WHOLE_BLOCK)]
    tuned, base = ([*BERT, *(f"{top}.{name}" for name in many)] for top in ("tail", "head"))
    assert len(pair_names(tuned, base, always).partners) == len(BERT) + WHOLE_BLOCK


names = st.lists(
    st.lists(
        st.sampled_from(["a", "b", "layer", "0", "1", "dense", "base_layer", "weight"]), min_size=1, max_size=5
    ).map(".".join),
    unique=True,
    max_size=12,
)


@given(names, names)
def test_pairs_are_one_to_one_and_the_same_from_either_side(ours: list[str], theirs: list[str]) -> None:
    there, back = pair_names(ours, theirs, always), pair_names(theirs, ours, always)
    assert len(set(there.partners.values())) == len(there.partners)
    assert {b: a for a, b in there.partners.items()} == back.partners
    assert set(there.partners) <= set(ours)
    assert not set(there.partners) & set(there.ambiguous)
    for name, could in there.ambiguous.items():
        assert len(could) > 0
        assert all(name in back.ambiguous[other] for other in could)


@given(names, st.sampled_from(PREFIXES))
def test_the_same_names_behind_a_prefix_all_pair(theirs: list[str], prefix: str) -> None:
    """Unless a name with the prefix is a name of the other side too, which it then is."""
    distinct = {parts_of(name): name for name in theirs}
    base = [f"root.{name}" for name in distinct.values()]
    found = pair_names([f"{prefix}root.{name}" for name in distinct.values()], base, always)
    assert found.partners == {f"{prefix}{name}": name for name in base}


def test_hostile_names_pair_all_the_same() -> None:
    """Tens of thousands of names that end alike, which nobody compares pair by pair, and one of very many dots."""
    ours = [f"a.{i}.weight" for i in range(20_000)] + ["." * 60_000]
    theirs = [f"b.{i}.weight" for i in range(20_000)]
    found = pair_names(ours, theirs, always)
    assert len(found.partners) == 20_000


@pytest.mark.parametrize("text", ["language_model.model", "model.language_model"])
def test_a_text_model_beside_a_vision_tower_of_the_same_shapes(text: str) -> None:
    def layers(prefix: str) -> list[str]:
        return [f"{prefix}.layers.{depth}.self_attn.{leaf}_proj.weight" for depth in range(2) for leaf in "qv"]

    base = [*layers(text), *layers("vision_tower.vision_model.encoder")]
    found = pair_names(layers("model"), base, always, text_first=True)
    assert found.partners == dict(zip(layers("model"), layers(text), strict=True))
    assert not pair_names(layers("model"), base, always).partners
    assert not found.ambiguous
    seen = pair_names(layers("vision_model.encoder"), base, always, text_first=True)
    assert set(seen.partners.values()) == set(layers("vision_tower.vision_model.encoder"))


def test_a_text_model_beside_a_tower_whose_name_says_nothing() -> None:
    """The configuration says how many blocks the text model has; without it none of the two is guessed."""

    def layers(prefix: str, count: int) -> list[str]:
        return [f"{prefix}.layers.{depth}.self_attn.{leaf}_proj.weight" for depth in range(count) for leaf in "qv"]

    base = [*layers("model.llm", 4), *layers("model.resampler", 2)]
    adapter = layers("model", 2)  # of two of the four blocks
    assert not pair_names(adapter, base, always, text_first=True).partners
    found = pair_names(adapter, base, always, text_first=True, text_blocks=4)
    assert found.partners == dict(zip(adapter, layers("model.llm", 2), strict=True))
    assert not found.ambiguous
    none = pair_names(adapter, base, always, text_first=True, text_blocks=7)
    assert not none.partners
    assert none.ambiguous


@pytest.mark.parametrize(
    ("adapter", "file"),
    [
        ("model.layers.0.mlp.gate.weight", "model.layers.0.block_sparse_moe.gate.weight"),  # Mixtral's router
        ("lm_head.base_layer.weight", "embed_out.weight"),  # GPT-NeoX
    ],
)
def test_what_transformers_5_renames(adapter: str, file: str) -> None:
    """In an adapter that was trained with it, over the files as they are published."""
    names = [adapter], [file, "model.norm.weight"]
    assert pair_names(*names, lambda a, b: True).partners == {names[0][0]: names[1][0]}
