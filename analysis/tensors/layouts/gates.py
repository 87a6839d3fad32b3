"""Recurrent layers, whose matrices hold one for each gate."""

import re

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.lay import Lay, ends_in_kernel

CONVLSTM = re.compile(r"cell_list|.*conv_?lstm.*")


def describe_gates(name: str, headers: Headers) -> Lay:
    """LSTM, GRU or a plain RNN: how many times the hidden size the rows of the recurrent matrix hold."""
    if ends_in_kernel(name):
        return _keras_gates(name, headers)
    leaf = name.rpartition(".")[2]
    if leaf.startswith("weight_hr"):
        return Lay(Layout.MATRIX)  # the projection of an LSTM
    projection = name.replace("weight_ih", "weight_hr").replace("weight_hh", "weight_hr")
    if projection in headers.of:
        return Lay(Layout.LSTM)  # only an LSTM can have one
    recurrent = headers.shape(name.replace("weight_ih", "weight_hh"))
    if len(recurrent) != 2 or headers.of[name].shape[0] != recurrent[0]:
        return Lay(Layout.MATRIX)
    rows, size = recurrent
    return Lay({4 * size: Layout.LSTM, 3 * size: Layout.GRU}.get(rows, Layout.MATRIX))


def convolved_gates(name: str, headers: Headers) -> Layout | None:
    """Of a convolution that holds the four gates of a ConvLSTM, how they lie; None of any other.

    Keras has them on the outputs of kernel and recurrent_kernel. The two modules for PyTorch that are in use have one
    convolution of inputs and states together, and its outputs are input, forget, output and cell
    (ndrplz/ConvLSTM_pytorch, `cell_list.0.conv`; Atcold/pytorch-CortexNet, `Gates`).
    """
    shape = headers.of[name].shape
    if ends_in_kernel(name):
        states = headers.shape(_states_of(name))
        fits = len(states) == len(shape) and states[-1] == 4 * states[-2] == shape[-1]
        return Layout.KERNEL_LAST_LSTM if fits else None
    *above, leaf = names.parts(name)
    is_lstm = any(CONVLSTM.fullmatch(word) for word in above) and leaf in ("conv", "gates") and len(shape) > 3
    return Layout.KERNEL_LSTM if is_lstm and shape[0] % 4 == 0 and 4 * shape[1] > shape[0] else None


def describe_directions(name: str, headers: Headers) -> Lay:
    """ONNX: (directions, gates · hidden, .). How many gates there are the matrix of the states says, hidden wide."""
    states = headers.shape(name.replace("weight_ih", "weight_hh"))
    same = len(states) == 3 and states[:2] == headers.of[name].shape[:2] and states[2] > 0
    gates, left = divmod(states[1], states[2]) if same else (0, 0)
    return Lay(Layout.STACK if left else {4: Layout.STACK_LSTM, 3: Layout.STACK_GRU}.get(gates, Layout.STACK))


def _keras_gates(name: str, headers: Headers) -> Lay:
    """Keras has its gates on the columns, those of a GRU in another order."""
    columns = headers.of[name].shape[1]
    size = headers.shape(_states_of(name))[0]
    layout = {4 * size: Layout.LSTM, 3 * size: Layout.GRU_UPDATE_FIRST}.get(columns, Layout.MATRIX)
    return Lay(layout, transposed=True)


def _states_of(name: str) -> str:
    """The name of the recurrent kernel of the layer that a kernel of Keras belongs to."""
    stem, _, leaf = name.rpartition("kernel")
    return f"{stem.removesuffix('recurrent_')}recurrent_kernel{leaf}"
