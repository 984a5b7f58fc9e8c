"""Tests of ./dev mutate itself: ./dev mutate test."""

import os
import pathlib
import unittest

import build as building
import mutants as all_mutants
import schemata
import subjects
import syntax

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = ROOT / "tests/cases"


def written(source):
    """The schemata of a source file, and its mutants as {(kind, mutated text)}."""
    data = source.encode()
    root = syntax.parse(data)
    writer = schemata.Writer("x.c", data, syntax.declared({"x.c": root}), schemata.Numbers(), set())
    return writer.file(root), {(m.kind, m.mutated) for m in writer.mutants}, writer


class Points(unittest.TestCase):
    def assert_mutants(self, source, *expected):
        _, found, _ = written(source)
        self.assertEqual(found & set(expected), set(expected), sorted(found))

    def test_a_comparison_is_shifted_and_its_condition_negated(self):
        self.assert_mutants(
            "int f(int a) { if (a < 7) a = 1; return a; }",
            ("compare", "((a <= 7))"),
            ("condition", "((!(a < 7)))"),
            ("constant", "(a < (7 + 1))"),
            ("constant", "(a < (7 - 1))"),
            ("statement", ";"),
        )

    def test_operands_are_dropped_and_exchanged(self):
        self.assert_mutants(
            "_Bool f(_Bool a, _Bool b) { _Bool c = a && b; return c; }",
            ("logic", "_Bool c = ((a) || (b));"),
            ("operand", "_Bool c = (a);"),
            ("operand", "_Bool c = (b);"),
        )

    def test_a_refusal_becomes_a_success(self):
        self.assert_mutants(
            "bool oc_fail(int); bool f(int a) { return a == 1 || oc_fail(a); }", ("fail", "return a == 1 || true;")
        )

    def test_results_are_exchanged(self):
        self.assert_mutants("bool f(void) { return true; }", ("result", "return false;"))
        self.assert_mutants("const oc_node *f(void) { return NULL; }", ("result", "return &oc_plain_node;"))

    def test_a_failure_that_is_passed_on_is_no_place(self):
        source = "bool g(int a) { return oc_fail(a); } bool f(int a) { if (!g(a)) return false; return true; }"
        _, found, _ = written(source)
        self.assertNotIn(("result", "return true;"), found)
        self.assertIn(("result", "return false;"), found)

    def test_jumps_are_exchanged(self):
        self.assert_mutants("void f(void) { for (;;) { break; } }", ("jump", "continue;"))
        self.assert_mutants("void f(int a) { switch (a) { case 1: break; } }", ("jump", ";"))

    def test_names_of_options_are_mutated_one_by_one(self):
        self.assert_mutants(
            'void f(void) { oc_options("if then =else"); }',
            ("name", 'oc_options("?if then =else");'),
            ("name", 'oc_options("if ?then =else");'),
            ("name", 'oc_options("if then =?else");'),
            ("name", 'oc_options("if then else");'),
        )

    def test_what_must_be_constant_is_left_alone(self):
        source = "int f(int a) { char b[4]; switch (a) { case 3: return sizeof(b) + sizeof b[1]; } return a; }"
        text, _, _ = written(source)
        self.assertIn("char b[4];", text)
        self.assertIn("case 3:", text)
        self.assertIn("sizeof b[1]", text)

    def test_lines_stay_where_they_are(self):
        source = "int f(int a) {\n    if (a <\n        7)\n        return 1;\n    return 2;\n}\n"
        text, _, _ = written(source)
        self.assertEqual(text.count("\n"), source.count("\n"))

    def test_a_table_is_opened(self):
        source = 'typedef struct row { const char *name; bool on; } row;\nstatic const row rows[] = {{"a", true}};\n'
        text, _, writer = written(source)
        self.assertIn("static  row rows[]", text)
        self.assertEqual(writer.tables[0].leaves, [("name", "char*"), ("on", "bool")])
        self.assertEqual(writer.tables[0].lines, [2])


