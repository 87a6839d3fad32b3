"""Where in the depth of a network its change sits, and in which roles."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from analysis.diagnostic import Finding, Row, Scalar, Severity
from analysis.findings.changes import PLACE
from analysis.findings.grouping import having
from analysis.findings.subjects import number, parts
from analysis.findings.wording import blocks, lower_first, percent

FEWEST = 3  # blocks that have a first, a middle and a last third
HALF = 0.5
FAR = 5.0  # times the median change, from which on a matrix changed far; ours
NARROW = 0.4  # of the blocks, that hold half of the change where it is concentrated: benchmarks/truth/bounds/places.py

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of Σ‖ΔW‖² over all weights of one pair; each map adds up to 1 with what lies outside the blocks."""

    blocks: Mapping[int, float]  # by depth, ascending
    roles: Mapping[str, float]  # largest first
    sizes: Mapping[int, float]  # the share of all compared entries that each block has: what an even change would give

    def third(self, last: bool) -> float | None:
        """What the first or the last third of the blocks holds; None for fewer than three blocks."""
        if len(self.blocks) < FEWEST:
            return None
        count = len(self.blocks) // 3
        shares = list(self.blocks.values())
        return sum(shares[-count:] if last else shares[:count])

    def numbers(self) -> dict[str, Scalar]:
        thirds: dict[str, Scalar] = {
            "energy_first_third": self.third(last=False),
            "energy_last_third": self.third(last=True),
        }
        return thirds | {f"energy_{role}": share for role, share in self.roles.items()}


def profile(rows: Sequence[Row]) -> Profile | None:
    """The profile of the rows of one pair, by the column norm; None where nothing changed."""
    measured_rows = having(rows, "norm")
    roles = _shares(measured_rows, lambda row: row.weight.role, _energy)
    if not roles:
        return None
    shares = _shares(measured_rows, lambda row: row.weight.depth, _energy)
    sizes = _shares(measured_rows, lambda row: row.weight.depth, _size)
    return Profile(
        blocks={depth: shares[depth] for depth in sorted(d for d in shares if d is not None)},
        roles=dict(sorted(roles.items(), key=lambda item: -item[1])),
        sizes={depth: share for depth, share in sizes.items() if depth is not None},
    )


def _energy(row: Row) -> float:
    return number(row, "norm") ** 2


def _size(row: Row) -> float:
    return float(row.weight.rows * row.weight.columns * row.weight.slices)


def _shares(rows: Sequence[Row], key: Callable[[Row], Key], amount: Callable[[Row], float]) -> dict[Key, float]:
    sums: dict[Key, float] = defaultdict(float)
    for row in rows:
        sums[key(row)] += amount(row)
    grand_total = sum(sums.values())
    return {place: total / grand_total for place, total in sums.items()} if grand_total > 0.0 else {}


def find_concentration(found: Profile) -> list[int] | None:
    """The few blocks that hold half of the blocks' change; None where they are not few, or fewer than three in all."""
    if len(found.blocks) < FEWEST:
        return None
    goal = HALF * sum(found.blocks.values())
    depths: list[int] = []
    for depth in sorted(found.blocks, key=lambda depth: -found.blocks[depth]):
        depths.append(depth)
        if sum(found.blocks[d] for d in depths) >= goal:
            break
    return sorted(depths) if len(depths) <= NARROW * len(found.blocks) else None


def name_far(rows: Sequence[Row], size: float) -> str:
    """What a median hides: how many changed FAR times as much or more, and the largest; "" where none did."""
    far = [row for row in having(rows, "relative_norm") if number(row, "relative_norm") >= FAR * size]
    if not far or size == 0.0:
        return ""
    top = max(far, key=lambda row: number(row, "relative_norm"))
    largest = f"{lower_first(top.weight.label)} by {percent(number(top, 'relative_norm'))}"
    return f"; {largest}" if len(far) == 1 else f"; {len(far)} by {FAR:.0f} times that or more, {largest}"


def place_findings(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """A note on where the change of one pair sits; none where it says nothing."""
    change_profile = profile(rows)
    if change_profile is None:
        return []
    depths = find_concentration(change_profile)
    if depths is None:
        return []
    share = sum(change_profile.blocks[depth] for depth in depths)
    size = sum(change_profile.sizes[depth] for depth in depths)
    role, role_share = next(iter(change_profile.roles.items()))
    addition = f", mostly {_name_role(rows, role)}" if role_share >= HALF and len(change_profile.roles) > 1 else ""
    text = f"{tuned}: {percent(share)} of the change sits in {blocks(depths)}{addition}"
    why = f"Share of Σ‖ΔW‖² over all compared weights. That part of the network holds {percent(size)} of them."
    evidence = {f"block_{depth}": change_profile.blocks[depth] for depth in depths}
    return [Finding(Severity.NOTE, text, why, (), {"share": share, "share_of_weights": size, **evidence}, PLACE)]


def _name_role(rows: Sequence[Row], role: str) -> str:
    """What a reader calls a role: "MLP down"."""
    return lower_first(next(parts(row)[2] for row in rows if row.weight.role == role))
