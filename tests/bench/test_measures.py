#!/usr/bin/env python3
"""How compare.py and instructions.py judge what they have measured."""
import contextlib
import io
import unittest

import compare
import instructions

KEPT = """# Counts.

GNU 1, glibc 2
  find   100
  insert 2000

GNU 3, glibc 2
  find   110
"""


def quiet(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        return function(*arguments), printed.getvalue()


class Instructions(unittest.TestCase):
    def test_sections_are_read_by_circumstances(self):
        self.assertEqual(instructions.parse(KEPT), {
            "GNU 1, glibc 2": {"find": 100, "insert": 2000}, "GNU 3, glibc 2": {"find": 110}})

    def test_two_per_cent_more_passes_and_three_do_not(self):
        self.assertTrue(quiet(instructions.report, "find", 1020, 1000)[0])
        good, printed = quiet(instructions.report, "find", 1030, 1000)
        self.assertFalse(good)
        self.assertIn("WORSE", printed)

    def test_less_passes_and_is_offered_to_be_kept(self):
        good, printed = quiet(instructions.report, "find", 900, 1000)
        self.assertTrue(good)
        self.assertIn("--update", printed)

    def test_a_request_without_a_number_passes(self):
        self.assertTrue(quiet(instructions.report, "find", 900, None)[0])

    def test_a_changed_number_of_other_circumstances_scales_what_the_parent_took(self):
        old, new = instructions.parse(KEPT), instructions.parse(KEPT.replace("100", "150"))
        self.assertEqual(instructions.declared(old, new, "find"), 1.5)
        self.assertEqual(instructions.declared(old, new, "insert"), 1)
        self.assertEqual(instructions.declared({}, new, "find"), 1)


class Compare(unittest.TestCase):
    def test_nine_of_ten_pairs_decide(self):
        self.assertEqual(compare.verdict([2.0] * 9 + [0.5]), "2.00x slower")
        self.assertEqual(compare.verdict([0.5] * 9 + [2.0]), "2.00x faster")
        self.assertIn("no difference", compare.verdict([0.5] * 8 + [2.0] * 2))

    def test_by_turns_changes_which_is_first_and_not_the_order_in_the_pair(self):
        taken = []

        def take(what):
            taken.append(what)
            return what

        self.assertEqual(compare.by_turns(take, "old", "new", 2), [("old", "new")] * 2)
        self.assertEqual(taken, ["old", "new", "new", "old"])

    def test_only_pipelines_that_both_accept_are_compared(self):
        self.assertEqual(compare.corpus_totals({"a": 1, "b": 2}, {"a": 3, "c": 4}), (1, 3))

    def test_a_command_that_one_refuses_is_named(self):
        self.assertIn("refused", quiet(compare.report, "find", [(None, 1.0)])[1])


if __name__ == "__main__":
    unittest.main()
