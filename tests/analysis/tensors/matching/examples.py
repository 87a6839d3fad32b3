"""Models and adapters of a few layers, as headers."""

from typing import Literal

from analysis.tensors.matching import Alignment, Member
from analysis.tensors.matrices import Header, describe

Shapes = dict[str, tuple[int, ...]]


SIZES = {"float32": 4, "bfloat16": 2, "int8": 1}


def member(shapes: Shapes, kind: Literal["model", "adapter"] = "model", dtype: str = "float32") -> Member:
    def header(shape: tuple[int, ...]) -> Header:
        size = SIZES[dtype]
        for extent in shape:
            size *= extent
        return Header(shape, dtype, size)

    return Member(kind, describe({name: header(shape) for name, shape in shapes.items()}))


def bert(width: int = 8, words: int = 30, prefix: str = "") -> Shapes:
    found: Shapes = {f"{prefix}embeddings.word_embeddings.weight": (words, width)}
    for layer in range(2):
        place = f"{prefix}encoder.layer.{layer}"
        found[f"{place}.attention.self.query.weight"] = (width, width)
        found[f"{place}.attention.self.query.bias"] = (width,)
        found[f"{place}.output.dense.weight"] = (width, 4 * width)
    return found


def lora(*modules: str, rank: int = 2, prefix: str = "base_model.model.") -> Shapes:
    return {
        f"{prefix}{module}.{factor}.weight": shape
        for module in modules
        for factor, shape in (("lora_A", (rank, 8)), ("lora_B", (8, rank)))
    }


def pairs(alignment: Alignment, position: int = 1) -> dict[str, str]:
    """Base tensor -> the first tensor of its partner."""
    found = ((row.base.name, row.partners[position - 1]) for row in alignment.rows)
    return {name: partner.tensors[0] for name, partner in found if partner is not None}


def reasons(alignment: Alignment) -> tuple[dict[str, str], dict[str, str]]:
    """Of one tuned checkpoint: why its own tensors, and why the base's, have no partner."""
    return dict(alignment.unmatched[0]), dict(alignment.missing[0])


QUERY = "encoder.layer.0.attention.self.query.weight"


WORDS = "embeddings.word_embeddings.weight"
