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


def rows(language, ways, notes):
    """Ways with the same cells share a row."""
    shared = {}
    for way in WAYS:
        if way in ways:
            cells = tuple(cell(ways[way], scenario, notes) for scenario in SCENARIOS)
            shared.setdefault(cells, []).append(way)
    driver = next(iter(next(iter(ways.values())).values()))["driver"]
    name = "%s | %s %s" % (language.partition("-")[0], driver["name"], driver["version"])
    for cells, names in shared.items():
        others = ", ".join(str(number) for number in sorted({more(ways[way]) for way in names}))
        yield "| %s | %s | %s | %s |" % (name, ", ".join(names), " | ".join(cells), others)


def table(results):
    notes = Notes()
    lines = [row for language in sorted(results) for row in rows(language, results[language], notes)]
    return "\n".join([
        "| language | driver | ways | %s | more |" % " | ".join(SCENARIOS),
        "| --- | --- | --- |%s" % (" --- |" * (len(SCENARIOS) + 1)),
        *lines,
        "",
        "✓ passed against FerretDB, s against the stand-in store only, – skipped, empty: not run; more: how many other scenarios",
        "passed.",
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
