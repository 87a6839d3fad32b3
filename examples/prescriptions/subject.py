"""What the experiments need of a model: its weights, a score of any change of them, and two ways to tune it."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

State = Mapping[str, Tensor]
Score = Callable[[State], float]


class Subject(Protocol):
    """A model of one seed. All scores are lower for the better."""

    @property
    def path(self) -> Path:
        """Its checkpoint, as Eigenscope opens it."""

    def state(self) -> State:
        """Every tensor by its name in the checkpoint."""

    def score(self, state: State) -> float:
        """How far a model with these weights is from what the unchanged one does."""

    def tune(self, names: Collection[str]) -> float:
        """The score on the other task after a short training of these parameters alone."""

    def adapt(self, folder: Path) -> Score:
        """Trains a LoRA for the other task and saves it there; what scores a state on that task."""


def load(model: nn.Module, state: State) -> nn.Module:
    """The model with these weights; those of the checkpoint that it has no place for are left out."""
    own = model.state_dict()
    missing = sorted(set(own) - set(state))
    if missing:
        raise SystemExit(f"the checkpoint has no {', '.join(missing)}")
    model.load_state_dict({name: state[name] for name in own})
    return model


def only(model: nn.Module, names: Collection[str]) -> list[nn.Parameter]:
    """The parameters of these names; all others are frozen."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
