"""Tables: static constant arrays. They are made variable, and are entered into the list that mutant.c works with."""

import collections
import itertools
import re

from syntax import declarator_name, pointers, struct_fields, text

# `leaves`: [(field, type)]; one with the name None is the whole row. `lines`: the line of each row.
Table = collections.namedtuple("Table", "file line name leaves lines function")

# Where the number of a table will be.
NUMBER = "@NUMBER@"

# Texts with such a name list names that a command may hold.
OPTIONS = "_options"

# Structs and the like that are one value.
WHOLE = {"oc_str", "uint8_t", "int", "unsigned"}


def is_static(node):
    return any(c.type == "storage_class_specifier" and text(c) == "static" for c in node.children)


def _is_constant(node):
    return any(c.type == "type_qualifier" and text(c) == "const" for c in node.children)


def _array(declarator):
    """The array_declarator below pointers, or None."""
    while declarator is not None and declarator.type != "array_declarator":
        declarator = declarator.child_by_field_name("declarator")
    return declarator


def table_in(node, path, declared):
    declarators = node.children_by_field_name("declarator")
    if len(declarators) != 1 or declarators[0].type != "init_declarator" or not _is_constant(node):
        return None
    if declarator_name(declarators[0]).endswith(OPTIONS):
        return Table(path, node.start_point[0] + 1, declarator_name(declarators[0]), [], [], _function(node))
    declarator, value = declarators[0].child_by_field_name("declarator"), declarators[0].child_by_field_name("value")
    if _array(declarator) is None or value.type != "initializer_list":
        return None
    leaves = _leaves(node, declarator, declared)
    rows = [c for c in value.named_children if c.type not in ("comment",) and not c.type.startswith("preproc")]
    lines = [row.start_point[0] + 1 for row in rows]
    return Table(path, node.start_point[0] + 1, declarator_name(declarator), leaves, lines, _function(node))


def _function(node):
    while node is not None and node.type != "function_definition":
        node = node.parent
    return declarator_name(node.child_by_field_name("declarator")) if node is not None else ""


def _leaves(node, declarator, declared):
    type_node = node.child_by_field_name("type")
    type_name = text(type_node) + pointers(declarator)
    if type_node.type == "struct_specifier":
        return struct_fields(type_node)
    if type_name in declared.structs and type_name not in WHOLE:
        return declared.structs[type_name]
    return [(None, type_name)]


def opened(table, node, data):
    """The declaration without its const, and the entry after it. Lines stay where they are."""
    if not table.leaves:
        return f"{_variable(node, data)} OC_NAMES({NUMBER}, {table.name})"
    leaves = ", ".join(
        f'OC_LEAF_WHOLE({table.name}, "{type_name}")' if field is None else f'OC_LEAF({table.name}, {field}, "{type_name}")'
        for field, type_name in table.leaves
    )
    return f"{_variable(node, data)} OC_TABLE({NUMBER}, {table.name}, {leaves})"


def _variable(node, data):
    """Without the const of the rows: of `const char *const x[]` it is the second."""
    qualifiers = [c for c in node.children if c.type == "type_qualifier" and text(c) == "const"]
    declarator = node.child_by_field_name("declarator").child_by_field_name("declarator")
    if declarator.type == "pointer_declarator":
        qualifiers = [c for c in declarator.children if c.type == "type_qualifier"]
    if not qualifiers:
        return text(node)
    cut = qualifiers[0]
    return (data[node.start_byte : cut.start_byte] + data[cut.end_byte : node.end_byte]).decode()


def numbered(written, start):
    """Gives the tables of a file their numbers."""
    count = itertools.count(start)
    return re.sub(NUMBER, lambda _: str(next(count)), written)
