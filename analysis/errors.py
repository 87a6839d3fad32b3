"""Every error of the analysis, in one tree.

EigenscopeError                 something the user can understand and mend
├── CheckpointError             the file as a whole cannot be used
│   ├── UnknownFormat           its content is no checkpoint that we read
│   ├── DamagedFile             it is empty, cut off, or contradicts itself
│   ├── UnsafeFile              reading it would run code, or take time or memory without bound
│   ├── MissingShard            an index names a file that did not come along
│   └── WrongBase               the others were not trained from it
├── TensorError                 one tensor cannot be measured; the others can
│   ├── NotFinite               it holds NaN or infinity
│   ├── NotAMatrix              its shape or dtype holds no matrix
│   └── AdapterError            an adapter and its base do not fit each other there
│       └── SettingsError       its tensors are not what its adapter_config.json says
├── OptionError                 a diagnostic was asked for in a way it does not offer
├── PolicyError                 a policy says something that no gate can keep
├── BaselineError               what a policy is to be held against is no report, or one measured otherwise
├── FactError                   a fact about a checkpoint that makes no sense
└── MitigationError             a tuned checkpoint cannot be mended as asked
    ├── NoIntruders             there is none in it to be shrunk
    └── NoAdapterForm           what it changes cannot be written as a LoRA adapter

Each carries a `code` that never changes, for programs, and a message that names the file or the tensor, the
value at fault and what to do, for people. A checkpoint is rejected with one of the codes in REJECTIONS. Names come
out of hostile files, so messages show them through `shown`.
"""

from types import MappingProxyType

LONGEST_NAME = 120  # characters of a hostile name that a message repeats


def escape(name: object) -> str:
    """A name as a message may show it: escaped, and cut in the middle where it is long."""
    text = str(name).encode("unicode_escape").decode("ascii")
    half = LONGEST_NAME // 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


class EigenscopeError(Exception):
    """Something the user can understand and mend."""

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


class NotAMatrix(TensorError):
    code = "not-a-matrix"


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


class FactError(EigenscopeError):
    code = "bad-fact"


class MitigationError(EigenscopeError):
    code = "mitigation-impossible"


class NoIntruders(MitigationError):
    code = "no-intruders"


class NoAdapterForm(MitigationError):
    code = "no-adapter-form"


REJECTIONS = MappingProxyType(
    {
        "checkpoint-unusable": "Any other reason, given in the message.",
        # UnknownFormat
        "unknown-format": "The content is none of the formats that are read.",
        "html-page": "A web page: a download that failed, or went to the wrong address.",
        "lfs-pointer": "A git-lfs pointer in place of the file.",
        "text-file": "Plain text or JSON: no weights.",
        "compressed-file": "gzip, bzip2, xz or zstd around the checkpoint.",
        "archive": "A tar, 7z, rar or zip archive that is no PyTorch checkpoint.",
        "onnx-model": "An ONNX graph.",
        "gguf-model": "A GGUF or GGML model.",
        "hdf5-file": "An HDF5 file, as Keras writes.",
        "keras-archive": "A zipped Keras 3 model.",
        "tensorflow-file": "A TensorFlow checkpoint or SavedModel.",
        "numpy-file": "A NumPy .npy or .npz file.",
        "torchscript": "A TorchScript archive: a program with its weights.",
        "plain-pickle": "A pickle that torch.save did not write.",
        "no-tensors": "A readable file without a tensor in it.",
        "unknown-dtype": "A tensor of a dtype that is not known here.",
        "big-index": "An index or a header beyond the size that is read.",
        # DamagedFile
        "damaged-file": "The content contradicts itself.",
        "empty-file": "Not one byte.",
        "truncated-file": "The file ends before its content does.",
        "bad-header": "The header, index or pickle cannot be understood.",
        "bad-offsets": "A tensor lies outside its file, over another, or in the wrong number of bytes.",
        "duplicate-tensor": "The same tensor twice.",
        "bad-name": "A tensor name that is no Unicode text, or is reserved.",
        # UnsafeFile
        "unsafe-file": "Reading it would not be safe.",
        "pickle-code": "The pickle names code to run.",
        "compressed-member": "A member of the zip is compressed.",
        "encrypted-member": "A member of the zip is encrypted.",
        "unbounded": "It unpacks to far more than its own size.",
        "shard-outside": "The index names a file outside its folder.",
        "over-time": "Reading it took longer than allowed.",
        "over-memory": "Reading it took more memory than allowed.",
        "reader-crashed": "Reading it crashed the reader.",
        # MissingShard
        "missing-shard": "The index names a file that is not there.",
        "missing-file": "There is no such file.",
        # adapters
        "adapter-config": "The tensors of an adapter without its adapter_config.json.",
        "adapter-method": "An adapter whose method states no change of weights, or one that is not known here.",
        "adapter-settings": "An adapter_config.json with a setting that makes no sense, or that no tensor goes with.",
        # WrongBase
        "wrong-base": "No tensor of a tuned checkpoint belongs to the base, the first checkpoint, or fits it.",
        "empty-tensors": "A tuned checkpoint of empty tensors, as ZeRO-3 leaves them.",
        "packed-base": "A base of quantised weights that are not read.",
        "ambiguous-names": "Names of a tuned checkpoint that could mean several tensors of the base.",
        "unknown-names": "A tuned checkpoint that shares no name with the base.",
        "base-is-adapter": "The first checkpoint of a comparison is an adapter, no whole model.",
        "adapter-alone": "An adapter without the model that it changes.",
        "adapter-in-family": "An adapter in a family of widths, which is of whole models.",
        "no-family": "No matrix has the same name in all models of a family.",
    }
)
