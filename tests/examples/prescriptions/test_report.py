import json
from pathlib import Path

import pytest

from analysis.prescriptions import rule
from examples.prescriptions.experiments import EXPERIMENTS, Experiment, experiment
from examples.prescriptions.report import sentence, table
from examples.prescriptions.trials import Outcome, outcome_of

DOCS = Path(__file__).parents[3] / "docs"
SPARSITY = experiment("sparsity")
FOUND = [
    Outcome("LLaMA", "50% pruned", "nats a byte", {"AlphaPruning": (1.1, 1.2, 1.3), "uniform": (1.0, 1.1, 1.2)}, 1),
    Outcome("MiniLM", "50% pruned", "1 − ρ", {"AlphaPruning": (0.1, 0.2, 0.3), "uniform": (0.3, 0.2, 0.1)}, 0),
]


def test_the_table_has_every_arm_and_the_difference() -> None:
    head, _, first, second = table(SPARSITY, FOUND).splitlines()
    assert "| AlphaPruning | uniform | AlphaPruning − uniform (95 %) |" in head
    assert first == ("| LLaMA, nats a byte | 50% pruned | 1.200 | 1.100 | 0.100 (0.100 to 0.100) | worse | 1 of 3 |")
    assert "| no clear difference | 0 of 3 |" in second


def test_the_sentence_says_where_the_rule_did_not_help() -> None:
    found = sentence(SPARSITY, FOUND)
    assert "3 seeds" in found
    assert "LLaMA, 50% pruned: worse, 0.100 (0.100 to 0.100) in nats a byte; MiniLM, 50% pruned: no clear" in found


@pytest.mark.parametrize("known", EXPERIMENTS, ids=lambda known: known.kind)
def test_page_record_and_recorded_results_say_the_same(known: Experiment) -> None:
    told = json.loads((DOCS / "experiment-prescriptions" / f"{known.kind}.json").read_text())
    found = [outcome_of(each) for each in told["outcomes"]]
    assert told["seeds"] == [0, 1, 2]
    assert all(len(scores) == 3 for each in found for scores in each.scores.values())
    assert told["sentence"] == sentence(known, found)
    assert rule(known.kind).validated_on.endswith(f"{told['sentence']}.")
    page = (DOCS / "experiment-prescriptions.md").read_text()
    assert table(known, found) in page
    assert told["command"] in page
