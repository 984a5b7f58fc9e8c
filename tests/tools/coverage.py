#!/usr/bin/env python3
"""coverage.py PROFILE PROGRAM... [--floor PER-CENT]: what the tests have reached of schema/ and analyzer/.

PROFILE is a merged profile of llvm-profdata, the programs are those that wrote it. Prints lines and branches of each file,
then each branch that was not taken: the place, the condition, and the value that it never had. Fails if a smaller share of
the branches than the floor was taken.

Two are no branches, though the compiler counts them: what would follow a function that refuses (oc_fail and all that are
called like it return false, always), and the default that a switch over an enumeration does not have."""

import argparse
import json
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("schema/", "analyzer/")

REFUSAL = re.compile(r"(!?)(oc_)?(fail|no_memory|refuse)(_\w+)?\(")

Branch = namedtuple("Branch", "path line column end_line end_column taken not_taken")


def export(profile, programs):
    objects = [argument for program in programs[1:] for argument in ("-object", program)]
    command = ["llvm-cov", "export", programs[0], *objects, "-instr-profile", profile]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["data"][0]


def files(exported):
    """(path below the root, the entry of the export) of our files."""
    for entry in exported["files"]:
        path = Path(entry["filename"])
        if path.is_relative_to(ROOT) and str(path.relative_to(ROOT)).startswith(FOLDERS):
            yield str(path.relative_to(ROOT)), entry


def branches(path, entry):
    """The branches in their order; those of an inline function once, however many files have it."""
    merged = {}
    for *place, taken, not_taken in (counts[:6] for counts in entry["branches"]):
        before = merged.get(tuple(place), (0, 0))
        merged[tuple(place)] = before[0] + taken, before[1] + not_taken
    return [Branch(path, *place, *counts) for place, counts in sorted(merged.items())]


def text(branch, sources):
    """What stands before the condition, and the condition; of one that goes over several lines, the first."""
    lines = sources.setdefault(branch.path, (ROOT / branch.path).read_text().split("\n"))
    line = lines[branch.line - 1]
    end = branch.end_column - 1 if branch.end_line == branch.line else None
    return line[: branch.column - 1], line[branch.column - 1 : end]


def only_value(branch, sources):
    """What a condition that has one value is; None: it has two."""
    before, condition = text(branch, sources)
    refusal = REFUSAL.match(condition)
    if refusal:
        return "true" if refusal[1] else "false"
    return "false" if before.rstrip().endswith("switch (") else None


def missing(branch, sources):
    values = [value for value, count in (("true", branch.taken), ("false", branch.not_taken)) if not count]
    only = only_value(branch, sources)
    return [value for value in values if only in (None, value) or len(values) == 2]


def share(part, whole):
    return 100.0 * part / whole if whole else 100.0


def print_file(path, entry, total, sources):
    lines = entry["summary"]["lines"]
    found = branches(path, entry)
    count = 2 * len(found)
    covered = count - sum(len(missing(branch, sources)) for branch in found)
    print(f"{path:32} {lines['covered']:6} of {lines['count']:6} lines   {covered:6} of {count:6} branches"
          f"   {share(covered, count):6.2f} %")
    for index, number in enumerate((lines["covered"], lines["count"], covered, count)):
        total[index] += number


def print_missing(path, entry, sources):
    for branch in branches(path, entry):
        for value in missing(branch, sources):
            print(f"{path}:{branch.line}:{branch.column}: never {value}: {text(branch, sources)[1]}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profile")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--floor", type=float, default=0.0, help="the share of branches to reach, in per cent")
    return parser.parse_args()


def main():
    wanted = arguments()
    found = list(files(export(wanted.profile, wanted.programs)))
    total, sources = [0, 0, 0, 0], {}
    for path, entry in found:
        print_file(path, entry, total, sources)
    for path, entry in found:
        print_missing(path, entry, sources)
    print(f"{total[0]} of {total[1]} lines, {total[2]} of {total[3]} branches: {share(total[2], total[3]):.2f} %")
    if not found or share(total[2], total[3]) < wanted.floor:
        sys.exit(f"less than {wanted.floor} % of the branches were taken")


if __name__ == "__main__":
    main()
