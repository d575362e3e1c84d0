"""Who imports whom in a package, read from the sources: also inside functions, under TYPE_CHECKING, and by name at run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of ``package`` by its dotted name; a folder stands for its ``__init__``."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = (package.name, *file.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports_of(file: Path, name: str = "") -> set[str]:
    """Dotted names that ``file``, the module ``name``, imports; ``package.*`` for one that is imported by a name made at run time."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively; write the whole name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and _called(node).endswith("import_module") and node.args:
            found |= _at_run_time(node.args[0], name)
    return found


def graph_of(package: Path) -> dict[str, set[str]]:
    """Which modules of ``package`` each of them imports: of ``from a.b import c`` that is ``a.b.c`` where it is a module, else ``a.b``."""
    modules = modules_of(package)
    graph: dict[str, set[str]] = {}
    for module, file in modules.items():
        graph[module] = {found for name in imports_of(file, module) for found in _resolved(name, modules)} - {module}
    return graph


def circles(graph: Graph) -> Iterator[list[str]]:
    """One path for each group of modules that import each other: its shortest circle, beginning and ending with the same module."""
    for group in _groups(graph):
        inside = {module: sorted(graph[module] & group) for module in group}
        yield min((path for module in sorted(group) if (path := _way_back(inside, module))), key=len)


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _at_run_time(argument: ast.expr, name: str) -> set[str]:
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    if not isinstance(argument, ast.JoinedStr):
        return set()
    prefix = ""
    for part in argument.values:
        if isinstance(part, ast.Constant):
            prefix += str(part.value)
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id == "__name__":
            prefix += name
        else:
            break
    return {f"{prefix.rpartition('.')[0]}.*"} if "." in prefix else set()


def _resolved(name: str, modules: Mapping[str, Path]) -> set[str]:
    if name.endswith(".*"):
        return {module for module in modules if module.rpartition(".")[0] == name[:-2]}
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return {name} if name else set()


def _way_back(graph: Mapping[str, list[str]], start: str) -> list[str]:
    """The shortest path from ``start`` to itself."""
    waiting, seen = [[start]], {start}
    for path in waiting:
        for module in graph[path[-1]]:
            if module == start:
                return [*path, start]
            if module not in seen:
                seen.add(module)
                waiting.append([*path, module])
    return []


def _groups(graph: Graph) -> Iterator[set[str]]:
    """Strongly connected groups of more than one module (R. Tarjan, SIAM J. Comput. 1(2), 1972), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            module, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in stack:
                    low[module] = min(low[module], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[module])
                if low[module] == index[module]:
                    at = stack.index(module)
                    group, stack[at:] = set(stack[at:]), []
                    if len(group) > 1:
                        yield group
