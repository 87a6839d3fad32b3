"""Recurrent layers, whose matrices hold one for each gate."""

from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.lay import Lay, ends_in_kernel


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


def describe_directions(name: str, headers: Headers) -> Lay:
    """ONNX: (directions, gates · hidden, .). How many gates there are the matrix of the states says, hidden wide."""
    states = headers.shape(name.replace("weight_ih", "weight_hh"))
    same = len(states) == 3 and states[:2] == headers.of[name].shape[:2] and states[2] > 0
    gates, left = divmod(states[1], states[2]) if same else (0, 0)
    return Lay(Layout.STACK if left else {4: Layout.STACK_LSTM, 3: Layout.STACK_GRU}.get(gates, Layout.STACK))


def _keras_gates(name: str, headers: Headers) -> Lay:
    """Keras has its gates on the columns, those of a GRU in another order."""
    columns = headers.of[name].shape[1]
    stem, _, leaf = name.rpartition("kernel")
    size = headers.shape(f"{stem.removesuffix('recurrent_')}recurrent_kernel{leaf}")[0]
    layout = {4 * size: Layout.LSTM, 3 * size: Layout.GRU_UPDATE_FIRST}.get(columns, Layout.MATRIX)
    return Lay(layout, transposed=True)
