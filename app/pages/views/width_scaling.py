"""Whether settings transfer across widths, as the page shows it: every part prepared once, by the facts of now."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.coverage import Coverage
from analysis.diagnostic import Figure, FigureKind, Finding, Scope, Table
from analysis.outcome import Outcome
from analysis.width_scaling.advice import NO_SETTINGS, recipe_of, repairs
from analysis.width_scaling.family import MATRIX, Family, Kind, Scaling, family, scaling
from analysis.width_scaling.law import STEADY, WIDTH_EXPONENT, Estimate, Pair, Setting
from analysis.width_scaling.recipe import Recipe
from analysis.width_scaling.summary import format_exponent
from analysis.width_scaling.trajectory import Moment, in_words, trajectory
from app.pages.views.report import Tab, View, figure_url
from app.pages.views.state import State
from app.pages.views.whole import WholeView
from frontend import numbers, states
from frontend.palette import Look, look
from frontend.states import Look as Sign
from frontend.verdict import Kpi

ITSELF = "drift"  # the state's view: σ₁ as it is, in place of what the law says of it
ANSWERS = {Outcome.PASS: "Yes.", Outcome.WARN: "Nearly.", Outcome.FAIL: "No."}
AGREES, ABOVE, BELOW = (
    Sign("tick", "good", "agrees with 0.75"), Sign("triangle", "warn", "above the law"),
    Sign("triangle", "warn", "below the law"),
)  # fmt: skip
STATES = {True: Sign("tick", "good", "steady"), False: Sign("triangle", "warn", "not steady")}
BAND = (132.0, 0.0, 2.0 * WIDTH_EXPONENT)  # pixels, and the exponents at its ends


@dataclass(frozen=True, slots=True)
class Band:
    """An estimate with its interval on a track whose middle is the law, in pixels."""

    dot: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """What the fits say of one kind of weight."""

    look: Look | None  # None where it is of all matrices
    title: str
    of_law: bool  # whether the law speaks of it
    exponent: str
    band: Band | None
    interval: str
    drift: str
    of_ratio: str
    reading: Sign | None


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    css: str
    sign: str
    title: str


@dataclass(frozen=True, slots=True)
class Member:
    id: int
    name: str
    width: str
    rate: str
    decay: str
    steps: str
    steady: str
    state: Sign | None
    repair: str  # the λ that would bring its σ₁ back


class FamilyView(WholeView):
    """The parts of a family's report, each made when a template asks for it. The tables may still be growing."""

    def __init__(
        self, tables: Sequence[Table], coverage: Coverage | None, state: State, moving: bool, ids: Sequence[int] = ()
    ) -> None:
        super().__init__(tables, coverage, state, moving)
        self.ids = ids
        self.table = next(table for table in tables if table.diagnostic.scope is Scope.FAMILY)

    @property
    def empty(self) -> bool:
        return self.found is None

    @cached_property
    def found(self) -> Family | None:
        return family(self.table)

    @cached_property
    def fits(self) -> Scaling:
        assert self.found is not None
        return scaling(self.found)

    @cached_property
    def moments(self) -> list[Moment]:
        """The steps of one run, where the family is that."""
        return trajectory(self.fits.family)

    # --- the answer ---

    @cached_property
    def summary(self) -> tuple[str, Sequence[Finding]]:
        found = self.table.diagnostic.summarise(self.table)
        return found.headline, found.findings

    @property
    def findings(self) -> Sequence[Finding]:
        return self.summary[1]

    @cached_property
    def answer(self) -> tuple[str, str]:
        """Whether settings transfer in one word, and how σ₁ changes from the narrowest model to the widest."""
        pairs = self.fits.overall.pairs if self.fits.overall else ()
        widths = [setting.width for setting in self.fits.family.settings]
        if self.moments or not pairs or min(widths) == max(widths):
            return "", self.summary[0]
        pair = pairs[-1]
        grown = f"From width {min(widths):g} to {max(widths):g} σ₁ of the matrices changes by a factor of"
        return ANSWERS[pair.transfer], f"{grown} {format_exponent(pair.measured)}. {self.summary[0]}"

    @cached_property
    def kpis(self) -> list[Kpi]:
        if self.moments:
            return [
                Kpi("σ₁ at the last step, first is 1", format_exponent(self.moments[-1].sigma)),
                Kpi("norm of the matrices", format_exponent(self.moments[-1].norm)),
                *_kpi("effective learning rate η / ‖W‖", self.moments[-1].rate),
            ]
        fit = self.fits.overall.fit if self.fits.overall else None
        told = [kind.fit.exponent for kind in self.fits.matrices if kind.fit.exponent]
        agree = sum(one.agrees(WIDTH_EXPONENT) is not False for one in told)
        steady = [one for setting in self.fits.family.settings if (one := setting.steps_eta_lambda) is not None]
        return [
            *_kpi("exponent of d, law says 0.75", fit.exponent.value if fit and fit.exponent else None),
            *_kpi("drift of σ₁, rule says 0", fit.drift.value if fit and fit.drift else None, signed=True),
            *([Kpi("kinds of matrix agree", str(agree), f"of {len(told)}")] if told else []),
            *_kpi("largest gap between spectra, should be below 0.05", self.fits.shape_gap),
            *([Kpi(f"lowest steps · η · λ, should be {STEADY:g}", numbers.short(min(steady)))] if steady else []),
        ]

    @property
    def trajectory_words(self) -> str:
        return in_words(self.moments)

    # --- figures ---

    @property
    def lawful(self) -> bool:
        """Whether η and λ of two models are known, so that the law can be held against σ₁."""
        return sum(setting.ratio is not None for setting in self.fits.family.settings) > 1

    @property
    def itself(self) -> bool:
        return self.state.shown.view == ITSELF or not self.lawful

    @cached_property
    def tabs(self) -> list[Tab]:
        if not self.lawful:
            return []
        return [
            Tab("Against the law", "", self.link(view=""), not self.itself),
            Tab("σ₁ itself", ITSELF, self.link(view=ITSELF), self.itself),
        ]

    def _figure(self, name: str) -> Figure:
        return next(figure for figure in self.table.diagnostic.figures if figure.name == name)

    def _view(self, figure: Figure, **query: str) -> View:
        url = figure_url(self.state.run, self.table, figure, query)
        return View(figure.title, figure.caption, figure.kind, url)

    @cached_property
    def scatter(self) -> View:
        """What the small multiples are of."""
        return self._view(self._figure("drift" if self.itself else "scaling"))

    @cached_property
    def multiples(self) -> list[tuple[Line, View]]:
        """A figure for each kind of matrix."""
        figure = self._figure("drift" if self.itself else "scaling")
        kinds = self.fits.matrices
        return [(self.line(kind), self._view(figure, role=kind.layers.role)) for kind in kinds]

    @cached_property
    def growth(self) -> View:
        return self._view(self._figure("growth"))

    @cached_property
    def by_block(self) -> list[View]:
        group = ",".join(map(str, range(len(self.fits.family.names))))
        kinds = (FigureKind.DEPTH, FigureKind.HEATMAP)
        shown = [figure for figure in self.table.diagnostic.figures if figure.kind in kinds]
        return [self._view(figure, group=group) for figure in shown]

    # --- tables ---

    @cached_property
    def lines(self) -> list[Line]:
        overall = [self.line(self.fits.overall, "all matrices")] if self.fits.overall else []
        return [*(self.line(kind) for kind in self.fits.kinds), *overall]

    def line(self, kind: Kind, title: str = "") -> Line:
        exponent, drift, ratio = kind.fit.exponent, kind.fit.drift, kind.fit.ratio
        ends = exponent.widest if exponent else None
        return Line(
            look=None if title else look(kind.layers.role),
            title=title or look(kind.layers.role).title,
            of_law=kind.layers.kind == MATRIX,
            exponent=numbers.ABSENT if exponent is None else format_exponent(exponent.value),
            band=None if exponent is None else _band(exponent),
            interval=f"{format_exponent(ends[0])} to {format_exponent(ends[1])}" if ends else numbers.ABSENT,
            drift=numbers.ABSENT if drift is None else _format_signed(drift.value),
            of_ratio=numbers.ABSENT if ratio is None else format_exponent(ratio.value),
            reading=_reading(exponent),
        )

    @property
    def has_own_ratio(self) -> bool:
        return any(kind.fit.ratio for kind in self.fits.kinds)

    @property
    def _compared_positions(self) -> list[int]:
        """The model that the pairs start from, and those wider: for the law, of those that it speaks of."""
        found = self.fits.family
        lawful = not self.itself and found.lawful[0] != found.narrowest
        return found.lawful if lawful else [found.narrowest, *found.wider]

    @cached_property
    def wider(self) -> list[tuple[str, str]]:
        """The wider models: width, and the name."""
        found = self.fits.family
        return [(f"{found.settings[at].width:g}", found.names[at]) for at in self._compared_positions[1:]]

    @property
    def narrowest(self) -> str:
        return f"{self.fits.family.settings[self._compared_positions[0]].width:g}"

    @cached_property
    def pairs(self) -> list[tuple[Line, list[Cell]]]:
        """The measured ratio of σ₁ over the law's, or as it is, of each kind in each wider model."""
        kinds = [*((kind, "") for kind in self.fits.matrices)]
        kinds += [(self.fits.overall, "all matrices")] if self.fits.overall else []
        return [
            (self.line(kind, title), [self._cell(pair) for pair in (kind.pairs if self.itself else kind.checked)])
            for kind, title in kinds
        ]

    def _cell(self, pair: Pair) -> Cell:
        law = None if self.itself else pair.log_ratio
        verdict = pair.transfer if law is None or pair.law is None else pair.law
        if law is None and not self.itself:
            return Cell(numbers.ABSENT, "", "", "needs η and λ of both models, λ above 0")
        ends = (
            ""
            if pair.low is None
            else f", {format_exponent(pair.low)} to {format_exponent(pair.high or 0.0)} over blocks"
        )
        predicted = "" if pair.predicted is None else f"; the law predicts {format_exponent(pair.predicted)}"
        css, sign = f"r-{states.outcome(verdict).css}", "" if verdict is Outcome.PASS else verdict.symbol
        title = f"{verdict}: measured {format_exponent(pair.measured)}{ends}{predicted}"
        return Cell(format_exponent(pair.measured if law is None else math.exp(law)), css, sign, title)

    @cached_property
    def members(self) -> list[Member]:
        found, decays = self.fits.family, repairs(self.fits)
        return [
            _member(found, at, self.ids[at] if at < len(self.ids) else 0, decays.get(at))
            for at in range(len(found.names))
        ]

    @property
    def has_repairs(self) -> bool:
        return any(member.repair for member in self.members)

    @property
    def edit(self) -> str:
        """The form of the facts of all of them."""
        chosen = "&".join(f"of={identity}" for identity in self.ids)
        return f"/scaling?{chosen}&run={self.state.run}"

    # --- the recipe ---

    @cached_property
    def recipe(self) -> Recipe | None:
        found = recipe_of(self.fits.family, self.state.shown.target or None)
        return found if isinstance(found, Recipe) else None

    @property
    def missing(self) -> str:
        return f"{NO_SETTINGS}."

    @cached_property
    def recipe_json(self) -> str:
        return "" if self.recipe is None else json.dumps(self.recipe.to_json(), indent=1, ensure_ascii=False)

    @cached_property
    def source(self) -> Setting:
        """The model that the recipe starts from."""
        assert self.recipe is not None
        known = [s for s in self.fits.family.settings if s.learning_rate and s.weight_decay]
        return min(known, key=lambda setting: setting.width)

    @property
    def from_words(self) -> str:
        of = self.source
        return f"From width {of.width:g} with η = {of.learning_rate:.3g} and λ = {of.weight_decay:.3g}."