class Equivalent(unittest.TestCase):
    ENTRY = ["# a comment", "a.c f (2)", "- x", "+ y", "because", "it is so", ""]

    def mutant(self, nth):
        return all_mutants.Mutant("1", 1, "", "a.c", 5, "f", "compare", "x", "y", nth)

    def test_an_entry_excuses_its_mutant_only(self):
        entries = all_mutants.read_equivalent(self.ENTRY)
        self.assertEqual(list(entries.values()), ["because it is so"])
        left = all_mutants.without_equivalent([self.mutant(1), self.mutant(2)], entries)
        self.assertEqual(left, [self.mutant(1)])

    def test_an_entry_without_a_mutant_is_an_error(self):
        entries = all_mutants.read_equivalent(self.ENTRY)
        with self.assertRaises(all_mutants.Wrong):
            all_mutants.without_equivalent([self.mutant(1)], entries)

    def test_an_entry_without_a_reason_is_an_error(self):
        with self.assertRaises(all_mutants.Wrong):
            all_mutants.read_equivalent(["a.c f", "- x", "+ y", ""])

    def test_an_entry_is_written_as_it_is_read(self):
        text = all_mutants.entry_text(self.mutant(2), "because")
        self.assertEqual(list(all_mutants.read_equivalent(text.split("\n"))), [all_mutants.key(self.mutant(2))])


class Known(unittest.TestCase):
    """Mutants of the engine, put to the real tests."""

    @classmethod
    def setUpClass(cls):
        cls.made = building.build(ROOT, pathlib.Path(os.environ["MUTATE_FOLDER"]), 2)
        cls.server = subjects.Server(cls.made, CASES, 5000, 1, 2)
        cls.mutants = all_mutants.every(cls.made, cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def find(self, file, within, original, mutated):
        found = [m for m in self.mutants if (m.file, m.within, m.original, m.mutated) == (file, within, original, mutated)]
        self.assertTrue(found, "there is no such mutant")
        return found[:1]

    def cell(self, row, mutated):
        """Of the filter's operators: `$eq` never passes on an encrypted field."""
        old = next(m.original for m in self.mutants if m.within == "operators" and m.mutated == f"{row} = {mutated}")
        return self.find("analyzer/match.c", "operators", old, f"{row} = {mutated}")

    def assert_killed(self, what, mutants):
        self.assertEqual(self.server.killed(what, mutants), {m.name for m in mutants})

    def test_cases_and_pairs_notice_an_operator_that_passes(self):
        mutants = self.cell("$eq: encrypted", "OC_MATCH_PASS")
        self.assert_killed("cases", mutants)
        self.assert_killed("pairs", mutants)

    def test_a_crash_is_noticed(self):
        old = next(m for m in self.mutants if m.mutated == "$match: analyze = NULL")
        self.assert_killed("cases", [old])

    def test_an_endless_loop_is_noticed(self):
        mutants = [m for m in self.mutants if m.within == "oc_bson_find" and m.kind == "condition"]
        self.assertTrue(mutants)
        self.assert_killed("cases", mutants)

    def test_units_notice_what_cases_cannot(self):
        mutants = [m for m in self.mutants if m.within == "opencrypt_knows_command" and m.kind == "result"]
        self.assertTrue(mutants)
        self.assertEqual(self.server.killed("cases", mutants), set())
        unit = subjects.unit(self.made, "test_tables", CASES)
        self.assertEqual(len(subjects.killed_by_unit(unit, mutants, CASES, 2)), len(mutants))

    def test_a_buffer_with_a_byte_less_lives(self):
        line = "size_t cap = 2 * b->cap + more + 128;"
        mutants = self.find("analyzer/build.c", "make_room", line, line.replace("128", "(128 - 1)"))
        self.assertEqual(self.server.killed("cases", mutants), set())
        self.assertEqual(self.server.killed("pairs", mutants), set())


if __name__ == "__main__":
    unittest.main()
