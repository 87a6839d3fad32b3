"""Tensors that hold one matrix for each expert or relation."""

from analysis import names
from analysis.layout import Layout
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
    is_transposed = (holds and _experts_inputs_first(name, headers)) or is_relational(name, headers)
    outputs = headers.of[name].shape[2 if is_transposed else 1]
    if role != "gate_up" or outputs % 2:
        return Layout.STACK, is_transposed
    biases = (f"{name}_bias", f"{name.removesuffix('_weight')}_bias")
    alternating = any(bias in headers.of for bias in biases)  # of those that stack only gpt-oss has them: it alternates
    return (Layout.STACK_PAIRS if alternating else Layout.STACK_HALVES), is_transposed


def _experts_inputs_first(name: str, headers: Headers) -> bool:
    """Gate and up have twice the outputs that down has inputs; alone, a bare parameter is (in, out) as in Llama 4."""
    up = headers.shape(name.replace("down_proj", "gate_up_proj"))
    down = headers.shape(name.replace("gate_up_proj", "down_proj"))
    if up is not down and len(up) == len(down) == 3:
        return up[2] == 2 * down[1]
    return not name.endswith(".weight")
