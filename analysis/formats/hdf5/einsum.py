"""The kernel of an EinsumDense as the matrix that it is: (inputs, outputs), by its equation or by its bias.

keras/src/layers/core/einsum_dense.py. A side of the kernel is an input where the equation sums over it, and an output
where the result has it and what comes in does not.
"""

import math
import re
from itertools import combinations

from analysis.formats.arrays import Turned
from analysis.formats.stored import Array, Aside

EQUATION = re.compile(r"([.a-zA-Z]{1,64}),([a-zA-Z]{1,32})->([.a-zA-Z]{1,64})")
MOST_SIDES = 8
EVERY = "the kernel of an EinsumDense with a matrix for each element of what comes in ({equation}), which is not cut"
UNKNOWN = (
    "the kernel of an EinsumDense whose equation is not in this file, which its bias does not tell either: give the "
    'model as model.save("model.keras") writes it'
)
Shape = tuple[int, ...]


def as_matrix(array: Array, bias: Shape, equation: str) -> Array | Aside:
    """The kernel with its inputs first, both on one side each; set aside where it is not known which sides they are."""
    shape = array.shape
    if (letters := _letters(equation, len(shape))) is not None:
        given, kernel, result = letters
        if any(letter in given and letter in result for letter in kernel):
            return Aside(shape, array.dtype, array.nbytes, EVERY.format(equation=equation))
        return _turn(array, tuple(at for at, letter in enumerate(kernel) if letter in result))
    if len(shape) < 3:
        return array
    outputs = _outputs_by_bias(shape, bias)
    return Aside(shape, array.dtype, array.nbytes, UNKNOWN) if outputs is None else _turn(array, outputs)


def _letters(equation: str, sides: int) -> tuple[str, str, str] | None:
    """What comes in, the kernel and the result; None where there is no equation for so many sides."""
    match = EQUATION.fullmatch(equation.replace(" ", "")[:256])
    if match is None or len(match[2]) != sides or len(set(match[2])) != sides:
        return None
    known = all(letter in match[1] or letter in match[3] for letter in match[2])
    return (match[1], match[2], match[3]) if known else None


def _outputs_by_bias(shape: Shape, bias: Shape) -> Shape | None:
    """The sides that a bias is as long as; None where none are, or more than one choice fits."""
    if not 0 < len(bias) < len(shape) <= MOST_SIDES:
        return None
    fitting = [some for some in combinations(range(len(shape)), len(bias)) if tuple(shape[at] for at in some) == bias]
    return fitting[0] if len(fitting) == 1 else None


def _turn(array: Array, outputs: Shape) -> Array:
    inputs = tuple(at for at in range(len(array.shape)) if at not in outputs)
    rows, columns = (math.prod(array.shape[at] for at in sides) for sides in (inputs, outputs))
    order = (*inputs, *outputs)
    if order == tuple(range(len(order))) and array.shape == (rows, columns):
        return array
    return Turned(array, order, (rows, columns), array.dtype)
