"""A table of `top_singular_value` as a family of models: their settings, and σ₁ of each kind of weight in each of them.

Widths come from the facts of the checkpoints, or from the shapes of their matrices where nobody says. `Family` is what
the fits of analysis.width_scaling.law take, and `Scaling` is what they make of it, for pages and for JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.cached import once
from analysis.diagnostic import Row, Scalar, Table
from analysis.findings.subjects import number
from analysis.names import ROLES
from analysis.width_scaling.law import Estimate, Fit, Pair, Places, Setting, Sizes, fit, pair
from analysis.width_scaling.recipe import decouple_decay
from analysis.width_scaling.training import form_of, is_one_rate, looks_independent, other_optimizers

MATRIX, VECTOR, HEAD = "matrix", "vector", "head"
MOST = 0.5  # of the matrices, from which their width is the model's
CLOSE = 0.01  # relative difference of two widths that say the same
FACTS = ("learning_rate", "weight_decay", "step", "mean_learning_rate")


@dataclass(frozen=True)
class Layers:
    """One kind of weight: σ₁ and more of each layer in each model."""

    role: str
    kind: str  # MATRIX, VECTOR or HEAD
    rows: tuple[Row, ...]
    blocks: Places

    @once
    def sigma(self) -> Sizes:
        return self.curve("sigma")

    def curve(self, name: str) -> Sizes:
        """A curve of each layer, one value for each model."""
        return np.array([row.measurement.curves[name] for row in self.rows], dtype=np.float64)


@dataclass(frozen=True)
class Family:
    """Models of several widths, in the run's order, and their weights by kind."""

    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    layers: tuple[Layers, ...]  # in the order of ROLES
    shapes: tuple[float, ...]  # the widths that the shapes tell
    stated: tuple[float | None, ...]  # the widths that the facts tell
    facts: tuple[Mapping[str, Scalar], ...] = ()
    found: tuple[Mapping[str, Scalar], ...] = ()  # what the files say, where people may have said otherwise

    @property
    def other_optimizers(self) -> list[str]:
        """Those that trained it and are not AdamW, of which the law is."""
        return other_optimizers(self.facts)

    @property
    def asks_decay(self) -> bool:
        """Whether it has to be said first which form of weight decay the numbers are."""
        return not self.other_optimizers and looks_independent(self.settings, self.facts)

    @property
    def asks_rate(self) -> bool:
        """Whether it has to be said first that every width had the one learning rate."""
        return not self.other_optimizers and is_one_rate(self.settings, self.facts)

    @property
    def has_law(self) -> bool:
        """Whether σ₁ can be held against the law of AdamW."""
        return not self.other_optimizers and not self.asks_decay

    @property
    def contradictions(self) -> list[int]:
        """The models whose stated width does not go with their shapes.

        Where all are stated, they may be the same multiple of what the shapes tell.
        """
        scales = [w / s for w, s in zip(self.stated, self.shapes, strict=True) if w]
        usual = float(np.median(scales)) if len(scales) == len(self.shapes) else 1.0
        pairs = enumerate(zip(self.stated, self.shapes, strict=True))
        return [index for index, (w, s) in pairs if w and abs(w / s / usual - 1.0) > CLOSE]

    @property
    def unsure_widths(self) -> list[int]:
        """The models of whose matrices fewer than half have the width that the shapes tell."""
        curves = [layers.curve("widths") for layers in self.layers if layers.kind == MATRIX]
        if not curves:
            return []
        agree = np.isclose(np.concatenate(curves), np.array(self.shapes)).mean(axis=0)
        return [at for at, share in enumerate(agree) if share < MOST or not self.shapes[at].is_integer()]

    @property
    def guessed_widths(self) -> list[int]:
        """Those of them whose width nobody states either."""
        return [at for at in self.unsure_widths if self.stated[at] is None]

    def missing(self, fact: str) -> list[int]:
        """The models of which the fact is not known."""
        return [index for index, setting in enumerate(self.settings) if getattr(setting, fact) is None]

    @property
    def narrowest(self) -> int:
        """The model that the others are compared with: of equally narrow ones the first."""
        return min(range(len(self.settings)), key=lambda at: self.settings[at].width)

    @property
    def wider(self) -> list[int]:
        """The others, by width."""
        return [index for index in self._order if index != self.narrowest]

    @property
    def lawful(self) -> list[int]:
        """The models whose η and λ > 0 are known, by width: the law is checked from the first of them to the others."""
        return [index for index in self._order if self.settings[index].ratio is not None and self.has_law]

    @property
    def _order(self) -> list[int]:
        return sorted(range(len(self.settings)), key=lambda at: self.settings[at].width)


