"""Every error of the analysis, in one tree.

EigenscopeError                 something the user can understand and fix
├── CheckpointError             the file as a whole cannot be used
│   ├── UnknownFormat           its content is not a checkpoint format that is supported
│   ├── DamagedFile             it is empty, cut off, or contradicts itself
│   ├── UnsafeFile              reading it would run code, or take time or memory without bound
│   ├── MissingShard            an index names a file that is missing
│   └── WrongBase               the others were not trained from it
├── TensorError                 one tensor cannot be measured; the others can
│   ├── NotFinite               it holds NaN or infinity
│   └── AdapterError            an adapter and its base do not match there
│       └── SettingsError       its tensors are not what its adapter_config.json says
├── OptionError                 a diagnostic does not have that option or value
├── PolicyError                 a policy is not valid
├── BaselineError               the baseline is not a valid report, or has other settings
├── FactError                   a fact about a checkpoint is not valid
├── NoReference                 WeightWatcher cannot check a weight
├── MitigationError             a tuned checkpoint cannot be mitigated as requested
│   ├── NoIntruders             it has no intruder to shrink
│   └── NoAdapterForm           what it changes cannot be written as a LoRA adapter
└── PrescriptionError           a rule has no answer for these checkpoints and options
    ├── WrongMembers            the rule takes another number or another kind of checkpoints
    ├── UnreachableTarget       no choice for the layers reaches the target
    ├── UnmeasuredLayer         a layer that the rule needs has no value, as NaN gives none
    ├── PackedWeights           the weights are quantised already
    └── IncompleteReport        a report does not have the table that the rule needs, or is not valid

Each has a `code` that never changes, for programs, and a message for people that names the file or the tensor, the
wrong value and what to do. A checkpoint is rejected with one of the codes in REJECTIONS. Names come
from untrusted files, so messages show them through `escape`.
"""

from types import MappingProxyType

LONGEST_NAME = 120  # characters of a hostile name that a message repeats


def escape(name: object) -> str:
    """A name as a message may show it: escaped, and cut in the middle where it is long."""
    text = str(name).encode("unicode_escape").decode("ascii")
    half = LONGEST_NAME // 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


class EigenscopeError(Exception):
    """Something the user can understand and fix."""

    code = "error"

    @property
    def message(self) -> str:
        return str(self)


class CheckpointError(EigenscopeError):
    """The file as a whole cannot be used. `code` is the kind of rejection, one of REJECTIONS."""

    code = "checkpoint-unusable"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class UnknownFormat(CheckpointError):
    code = "unknown-format"


class DamagedFile(CheckpointError):
    code = "damaged-file"


class UnsafeFile(CheckpointError):
    code = "unsafe-file"


class MissingShard(CheckpointError):
    code = "missing-shard"


class WrongBase(CheckpointError):
    code = "wrong-base"


class TensorError(EigenscopeError):
    code = "tensor-unusable"


class NotFinite(TensorError):
    code = "not-finite"


class AdapterError(TensorError):
    code = "adapter-mismatch"


class SettingsError(AdapterError):
    code = "adapter-settings"


class OptionError(EigenscopeError):
    code = "bad-option"


class PolicyError(EigenscopeError):
    code = "bad-policy"


class BaselineError(EigenscopeError):
    code = "bad-baseline"


class NoReference(EigenscopeError):
    """WeightWatcher cannot check a weight: it is not installed, or leaves it out."""

    code = "reference-unavailable"


class FactError(EigenscopeError):
    code = "bad-fact"


class MitigationError(EigenscopeError):
    code = "mitigation-impossible"


class NoIntruders(MitigationError):
    code = "no-intruders"


class NoAdapterForm(MitigationError):
    code = "no-adapter-form"


class PrescriptionError(EigenscopeError):
    code = "no-prescription"


class WrongMembers(PrescriptionError):
    code = "wrong-members"


class UnreachableTarget(PrescriptionError):
    code = "unreachable-target"


class UnmeasuredLayer(PrescriptionError):
    code = "unmeasured-layer"


class PackedWeights(PrescriptionError):
    code = "packed-weights"


class IncompleteReport(PrescriptionError):
    code = "incomplete-report"


