from pathlib import Path

from examples.prescriptions import resize
from examples.prescriptions.adapters import factors, parameters, truncated
from examples.prescriptions.llama import Llama


def test_arms_have_the_same_budget_and_come_out_the_same_again(little: Llama, tmp_path: Path) -> None:
    found = resize.trials(little, tmp_path)
    assert [trial.setting for trial in found] == ["90% of the energy", "50% of the energy"]
    assert found == resize.trials(little, tmp_path)
    shares = [trial.scores["share of parameters"] for trial in found]
    assert 0.0 < shares[1] < shares[0] < 1.0
    whole, resized = factors(tmp_path / "lora"), factors(tmp_path / "resized-0.9" / "adapter")
    cut = truncated(whole, {module: len(A) for module, (_, A) in resized.items()})
    assert parameters(cut) == parameters(resized)


def test_the_resized_adapter_is_nearer_to_the_whole(little: Llama, tmp_path: Path) -> None:
    resize.trials(little, tmp_path)
    whole, resized = factors(tmp_path / "lora"), factors(tmp_path / "resized-0.9" / "adapter")
    cut = truncated(whole, {module: len(A) for module, (_, A) in resized.items()})
    for module, (B, A) in whole.items():
        if module in resized:
            errors = [float((B @ A - one @ two).norm()) for one, two in (resized[module], cut[module])]
            assert errors[0] <= errors[1] * (1 + 1e-5)
