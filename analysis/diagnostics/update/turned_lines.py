"""Rows of a tuned weight beside those of its base: which stand in other places, and which are new.

Training turns a line, a row or a column, by little: in the fine-tunes of docs/truth.md not 2 % of the lines of any
matrix came near a right angle. Heads of attention and hidden units that changed places are lines that match others of
the base; lines drawn anew match none. For columns give both matrices transposed, and the sums of the columns.
"""

import math

from analysis.diagnostics.update.sums import Sums
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Bool, Float, Int

SMALL = 32  # rows and columns below which a cosine of two lines says little
TURNED = 0.5  # cosine of a line with the base's in its place below which another place is looked for
MATCH = 0.8  # cosine with another line of the base from which on it is that one, trained
MOST = 0.8  # of the turned lines, that have a match of their own where the order changed
TRIED = 64  # turned lines that are looked for first: of new ones next to none has a match
LONGEST = 1 << 14  # lines among which others are looked for; more would take longer than a decomposition
AT_ONCE = 1 << 10  # lines that are compared with all others at a time
NEAR = 0.9  # median cosine of the other lines, where some are new
UNRELATED, DEVIATIONS = 0.1, 3.0  # cosine of lines with nothing in common; of 1/√n where these are short
FEWEST, LEAST = 3, 0.02  # new lines, and their share, below which nothing is said
FAINT = 0.1  # of the root mean square length of all lines: a shorter one has no direction to speak of


def find_order(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums) -> Int[Tensor, " m"] | None:
    """Where in the base each row stood, if rows changed places; None if they did not, or too many to look at."""
    turned = torch.nonzero(_have_directions(rows) & (rows.cosines < TURNED)).flatten()
    if len(turned) < 2 or min(before.shape) < SMALL or len(before) > LONGEST:
        return None
    candidates = _directions(before)
    some = turned[:: math.ceil(len(turned) / TRIED)]
    if not _have_places(*_best_match(after[some], candidates)):
        return None
    likeness, places = _best_match(after, candidates)
    if not _have_places(likeness[turned], places[turned]):
        return None
    return torch.where(likeness >= MATCH, places, torch.arange(len(before), device=before.device))


def has_new_lines(lines: Sums, across: Sums) -> bool:
    """Whether some lines have no more in common with the base's than chance gives, and most others stayed near.

    `across` are the sums of the lines of the other kind: as many as a line has entries.
    """
    cosines, sound = lines.cosines, _have_directions(lines)
    length = len(across.squares)
    bound = min(TURNED, max(UNRELATED, DEVIATIONS / math.sqrt(length)))
    new = sound & (cosines.abs() < bound)
    others, count = cosines[sound & ~new], int(new.sum())
    if min(len(cosines), length) < SMALL or count < max(FEWEST, LEAST * len(cosines)) or not len(others):
        return False
    return float(others.median()) >= NEAR


def _have_directions(lines: Sums) -> Bool[Tensor, " l"]:
    """Whether both of each line are long enough to have a direction."""
    return torch.stack([one > FAINT**2 * one.mean() for one in (lines.squares, lines.tuned)]).all(0)


def _directions(rows: Float[Tensor, "m n"]) -> Tensor:
    rows = rows.double()
    return torch.nn.functional.normalize(rows, eps=torch.finfo(rows.dtype).tiny).float()


def _best_match(rows: Float[Tensor, "m n"], candidates: Tensor) -> tuple[Tensor, Tensor]:
    """The largest cosine of each row with a candidate, and that one's place."""
    found = [(some @ candidates.mT).max(dim=1) for some in torch.split(_directions(rows), AT_ONCE)]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def _have_places(likeness: Tensor, places: Tensor) -> bool:
    """Whether most of these rows are another one of the base, no two the same."""
    matched = places[likeness >= MATCH]
    return len(torch.unique(matched)) >= MOST * len(places)
