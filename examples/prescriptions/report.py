"""What came out, as Markdown, and as the one sentence that the rule's record and its page have."""

from collections.abc import Sequence

from examples.prescriptions.experiments import Experiment
from examples.prescriptions.trials import Interval, Outcome


def table(experiment: Experiment, found: Sequence[Outcome]) -> str:
    """Every arm's mean over the seeds, and the rule's difference from the other arm with its interval."""
    arms = list(dict.fromkeys(arm for outcome in found for arm in outcome.scores))
    head = ["model", "setting", *arms, f"{experiment.rule} − {experiment.other} (95 %)", "the rule is", "doubted"]
    lines = [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * len(arms)}---|---|---|"]
    for outcome in found:
        means = [f"{sum(scores) / len(scores):.3f}" for scores in (outcome.scores[arm] for arm in arms)]
        difference = outcome.difference(experiment.rule, experiment.other)
        seeds = len(next(iter(outcome.scores.values())))
        cells = [f"{outcome.model}, {outcome.unit}", outcome.setting, *means, told(difference), difference.verdict]
        lines.append(f"| {' | '.join([*cells, f'{outcome.doubted} of {seeds}'])} |")
    return "\n".join(lines) + "\n"


def sentence(experiment: Experiment, found: Sequence[Outcome]) -> str:
    """Without a full stop: the comparison, and of each model and setting the verdict with its interval.

    >>> told(Interval(-0.0123, -0.03, 0.004))
    '−0.012 (−0.030 to 0.004)'
    """
    seeds = len(next(iter(found[0].scores.values())))
    parts = []
    for outcome in found:
        difference = outcome.difference(experiment.rule, experiment.other)
        place = f"{outcome.model}, {outcome.setting}"
        parts.append(f"{place}: {difference.verdict}, {told(difference)} in {outcome.unit}")
    return f"{experiment.comparison}, measured here with {seeds} seeds and 95 % intervals: {'; '.join(parts)}"


def told(value: Interval) -> str:
    return f"{_signed(value.mean)} ({_signed(value.low)} to {_signed(value.high)})"


def _signed(value: float) -> str:
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text.replace("-", "−")
