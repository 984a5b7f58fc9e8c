"""Where code can be mutated, and into what. One function a kind of node; each yields (kind, replacement) pairs.

A replacement is the text of the whole node; where it is a statement it must end as one. Only one mutant lives at a time, so
the text inside a replacement is the original.
"""

import collections

from syntax import calls_in, is_refusal, text

# `form`: "expression" or "statement". `changes`: [(kind, replacement)].
Point = collections.namedtuple("Point", "node form changes")

SHIFTED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
ARITHMETIC = {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&"}
ASSIGNED = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "*=": "+=", "<<=": ">>=", ">>=": "<<=", "^=": "&="}
COMPARISONS = set(SHIFTED)

# Functions of which a string argument is a name that a command may hold, not text for people.
NAMING = {
    "oc_str_is", "oc_str_starts", "oc_bson_find", "strcmp", "find_once", "oc_stage_options", "oc_options", "facts", "bind_named",
    "oc_build_name", "oc_put_name", "put_head", "put_string", "put_bool", "put_key", "put_bound", "put_text_index", "write_list",
}

LITERALS = {"true": "false", "false": "true"}


def binary(node, context):
    operator = text(node.child_by_field_name("operator"))
    left, right = text(node.child_by_field_name("left")), text(node.child_by_field_name("right"))
    if operator in SHIFTED:
        yield "compare", f"({left} {SHIFTED[operator]} {right})"
    elif operator in ("&&", "||"):
        yield "logic", f"(({left}) {'||' if operator == '&&' else '&&'} ({right}))"
        yield "operand", f"({left})"
        if not is_logical(node.child_by_field_name("left"), operator):
            yield "operand", f"({right})"
    elif operator in ARITHMETIC and not both_sizes(node):
        yield "arithmetic", f"({left} {ARITHMETIC[operator]} {right})"


def is_logical(node, operator):
    return node.type == "binary_expression" and text(node.child_by_field_name("operator")) == operator


def both_sizes(node):
    """sizeof a / sizeof a[0]"""
    return all(node.child_by_field_name(side).type == "sizeof_expression" for side in ("left", "right"))


def unary(node, context):
    if text(node.child_by_field_name("operator")) == "!" and not is_condition(node):
        yield "negate", f"(!!({text(node.child_by_field_name('argument'))}))"


def update(node, context):
    original = text(node)
    yield "arithmetic", original.replace("++", "--") if "++" in original else original.replace("--", "++")


def assignment(node, context):
    operator = text(node.child_by_field_name("operator"))
    if operator in ASSIGNED:
        left, right = text(node.child_by_field_name("left")), text(node.child_by_field_name("right"))
        yield "arithmetic", f"({left} {ASSIGNED[operator]} {right})"


def number(node, context):
    original = text(node)
    if any(c in original for c in ".eEpP") and not original.lower().startswith("0x"):
        return
    yield "constant", f"({original} + 1)"
    if original.rstrip("uUlL") != "0":
        yield "constant", f"({original} - 1)"


def identifier(node, context):
    name = text(node)
    after = context.declared.next_of.get(name)
    if after and after != name:
        yield "enum", after


def literal(node, context):
    if node.parent.type != "return_statement":
        yield "constant", LITERALS[text(node)]


def names_in(literal_text):
    """Each word of a string, and where it starts."""
    at = 1
    for word in literal_text[1:-1].split(" "):
        if word.lstrip("=<"):
            yield at, word
        at += len(word) + 1


def string(node, context):
    """Another name in place of each, and each without its mark."""
    if not is_name(node):
        return
    original = text(node)
    for at, word in names_in(original):
        mark = len(word) - len(word.lstrip("=<"))
        yield "name", original[: at + mark] + "?" + original[at + mark :]
        if mark:
            yield "name", original[:at] + original[at + mark :]


