"""Which parameter of a checkpoint is which number of an optimizer's state: by order and by shape.

torch numbers the parameters in the order in which they were given to the optimizer, group by group. A name is only
given where it is certain: each group must have exactly the shapes, in the order, of the checkpoint's parameters that
could be in it.
"""

from collections.abc import Mapping, Sequence

from analysis.errors import WrongBase, escape
from analysis.weight import TensorInfo

BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "inv_freq", "position_ids", "masked_bias")
# the order in which transformers' LLaMA family names the parameters of a block, whatever order a file has
LLAMA = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
)  # fmt: skip
Shape = tuple[int, ...]


def parameters_of(tensors: Sequence[TensorInfo]) -> list[TensorInfo] | None:
    """A checkpoint's parameters in the order of the model's; None where a file that is sorted by name has lost it.

    Without buffers, and without tensors that repeat another one (a head tied to its embedding).
    """
    parameters = [info for info in tensors if not info.same_as and info.name.rpartition(".")[2] not in BUFFERS]
    names = [info.name for info in parameters]
    if names != sorted(names):
        return parameters
    places = {info.name: _llama_place(info.name) for info in parameters}
    if any(place is None for place in places.values()):
        return parameters if len({info.shape for info in parameters}) == len(parameters) else None
    return sorted(parameters, key=lambda info: places[info.name] or ())


def _llama_place(name: str) -> tuple[int, int, int, int] | None:
    """Where a LLaMA-like model has this parameter: embedding, blocks, last norm, head; None of other names."""
    path, _, kind = name.rpartition(".")
    words = path.split(".")
    if kind not in ("weight", "bias"):
        return None
    if words[-1] == "embed_tokens":
        return (0, 0, 0, 0)
    if words[-1] == "norm" and "layers" not in words:
        return (2, 0, 0, 0)
    if words == ["lm_head"]:
        return (3, 0, 0, 0)
    start = words.index("layers") + 1 if "layers" in words else len(words)
    if start >= len(words) or not words[start].isdigit():
        return None
    part = ".".join(words[start + 1 :])
    return (1, int(words[start]), LLAMA.index(part), int(kind == "bias")) if part in LLAMA else None


def match_parameters(
    groups: Sequence[Sequence[int]], shapes: Mapping[int, Shape | None], tensors: Sequence[TensorInfo], file: str
) -> dict[int, str]:
    """The name of each numbered parameter. Raises WrongBase ("optimizer-mismatch") where the shapes do not fit.

    Empty where the order of the parameters is not known, so that no name would be certain.
    """
    shape_set = {shape for shape in shapes.values() if shape is not None}
    if missing := shape_set - {info.shape for info in tensors}:
        text = " × ".join(map(str, min(missing)))
        raise _mismatch(file, f"a parameter of {text} has no tensor of that shape there")
    parameters = parameters_of(tensors)
    if parameters is None:
        return {}
    names: dict[int, str] = {}
    for group in groups:
        numbers = [number for number in group if shapes.get(number) is not None]
        kinds = {shapes[number] for number in numbers}
        could = [info for info in parameters if info.shape in kinds and info.name not in names.values()]
        if [info.shape for info in could] != [shapes[number] for number in numbers]:
            problem = (
                f"{len(numbers)} parameters of a group are not its {len(could)} tensors of these shapes in one order"
            )
            raise _mismatch(file, problem)
        names |= {number: info.name for number, info in zip(numbers, could, strict=True)}
    return names


def _mismatch(file: str, why: str) -> WrongBase:
    return WrongBase(
        f"{escape(file)} does not belong to the checkpoint given with it: {why}. Give the checkpoint of the same step, "
        "or save the optimizer with the parameters' names (torch 2.6 or later: named_parameters()).",
        "optimizer-mismatch",
    )
