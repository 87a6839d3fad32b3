"""Models for the tests of ONNX, exported by torch itself or built with onnx."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn


class Net(nn.Module):
    """Every layer whose weight an exporter treats in a way of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 5)
        self.fc = nn.Linear(5, 4)
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.conv = nn.Conv1d(4, 3, 3)
        self.up = nn.ConvTranspose1d(3, 2, 3)
        self.head = nn.Linear(2, 6, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.fc(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        x = self.up(self.conv(x.transpose(1, 2))).transpose(1, 2)
        found: torch.Tensor = self.head(x)
        return found


def export(path: Path) -> dict[str, NDArray[Any]]:
    """Exports a Net, and returns the numbers of its state dict."""
    torch.manual_seed(0)
    net = Net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one
        torch.onnx.export(net, (torch.zeros(2, 7, dtype=torch.long),), str(path), dynamo=False)
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


class Recurrent(nn.Module):
    """Two kinds of recurrent layers: one of two layers in both directions, and one in one direction."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.gru(self.lstm(x)[0])[0]
        return found


def export_recurrent(path: Path) -> dict[str, torch.Tensor]:
    """Exports a Recurrent, and returns its state dict."""
    torch.manual_seed(0)
    net = Recurrent().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one, and keeps the length of the batch
        torch.onnx.export(net, (torch.zeros(3, 1, 6),), str(path), dynamo=False)
    return {name: tensor.detach() for name, tensor in net.state_dict().items()}


def matrix(name: str, shape: tuple[int, ...] = (4, 6), seed: int = 0) -> tuple[Any, NDArray[np.float32]]:
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name), values


def save(path: Path, tensors: list[Any], nodes: list[Any], **options: Any) -> None:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [given], [out], tensors)), str(path), **options)
