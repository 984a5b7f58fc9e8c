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
    def rows(self, *runs):
        """The cells of the rows, and the notes."""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "drivers").mkdir()
            for run in runs:
                file = pathlib.Path(folder) / "drivers" / ("x-%s-%s.json" % (run["way"], run["server"]))
                file.write_text(json.dumps(run))
            lines = table.table(table.load(pathlib.Path(folder))).splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if line.startswith("|")]
        return rows, [line for line in lines if line[:1].isdigit()]

    def test_ways_with_the_same_cells_share_a_row(self):
        rows, _ = self.rows(*(results(way, "ferretdb") for way in table.WAYS))
        self.assertEqual(rows, [["x", "Driver 1.2", "daemon, spawn, library", *["✓"] * len(table.SCENARIOS), "0"]])

    def test_a_cell_tells_the_server(self):
        rows, notes = self.rows(
            results("daemon", "ferretdb", keys=outcome("skip", "the store's"), lookup=outcome("skip", "a reason")),
            results("daemon", "store", lookup=outcome("skip", "a reason"), update=outcome("skip", "x"), extra=outcome("ok")),
            results("library", "store", lookup=outcome("skip", "a reason")))
        cells = [dict(zip(table.SCENARIOS, row[3:])) for row in rows]
        self.assertEqual([row[2] for row in rows], ["daemon", "library"])
        self.assertEqual([cells[0][name] for name in ("keys", "update", "lookup", "count")], ["s", "✓", "–<sup>1</sup>", "✓"])
        self.assertEqual([cells[1][name] for name in ("keys", "lookup")], ["s", "–<sup>1</sup>"])
        self.assertEqual([row[-1] for row in rows], ["1", "0"])
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
