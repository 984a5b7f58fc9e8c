"""Why a refused cell is refused, where no document fixes the wording: the engine's rule and the path that it names.

reasons.txt has a line for each kind of refusal: a pattern of cells, the rule (src/base/error.h), the path. The first
pattern that fits holds. The path is `@` for the path that the cell is about, `=PATH` for another, `-` for none.
"""

from mistake import Mistake
from patterns import fits, read

# The path that a part of a cell's name speaks of.
PATHS = {
    "deterministic": "det",
    "random": "rand",
    "above": "obj",
    "below": "det.x",
    "equality": "eq",
    "range": "range",
    "text": "text",
    "unindexed": "none",
    "above-qe": "obj",
    "below-qe": "eq.x",
    "pointer": "ptr",
    "unknown": "u",
    "array": "rows",
    "in-array": "rows.det",
    "current": "det",
    "in-array-plain": "rows.plain",
    "joined": "rows.det",
}


REASONS = read("reasons.txt")
used = set()


def own_path(name, error):
    """The path that the cell gives, or that of the last part of its name which speaks of one."""
    if "path" in error:
        return error["path"]
    return next((PATHS[part] for part in reversed(name) if part in PATHS), None)


def complete(name, error):
    area, *parts = name.split("/")
    for pattern, (rule, where) in REASONS.get(area, ()):
        if not fits(pattern, parts):
            continue
        used.add((area, *pattern))
        path = own_path(parts, error) if where == "@" else None if where == "-" else where[1:]
        said = {"rule": rule, **({"path": path} if path else {})}
        return {**said, **{key: value for key, value in error.items() if key != "path"}}
    raise Mistake(f"{name}: reasons.txt has no line for it")


def check():
    """A line that no cell needs says nothing any more."""
    for area, lines in REASONS.items():
        for pattern, _ in lines:
            if (area, *pattern) not in used:
                raise Mistake(f"reasons.txt: no cell needs {'/'.join((area, *pattern))}")
