"""The diagnostics, one file each. `DIAGNOSTICS` is the one registration."""

from collections.abc import Mapping

from analysis.diagnostic import Diagnostic, Request
from analysis.diagnostics.erg import ERG
from analysis.diagnostics.esd import ESD
from analysis.diagnostics.farms import FARMS
from analysis.diagnostics.norms import NORMS
from analysis.diagnostics.random_matrix import RANDOM_MATRIX
from analysis.diagnostics.snr import SNR
from analysis.diagnostics.tail_models import TAIL_MODELS
from analysis.diagnostics.vectors import VECTORS
from analysis.errors import OptionError, shown

DIAGNOSTICS: tuple[Diagnostic, ...] = (ESD, NORMS, RANDOM_MATRIX, ERG, FARMS, TAIL_MODELS, SNR, VECTORS)


def diagnostic(name: str) -> Diagnostic:
    """The diagnostic of that name. Raises OptionError, which names those there are."""
    for known in DIAGNOSTICS:
        if known.name == name:
            return known
    raise OptionError(f"there is no diagnostic {shown(name)}; there are: {', '.join(d.name for d in DIAGNOSTICS)}")


def requests(asked: Mapping[str, Mapping[str, object]] | None = None) -> tuple[Request, ...]:
    """The requests for these diagnostics with these options; without any, for the default ones."""
    if asked is None:
        return tuple(Request(known, known.settings({})) for known in DIAGNOSTICS if known.default)
    return tuple(Request(diagnostic(name), diagnostic(name).settings(options)) for name, options in asked.items())
