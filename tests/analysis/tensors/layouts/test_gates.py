"""Gates of recurrent layers, against Keras's own order and ONNX's."""

import pytest
import torch
from torch import nn

from tests.analysis.tensors.layouts.examples import cut


def test_keras_gates_lie_on_the_columns() -> None:
    """One step of a Keras LSTM from zero state: i, f, c, o (keras/src/layers/rnn/lstm.py)."""
    kernel = torch.randn(6, 20)
    found = cut({"lstm/lstm_cell/recurrent_kernel": kernel[:5]})
    assert list(found) == [
        f"lstm/lstm_cell/recurrent_kernel.{gate}_gate" for gate in ("input", "forget", "cell", "output")
    ]
    assert torch.equal(found["lstm/lstm_cell/recurrent_kernel.cell_gate"].slices[0], kernel[:5, 10:15].T)


def test_both_matrices_of_a_keras_layer_have_gates() -> None:
    """GRU: z, r, h (keras/src/layers/rnn/gru.py)."""
    state = {f"bidirectional/{way}_gru/gru_cell/{leaf}": torch.randn(rows, 15)
             for way in ("forward", "backward") for leaf, rows in (("kernel", 6), ("recurrent_kernel", 5))}  # fmt: skip
    found = cut(state)
    assert len(found) == 12
    name = "bidirectional/forward_gru/gru_cell/kernel"
    for at, gate in enumerate(("update", "reset", "new")):
        weight = found[f"{name}.{gate}_gate"]
        assert torch.equal(weight.slices[0], state[name][:, 5 * at : 5 * at + 5].T)
        assert weight.info.role == "recurrent"
    labels = [weight.info.label for weight in found.values()]
    assert len(set(labels)) == 12
    assert "Forward_gru update gate from the input" in labels


def test_a_kernel_beside_no_recurrent_one_is_whole() -> None:
    (weight,) = cut({"lstm_like/kernel": torch.randn(6, 20)}).values()
    assert (weight.info.rows, weight.info.columns) == (20, 6)


def test_gates_of_a_convolution_of_keras() -> None:
    """keras/src/layers/rnn/conv_lstm.py: i, f, c, o on the last side."""
    for sides in ((3,), (3, 3)):
        state = {"cell/kernel": torch.randn(*sides, 6, 20), "cell/recurrent_kernel": torch.randn(*sides, 5, 20)}
        found = cut(state)
        assert len(found) == 8
        weight = found["cell/recurrent_kernel.cell_gate"]
        wanted = state["cell/recurrent_kernel"][..., 10:15].flatten(0, -3).mT
        assert torch.equal(weight.slices, wanted)
        assert weight.info.role == "recurrent"
        assert len({each.info.label for each in found.values()}) == 8


def test_gates_of_a_convolution_of_pytorch() -> None:
    """ndrplz/ConvLSTM_pytorch: cc_i, cc_f, cc_o, cc_g = torch.split(conv(input and state), hidden)."""
    state = {f"encoder.cell_list.{layer}.conv.weight": torch.randn(20, inputs + 5, 3, 3)
             for layer, inputs in enumerate((1, 5))}  # fmt: skip
    found = cut(state)
    assert len(found) == 8
    weight = found["encoder.cell_list.1.conv.weight.cell_gate"]
    assert torch.equal(weight.slices, state["encoder.cell_list.1.conv.weight"][15:].flatten(2).permute(2, 0, 1))
    assert weight.info.label == "Block 1 · cell gate"
    (plain,) = cut({"stem.conv.weight": torch.randn(20, 10, 3, 3)}).values()
    assert plain.info.rows == 20


# for each gate of torch.nn, in its order, the place at which ONNX has it (onnx/docs/Operators.md, LSTM and GRU)
ONNX = {"LSTM": (nn.LSTM, ("input", "forget", "cell", "output"), (0, 2, 3, 1)),
        "GRU": (nn.GRU, ("reset", "update", "new"), (1, 0, 2))}  # fmt: skip


@pytest.mark.parametrize("kind", ONNX)
def test_onnx_has_its_gates_in_another_order(kind: str) -> None:
    """A layer of torch.nn as its exporter writes it, both directions in one tensor."""
    make, gates, order = ONNX[kind]
    layer = make(6, 5, bidirectional=True)
    theirs = {name: tensor.detach() for name, tensor in layer.named_parameters()}
    state = {}
    for leaf in ("weight_ih", "weight_hh"):
        ways = [theirs[f"{leaf}_l0{way}"].unflatten(0, (len(gates), 5)) for way in ("", "_reverse")]
        state[f"rnn.{leaf}_l0"] = torch.stack([way[[order.index(at) for at in range(len(order))]] for way in ways])
        state[f"rnn.{leaf}_l0"] = state[f"rnn.{leaf}_l0"].flatten(1, 2)
    found = cut(state)
    assert len(found) == 4 * len(gates)
    for leaf in ("weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse"):
        for at, gate in enumerate(gates):
            assert torch.equal(found[f"rnn.{leaf}.{gate}_gate"].slices[0], theirs[leaf][5 * at : 5 * at + 5])
    assert len({weight.info.label for weight in found.values()}) == len(found)


def test_states_of_another_width_tell_no_gates() -> None:
    (weight,) = cut({"rnn.weight_ih": torch.randn(1, 20, 6)}).values()
    assert (weight.info.rows, weight.info.columns) == (20, 6)
