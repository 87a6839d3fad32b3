from pathlib import Path

import pytest
import torch

from examples.prescriptions.adapters import added, factors
from examples.prescriptions.data import Texts
from examples.prescriptions.minilm import MiniLM

QUERY = "encoder.layer.0.attention.self.query.weight"

pytestmark = pytest.mark.usefixtures("minilm")


def test_the_unchanged_model_agrees_with_itself(texts: Texts) -> None:
    subject = MiniLM(0, texts, 2)
    state = dict(subject.state())
    assert subject.score(state) == pytest.approx(0.0, abs=1e-9)
    noise = torch.randn(state[QUERY].shape, generator=torch.Generator().manual_seed(0))
    assert subject.score(state | {QUERY: noise}) > 0.0


def test_a_training_and_an_adapter_give_the_same_again(texts: Texts, tmp_path: Path) -> None:
    subject = MiniLM(0, texts, 2)
    assert subject.tune([QUERY]) == subject.tune([QUERY])
    score = subject.adapt(tmp_path)
    update = factors(tmp_path)
    assert len(update) == 36
    assert score(subject.state()) != score(added(subject.state(), update))
