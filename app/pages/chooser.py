"""The form that asks what to measure: drawn from the registry, read back, and wrong values told where they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Diagnostic, Scope, groups
from analysis.diagnostics import DIAGNOSTICS
from app.pages.views.option_fields import Field, Fields, field_of, read_options

CHOSEN = "diagnostic"  # the field of the checkboxes; an option's field is "esd.compat"
OFFERED = tuple(each for each in DIAGNOSTICS if groups(each.scope, 1))  # of one checkpoint by itself
COMPARING = tuple(d for d in DIAGNOSTICS if groups(d.scope, 3) and d.scope is not Scope.FAMILY)  # and each alone
OF_SEVERAL = tuple(sorted(COMPARING, key=lambda d: d.scope is Scope.ONE))
NOTHING = "Choose at least one diagnostic."

Asked = dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A diagnostic as a form shows it."""

    name: str
    title: str
    description: str
    checked: bool
    fields: tuple[Field, ...]

    @property
    def wrong(self) -> bool:
        return any(field.error for field in self.fields)


@dataclass(frozen=True, slots=True)
class Chooser:
    """The form: as it begins, or as it was sent with what is wrong in it."""

    choices: tuple[Choice, ...]
    error: str = ""  # what is wrong with all of it
    open: bool = False


def blank() -> Chooser:
    """The default diagnostics, with the default of every option."""
    return Chooser(tuple(_choice(diagnostic, diagnostic.default, {}, {}) for diagnostic in OFFERED))


def blank_of_several() -> Chooser:
    """The same for a comparison: whatever compares, and the others to choose from."""
    return Chooser(tuple(_choice(diagnostic, diagnostic.scope is not Scope.ONE, {}, {}) for diagnostic in OF_SEVERAL))


def read(fields: Fields, offered: Sequence[Diagnostic] = OFFERED) -> Asked | Chooser:
    """What a sent form asks for; or the form again, with what is wrong."""
    selection = [diagnostic for diagnostic in offered if diagnostic.name in fields.get(CHOSEN, ())]
    errors: dict[str, str] = {}
    options = {
        diagnostic.name: read_options(diagnostic.name, diagnostic.options, fields, errors) for diagnostic in selection
    }
    if options and not errors:
        return options
    choices = tuple(_choice(diagnostic, diagnostic in selection, fields, errors) for diagnostic in offered)
    return Chooser(choices, "" if options else NOTHING, open=True)


def chooser_as_sent(fields: Fields, offered: Sequence[Diagnostic]) -> Chooser:
    """The form as it was sent."""
    return Chooser(
        tuple(_choice(diagnostic, diagnostic.name in fields.get(CHOSEN, ()), fields, {}) for diagnostic in offered)
    )


def _choice(diagnostic: Diagnostic, checked: bool, sent: Fields, errors: Mapping[str, str]) -> Choice:
    fields = tuple(field_of(diagnostic.name, option, sent, errors) for option in diagnostic.options)
    return Choice(diagnostic.name, diagnostic.title, diagnostic.description, checked, fields)
