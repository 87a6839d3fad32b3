"""Tensors that hold one matrix for each expert or relation."""

from collections.abc import Iterable
from itertools import pairwise

from analysis import names
from analysis.layout import Layout
from analysis.names.parts import is_index
from analysis.tensors.header import Headers
from analysis.tensors.layouts.kernels import is_kernel
from analysis.tensors.layouts.lay import is_relational


def is_stack(name: str, role: str, headers: Headers) -> bool:
    """Whether a tensor of three dimensions holds one matrix for each of its members."""
    shape = headers.of[name].shape
    return (
        len(shape) == 3
        and (names.holds_experts(names.parts(name)) or not is_kernel(name, role, headers))
        and (shape[0] > 1 or names.holds_experts(names.parts(name)))
    )


def stack_layout(name: str, role: str, headers: Headers) -> tuple[Layout, bool]:
    """Stacked experts are (expert, in, out) or (expert, out, in), their gate and up halves or alternating."""
    holds = names.holds_experts(names.parts(name))
    is_transposed = (holds and _experts_inputs_first(name, role, headers)) or is_relational(name, headers)
    outputs = headers.of[name].shape[2 if is_transposed else 1]
    if role != "gate_up" or outputs % 2:
        return Layout.STACK, is_transposed
    biases = (f"{name}_bias", f"{name.removesuffix('_weight')}_bias")
    alternating = any(bias in headers.of for bias in biases)  # of those that stack only gpt-oss has them: it alternates
    return (Layout.STACK_PAIRS if alternating else Layout.STACK_HALVES), is_transposed


def _experts_inputs_first(name: str, role: str, headers: Headers) -> bool:
    """Gate and up have twice the outputs that down has inputs; else the router says how many states there are.

    Alone, a bare parameter is (in, out) as in Llama 4.
    """
    up = headers.shape(name.replace("down_proj", "gate_up_proj"))
    down = headers.shape(name.replace("gate_up_proj", "down_proj"))
    if up is not down and len(up) == len(down) == 3:
        return up[2] == 2 * down[1]
    _, first, second = headers.of[name].shape
    states = _states(name, headers)
    if states in (first, second) and first != second:
        return states == (second if role == "down" else first)
    return not name.endswith(".weight")


def _states(name: str, headers: Headers) -> int:
    """How many inputs the router has that chooses among the experts of a stack; 0 where there is none."""
    members = headers.of[name].shape[0]
    return next((sum(shape) - members for shape in headers.of_block(name, _routers) if members in shape), 0)


def _routers(headers: Headers, block: Iterable[str]) -> list[tuple[int, int]]:
    """The sides of the routers of a block, each once."""
    shapes = (headers.of[name].shape for name in block if names.role_of(name) == "router")
    return list(dict.fromkeys((shape[0], shape[1]) for shape in shapes if len(shape) == 2))


def folded_experts(name: str, role: str, headers: Headers) -> int:
    """How many experts lie below each other in a matrix, as in DBRX and Meta's Llama 4; 0 where it is no such matrix.

    A bare parameter without a number of its expert; the router of the block has one side for each expert, the other
    one as long as an expert's.
    """
    words = names.parts(name)
    if role not in ("gate", "up", "down") or name.endswith("weight") or not names.holds_experts(words):
        return 0
    if any(is_index(after) and names.holds_experts([word]) for word, after in pairwise(words)):
        return 0
    rows, columns = headers.of[name].shape
    sides = [pair for shape in headers.of_block(name, _routers) for pair in (shape, shape[::-1])]
    fits = (m for m, width in sides if m > 1 and rows % m == 0 and width in (columns, rows // m))
    return min(fits, default=0)  # of two sides that fit, the experts are the fewer


def stored_inputs_first(name: str, role: str) -> bool:
    """Of such experts: all of Llama 4's ("moe_w_in_eD_F"), and DBRX's matrices down."""
    return role == "down" or names.parts(name)[-1].startswith("moe_w_")
