"""The texts: docstrings, which are on every machine. Parsed once and kept beside the results."""

import json
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from examples.data import Split, docstrings, package_folder, shuffled, split, unique

LABELS = ("matplotlib", "networkx", "scipy", "sqlalchemy")  # told apart by MiniLM, and read by the LLaMA
TRAIN_EACH, TEST_EACH = 100, 30
SENTENCES = 60  # of each seed: 1,770 pairs
SEEDS = 3
KEPT = "texts.json"


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences of the standard library, whose embeddings are compared, and texts of four packages to train on."""

    sentences: tuple[str, ...]
    train: Split
    test: Split

    def of_seed(self, seed: int) -> tuple[str, ...]:
        """The sentences of one seed: no two seeds share one."""
        return self.sentences[seed * SENTENCES : (seed + 1) * SENTENCES]


def texts(folder: Path) -> Texts:
    """The texts, parsed unless they are there."""
    path = folder / KEPT
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(parsed())))
    told = json.loads(path.read_text())
    train, test = (Split(tuple(told[part]["texts"]), tuple(told[part]["labels"])) for part in ("train", "test"))
    return Texts(tuple(told["sentences"]), train, test)


def parsed() -> Texts:
    packages = [unique(docstrings(package_folder(label))) for label in LABELS]
    found = shuffled(unique(docstrings(Path(sysconfig.get_path("stdlib")))))
    return Texts(
        tuple(each.text for each in found[: SEEDS * SENTENCES]),
        split(packages, test=False, each=TRAIN_EACH),
        split(packages, test=True, each=TEST_EACH),
    )


def as_bytes(texts_of: Split) -> Tensor:
    """The texts as one row of bytes, a line each."""
    return torch.frombuffer(bytearray("\n".join(texts_of.texts).encode()), dtype=torch.uint8)
