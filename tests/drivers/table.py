#!/usr/bin/env python3
"""Writes the documents that are made from the driver tests.

    table.py BUILD-FOLDER      the table in the top-level README.md, from the results of the last run, and OPTIONS.md
    table.py --check           exit status 1 if OPTIONS.md is not what the applications' sources say
"""
import json
import pathlib
import re
import sys
import textwrap

from run import SCENARIOS, WAYS

DRIVERS = pathlib.Path(__file__).resolve().parent
README = DRIVERS.parent.parent / "README.md"
OPTIONS = DRIVERS / "OPTIONS.md"
BEGIN, END = "<!-- drivers: begin -->\n", "<!-- drivers: end -->\n"
SYNTAX = {".c": "c", ".go": "go", ".java": "java", ".js": "js", ".mjs": "js", ".php": "php", ".py": "python", ".rs": "rust"}
BUILT = {"node_modules", "target", "vendor", "build"}
BLOCK = re.compile(r"^[^\n\w]*\[options (\w+)\][^\n]*\n(.*?)^[^\n\w]*\[end\]", re.M | re.S)


INTRODUCTION = """\
# Client options

What an application writes so that its driver finds opencryptd, in each of the three ways. Each block is a piece of an application
that the driver tests run. Made by `./dev driver-docs`; `./dev test drivers` fails if it is out of date.
"""


# ---- the table ----

def load(build):
    """{language: {way: {server: results}}}"""
    found = {}
    for file in sorted((build / "drivers").glob("*.json")):
        results = json.loads(file.read_text())
        found.setdefault(results["language"], {}).setdefault(results["way"], {})[results["server"]] = results
    return found


class Notes:
    """Why something was skipped; each reason once."""

    def __init__(self):
        self.reasons = []

    def number(self, reason):
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason) + 1

    def lines(self):
        return ["%d. %s" % (number, reason) for number, reason in enumerate(self.reasons, 1)]


def cell(servers, scenario, notes):
    outcomes = {server: results["scenarios"].get(scenario) for server, results in servers.items()}
    passed = [server for server, outcome in outcomes.items() if outcome and outcome["result"] == "ok"]
    if passed:
        return "✓" if "ferretdb" in passed else "s"
    last = outcomes.get("store") or outcomes.get("ferretdb")
    return "–<sup>%d</sup>" % notes.number(last["reason"]) if last else ""


def more(servers):
    outcomes = [item for results in servers.values() for item in results["scenarios"].items()]
    passed = {name for name, outcome in outcomes if outcome["result"] == "ok"}
    return len(passed - set(SCENARIOS))


def version(ways):
    """Name and version of the driver, and of its libmongocrypt."""
    driver = next(iter(next(iter(ways.values())).values()))["driver"]
    return "%s %s" % (driver["name"], driver["version"]), driver["libmongocrypt"] or ""


def of_each_way(cells):
    """One cell for the ways together where they agree."""
    return cells[0] if len(set(cells)) == 1 else " / ".join(cell or "?" for cell in cells)


def table(results):
    """A column for each driver, a row for each scenario."""
    notes = Notes()
    languages = sorted(results)
    drivers = [results[language] for language in languages]
    ways = [[way for way in WAYS if way in driver] for driver in drivers]
    rows = [
        ["", *(language.partition("-")[0] for language in languages)],
        ["---"] * (len(drivers) + 1),
        ["driver", *(version(driver)[0] for driver in drivers)],
        ["libmongocrypt", *(version(driver)[1] for driver in drivers)],
        ["ways", *(", ".join(names) for names in ways)],
    ]
    for scenario in SCENARIOS:
        rows.append([scenario, *(of_each_way([cell(driver[way], scenario, notes) for way in names])
                                 for driver, names in zip(drivers, ways))])
    rows.append(["more", *(of_each_way([str(more(driver[way])) for way in names]) for driver, names in zip(drivers, ways))])
    return "\n".join([
        *("| %s |" % " | ".join(row) for row in rows),
        "",
        "✓ passed in each way against FerretDB, s against the stand-in store only, – skipped, ? not run; with slashes: by way. more:",
        "how many other scenarios passed.",
        "",
        *notes.lines(),
        "",
    ])


def write_table(build):
    results = load(build)
    if not results:
        sys.exit("%s has no results: run ./dev test drivers first" % (build / "drivers"))
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit("README.md has no lines %s and %s" % (BEGIN.strip(), END.strip()))
    README.write_text(before + BEGIN + table(results) + END + after)


# ---- the options ----

def sources(folder):
    return [path for path in sorted(folder.rglob("*"))
            if path.suffix in SYNTAX and path.is_file() and not BUILT & set(path.relative_to(folder).parts)]


def blocks(path):
    """[(way, text)] of a source."""
    return [(way, textwrap.dedent(text).strip("\n")) for way, text in BLOCK.findall(path.read_text(errors="replace"))]


def options():
    lines = INTRODUCTION.splitlines() + [""]
    for folder in sorted(path for path in DRIVERS.iterdir() if path.is_dir()):
        for path in sources(folder):
            found = blocks(path)
            if found:
                lines += ["## %s" % path.relative_to(DRIVERS), ""]
            for way, text in found:
                lines += ["%s:" % way, "", "```" + SYNTAX[path.suffix], text, "```", ""]
    return "\n".join(lines[:-1]) + "\n"


def check():
    problems = []
    for folder in (path for path in DRIVERS.iterdir() if path.is_dir()):
        ways = {way for path in sources(folder) for way, _ in blocks(path)}
        if ways and ways != set(WAYS):
            problems.append("%s has options for %s only" % (folder.name, " ".join(sorted(ways))))
    if not OPTIONS.exists() or OPTIONS.read_text() != options():
        problems.append("tests/drivers/OPTIONS.md is not what the sources say: run ./dev driver-docs")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def main(argument):
    if argument == "--check":
        return check()
    OPTIONS.write_text(options())
    write_table(pathlib.Path(argument))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
