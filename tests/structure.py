"""The structure of the sources in numbers: modules per folder, import arrows and floors, names.

    python -m tests.structure [ROOT]

A *part* of a package is a module or a folder directly in it. An *arrow* is one part that imports another of its
package. *Floors* are the parts on the longest path of arrows; parts that import each other in a circle share a floor.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.naming import Share, function_names, share_of, variable_names

PACKAGES = ("analysis", "app", "workers", "frontend")
Imports = Mapping[str, frozenset[str]]  # module -> the modules it imports, ours as modules, others as written
Arrows = Mapping[str, frozenset[str]]  # part -> the parts that it imports


def find_modules(root: Path) -> dict[str, Path]:
    """Every module of the four packages by its dotted name; a package's __init__ goes by the package's name."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {_dotted_name(path.relative_to(root)): path for path in paths}


def _dotted_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a source imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    def resolve(name: str) -> str:
        longest = name
        while longest and longest not in sources:
            longest = longest.rpartition(".")[0]
        return longest or name

    trees = {module: ast.parse(text) for module, text in sources.items()}
    return {module: frozenset(map(resolve, imported_names(tree))) - {module} for module, tree in trees.items()}


def folder_sizes(modules: Mapping[str, Path]) -> Counter[str]:
    """How many modules lie directly in each folder, its __init__ not counted."""
    return Counter(module.rpartition(".")[0] for module, path in modules.items() if path.name != "__init__.py")


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def arrows_of(imports: Imports, package: str) -> dict[str, frozenset[str]]:
    """The arrows between the parts of a package; the package's own __init__ is no part."""
    arrows: dict[str, set[str]] = {}
    for module, names in imports.items():
        if module.startswith(package + "."):
            inner = {part_of(name) for name in names if name in imports and name.startswith(package + ".")}
            arrows.setdefault(part_of(module), set()).update(inner - {part_of(module)})
    return {part: frozenset(targets) for part, targets in arrows.items()}


def circles_of(arrows: Arrows) -> list[frozenset[str]]:
    """Parts that reach each other, of every circle one set (from the reach of each part)."""
    reach = {part: _reach(arrows, part) for part in arrows}
    return sorted({frozenset(q for q in reach[p] if p in reach[q]) for p in arrows if p in reach[p]}, key=sorted)


def _reach(arrows: Arrows, part: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(arrows[part])
    while waiting:
        target = waiting.pop()
        if target not in reached:
            reached.add(target)
            waiting += arrows.get(target, ())
    return reached


def count_floors(arrows: Arrows) -> int:
    """The parts on the longest path, a circle counted as one."""
    group = {part: min(circle) for circle in circles_of(arrows) for part in circle}
    joint: dict[str, set[str]] = {}
    for part, targets in arrows.items():
        own = group.get(part, part)
        joint.setdefault(own, set()).update({group.get(target, target) for target in targets} - {own})
    heights: dict[str, int] = {}

    def height(part: str) -> int:
        if part not in heights:
            heights[part] = 1 + max((height(target) for target in joint.get(part, ())), default=0)
        return heights[part]

    return max(map(height, joint), default=0)


def name_shares(paths: Iterable[Path]) -> tuple[Share, Share]:
    """Of functions and of variables, those that are named by a participle or an adverb."""
    trees = [ast.parse(path.read_text()) for path in paths]
    return (
        share_of(name for tree in trees for name in function_names(tree)),
        share_of(name for tree in trees for name in variable_names(tree)),
    )


def report_lines(root: Path) -> Iterator[str]:
    modules = find_modules(root)
    imports = imports_of({module: path.read_text() for module, path in modules.items()})
    sizes = folder_sizes(modules)
    yield "| package | modules | largest folder | parts | arrows | floors |"
    yield "|---|---|---|---|---|---|"
    for package in PACKAGES:
        arrows = arrows_of(imports, package)
        own = {folder: size for folder, size in sizes.items() if folder.split(".")[0] == package}
        largest = max(own, key=lambda folder: own[folder])
        yield (
            f"| {package} | {sum(own.values())} | {largest}: {own[largest]} | {len(arrows)} "
            f"| {sum(map(len, arrows.values()))} | {count_floors(arrows)} |"
        )
    functions, variables = name_shares(modules.values())
    yield ""
    for kind, share in (("functions", functions), ("variables", variables)):
        yield f"{kind} named by a participle or an adverb: {share.count} of {share.total} ({share.percent:.1f} %)"


if __name__ == "__main__":
    print("\n".join(report_lines(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd())))
