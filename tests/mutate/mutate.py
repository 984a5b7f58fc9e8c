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
QUICK = 0.1  # seconds: unit tests below come before the pairs


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
    parser.add_argument("--list", action="store_true", help="list the mutants, and put them to nothing")
    parser.add_argument("--survivors", metavar="FILE", help="write them there, too, in the form of equivalent.txt")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/mutate", help=argparse.SUPPRESS)
    return parser.parse_args()


# ---- the trial


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def is_come_by(mutant, reached, units):
    return mutant.place == 0 or mutant.place in reached or any(mutant.place in u.reached for u in units)


def survivors(mutants, server, units, jobs):
    """Cheap tests first; each is put only to what the ones before have let live."""
    reached = server.reached()
    alive = [m for m in mutants if is_come_by(m, reached, units)]
    apart = [m for m in mutants if not is_come_by(m, reached, units)]
    say(f"{len(mutants)} mutants, {len(apart)} of them where no test comes by")

    def server_kills(what, bit):
        concerned = [m for m in alive if m.place == 0 or reached.get(m.place, 0) & bit]
        return concerned, server.killed(what, concerned)

    def unit_kills(unit):
        return alive, subjects.killed_by_unit(unit, alive, CASES, jobs)

    quick = [u for u in units if u.seconds < QUICK]
    slow = [u for u in units if u.seconds >= QUICK]
    steps = [("cases", lambda: server_kills("cases", subjects.CASES))]
    steps += [(u.name, lambda u=u: unit_kills(u)) for u in quick]
    steps += [("pairs", lambda: server_kills("pairs", subjects.PAIRS))]
    steps += [(u.name, lambda u=u: unit_kills(u)) for u in slow]
    for name, step in steps:
        _, killed = step()
        alive = [m for m in alive if m.name not in killed]
        say(f"{name} killed {len(killed)}, {len(alive)} are left")
    return alive, apart


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


def report(mutants, alive, apart, wanted):
    for m in sorted([*alive, *apart], key=lambda m: (m.file, m.line)):
        print_survivor(m, " (no test comes by)" if m in apart else "")
    lived = [*alive, *apart]
    print_totals("file", lambda m: m.file, mutants, lived)
    print_totals("kind", lambda m: m.kind, mutants, lived)
    print()

    def part(is_cell):
        return [[m for m in of if (m.kind == "cell") == is_cell] for of in (mutants, lived)]

    fine = [meets("cells", wanted.floor_cells, *part(True)), meets("code", wanted.floor_code, *part(False))]
    return all(fine)


def write_survivors(path, lived):
    with open(path, "w") as out:
        for m in sorted(lived, key=lambda m: (m.file, m.line)):
            out.write(all_mutants.entry_text(m, f"? {m.kind}, line {m.line}") + "\n")


def main():
    wanted = options()
    say("building")
    made = building.build(ROOT, wanted.folder, wanted.jobs)
    server = subjects.Server(made, CASES, wanted.pairs, 1, wanted.jobs)
    with open(HERE / "equivalent.txt") as lines:
        entries = all_mutants.read_equivalent(lines)
    mutants = all_mutants.without_equivalent(all_mutants.every(made, server), entries)
    mutants = all_mutants.chosen(mutants, wanted)
    if wanted.list:
        for m in mutants:
            print_survivor(m, "")
        return 0
    units = [subjects.unit(made, name, CASES) for name in made.units]
    units.sort(key=lambda u: u.seconds)
    alive, apart = survivors(mutants, server, units, wanted.jobs)
    server.close()
    if wanted.survivors:
        write_survivors(wanted.survivors, [*alive, *apart])
    return 0 if report(mutants, alive, apart, wanted) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (building.Failed, all_mutants.Wrong) as error:
        sys.exit(f"mutate: {error}")