def family(table: Table) -> Family | None:
    """The family that a table speaks of; None where no weight of it was measured in all models."""
    rows = [row for row in table.rows if is_measured(row)]
    if not rows:
        return None
    members = len(rows[0].group)
    rows = [row for row in rows if len(row.group) == members]
    facts = [table.facts[index] if index < len(table.facts) else {} for index in rows[0].group]
    shapes = _shapes(rows)
    stated_widths = tuple(_positive(fact, "width") for fact in facts)
    known_widths = [w for w in stated_widths if w is not None]
    is_trusted = len(known_widths) == members and not Family((), (), (), shapes, stated_widths).contradictions
    widths = stated_widths if is_trusted else shapes
    settings = tuple(_setting(w or s, fact) for w, s, fact in zip(widths, shapes, facts, strict=True))
    names = tuple(table.name_at(index) for index in rows[0].group)
    file_facts = tuple(table.found[index] for index in rows[0].group) if table.found else ()
    return Family(names, settings, _layers(rows), shapes, stated_widths, tuple(facts), file_facts)


def is_measured(row: Row) -> bool:
    """Whether it has a σ₁ above 0 in every model."""
    sigma = row.measurement.curves.get("sigma")
    return sigma is not None and len(sigma) == len(row.group) > 1 and bool((sigma > 0.0).all())


def _shapes(rows: Sequence[Row]) -> tuple[float, ...]:
    """The usual width of the matrices in each model."""
    matrices = [row for row in rows if row.value("kind_class") == MATRIX] or rows
    widths = np.array([row.measurement.curves["widths"] for row in matrices], dtype=np.float64)
    return tuple(float(width) for width in np.median(widths, axis=0))


def _positive(facts: Mapping[str, Scalar], name: str) -> float | None:
    """A fact that is a number above 0, or 0 itself where the fact is the weight decay."""
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value > 0.0 or (value == 0.0 and name == "weight_decay") else None


def _setting(width: float, facts: Mapping[str, Scalar]) -> Setting:
    told = {name: _positive(facts, name) for name in FACTS}
    rate, decay = told["learning_rate"], told["weight_decay"]
    if form_of(facts) == "independent" and decay:
        told["weight_decay"] = decouple_decay(decay, rate) if rate else None
    return Setting(width, **told)


def _layers(rows: Sequence[Row]) -> tuple[Layers, ...]:
    by_role: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_role.setdefault((row.weight.role, str(row.value("kind_class"))), []).append(row)
    order = sorted(by_role, key=lambda key: ((MATRIX, VECTOR, HEAD).index(key[1]), ROLES.index(key[0])))
    return tuple(Layers(role, kind, tuple(by_role[role, kind]), _blocks(by_role[role, kind])) for role, kind in order)


def _blocks(rows: Sequence[Row]) -> Places:
    """The block of each row; what lies outside the blocks is one by itself."""
    places = [row.weight.depth if row.weight.depth is not None else -1 - index for index, row in enumerate(rows)]
    return np.array(places, dtype=np.int64)


@dataclass(frozen=True)
class Kind:
    """What the fits say of one kind of weight."""

    layers: Layers
    fit: Fit
    pairs: tuple[Pair, ...]  # of the narrowest model with each wider one
    # Where the law says nothing of the narrowest: of the narrowest that it speaks of with each wider one of those
    instead: tuple[Pair, ...] = ()

    @property
    def checked(self) -> tuple[Pair, ...]:
        """The pairs that are held against the law."""
        return self.instead or self.pairs