REJECTIONS = MappingProxyType(
    {
        "checkpoint-unusable": "Any other reason, given in the message.",
        # UnknownFormat
        "unknown-format": "The content is not in a supported format.",
        "html-page": "A web page: a download that failed, or went to the wrong address.",
        "lfs-pointer": "A git-lfs pointer in place of the file.",
        "text-file": "Plain text or JSON without weights.",
        "compressed-file": "gzip, bzip2, xz or zstd around the checkpoint.",
        "archive": "A tar, 7z, rar or zip archive that is not a PyTorch checkpoint.",
        "onnx-model": "The head of an ONNX model without a graph.",
        "gguf-model": "A GGML model, an early GGUF, or any GGUF where the package gguf is missing.",
        "hdf5-file": "An HDF5 file, as Keras writes, where the package h5py is missing.",
        "keras-archive": "A zip with weights of Keras that is not what model.save writes.",
        "tensorflow-file": "A TensorFlow checkpoint or SavedModel.",
        "orbax-checkpoint": "A checkpoint of Orbax, whose arrays only the libraries of JAX read.",
        "no-tensors": "A readable file without tensors.",
        "empty-tensors": "Its tensors have no element: another file has the values, as DeepSpeed ZeRO-3 leaves them.",
        "tensor-parallel": "Files that each hold a part of every tensor.",
        "flat-optimizer": "The state of an optimizer in flat shards, as DeepSpeed and FSDP write it.",
        "unknown-dtype": "A tensor of an unknown dtype.",
        "big-index": "An index or a header that is larger than the limit.",
        # DamagedFile
        "damaged-file": "The content contradicts itself.",
        "trailing-bytes": "Bytes follow the end of what it holds: two files in one, or a damaged one.",
        "empty-file": "The file has no bytes.",
        "truncated-file": "The file ends before its content does.",
        "bad-header": "The header, index or pickle cannot be parsed.",
        "bad-offsets": "A tensor lies outside its file, over another, or in the wrong number of bytes.",
        "bad-checksum": "Bytes that do not match the checksum stored with them.",
        "duplicate-tensor": "The same tensor twice.",
        "bad-name": "A tensor name that is not valid Unicode, or is reserved.",
        # UnsafeFile
        "unsafe-file": "Reading it would not be safe.",
        "pickle-code": "The pickle names code to run.",
        "compressed-member": "A member of the zip, or a dataset of HDF5, is compressed in a way that is not read.",
        "encrypted-member": "A member of the zip is encrypted.",
        "too-many-tensors": "It has more tensors than one checkpoint may have (`EIGENSCOPE_TENSOR_LIMIT`).",
        "unbounded": "It expands to far more than its own size.",
        "external-data": "It refers to data in another file, or by a link.",
        "shard-outside": "The index names a file outside its folder.",
        "over-time": "Reading exceeded the time limit.",
        "over-memory": "Reading exceeded the memory limit.",
        "reader-crashed": "The reader crashed.",
        # MissingShard
        "missing-shard": "A file that the index names, or the numbers in the files' names, is not there.",
        "missing-file": "The file does not exist.",
        # adapters
        "adapter-config": "The tensors of an adapter without its adapter_config.json.",
        "adapter-method": "An adapter whose method does not define a change of weights, or is unknown.",
        "adapter-settings": "An adapter_config.json with a setting that is not valid or does not match the tensors.",
        # WrongBase
        "packed-base": "A base of quantised weights that are not read.",
        "ambiguous-names": "Names of a tuned checkpoint that could mean several tensors of the base.",
        "unknown-names": "A tuned checkpoint that shares no name with the base.",
        "wrong-base": "No tensor of a tuned checkpoint matches the base, the first checkpoint.",
        "base-is-adapter": "The first checkpoint of a comparison is an adapter, not a whole model.",
        "adapter-alone": "An adapter without the model that it changes.",
        "adapter-in-family": "An adapter in a family of widths, which takes whole models only.",
        "optimizer-mismatch": "The state of an optimizer that does not belong to the checkpoint given with it.",
        "no-family": "No matrix has the same name in all models of a family.",
    }
)
