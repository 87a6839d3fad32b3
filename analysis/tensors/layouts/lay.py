"""What is known of how matrices lie in a tensor, and what its readers ask of a name."""

from dataclasses import dataclass

from analysis import names
from analysis.layout import Layout
from analysis.tensors.header import Headers


@dataclass(frozen=True, slots=True)
class Lay:
    """How matrices lie: what kind, whether stored (in, out), in how many groups, how long the first part is."""

    layout: Layout
    transposed: bool = False
    groups: int = 1
    first: int = 0
    unfit: str = ""
    role: str = ""  # where the shapes say more of it than the name
    axes: str = ""  # of Layout.AXES: what each side counts
    skip: str = ""  # why it is not cut, "" where it is


def leaf_of(name: str) -> str:
    return names.parts(name)[-1]


def ends_in_kernel(name: str) -> bool:
    return name.lower().removesuffix(":0").endswith("kernel")


def is_relational(name: str, headers: Headers) -> bool:
    """Whether it is (relation, in, out): RGCNConv beside the root's (in, out), DGL's TypedLinear; or (step, in, out) of
    GatedGraphConv beside its GRU.
    """
    shape, stem = headers.of[name].shape, name.removesuffix("weight")
    root = headers.shape(f"{stem}root")
    steps = shape[1] == shape[2] and f"{stem}rnn.weight_ih" in headers.of
    return (len(root) == 2 and shape[1:] == root) or steps or name.endswith("linear_r.W")
