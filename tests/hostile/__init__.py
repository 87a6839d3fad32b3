"""Files that nobody should trust, built on the fly, each with the code that it is rejected with.

`HOSTILE` is the corpus; `marker` names a file that appears where code of one of them runs.
"""

from tests.hostile.base import Hostile, marker, written, zipped
from tests.hostile.flax_files import FLAX
from tests.hostile.gguf_files import GGUF
from tests.hostile.hdf5_files import HDF5
from tests.hostile.numpy_files import NUMPY
from tests.hostile.onnx_files import ONNX
from tests.hostile.others import OTHERS
from tests.hostile.parallel_files import PARALLEL
from tests.hostile.safetensors_files import SAFETENSORS, entry, safetensors
from tests.hostile.shards import SHARDS
from tests.hostile.torch_files import TORCH, torch_zip, view_pickle

__all__ = [
    "HOSTILE", "ODD_NAMES", "OTHERS", "SAFETENSORS", "Hostile", "entry", "marker", "safetensors", "torch_zip",
    "view_pickle", "written", "zipped",
]  # fmt: skip

HOSTILE: tuple[Hostile, ...] = (*SAFETENSORS, *OTHERS, *TORCH, *NUMPY, *GGUF, *HDF5, *ONNX, *FLAX, *SHARDS, *PARALLEL)

# Names that are data, however odd: a checkpoint with them is read like any other.
ODD_NAMES = (
    "",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a\0b",
    "x" * 65536,
    "naïve λ 漢字 🦊",
    "a\nb",
    "%s{0}",
    "'; --",
)
