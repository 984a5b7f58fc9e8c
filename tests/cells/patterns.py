"""Patterns of cells: `*` stands for one part of a name. The parts after a pattern may be anything; a last `.` says that
there are none."""

import os


def read(name):
    """The lines of a file beside this one, without comments: {area: [(parts of the pattern, other words)]}"""
    areas = {}
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as lines:
        for line in lines:
            pattern, *words = line.split("#")[0].split() or [""]
            area, *parts = pattern.split("/")
            areas.setdefault(area, []).append((parts, words))
    return areas


def fits(parts, name):
    if parts[-1] == ".":
        return len(parts) == len(name) + 1 and fits(parts[:-1], name)
    return len(parts) <= len(name) and all(part in ("*", other) for part, other in zip(parts, name))
