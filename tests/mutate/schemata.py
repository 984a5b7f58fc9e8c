"""Mutant schemata: a source file in which every mutant is there at once.

    return a < b && oc_fail(…);

becomes, with the numbers that it was given (mutant.h),

    {if (OC_MUTATED(9, 2)) {if (oc_mutant == 9) return true; else return false;} return (OC_MUTATED(11, 3) ? … : … );}

The lines stay where they are, so that the compiler's messages name lines of the original.
"""

import collections
import dataclasses
import re

import cells
from points import is_condition, point_at
from syntax import declarator_name, pointers, text

# `key`: what the compiler's refusals are remembered by.
Mutant = collections.namedtuple("Mutant", "number place file line function kind original mutated key")

# Nothing in these can be chosen at run time, or means anything: types, sizes, labels.
CONSTANT = {
    "type_descriptor", "sizeof_expression", "offsetof_expression", "enum_specifier", "struct_specifier", "array_declarator",
    "preproc_def", "preproc_function_def", "subscript_designator", "field_designator", "attribute_specifier",
    "static_assert_declaration", "parameter_list", "field_identifier", "type_identifier", "statement_identifier", "comment",
}

LOOPS = {"for_statement", "while_statement", "do_statement"}
LONGEST = 240


@dataclasses.dataclass
class Context:
    """Where in a function the walk is."""

    declared: object
    function: str
    result: str
    in_loop: bool = False
    in_switch: bool = False

    def inside(self, node):
        if node.type in LOOPS:
            return dataclasses.replace(self, in_loop=True, in_switch=False)
        if node.type == "switch_statement":
            return dataclasses.replace(self, in_switch=True)
        return self


class Writer:
    """Writes one file; gathers its mutants and tables. `dropped`: the keys of those that the compiler refuses."""

    def __init__(self, path, data, declared, numbers, dropped):
        self.path, self.data, self.declared, self.numbers, self.dropped = path, data, declared, numbers, dropped
        self.mutants = []
        self.tables = []

    # -- the walk

    def file(self, root):
        return self._children(root, None)

    def _children(self, node, context):
        """The bytes of a node with its children written anew."""
        out, at = [], node.start_byte
        for child in node.children:
            out.append(self.data[at : child.start_byte].decode())
            out.append(self._node(child, context))
            at = child.end_byte
        out.append(self.data[at : node.end_byte].decode())
        return "".join(out)

    def _node(self, node, context):
        if node.type in CONSTANT or node.parent.type.startswith("preproc_") and is_condition(node):
            return text(node)
        if node.type == "function_definition":
            return self._function(node)
        if node.type == "declaration" and cells.is_static(node):
            return self._static(node)
        if context is None:
            return self._children(node, None)
        if node.type == "case_statement":
            return self._case(node, context)
        if node.type == "assignment_expression" or node.type == "update_expression":
            return self._pointed(node, context, self._assigned(node, context))
        if node.type == "init_declarator" and text(node.child_by_field_name("value")) == "{0}":
            return text(node)
        return self._pointed(node, context, self._children(node, context.inside(node)))

    def _function(self, node):
        body, declarator = node.child_by_field_name("body"), node.child_by_field_name("declarator")
        context = Context(
            self.declared, declarator_name(declarator), text(node.child_by_field_name("type")) + pointers(declarator)
        )
        head = self.data[node.start_byte : body.start_byte].decode()
        return head + self._children(body, context)

    def _static(self, node):
        table = cells.table_in(node, self.path, self.declared)
        if table is None:
            return text(node)
        self.tables.append(table)
        return cells.opened(table, node, self.data)

    def _case(self, node, context):
        """A label is a constant."""
        colon = next(c for c in node.children if c.type == ":")
        out, at = [self.data[node.start_byte : colon.end_byte].decode()], colon.end_byte
        for child in node.children:
            if child.start_byte >= colon.end_byte:
                out.append(self.data[at : child.start_byte].decode() + self._node(child, context))
                at = child.end_byte
        return "".join(out) + self.data[at : node.end_byte].decode()

    def _assigned(self, node, context):
        """What is written to stays a place, but what it is found by may be mutated."""
        target = node.child_by_field_name("left") or node.child_by_field_name("argument")
        out, at = [], node.start_byte
        for child in node.children:
            out.append(self.data[at : child.start_byte].decode())
            out.append(self._children(child, context) if child == target else self._node(child, context))
            at = child.end_byte
        return "".join(out) + self.data[at : node.end_byte].decode()

    # -- mutants

    def _pointed(self, node, context, written):
        point = point_at(node, context)
        if point is None:
            return written
        changes = [c for c in point.changes if self._key(node, c) not in self.dropped]
        if not changes or self._is_target(node):
            return written
        first = self.numbers.take(len(changes))
        for i, change in enumerate(changes):
            self._note(first + i, first, node, context, change)
        choose = _statement if point.form == "statement" else _expression
        return choose(first, [_flat(replacement) for _, replacement in changes], written)

    def _is_target(self, node):
        """&x and x.y = … need places, not values."""
        return node.parent.type in ("pointer_expression",) and node.type != "call_expression" and text(node.parent)[0] == "&"

    def _key(self, node, change):
        return (self.path, node.start_point[0] + 1, *change)

    def _note(self, number, place, node, context, change):
        kind, replacement = change
        around = _around(node)
        whole, start = text(around), node.start_byte - around.start_byte
        data = around.text
        mutated = (data[:start] + replacement.encode() + data[start + len(node.text) :]).decode()
        line, key = node.start_point[0] + 1, self._key(node, change)
        self.mutants.append(
            Mutant(number, place, self.path, line, context.function, kind, *_shortened(whole, mutated), key)
        )


def _around(node):
    """What a reader needs to see of a mutant: the statement, or what an if or a loop asks."""
    while node.parent is not None and not node.type.endswith("_statement") and node.type not in ("declaration", "compound_statement"):
        if node.parent.type in LOOPS | {"if_statement", "switch_statement", "case_statement"}:
            return node
        node = node.parent
    return node


def _flat(code):
    return re.sub(r"\s+", " ", code)


def _shortened(original, mutated):
    """Of two long texts, what is around their difference."""
    original, mutated = _flat(original), _flat(mutated)
    if max(len(original), len(mutated)) <= LONGEST:
        return original, mutated
    same = 0
    while same < min(len(original), len(mutated)) and original[same] == mutated[same]:
        same += 1
    start = max(0, same - LONGEST // 3)
    return original[start : start + LONGEST], mutated[start : start + LONGEST]


def _expression(first, replacements, written):
    chosen = replacements[-1]
    for i in reversed(range(len(replacements) - 1)):
        chosen = f"oc_mutant == {first + i} ? {replacements[i]} : {chosen}"
    return f"(OC_MUTATED({first}u, {len(replacements)}u) ? /*<{first}*/ ({chosen}) /*{first}>*/ : {written})"


def _statement(first, replacements, written):
    chosen = replacements[-1]
    for i in reversed(range(len(replacements) - 1)):
        chosen = f"if (oc_mutant == {first + i}) {{ {replacements[i]} }} else {{ {chosen} }}"
    return f"{{if (OC_MUTATED({first}u, {len(replacements)}u)) /*<{first}*/ {{ {chosen} }} /*{first}>*/ else {{ {written} }}}}"


class Numbers:
    """Numbers mutants through all files; 0 is none."""

    def __init__(self):
        self.end = 1

    def take(self, count):
        self.end += count
        return self.end - count
