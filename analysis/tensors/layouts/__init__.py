"""How matrices lie in a tensor, from its name, its shape, and the names and shapes around it."""

from analysis.tensors.layouts.choose import counted_matrices, lay_of
from analysis.tensors.layouts.kernels import kernel_extents
from analysis.tensors.layouts.lay import Lay
from analysis.tensors.layouts.matrices import stores_inputs_first

__all__ = ["Lay", "counted_matrices", "kernel_extents", "lay_of", "stores_inputs_first"]
