"""What a tensor's name says: its role in the network, the block it lies in, and what a reader would call it.

The rules are one table, `analysis.names.table`, by families of models. A name that none of them knows gets the role
"other" and is analysed all the same: a wrong role is worse than none. Names come out of hostile files: every rule is
linear in their length, and nothing but their last `CONSIDERED` characters is looked at.
"""

from analysis.names.labels import label_of
from analysis.names.parts import CONSIDERED, parts
from analysis.names.places import Place, depth_of, depths, place_of, places
from analysis.names.roles import role_of
from analysis.names.table import ROLES, WORDS, holds_experts

__all__ = [
    "CONSIDERED", "ROLES", "WORDS", "Place", "depth_of", "depths", "holds_experts", "label_of", "parts", "place_of",
    "places", "role_of",
]  # fmt: skip
