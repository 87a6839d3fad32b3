"""How matrices lie in a tensor, from its name, its shape, and the names and shapes around it.

Every rule that goes by shapes alone asks for shapes that only one reading gives; where two are left, the tensor is
taken as the file has it.
"""

from analysis.layout import KERNELS, Layout
from analysis.tensors.axes import PART, count
from analysis.tensors.header import Headers
from analysis.tensors.layouts.gates import convolved_gates, describe_directions, describe_gates
from analysis.tensors.layouts.kernels import describe_kernel, is_kernel, kernel_extents
from analysis.tensors.layouts.lay import Lay
from analysis.tensors.layouts.matrices import inputs_first, matrix_layout
from analysis.tensors.layouts.projections import join_heads
from analysis.tensors.layouts.stacks import folded_experts, is_stack, stack_layout, stored_inputs_first

CHEAP = 16  # channels of a depthwise convolution, each a vector, that count as one matrix


def lay_of(name: str, role: str, headers: Headers, conv1d: bool) -> Lay:
    """How the matrices lie in a tensor of at least two dimensions."""
    shape = headers.of[name].shape
    if (lay := join_heads(name, headers)) is not None:
        return lay
    if len(shape) > 2 and (layout := convolved_gates(name, headers)) is not None:
        return Lay(layout, role="recurrent")
    if role == "recurrent" and len(shape) == 3:
        return describe_directions(name, headers)
    if len(shape) == 2 and (members := folded_experts(name, role, headers)):
        return Lay(Layout.FOLDED, stored_inputs_first(name, role), groups=members)
    if is_stack(name, role, headers):
        return Lay(*stack_layout(name, role, headers))
    if role == "position" or (len(shape) == 3 and shape[0] == 1 and not is_kernel(name, role, headers)):
        return Lay(Layout.MATRIX)
    if len(shape) > 2:
        return describe_kernel(name, headers)
    if role == "recurrent":
        return describe_gates(name, headers)
    return matrix_layout(name, role, headers, inputs_first(name, role, headers, conv1d))


def counted_matrices(name: str, role: str, headers: Headers) -> int:
    """How many matrices a tensor of more than two dimensions would make; 1 for others."""
    shape = headers.of[name].shape
    if len(shape) < 3:
        return 1
    lay = lay_of(name, role, headers, conv1d=False)
    if lay.layout in (Layout.AXES, Layout.NONE):
        return count(shape, lay.axes, PART) if lay.axes else 1
    if lay.layout not in KERNELS:
        return shape[0] if lay.layout != Layout.MATRIX else 1
    rows, columns, positions = kernel_extents(shape, lay.layout)
    if lay.groups > 1:
        return lay.groups if columns > 1 and lay.layout != Layout.KERNEL_DEPTHWISE else lay.groups // CHEAP
    return 1 if min(rows, columns) == 1 else positions
