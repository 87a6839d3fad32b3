"""How a role looks and is called: its name in words, its colour token and its marker, the same on every figure.

Colours are names of CSS tokens, written "var(--role-q)" or, at 35 percent strength, "var(--role-q) / 35%". The page
resolves them (static/js/figure.js), so a figure follows the theme without being fetched again.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """A role for the eye. No two roles share both colour and marker."""

    role: str
    title: str
    color: str  # of the token --role-…
    marker: str  # a Plotly symbol; the page's sprite has the same shape under the role's name


ATTENTION = (
    Look("q", "query", "q", "circle"),
    Look("k", "key", "k", "square"),
    Look("v", "value", "v", "diamond"),
    Look("qkv", "query, key, value", "k", "hexagon"),
    Look("o", "attn output", "o", "triangle-up"),
)
MLP = (
    Look("gate", "MLP gate", "gate", "pentagon"),
    Look("up", "MLP up", "up", "cross"),
    Look("gate_up", "MLP gate, up", "gate", "hexagon"),
    Look("down", "MLP down", "down", "triangle-down"),
    Look("router", "router", "gate", "star"),
)
REST = (
    Look("conv", "convolution", "conv", "circle"),
    Look("recurrent", "recurrent", "conv", "diamond"),
    Look("embedding", "embedding", "other", "square"),
    Look("position", "position", "other", "diamond"),
    Look("pooler", "pooler", "other", "circle"),
    Look("head", "head", "other", "triangle-up"),
    Look("norm", "norm", "other", "pentagon"),
    Look("bias", "bias", "other", "triangle-down"),
    Look("other", "other", "other", "x"),
)
LOOKS = {look.role: look for look in (*ATTENTION, *MLP, *REST)}


def look(role: str) -> Look:
    """A role's look; one that is not known here looks like "other" and keeps its own name."""
    other = LOOKS["other"]
    return LOOKS.get(role) or Look(role, role, other.color, other.marker)


def order(role: str) -> int:
    """The place of a role in lists and legends: attention, MLP, the rest."""
    return list(LOOKS).index(role) if role in LOOKS else len(LOOKS)


def token(name: str, percent: int | None = None) -> str:
    """A CSS colour token as figures name it.

    >>> token("role-q"), token("good", 9)
    ('var(--role-q)', 'var(--good) / 9%')
    """
    return f"var(--{name})" + ("" if percent is None else f" / {percent}%")


def role_color(role: str, percent: int | None = None) -> str:
    return token(f"role-{look(role).color}", percent)
