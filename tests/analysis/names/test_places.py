"""Blocks: their number in their own stack, and stacks that stay apart."""

import pytest

from analysis.names.places import Place, depth_of, depths, place, place_of, places, side


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("layer2.1.conv1.weight", (2, 1)),  # ResNet
        ("layers.1.blocks.0.attn.qkv.weight", (1, 0)),  # Swin
        ("stages.2.layers.5.dwconv.weight", (2, 5)),  # ConvNeXt of transformers
        ("blocks.3.0.conv_dw.weight", (3, 0)),  # EfficientNet of timm
        ("features.denseblock2.denselayer7.conv1.weight", (2, 7)),
        ("encoder.layers.encoder_layer_3.mlp.0.weight", (3,)),  # ViT of torchvision
        ("decoder.block.3.layer.1.EncDecAttention.k.weight", (3,)),  # T5
        ("encoder.layers.4.block.1.conv.weight", (4,)),  # EnCodec: a part of a block
        ("model.layers.7.mlp.experts.17.up_proj.weight", (7,)),
        ("features.0.weight", ()),  # a torch.nn.Sequential of layers
        ("fc.weight", ()),
    ],
)
def test_places_by_name(name: str, numbers: tuple[int, ...]) -> None:
    assert place_of(name) == numbers
    assert depth_of(name) == (numbers[-1] if numbers else None)


def test_stages_follow_each_other() -> None:
    found = depths(["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight", "layer2.0.conv1.weight"])
    assert list(found.values()) == [None, 0, 1, 2]


def test_a_u_net_goes_down_through_the_middle_and_up() -> None:
    names = [f"{way}.resnets.0.conv1.weight" for way in
             ("down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1")]  # fmt: skip
    found = places(names)
    assert [found[name].depth for name in names] == [0, 1, 2, 3, 4]
    assert [found[name].side for name in names] == ["Down", "Down", "Mid", "Up", "Up"]


def test_layers_with_and_without_inner_blocks_keep_their_order() -> None:
    names = ["encoder.layers.0.conv.weight", "encoder.layers.1.block.3.conv.weight", "encoder.layers.3.conv.weight"]
    assert list(depths(names).values()) == [0, 1, 3]


def test_stacks_count_for_themselves() -> None:
    names = [f"{stack}.layers.{at}.fc1.weight" for stack in ("model.encoder", "model.decoder") for at in (0, 1)]
    found = places(names)
    assert [found[name].depth for name in names] == [0, 1, 0, 1]
    assert [found[name].side for name in names] == ["Encoder", "Encoder", "Decoder", "Decoder"]


def test_stacks_of_no_known_kind_keep_their_own_words() -> None:
    names = ["atom_conv_layers.0.mlp.weight", "bond_conv_layers.0.mlp.weight"]
    assert [there.side for there in places(names).values()] == ["atom_conv_layers", "bond_conv_layers"]


def test_the_stack_with_by_far_the_most_blocks_needs_no_words() -> None:
    names = [*(f"blocks.{at}.mlp.fc1.weight" for at in range(12)), "blocks_token_only.0.mlp.fc1.weight"]
    assert [there.side for there in places(names).values()] == [""] * 12 + ["blocks_token_only"]


def test_one_stack_goes_without_saying() -> None:
    assert places(["encoder.layer.0.output.dense.weight"])["encoder.layer.0.output.dense.weight"].side == ""
    assert side(["vision_model", "encoder", "layers"]) == "Vision"


def test_outside_the_blocks() -> None:
    assert place("lm_head.weight") == Place()
    assert not places(["lm_head.weight"])["lm_head.weight"].in_block


def test_the_stacks_of_gguf() -> None:
    names = ["blk.0.ffn_up.weight", "blk.1.ffn_up.weight", "v.blk.0.ffn_up.weight", "dec.blk.3.ffn_up.weight"]
    found = places(names)
    assert [(found[name].side, found[name].depth) for name in names] == [
        ("", 0), ("", 1), ("Vision", 0), ("Decoder", 3)
    ]  # fmt: skip


def test_two_u_nets_of_one_file_say_which_way_of_which() -> None:
    """CompVis's: its autoencoder has ways of its own, whose "up" counts from the other end."""
    names = ["unet.input_blocks.0.0.weight", "unet.middle_block.0.conv.weight", "unet.output_blocks.0.0.weight",
             "vae.encoder.down.0.block.0.conv.weight", "vae.encoder.mid.block_1.conv.weight",
             "vae.decoder.mid.block_1.conv.weight", "vae.decoder.up.0.block.0.conv.weight",
             "vae.decoder.up.1.block.0.conv.weight"]  # fmt: skip
    found = [places(names)[name] for name in names]
    assert [there.depth for there in found] == [0, 1, 2, 0, 1, 0, 2, 1]
    sides = [there.side for there in found]
    assert len(set(sides)) == 7
    assert sides[0] == "unet Down"


def test_numbers_of_modules_and_of_parts_are_no_blocks() -> None:
    assert place_of("0.auto_model.encoder.layer.3.output.dense.weight") == (3,)  # sentence-transformers
    assert place_of("0.auto_model.embeddings.word_embeddings.weight") == ()
    assert place_of("transformer.layers.5.1.net.1.weight") == (5,)  # vit-pytorch: the MLP of layer 5
