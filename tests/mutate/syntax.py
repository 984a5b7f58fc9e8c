"""The C sources as trees, and what is declared in all of them together."""

import collections

import tree_sitter
import tree_sitter_c

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))

# What may be written in place of a call or a value: {function: return type}, {enumerator: the next of its enum},
# {enum: [enumerators]}, {struct: [(field, type)]}, {functions that may record a refusal}.
Declared = collections.namedtuple("Declared", "returns next_of enums structs failing")


def parse(data):
    return PARSER.parse(data).root_node


def text(node):
    return node.text.decode()


def descend(node):
    """The node and all below it, from left to right."""
    yield node
    for child in node.named_children:
        yield from descend(child)


def declarator_name(node):
    """The name that a declarator declares, however many pointers, arrays and parameters are around it."""
    while node is not None and node.type not in ("identifier", "type_identifier", "field_identifier"):
        inner = node.child_by_field_name("declarator")
        node = inner or next((c for c in node.named_children if c.type.endswith("declarator")), None)
    return text(node) if node is not None else None


def pointers(node):
    """Stars on the way to the name."""
    stars = 0
    while node is not None:
        stars += node.type == "pointer_declarator"
        node = node.child_by_field_name("declarator")
    return "*" * stars


def has_function_declarator(node):
    while node is not None:
        if node.type == "function_declarator":
            return True
        node = node.child_by_field_name("declarator")
    return False


def _functions(root):
    for node in descend(root):
        if node.type in ("function_definition", "declaration"):
            declarator = node.child_by_field_name("declarator")
            if declarator is not None and has_function_declarator(declarator):
                type_node = node.child_by_field_name("type")
                yield declarator_name(declarator), text(type_node) + pointers(declarator)


def _enums(root):
    for node in descend(root):
        if node.type != "enum_specifier" or node.child_by_field_name("body") is None:
            continue
        body = node.child_by_field_name("body")
        names = [text(e.child_by_field_name("name")) for e in body.named_children if e.type == "enumerator"]
        name = node.child_by_field_name("name")
        yield text(name) if name is not None else None, names


def struct_fields(specifier):
    """[(field, type)] of a struct, in its order."""
    fields = []
    for field in specifier.child_by_field_name("body").named_children:
        if field.type != "field_declaration":
            continue
        for declarator in field.children_by_field_name("declarator"):
            fields.append((declarator_name(declarator), text(field.child_by_field_name("type")) + pointers(declarator)))
    return fields


def _structs(root):
    for node in descend(root):
        if node.type == "struct_specifier" and node.child_by_field_name("body") is not None:
            name = node.child_by_field_name("name")
            if name is not None:
                yield text(name), struct_fields(node)


def is_refusal(name):
    """Whether a function does nothing but to record a refusal."""
    return name.startswith(("oc_fail", "fail", "refuse")) or name in ("oc_no_memory", "out_of_memory")


def calls_in(node):
    return {text(n.child_by_field_name("function")) for n in descend(node) if n.type == "call_expression"}


def failing(roots):
    """Functions that call, through however many others, one that records a refusal."""
    calls = collections.defaultdict(set)
    for root in roots.values():
        for node in descend(root):
            if node.type == "function_definition":
                calls[declarator_name(node.child_by_field_name("declarator"))] |= calls_in(node)
    found = {name for called in calls.values() for name in called if is_refusal(name)}
    while True:
        new = {name for name, called in calls.items() if called & found} - found
        if not new:
            return found
        found |= new


def declared(roots):
    """Of all files: {path: root node}."""
    returns, next_of, enums, structs = {}, {}, {}, {}
    for root in roots.values():
        returns.update(_functions(root))
        structs.update(_structs(root))
        for name, members in _enums(root):
            enums[name] = members
            if name is not None:
                for i, member in enumerate(members):
                    next_of[member] = members[(i + 1) % len(members)]
    return Declared(returns, next_of, enums, structs, failing(roots))
