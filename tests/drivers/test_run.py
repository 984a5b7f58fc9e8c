#!/usr/bin/env python3
"""The harness itself: test_run.py BUILD-FOLDER. Its applications are lines of shell."""
import contextlib
import io
import json
import pathlib
import sys
import unittest

import run

BUILD = pathlib.Path(sys.argv.pop(1)).absolute()
NAMES = " ".join(run.SCENARIOS)
HEAD = "echo driver Shell 1.0, libmongocrypt 2.0; "
ALL = HEAD + "for name in %s; do echo ok $name; done; " % NAMES


def start(arguments):
    """Starts mongocryptd and waits for its pid file."""
    return ("mongocryptd %s >/dev/null 2>&1 & "
            "file=$(echo $OC_SPAWN_ARGS | sed 's/.*--pidfilepath=//; s/ .*//'); "
            "while ! [ -s $file ]; do sleep 0.05; done; " % arguments)


class Runs(unittest.TestCase):
    def run_shell(self, way, script):
        """Exit status, and what was written."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = run.main(BUILD, "self-test", way, "store", "sh", "-c", script)
        return status, output.getvalue()

    def results(self, way):
        return BUILD / "drivers" / ("self-test-%s-store.json" % way)

    def tearDown(self):
        for way in run.WAYS:
            self.results(way).unlink(missing_ok=True)

    def assert_fails(self, way, script, reason):
        status, output = self.run_shell(way, script)
        self.assertEqual(status, 1, output)
        self.assertIn(reason, output)
        self.assertFalse(self.results(way).exists())

    def test_a_run_in_which_everything_is_ok_leaves_results(self):
        script = "[ $OC_WAY-$OC_SERVER = daemon-store ] || exit 5; " + ALL + "echo skip other: a reason"
        status, output = self.run_shell("daemon", script)
        self.assertEqual(status, 0, output)
        results = json.loads(self.results("daemon").read_text())
        self.assertEqual(results["driver"], {"name": "Shell", "version": "1.0", "libmongocrypt": "2.0"})
        self.assertEqual(results["scenarios"]["keys"], {"result": "ok", "reason": None})
        self.assertEqual(results["scenarios"]["other"], {"result": "skip", "reason": "a reason"})

    def test_a_scenario_that_is_not_ok_fails(self):
        self.assert_fails("daemon", ALL + "echo not ok other: a reason", "not ok: other")

    def test_a_missing_scenario_fails(self):
        self.assert_fails("daemon", HEAD + "echo ok keys", "no line for: insert-find")

    def test_an_exit_status_fails(self):
        self.assert_fails("daemon", ALL + "exit 3", "ended with status 3")

    def test_status_77_without_a_reason_fails(self):
        self.assert_fails("daemon", "exit 77", "ended with status 77")

    def test_a_run_without_any_ok_fails(self):
        self.assert_fails("daemon", ALL.replace("ok $name", "skip $name: a reason"), "every scenario was skipped")

    def test_lines_out_of_the_contract_fail(self):
        for line in ("okay", "ok two words", "not ok keys", "skip keys", "ok keys: a reason", "ok keys"):
            with self.subTest(line=line):
                self.assert_fails("daemon", ALL + "echo %s" % line, "FAILED")
        self.assert_fails("daemon", "echo ok keys", "none of the contract's")

    def test_a_reason_for_being_skipped_is_passed_on(self):
        status, output = self.run_shell("daemon", "echo SKIPPED: no compiler; exit 77")
        self.assertEqual((status, output), (77, "SKIPPED: no compiler\n"))

    def test_a_spawned_daemon_must_be_there_and_leave(self):
        run.IDLE_SECONDS, run.PATIENCE = 1, 3
        status, output = self.run_shell("spawn", start("$OC_SPAWN_ARGS") + ALL)
        self.assertEqual(status, 0, output)
        self.assert_fails("spawn", ALL, "has started no daemon")
        self.assert_fails("spawn", start("$(echo $OC_SPAWN_ARGS | sed s/--idle[^[:space:]]*//)") + ALL, "has not left")

    def test_no_daemon_is_in_the_path_of_the_other_ways(self):
        for way in ("daemon", "library"):
            status, output = self.run_shell(way, "! command -v mongocryptd && " + ALL)
            self.assertEqual(status, 0, output)


if __name__ == "__main__":
    unittest.main()
