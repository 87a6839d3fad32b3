"""The figures of a family: σ₁ over the widths or the steps, and block by block."""

from functools import cached_property

from analysis.diagnostic import Figure, FigureKind, Table
from analysis.width_scaling.family import Scaling
from app.pages.views.pictures import Tab, View, figure_url
from app.pages.views.state import State
from app.pages.views.width_scaling.exponents import Line, make_line

ITSELF = "drift"  # the state's view: σ₁ as it is, in place of what the law says of it


class FiguresView:
    def __init__(self, table: Table, fits: Scaling, state: State) -> None:
        self.table, self.fits, self.state = table, fits, state

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
            Tab("Against the law", "", self.state.link(view=""), not self.itself),
            Tab("σ₁ itself", ITSELF, self.state.link(view=ITSELF), self.itself),
        ]

    @property
    def _figure(self) -> Figure:
        return self._named("drift" if self.itself else "scaling")

    def _named(self, name: str) -> Figure:
        return next(figure for figure in self.table.diagnostic.figures if figure.name == name)

    def _view(self, figure: Figure, **query: str) -> View:
        url = figure_url(self.state.run, self.table, figure, query)
        return View(figure.title, figure.caption, figure.kind, url)

    @cached_property
    def scatter(self) -> View:
        """What the small multiples are of."""
        return self._view(self._figure)

    @cached_property
    def multiples(self) -> list[tuple[Line, View]]:
        """A figure for each kind of matrix."""
        return [(make_line(kind), self._view(self._figure, role=kind.layers.role)) for kind in self.fits.matrices]

    @cached_property
    def growth(self) -> View:
        return self._view(self._named("growth"))

    @cached_property
    def by_block(self) -> list[View]:
        group = ",".join(map(str, range(len(self.fits.family.names))))
        kinds = (FigureKind.DEPTH, FigureKind.HEATMAP)
        return [self._view(figure, group=group) for figure in self.table.diagnostic.figures if figure.kind in kinds]
