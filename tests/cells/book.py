"""The book of cells: a case for each, under the name AREA/ROW/COLUMN…, and what says that one is missing."""

import json
import os

import reasons
from forms import Open
from mistake import Mistake

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
        self.areas.append(Area(name, rows))
        return self.areas[-1]

    def write(self, folder, schemas):
        for area in self.areas:
            area.check()
            os.makedirs(os.path.join(folder, area.name), exist_ok=True)
            write_json(os.path.join(folder, area.name, "cells.json"), list(area.cases.values()))
        write_json(os.path.join(folder, "schemas.json"), schemas)

    def count(self):
        return {area.name: len(area.cases) for area in self.areas}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        if isinstance(value, list):
            out.write("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]\n")
        else:
            json.dump(value, out)
