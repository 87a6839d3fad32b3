"""An adapter resized by energy against the same adapter cut after its first directions as they are stored.

Both keep the same rank of each module. One rank for all, by singular values and at no more parameters, tells what the
ranks add to the decomposition.
"""

from pathlib import Path

from examples.prescriptions.adapters import RANK, Factors, added, decomposed, factors, parameters, truncated
from examples.prescriptions.files import prescribe
from examples.prescriptions.subject import Subject
from examples.prescriptions.trials import Trial

RULE, OTHER = "by energy", "by index"
ENERGIES = (0.9, 0.5)


def trials(subject: Subject, out: Path) -> list[Trial]:
    score, state = subject.adapt(out / "lora"), subject.state()
    whole = factors(out / "lora")
    found = []
    for energy in ENERGIES:
        place = out / f"resized-{energy:g}"
        prescribe("lora-rank", out / "lora", place, rule="energy", value=energy)
        resized = factors(place / "adapter")
        ranks = {module: len(A) for module, (_, A) in resized.items()}
        arms = {"whole": whole, RULE: resized, OTHER: truncated(whole, ranks), "one rank": _one_rank(whole, resized)}
        scores = {arm: score(added(state, update)) for arm, update in arms.items()}
        share = parameters(resized) / parameters(whole)
        found.append(Trial(f"{energy:.0%} of the energy", {"share of parameters": share, **scores}))
    return found


def _one_rank(whole: Factors, resized: Factors) -> Factors:
    """The largest rank for all that has no more parameters than the resized adapter, 1 at least."""
    sizes = {rank: sum(rank * (len(B) + A.shape[1]) for B, A in whole.values()) for rank in range(1, RANK + 1)}
    fitting = [rank for rank, size in sizes.items() if size <= parameters(resized)]
    return decomposed(whole, max(fitting, default=1))