@dataclass(frozen=True)
class Scaling:
    """What the fits say of a family: of each kind of weight, and of all matrices together."""

    family: Family
    kinds: tuple[Kind, ...]
    overall: Kind | None  # all matrices together; None without any

    @property
    def matrices(self) -> list[Kind]:
        return [kind for kind in self.kinds if kind.layers.kind == MATRIX]

    @property
    def shape_gap(self) -> float | None:
        """The largest gap between normalised spectra of one weight; None where only σ₁ was computed."""
        gaps = [number(row, "shape_gap") for kind in self.matrices for row in kind.layers.rows]
        numbers = [gap for gap in gaps if gap == gap]
        return max(numbers) if numbers else None

    def to_json(self) -> dict[str, Any]:
        return {
            "members": [_member(self.family, index) for index in range(len(self.family.names))],
            "overall": None if self.overall is None else _kind(self.overall),
            "kinds": [{"role": kind.layers.role, "class": kind.layers.kind, **_kind(kind)} for kind in self.kinds],
        }


def scaling(family: Family) -> Scaling:
    """The fits of every kind of weight, and of all matrices together."""
    kinds = tuple(_fit_kind(family, layers) for layers in family.layers)
    matrices = [layers for layers in family.layers if layers.kind == MATRIX]
    if not matrices:
        return Scaling(family, kinds, None)
    rows = tuple(row for layers in matrices for row in layers.rows)
    return Scaling(family, kinds, _fit_kind(family, Layers("all", MATRIX, rows, _blocks(rows))))


def _fit_kind(family: Family, layers: Layers) -> Kind:
    """The law speaks of matrices: of all others, only what σ₁ itself does is said."""
    result = fit(family.settings, layers.sigma, layers.blocks)
    pairs, law_pairs = _pairs(family, layers, family.narrowest, family.wider), list[Pair]()
    if family.lawful and family.lawful[0] != family.narrowest:
        law_pairs = _pairs(family, layers, family.lawful[0], family.lawful[1:])
    if layers.kind != MATRIX or not family.has_law:
        result = replace(result, exponent=None, joint=None, ratio=None, why=("the law does not speak of it",))
        pairs, law_pairs = [replace(one, predicted=None) for one in pairs], []
    return Kind(layers, result, tuple(pairs), tuple(law_pairs))


def _pairs(family: Family, layers: Layers, base: int, targets: Sequence[int]) -> list[Pair]:
    return [pair(family.settings, layers.sigma, layers.blocks, base, target) for target in targets]


def _member(family: Family, at: int) -> dict[str, Any]:
    setting = family.settings[at]
    fields = {name: getattr(setting, name) for name in ("width", *FACTS)}
    return {"name": family.names[at], **fields, "ratio": setting.ratio, "steps_eta_lambda": setting.steps_eta_lambda}


def _kind(kind: Kind) -> dict[str, Any]:
    estimates = {name: _estimate(getattr(kind.fit, name)) for name in ("drift", "exponent", "joint", "ratio")}
    return {
        **estimates,
        "why": list(kind.fit.why),
        "pairs": [_pair(one) for one in (*kind.pairs, *kind.instead)],
        "layers": [
            {"weight": row.weight.name, "depth": row.weight.depth, "sigma": [float(s) for s in sigma]}
            for row, sigma in zip(kind.layers.rows, kind.layers.sigma, strict=True)
        ],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "value": estimate.value,
        "interval": None if estimate.widest is None else list(estimate.widest),
        "over_blocks": None if estimate.low is None else [estimate.low, estimate.high],
        "error": estimate.error,
        "spread": None if estimate.spread is None else list(estimate.spread),
    }


def _pair(one: Pair) -> dict[str, Any]:
    names = ("base", "target", "measured", "predicted", "log_ratio", "law", "transfer")
    over_blocks = None if one.low is None else [one.low, one.high]
    return {**{name: getattr(one, name) for name in names}, "over_blocks": over_blocks}
