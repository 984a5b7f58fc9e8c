#!/usr/bin/env python3
"""table.py itself."""
import json
import pathlib
import tempfile
import unittest

import table


def outcome(result, reason=None):
    return {"result": result, "reason": reason}


def results(way, server, **scenarios):
    every = {name: outcome("ok") for name in table.SCENARIOS}
    driver = {"name": "Driver", "version": "1.2", "libmongocrypt": None}
    return {"language": "x-framework", "way": way, "server": server, "driver": driver, "scenarios": {**every, **scenarios}}


class Tables(unittest.TestCase):
    def columns(self, *runs):
        """The cells of the only driver, by scenario, and the notes."""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "drivers").mkdir()
            for run in runs:
                file = pathlib.Path(folder) / "drivers" / ("x-%s-%s.json" % (run["way"], run["server"]))
                file.write_text(json.dumps(run))
            lines = table.table(table.load(pathlib.Path(folder))).splitlines()
        rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")]
        return dict(rows), [line for line in lines if line[:1].isdigit()]

    def test_ways_with_the_same_results_share_a_cell(self):
        cells, notes = self.columns(*(results(way, "ferretdb") for way in table.WAYS))
        wanted = {name: "✓" for name in table.SCENARIOS}
        self.assertEqual(cells, {"": "x", "---": "---", "driver": "Driver 1.2", "libmongocrypt": "",
                                 "ways": "daemon, spawn, library", **wanted, "more": "0"})
        self.assertEqual(notes, [])

    def test_a_cell_tells_the_server_and_the_way(self):
        cells, notes = self.columns(
            results("daemon", "ferretdb", keys=outcome("skip", "the store's"), lookup=outcome("skip", "a reason")),
            results("daemon", "store", lookup=outcome("skip", "a reason"), update=outcome("skip", "x"), extra=outcome("ok")),
            results("library", "store", lookup=outcome("skip", "a reason")))
        self.assertEqual(cells["ways"], "daemon, library")
        self.assertEqual([cells[name] for name in ("keys", "update", "lookup", "more")],
                         ["s", "✓ / s", "–<sup>1</sup>", "1 / 0"])
        self.assertEqual(notes, ["1. a reason"])


class Options(unittest.TestCase):
    def test_a_block_is_what_stands_between_its_comments(self):
        with tempfile.NamedTemporaryFile("w", suffix=".go") as file:
            file.write("func x() {\n\t// [options spawn]\n\ta(\n\t\tb)\n\t// [end]\n"
                       "\t# [options library] more words\n\tc()\n\t# [end]\n}\n")
            file.flush()
            found = table.blocks(pathlib.Path(file.name))
        self.assertEqual(found, [("spawn", "a(\n\tb)"), ("library", "c()")])


if __name__ == "__main__":
    unittest.main()
