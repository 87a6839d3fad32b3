"""Gates of recurrent layers, against Keras's own order."""

import torch

from tests.analysis.tensors.layouts.examples import cut


def test_keras_gates_lie_on_the_columns() -> None:
    """One step of a Keras LSTM from zero state: i, f, c, o (keras/src/layers/rnn/lstm.py)."""
    kernel = torch.randn(6, 20)
    found = cut({"lstm/lstm_cell/recurrent_kernel": kernel[:5]})
    assert list(found) == [
        f"lstm/lstm_cell/recurrent_kernel.{gate}_gate" for gate in ("input", "forget", "cell", "output")
    ]
    assert torch.equal(found["lstm/lstm_cell/recurrent_kernel.cell_gate"].slices[0], kernel[:5, 10:15].T)
