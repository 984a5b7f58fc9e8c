#!/usr/bin/env python3
"""./dev mutate: makes mutants of the code and the tables, puts them to the tests, and says which nobody notices.

A mutant is killed when a case (library), a unit test or ten seconds' worth of soundness fails, crashes or hangs. See
README.md."""

import argparse
import collections
import os
import pathlib
import sys
import time

import build as building
import mutants as all_mutants
import subjects

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = ROOT / "tests/cases"

# What ./dev soundness 10 makes on the machine that the gate runs on, with the evaluator.
PAIRS_OF_TEN_SECONDS = 250_000
SEED_OF_PAIRS = 1
QUICK = 0.5  # seconds: unit tests below come before the pairs


def options():
    parser = argparse.ArgumentParser(prog="./dev mutate", description=__doc__.split("\n")[0])
    parser.add_argument("--cells", action="store_true", help="cells of tables only")
    parser.add_argument("--code", action="store_true", help="code only")
    parser.add_argument("--file", metavar="PATTERN", help="only in files whose path the regular expression finds")
    parser.add_argument("--sample", metavar="N", type=int, help="so many of them, chosen by the seed")
    parser.add_argument("--seed", default="1", help="of the sample; any text")
    parser.add_argument("--pairs", type=int, default=PAIRS_OF_TEN_SECONDS, help="of soundness (default: %(default)s)")
    parser.add_argument("--floor-cells", metavar="PERCENT", type=float, default=100)
    parser.add_argument("--floor-code", metavar="PERCENT", type=float, default=95)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="cases and quick unit tests only: a first look")
    parser.add_argument("--list", action="store_true", help="list the mutants, and put them to nothing")
    parser.add_argument("--survivors", metavar="FILE", help="write them there after each step, in the form of equivalent.txt")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/mutate", help=argparse.SUPPRESS)
    return parser.parse_args()


# ---- the trial


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


class Trial:
    """Mutants, put to one test after the other: each to what those before have let live."""

    def __init__(self, made, mutants, wanted):
        self.made, self.wanted = made, wanted
        self.mutants, self.alive = mutants, mutants
        self.come_by = set()  # the places that some test comes by

    def _put_to(self, name, places, kill):
        """`places`: which the test comes by."""
        self.come_by |= places
        killed = kill([m for m in self.alive if m.place == 0 or m.place in places])
        self.alive = [m for m in self.alive if m.name not in killed]
        say(f"{name}: killed {len(killed)}, {len(self.alive)} are left")
        if self.wanted.survivors:
            write_survivors(self.wanted.survivors, self.alive)

    def put_to_cases(self, server):
        reached = {place for place, who in server.reached().items() if who & subjects.CASES}
        self._put_to("cases", reached, lambda mutants: server.killed("cases", mutants))

    def put_to_unit(self, unit):
        kill = lambda mutants: subjects.killed_by_unit(unit, mutants, CASES, self.wanted.jobs)
        self._put_to(unit.name, unit.reached, kill)

    def put_to_pairs(self):
        server = open_server(self.made, self.wanted, self.wanted.pairs)
        reached = {place for place, who in server.reached().items() if who & subjects.PAIRS}
        self._put_to("pairs", reached, lambda mutants: server.killed("pairs", mutants))
        server.close()

    def run(self, server):
        """Cheap tests first."""
        self.put_to_cases(server)
        units = sorted((subjects.unit(self.made, name, CASES) for name in self.made.units), key=lambda u: u.seconds)
        for unit in units:
            if unit.seconds < QUICK:
                self.put_to_unit(unit)
        if self.wanted.quick:
            return
        self.put_to_pairs()
        for unit in units:
            if unit.seconds >= QUICK:
                self.put_to_unit(unit)

    def is_apart(self, mutant):
        """Where no test comes by."""
        return mutant.place != 0 and mutant.place not in self.come_by


# ---- the report


def print_survivor(mutant, note):
    nth = f" ({mutant.nth})" if mutant.nth > 1 else ""
    print(f"{mutant.file}:{mutant.line}: {mutant.within}{nth}: {mutant.kind}{note}")
    print(f"    - {mutant.original}\n    + {mutant.mutated}")


def share(part, whole):
    return 100 * part / whole if whole else 100.0


def print_totals(title, name_of, mutants, lived):
    total, left = collections.Counter(map(name_of, mutants)), collections.Counter(map(name_of, lived))
    print(f"\n{title:32} {'mutants':>8} {'alive':>8} {'% killed':>9}")
    for name in sorted(total):
        print(f"{name:32} {total[name]:8} {left[name]:8} {share(total[name] - left[name], total[name]):9.1f}")


def meets(title, floor, mutants, lived):
    killed = share(len(mutants) - len(lived), len(mutants))
    fine = killed >= floor
    print(f"{title}: {len(mutants) - len(lived)} of {len(mutants)} killed, {killed:.2f} % (floor {floor:g} %)", end="")
    print("" if fine else ": too few")
    return fine


def report(trial, wanted):
    for m in sorted(trial.alive, key=lambda m: (m.file, m.line)):
        print_survivor(m, " (no test comes by)" if trial.is_apart(m) else "")
    print_totals("file", lambda m: m.file, trial.mutants, trial.alive)
    print_totals("kind", lambda m: m.kind, trial.mutants, trial.alive)
    print()

    def part(is_cell):
        return [[m for m in of if (m.kind == "cell") == is_cell] for of in (trial.mutants, trial.alive)]

    fine = [meets("cells", wanted.floor_cells, *part(True)), meets("code", wanted.floor_code, *part(False))]
    return all(fine)


def write_survivors(path, lived):
    with open(path, "w") as out:
        for m in sorted(lived, key=lambda m: (m.file, m.line)):
            out.write(all_mutants.entry_text(m, f"? {m.kind}, line {m.line}") + "\n")


def open_server(made, wanted, pairs):
    return subjects.Server(made, CASES, pairs, SEED_OF_PAIRS, wanted.jobs)


def wanted_mutants(made, server, wanted):
    with open(HERE / "equivalent.txt") as lines:
        entries = all_mutants.read_equivalent(lines)
    mutants = all_mutants.without_equivalent(all_mutants.every(made, server), entries)
    return all_mutants.chosen(mutants, wanted)


def main():
    wanted = options()
    say("building")
    made = building.build(ROOT, wanted.folder, wanted.jobs)
    server = open_server(made, wanted, 0)  # without pairs it is small, and quick to fork
    mutants = wanted_mutants(made, server, wanted)
    if wanted.list:
        for m in mutants:
            print_survivor(m, "")
        return 0
    say(f"{len(mutants)} mutants")
    trial = Trial(made, mutants, wanted)
    trial.run(server)
    server.close()
    return 0 if report(trial, wanted) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (building.Failed, all_mutants.Wrong) as error:
        sys.exit(f"mutate: {error}")
