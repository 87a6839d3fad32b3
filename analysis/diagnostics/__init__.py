"""The diagnostics, one file each. `DIAGNOSTICS` is the one registration."""

from collections.abc import Mapping, Sequence

from analysis.diagnostic import Diagnostic, Request, Scope, groups
from analysis.diagnostics.entries.diagnostic import ENTRIES
from analysis.diagnostics.erg import ERG
from analysis.diagnostics.esd.diagnostic import ESD
from analysis.diagnostics.farms.diagnostic import FARMS
from analysis.diagnostics.first_look.diagnostic import FIRST_LOOK
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.diagnostics.norms import NORMS
from analysis.diagnostics.overlap.diagnostic import OVERLAP
from analysis.diagnostics.random_matrix.diagnostic import RANDOM_MATRIX
from analysis.diagnostics.snr import SNR
from analysis.diagnostics.tail_models import TAIL_MODELS
from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.vectors import VECTORS
from analysis.errors import OptionError, escape

NEEDS = {
    Scope.ONE: "looks at one checkpoint",
    Scope.PAIR: "compares with a base: it needs two checkpoints or more, the base first",
    Scope.UPDATES: "compares what two trainings did to one base: it needs three checkpoints or more, the base first",
    Scope.FAMILY: "looks at a family: it needs two checkpoints or more",
}
DIAGNOSTICS: tuple[Diagnostic, ...] = (
    ESD,
    NORMS,
    ENTRIES,
    RANDOM_MATRIX,
    ERG,
    FARMS,
    TAIL_MODELS,
    SNR,
    VECTORS,
    INTRUDERS,
    UPDATE,
    OVERLAP,
    TOP_SINGULAR_VALUE,
    FIRST_LOOK,
)


def diagnostic(name: str) -> Diagnostic:
    """The diagnostic of that name. Raises OptionError, which names those there are."""
    for entry in DIAGNOSTICS:
        if entry.name == name:
            return entry
    raise OptionError(f"there is no diagnostic {escape(name)}; there are: {', '.join(d.name for d in DIAGNOSTICS)}")


def requests(asked: Mapping[str, Mapping[str, object]] | None = None, checkpoints: int = 1) -> tuple[Request, ...]:
    """The requests for these diagnostics with these options.

    Without any: of one checkpoint the default ones, of several whatever compares them with the first.
    Raises OptionError.
    """
    if asked is None:
        return tuple(Request(entry, entry.settings({})) for entry in DIAGNOSTICS if _is_default(entry, checkpoints))
    return tuple(Request(diagnostic(name), diagnostic(name).settings(options)) for name, options in asked.items())


def _is_default(known: Diagnostic, checkpoints: int) -> bool:
    if checkpoints == 1:
        return known.default
    return known.scope in (Scope.PAIR, Scope.UPDATES) and bool(groups(known.scope, checkpoints))


def check_scopes(asked: Sequence[Request], checkpoints: int) -> None:
    """Raises OptionError where a diagnostic looks at more checkpoints than there are."""
    for request in asked:
        if not groups(request.diagnostic.scope, checkpoints):
            raise OptionError(f"{request.diagnostic.name} {NEEDS[request.diagnostic.scope]}, not {checkpoints}")
