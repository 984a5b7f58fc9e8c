"""The book of cells: a case for each, under the name AREA/ROW/COLUMN…, and what says that one is missing."""

import json
import os

import reasons
from forms import Open
from mistake import Mistake
from patterns import fits, read

# The JSON parser reads these as BSON types; a second `$` makes them plain names (tests/cases/README.md).
ESCAPED = {"$regex", "$options", "$type"}


class Again(str):
    """A name that an object holds a second time: {"a": 1, Again("a"): 2}."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def escape_name(name):
    return type(name)("$" + name) if str(name) in ESCAPED else name


def escape(value):
    if isinstance(value, dict):
        return {escape_name(k): escape(v) for k, v in value.items()}
    return [escape(v) for v in value] if isinstance(value, list) else value


class Area:
    """A table: its rows are names of the documents, and each has a cell in every one of its columns."""

    def __init__(self, name, rows):
        self.name = name
        self.rows = set(rows)
        self.cases = {}

    def add(self, row, column, case, kind=""):
        if row not in self.rows:
            raise Mistake(f"{self.name}: no document lists {row}")
        name = "/".join(part for part in (self.name, row, column, kind) if part)
        if name in self.cases:
            raise Mistake(f"{name}: twice")
        if isinstance(case.get("error"), Open):
            case = {**case, "error": reasons.complete(name, case["error"])}
        self.cases[name] = {"name": name, **escape(case)}

    def check(self):
        """Every row that the documents list has cells."""
        seen = {name.split("/")[1] for name in self.cases}
        if self.rows - seen:
            raise Mistake(f"{self.name}: no cell of {', '.join(sorted(self.rows - seen))}")


class Book:
    def __init__(self):
        self.areas = []

    def area(self, name, rows):
        """The area of this name; several files may fill one."""
        known = [area for area in self.areas if area.name == name]
        if not known:
            self.areas.append(Area(name, rows))
        return known[0] if known else self.areas[-1]

    def write(self, folder, schemas):
        """Into `agreed`, and into `open` where documents and engine disagree (disagreements.txt)."""
        open_cells = read("disagreements.txt")
        for area in self.areas:
            area.check()
            patterns = [parts for parts, _ in open_cells.get(area.name, ())]
            is_open = {name: any(fits(parts, name.split("/")[1:]) for parts in patterns) for name in area.cases}
            for kind, wanted in (("agreed", False), ("open", True)):
                write_cases(
                    folder, kind, area.name, [case for name, case in area.cases.items() if is_open[name] == wanted]
                )
        for kind in ("agreed", "open"):
            write_json(os.path.join(folder, kind, "schemas.json"), schemas)

    def count(self):
        return {area.name: len(area.cases) for area in self.areas}


def write_cases(folder, kind, area, cases):
    os.makedirs(os.path.join(folder, kind, area), exist_ok=True)
    write_json(os.path.join(folder, kind, area, "cells.json"), cases)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        if isinstance(value, list):
            out.write("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]\n")
        else:
            json.dump(value, out)