def _kpi(title: str, value: float | None, signed: bool = False) -> list[Kpi]:
    return [] if value is None else [Kpi(title, _format_signed(value) if signed else format_exponent(value))]


def _format_signed(value: float) -> str:
    return f"+{format_exponent(value)}" if round(value, 2) > 0 else format_exponent(value)


def _band(estimate: Estimate) -> Band:
    width, low, high = BAND
    at = [
        max(0.0, min(width, width * (x - low) / (high - low)))
        for x in (estimate.value, *(estimate.widest or [estimate.value] * 2))
    ]
    return Band(*(round(x, 1) for x in at))


def _reading(estimate: Estimate | None) -> Sign | None:
    if estimate is None or (agrees := estimate.agrees(WIDTH_EXPONENT)) is None:
        return None
    return AGREES if agrees else ABOVE if estimate.value > WIDTH_EXPONENT else BELOW


def _member(family: Family, at: int, identity: int, repair: float | None) -> Member:
    setting = family.settings[at]
    forgotten = setting.steps_eta_lambda
    return Member(
        id=identity,
        name=family.names[at],
        width=f"{setting.width:g}",
        rate=numbers.setting(setting.learning_rate),
        decay=numbers.setting(setting.weight_decay),
        steps=numbers.setting(setting.step),
        steady=numbers.setting(forgotten),
        state=None if forgotten is None else STATES[forgotten >= STEADY],
        repair="" if repair is None else f"{repair:.3g}",
    )