def is_name(node):
    """An argument of a function that compares names, or the text of an oc_str."""
    parent = node.parent
    if parent.type == "argument_list" and parent.parent.type == "call_expression":
        return text(parent.parent.child_by_field_name("function")) in NAMING
    if parent.type == "initializer_list" and parent.parent.type == "compound_literal_expression":
        return text(parent.parent.child_by_field_name("type")) == "oc_str"
    return False


def is_failure(node):
    """A call that records a refusal."""
    if node.type != "call_expression":
        return False
    return is_refusal(text(node.child_by_field_name("function")))


def success(context, type_name):
    return {"bool": "true", "oc_node*": "(&oc_plain_node)"}.get(type_name)


def call(node, context):
    if not is_failure(node):
        return
    result = success(context, context.declared.returns.get(text(node.child_by_field_name("function"))))
    if result:
        yield "fail", result


def is_condition(node):
    """Whether the node is, but for parentheses, what an if, a loop or a ?: asks."""
    parent = node.parent
    while parent.type == "parenthesized_expression":
        node, parent = parent, parent.parent
    return parent.child_by_field_name("condition") == node


def condition(node, context):
    """For any expression that is a condition; comparisons are turned round already."""
    if node.type == "parenthesized_expression":
        return
    if node.type == "binary_expression" and text(node.child_by_field_name("operator")) in ("==", "!="):
        return
    yield "condition", f"(!({text(node)}))"


def returned(node, context):
    value = next((c for c in node.named_children if c.type != "comment"), None)
    if value is None:
        return
    original = text(value)
    if context.result == "bool":
        options = [("result", "true"), ("result", "false")]
    elif context.result == "oc_node*":
        options = [("result", "&oc_plain_node"), ("result", "NULL")]
    elif context.result.endswith("*"):
        options = [("result", "NULL")]
    else:
        return
    if is_failure(value):
        return  # as a call
    if original in ("false", "NULL") and passes_failure_on(node, context):
        return
    for kind, option in options:
        if option != original and not (option == "false" and is_failure_or(value)):
            yield kind, f"return {option};"


def passes_failure_on(node, context):
    """if (!what_may_fail(…)) return false: the refusal is recorded, and entry.c refuses whatever is recorded. So a success
    here changes nothing."""
    parent = node.parent
    if parent.type == "compound_statement":
        parent = parent.parent
    if parent.type != "if_statement":
        return False
    return bool(calls_in(parent.child_by_field_name("condition")) & context.declared.failing)


def is_failure_or(value):
    """x || oc_fail(…): false without its reason is no mutant of interest."""
    return is_logical(value, "||") and is_failure(value.child_by_field_name("right"))


def expression_statement(node, context):
    inner = next((c for c in node.named_children if c.type != "comment"), None)
    if inner is None or text(node).startswith("(void)"):
        return
    yield "statement", ";"


def jump(node, context):
    if node.type == "break_statement":
        if context.in_loop:
            yield "jump", "continue;"
        if context.in_switch:
            yield "jump", ";"
    else:
        yield "jump", "break;"


EXPRESSIONS = {
    "binary_expression": binary,
    "unary_expression": unary,
    "update_expression": update,
    "assignment_expression": assignment,
    "number_literal": number,
    "identifier": identifier,
    "true": literal,
    "false": literal,
    "string_literal": string,
    "concatenated_string": lambda node, context: (),
    "call_expression": call,
}

STATEMENTS = {
    "return_statement": returned,
    "expression_statement": expression_statement,
    "break_statement": jump,
    "continue_statement": jump,
}


def point_at(node, context):
    """The point of a node, or None."""
    if node.type in STATEMENTS:
        changes = list(STATEMENTS[node.type](node, context))
        return Point(node, "statement", changes) if changes else None
    changes = list(EXPRESSIONS[node.type](node, context)) if node.type in EXPRESSIONS else []
    if node.is_named and is_condition(node):
        changes += condition(node, context)
    return Point(node, "expression", changes) if changes else None
