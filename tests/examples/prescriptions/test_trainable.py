from collections import Counter
from pathlib import Path

from analysis.prescriptions.naming import type_of
from examples.prescriptions import trainable
from examples.prescriptions.files import prescribe
from examples.prescriptions.llama import Llama


def test_as_many_are_drawn_of_each_type(little: Llama, tmp_path: Path) -> None:
    record = prescribe("trainable", little.path, tmp_path, fraction=0.5)
    lists = [trainable.draw(record["entries"], record["chosen"], seed) for seed in (0, 0, 1)]
    assert lists[0] == lists[1] != lists[2]
    kinds = [Counter(map(type_of, names)) for names in (record["chosen"], lists[0], lists[2])]
    assert kinds[0] == kinds[1] == kinds[2]
    assert len(set(lists[0])) == len(record["chosen"]) == 14


def test_it_comes_out_the_same_again(little: Llama, tmp_path: Path) -> None:
    (found,) = trainable.trials(little, tmp_path)
    assert list(found.scores) == ["Spectrum", "random"]
    assert [found] == trainable.trials(little, tmp_path)
