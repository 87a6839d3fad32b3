"""Names in trainers of their own. That they are the trainers' is tested with their own modules in test_consumers.py."""

from analysis.prescriptions.layerwise.own_names import names_in_fairseq2, names_in_torchtitan

NAMES = ["model.layers.11.self_attn.o_proj.weight", "model.embed_tokens.weight", "lm_head.weight"]


def test_names_of_the_checkpoint_come_first() -> None:
    assert names_in_torchtitan(NAMES) == [*NAMES, "layers.11.attention.wo.weight", "tok_embeddings.weight"]
    assert names_in_fairseq2(NAMES) == [
        *NAMES, "decoder.layers.11.self_attn.output_proj.weight", "decoder_frontend.embed.weight", "final_proj.weight",
    ]  # fmt: skip


def test_other_models_have_no_other_names() -> None:
    names = ["encoder.layer.0.attention.self.query.weight", "model.layers.0.mlp.experts.3.up_proj.weight"]
    assert names_in_torchtitan(names) == names_in_fairseq2(names) == names
