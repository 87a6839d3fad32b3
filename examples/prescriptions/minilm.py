"""MiniLM: how far its embeddings of sentences agree with the unchanged model's, and its task, to tell packages apart.

There are no labelled downloads here, so that agreement stands for quality: 1 - Spearman's correlation of the cosines of
all pairs of a seed's sentences. A seed draws the sentences and the order of training; the model is one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from examples.forgetting import forgetting
from examples.model import embeddings, encoder, folder, pooled, tokenizer
from examples.prescriptions.adapters import save_adapter, with_lora
from examples.prescriptions.data import LABELS, Texts
from examples.prescriptions.fitting import fit
from examples.prescriptions.subject import Score, State, load, only
from examples.train import LINEAR

BATCH = 8
TUNE_RATE, LORA_RATE, HEAD_RATE = 5e-4, 1e-3, 1e-2


@dataclass(frozen=True)
class MiniLM:
    """The model with the sentences of a seed."""

    seed: int
    texts: Texts
    tune_steps: int = 20

    @property
    def path(self) -> Path:
        return folder() / "model.safetensors"

    def state(self) -> State:
        return load_file(self.path)

    def score(self, state: State) -> float:
        """1 - ρ over the pairs of sentences: 0 where the order of all cosines is kept."""
        after = embeddings(load(encoder(), state), self.texts.of_seed(self.seed))
        return forgetting(self._before, after)["forgetting"]

    @cached_property
    def _before(self) -> Tensor:
        return embeddings(encoder(), self.texts.of_seed(self.seed))

    def tune(self, names: Collection[str]) -> float:
        model, head = encoder(), new_head()
        groups = [{"params": only(model, names), "lr": TUNE_RATE}, {"params": list(head.parameters()), "lr": HEAD_RATE}]
        fit(groups, self._tuning(model, head), self.tune_steps)
        return self._task(head, model.state_dict())

    def adapt(self, folder: Path) -> Score:
        torch.manual_seed(self.seed)
        model, head = encoder(), new_head()
        wrapped = with_lora(model, LINEAR)
        learning = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
        groups = [{"params": learning, "lr": LORA_RATE}, {"params": list(head.parameters()), "lr": HEAD_RATE}]
        fit(groups, self._tuning(model, head), self.tune_steps)
        save_adapter(wrapped, folder)
        return partial(self._task, head)

    def _tuning(self, model: nn.Module, head: nn.Linear) -> "partial[Tensor]":
        model.eval()  # without dropout, so that runs differ in nothing but what is trained
        return partial(_loss_at, model, head, tokenizer(), self.texts, self.seed)

    @torch.no_grad()
    def _task(self, head: nn.Linear, state: State) -> float:
        """Cross-entropy on the test texts, in nats a text; ln 4 = 1.386 is chance."""
        scores: Tensor = head(embeddings(load(encoder(), state), self.texts.test.texts))
        return nn.functional.cross_entropy(scores, torch.tensor(self.texts.test.labels)).item()


def new_head() -> nn.Linear:
    head = nn.Linear(384, len(LABELS))
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _loss_at(model: nn.Module, head: nn.Linear, tokens: Any, texts: Texts, seed: int, step: int) -> Tensor:
    random = torch.Generator().manual_seed((1000 + seed) * 10**5 + step)
    chosen = torch.randint(len(texts.train.texts), (BATCH,), generator=random).tolist()
    found = head(pooled(model, tokens, [texts.train.texts[i] for i in chosen]))
    return nn.functional.cross_entropy(found, torch.tensor([texts.train.labels[i] for i in chosen]))
