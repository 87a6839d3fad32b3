"""Whether settings transfer across widths, as the page shows it: every part prepared once, by the facts of now."""

from collections.abc import Sequence
from functools import cached_property

from analysis.coverage import Coverage
from analysis.diagnostic import Scope, Table
from analysis.width_scaling.family import Family, Scaling, family, scaling
from analysis.width_scaling.trajectory import Moment, trajectory
from app.pages.views.state import State
from app.pages.views.whole import WholeView
from app.pages.views.width_scaling.answer import AnswerView
from app.pages.views.width_scaling.exponents import ExponentsView
from app.pages.views.width_scaling.figures import FiguresView
from app.pages.views.width_scaling.members import Member, list_members
from app.pages.views.width_scaling.pairs import PairsView
from app.pages.views.width_scaling.recipe import RecipeView


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
        return self._family is None

    @cached_property
    def _family(self) -> Family | None:
        return family(self.table)

    @cached_property
    def fits(self) -> Scaling:
        assert self._family is not None
        return scaling(self._family)

    @cached_property
    def moments(self) -> list[Moment]:
        """The steps of one run, where the family is that."""
        return trajectory(self.fits.family)

    @cached_property
    def answer(self) -> AnswerView:
        return AnswerView(self.table.diagnostic.summarise(self.table), self.fits, self.moments)

    @cached_property
    def figures(self) -> FiguresView:
        return FiguresView(self.table, self.fits, self.state)

    @cached_property
    def exponents(self) -> ExponentsView:
        return ExponentsView(self.fits)

    @cached_property
    def pairs(self) -> PairsView:
        return PairsView(self.fits, self.figures.itself)

    @cached_property
    def members(self) -> list[Member]:
        return list_members(self.fits, self.ids)

    @property
    def has_repairs(self) -> bool:
        return any(member.repair for member in self.members)

    @cached_property
    def recipe(self) -> RecipeView:
        return RecipeView(self.fits.family, self.state.shown.target)

    @property
    def edit(self) -> str:
        """The form of the facts of all of them."""
        ids = "&".join(f"of={identity}" for identity in self.ids)
        return f"/scaling?{ids}&run={self.state.run}"
