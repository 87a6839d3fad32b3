"""Which optimizer, which weight decay, which learning rate: what the facts say, and what they may mean."""

import pytest

from analysis.width_scaling.law import Setting
from analysis.width_scaling.training import form_of, is_adamw, is_one_rate, looks_independent, other_optimizers


@pytest.mark.parametrize(
    "name", ["AdamW", "adamw_torch_fused", "torch.optim.AdamW", "paged_adamw_8bit", "adamw_bnb_8bit", "FusedAdam_w"]
)
def test_adamw_by_its_names(name: str) -> None:
    assert is_adamw(name)


@pytest.mark.parametrize(
    "name",
    ["Muon", "muon_adamw", "sgd", "Lion", "lion_8bit", "adafactor", "Adam", "galore_adamw", "schedule_free_adamw"],
)
def test_others_by_theirs(name: str) -> None:
    """Muon beside AdamW is Muon on the matrices."""
    assert not is_adamw(name)
    assert other_optimizers([{"optimizer": name}, {}, {"optimizer": None}]) == [name]


def of(*decays: float, rate: float = 4e-3) -> list[Setting]:
    return [Setting(64.0 * (at + 1), rate / (at + 1), decay, 50_000.0) for at, decay in enumerate(decays)]


@pytest.mark.parametrize(
    ("decays", "expected"),
    [
        ((4e-4, 3e-4, 2e-4), True),  # η λ for PyTorch's λ of 0.1 and more
        ((1e-4, 1e-4, 1e-4), True),
        ((0.1, 0.12, 0.14), False),
        ((0.01, 0.01, 0.01), False),  # PyTorch's default
        ((4e-4, 0.1, 0.1), False),
        ((0.0, 0.0), False),
    ],
)
def test_tiny_decays_look_independent(decays: tuple[float, ...], expected: bool) -> None:
    assert looks_independent(of(*decays), [{} for _ in decays]) is expected


def test_what_is_stated_is_not_asked() -> None:
    assert not looks_independent(of(4e-4, 3e-4), [{"decay_form": "pytorch"}, {}])
    assert [form_of({"decay_form": told}) for told in ("Independent", "PyTorch", "", None)] == [
        "independent", "pytorch", "", ""
    ]  # fmt: skip


def test_one_rate_for_all_widths() -> None:
    same = [Setting(width, 2e-3, 0.1) for width in (64.0, 128.0, 256.0)]
    assert is_one_rate(same, [{}, {}, {}])
    assert not is_one_rate(same, [{"parametrisation": "standard"}, {}, {}])
    assert not is_one_rate([*same, Setting(512.0, 1e-3, 0.1)], [{}] * 4)
    assert not is_one_rate([*same, Setting(512.0)], [{}] * 4)
    assert not is_one_rate([Setting(64.0, 2e-3, 0.1), Setting(64.0, 2e-3, 0.2)], [{}, {}])
