"""All mutants, of code and of cells, in one shape; which of them are known to change nothing; and samples of them."""

import collections
import random
import re

# `place`: where code must be come by, 0 for cells. `search`: cases that hold it come first. `original` and `mutated` are
# for readers, and with `file`, `within` (a function or table) and `nth` (of those that are alike) the key of the mutant.
Mutant = collections.namedtuple("Mutant", "name place search file line within kind original mutated nth")


class Wrong(Exception):
    pass


def key(m):
    return m.file, m.within, m.original, m.mutated, m.nth


def _code(build):
    for m in build.mutants:
        yield Mutant(str(m.number), m.place, "", m.file, m.line, m.function, m.kind, m.original, m.mutated, 1)


def _value(build, type_name, value):
    """A number of an enum by its name."""
    members = build.declared.enums.get(type_name)
    return members[int(value)] if members and value.isdigit() and int(value) < len(members) else value


def _cell(build, name, table_number, row, row_key, leaf, type_name, old, new):
    table = build.tables[int(table_number)]
    line = table.lines[int(row)] if int(row) < len(table.lines) else table.line
    where = f"{row_key or row}: {leaf}"
    within = ".".join(part for part in (table.function, table.name) if part)
    old, new = (f"{where} = {_value(build, type_name, value)}" for value in (old, new))
    search = row_key if re.fullmatch(r"[$\w]+", row_key) else ""
    return Mutant(name, 0, search, table.file, line, within, "cell", old, new, 1)


def every(build, server):
    found = [*_code(build), *(_cell(build, *row) for row in server.cells())]
    seen, out = collections.Counter(), []
    for m in found:
        seen[key(m)] += 1
        out.append(m._replace(nth=seen[key(m)]))
    return out


# ---- those that change nothing


def read_equivalent(lines):
    """{key: reason} of equivalent.txt; the form is described at its head."""
    entries, block = {}, []
    for number, line in enumerate([*lines, ""], 1):
        line = line.rstrip("\n")
        if line.startswith("#"):
            continue
        if line:
            block.append(line)
        elif block:
            entry, reason = _entry(block, number)
            if entry in entries:
                raise Wrong(f"equivalent.txt:{number}: twice")
            entries[entry] = reason
            block = []
    return entries


def _entry(block, number):
    head = re.fullmatch(r"(\S+) (\S+)(?: \((\d+)\))?", block[0])
    signs = [line[:2] for line in block[1:]]
    if not head or signs[:2] != ["- ", "+ "] or len(block) < 4:
        raise Wrong(f"equivalent.txt, before line {number}: wants FILE FUNCTION, '- …', '+ …' and a reason")
    file, within, nth = head.groups()
    return (file, within, block[1][2:], block[2][2:], int(nth or 1)), " ".join(block[3:])


def entry_text(m, reason):
    """As it stands in equivalent.txt."""
    nth = f" ({m.nth})" if m.nth > 1 else ""
    return f"{m.file} {m.within}{nth}\n- {m.original}\n+ {m.mutated}\n{reason}\n"


def without_equivalent(mutants, entries):
    unknown = set(entries) - {key(m) for m in mutants}
    if unknown:
        raise Wrong("equivalent.txt names what is no mutant:\n" + "\n".join(f"  {' | '.join(map(str, k))}" for k in unknown))
    return [m for m in mutants if key(m) not in entries]


# ---- choices


def chosen(mutants, options):
    if options.cells:
        mutants = [m for m in mutants if m.kind == "cell"]
    if options.code:
        mutants = [m for m in mutants if m.kind != "cell"]
    if options.file:
        mutants = [m for m in mutants if re.search(options.file, m.file)]
    if options.sample and options.sample < len(mutants):
        mutants = random.Random(options.seed).sample(mutants, options.sample)
    return mutants
