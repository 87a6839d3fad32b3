import doctest
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from frontend.figures import match as module
from frontend.figures.match import Match, draw_match, first_rank, intruders_of, match, sentence
from tests.frontend.figures.test_draw import accepted
from tests.frontend.pairs import BEST, MATCH, both, pair, table


def prepared(position: int = 1) -> Match:
    found = match(MATCH, both(), "layers.0.q", position)
    assert isinstance(found, Match)
    return found


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_intruders_are_the_strongest_directions_that_match_nothing() -> None:
    found = prepared()
    assert found.best == pytest.approx(BEST.tolist())
    assert found.intruders == [False, True, True, False]  # of 0.9, 0.3, 0.45; the fourth lies beyond k = 3
    assert (found.k, found.epsilon) == (3, 0.5)
    assert [found.similarity[at][at] for at in range(4)] == pytest.approx(BEST.tolist(), abs=1e-4)
    assert (
        found.words
        == "2 of the 3 strongest directions of Block 0 · query are intruders after LoRA r = 1; the strongest ranks 2."
    )
    assert prepared(2).intruders == [False] * 4


def test_exactly_at_the_threshold_is_no_intruder() -> None:
    found = match(MATCH, table([pair("w", 1, (0.5, 0.25), k=2)]), "w", 1)
    assert isinstance(found, Match)
    assert found.intruders == [False, True]


def test_k_ends_with_the_directions_that_there_are() -> None:
    found = match(MATCH, table([pair("w", 1, (0.1, 0.2), k=10)]), "w", 1)
    assert isinstance(found, Match)
    assert (found.k, found.intruders) == (2, [True, True])


def test_drawn_with_marks_lines_and_what_the_page_moves() -> None:
    drawn = draw_match(prepared(), {})
    accepted(drawn)
    heat, bars, marks = drawn["data"]
    assert heat["z"][1][1] == pytest.approx(0.3, abs=1e-4)
    assert bars["customdata"] == [1, 2, 3, 4]
    assert bars["marker"]["color"] == ["var(--q-4)", "var(--bad)", "var(--bad)", "var(--line-2)"]
    assert (marks["x"], marks["marker"]["symbol"]) == ([2, 3], "triangle-down")
    threshold, window, *tints = drawn["layout"]["shapes"]
    assert (threshold["y0"], threshold["y1"], window["x0"]) == (0.5, 0.5, 3.5)
    assert [tint["x0"] for tint in tints] == [1.5, 2.5]
    assert [words["text"].strip() for words in drawn["layout"]["annotations"]] == ["k = 3", "ε = 0.50"]
    assert drawn["layout"]["meta"]["match"] == {"best": prepared().best, "k": 3, "epsilon": 0.5}


def test_nothing_to_draw_says_why() -> None:
    assert match(MATCH, table([pair("w", 1, note="all zeros")]), "w", 1) == "all zeros"
    with pytest.raises(KeyError):
        match(MATCH, both(), "no such", 1)


SCRIPT = Path(module.__file__).parents[1] / "static" / "js" / "match.js"
SENTENCES = [  # best matches, k, ε, and the sentence: by the page's script and by the server
    ([0.9, 0.8], 2, 0.5, "No intruder among the 2 strongest directions of Block 0 · query after LoRA."),
    ([0.9], 1, 0.5, "No intruder among the 1 strongest direction of Block 0 · query after LoRA."),
    ([0.4], 5, 0.5,
     "1 of the 1 strongest direction of Block 0 · query is an intruder after LoRA; the strongest ranks 1."),
    ([0.9, 0.5, 0.49], 3, 0.5,
     "1 of the 3 strongest directions of Block 0 · query is an intruder after LoRA; the strongest ranks 3."),
    ([0.9, 0.1, 0.2, 0.1], 3, 0.5,
     "2 of the 3 strongest directions of Block 0 · query are intruders after LoRA; the strongest ranks 2."),
    ([0.1, 0.2], 0, 0.5, "No intruder among the 0 strongest directions of Block 0 · query after LoRA."),
]  # fmt: skip


@pytest.mark.parametrize(("best", "k", "epsilon", "expected"), SENTENCES)
def test_the_sentence(best: list[float], k: int, epsilon: float, expected: str) -> None:
    intruders = intruders_of(best, k, epsilon)
    rank = first_rank(intruders)
    assert sentence(sum(intruders), min(k, len(best)), rank, "Block 0 · query", "LoRA") == expected


def test_the_page_says_the_same() -> None:
    node = shutil.which("node")
    if node is None:
        assert not os.environ.get("CI"), "CI needs node"
        pytest.skip("node is not installed")
    cases = json.dumps([[best, k, epsilon, "Block 0 · query", "LoRA"] for best, k, epsilon, _ in SENTENCES])
    code = f"""import {{ sentence }} from {json.dumps(SCRIPT.as_uri())};
        console.log(JSON.stringify({cases}.map((given) => sentence(...given))));"""
    said = subprocess.run(
        [node, "--input-type=module", "--eval", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert json.loads(said.stdout) == [expected for *_, expected in SENTENCES]
