"""The weight that a model uses, where its file keeps it in parts or as codes.

`recognise` finds from names, shapes and the smallest tensors what is formed out of several stored ones (weight norm,
spectral norm, pruning) or out of codes and scales (GPTQ, AWQ, bitsandbytes, MLX, fp8, compressed-tensors, MXFP4), and
what stays packed, with the reason. `values` computes one of them. Neither imports torch.
"""

from analysis.formats.effective.recognition import grid_step, recognise, values
from analysis.formats.effective.records import Effective, Recognised

__all__ = ["Effective", "Recognised", "grid_step", "recognise", "values"]
