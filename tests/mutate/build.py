"""The mutants' build: a copy of the repository in which base, schema and analyzer are schemata, compiled once."""

import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess

import cells
import schemata
import syntax

FOLDERS = ("src/base", "schema", "analyzer")
OPTIONS = ["DAEMON", "CLI", "CRYPT_SHARED", "LIBRARY", "DRIVER_TESTS"]
MOST_ROUNDS = 8

# Everything that can be put to the tests: code mutants, and the tables whose cells oc_mutants lists.
Build = collections.namedtuple("Build", "folder mutants tables declared units")


class Failed(Exception):
    pass


def tracked(root):
    """What is tracked or could be; the build folder is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\n") if name and (root / name).is_file()]


def is_mutated(name):
    return name.endswith((".c", ".h")) and os.path.dirname(name) in FOLDERS


def write(path, data):
    """Only what is new, so that nothing else is compiled again."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def copy_others(root, tree, names):
    for name in names:
        if not is_mutated(name):
            write(tree / name, (root / name).read_bytes())
            os.chmod(tree / name, os.stat(root / name).st_mode)
    known = set(names)
    for path in tree.rglob("*"):
        if path.is_file() and str(path.relative_to(tree)) not in known | {"tests/mutate/numbers.c"}:
            path.unlink()


def written(sources, roots, declared, dropped):
    """{name: text} of all schemata, their mutants and tables, and the number after the last."""
    numbers, texts, mutants, tables = schemata.Numbers(), {}, [], []
    for name, data in sources.items():
        writer = schemata.Writer(name, data, declared, numbers, dropped)
        texts[name] = cells.numbered(writer.file(roots[name]), len(tables))
        mutants += writer.mutants
        tables += writer.tables
    return texts, mutants, tables, numbers.end


# ---- what the compiler refuses


def errors_of(tree, name):
    """[(file, line, column)]"""
    flags = [f"-iquote{tree / folder}" for folder in FOLDERS]
    command = ["gcc", "-std=c11", "-D_GNU_SOURCE", '-DOPENCRYPT_VERSION="0"', "-w", "-fsyntax-only", "-fmax-errors=0"]
    command += ["-include", str(tree / "tests/mutate/mutant.h"), *flags, str(tree / name)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    found = []
    for match in re.finditer(r"^(\S+?):(\d+):(\d+): (?:fatal )?error: (.*)$", done.stderr, re.MULTILINE):
        path, line, column, message = match.groups()
        found.append((os.path.relpath(path, tree), int(line), int(column), message))
    return found


def place_at(line, column):
    """The number of the place that an error in a line belongs to: the innermost that it is in, else the nearest."""
    spans = [
        (m.start(), line.find(f"/*{m.group(1)}>*/", m.start()), int(m.group(1))) for m in re.finditer(r"/\*<(\d+)\*/", line)
    ]
    around = [s for s in spans if s[0] <= column <= s[1]]
    if around:
        return max(around)[2]
    return min(spans, key=lambda s: min(abs(s[0] - column), abs(s[1] - column)))[2] if spans else None


def refused(tree, texts, mutants):
    """Those that the compiler does not take, as schemata.Writer wants them."""
    sources = [name for name in texts if name.endswith(".c")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        errors = {e for found in pool.map(lambda name: errors_of(tree, name), sources) for e in found}
    places = collections.defaultdict(list)
    for mutant in mutants:
        places[mutant.place].append(mutant)
    out = set()
    for name, line, column, message in errors:
        place = place_at(texts[name].split("\n")[line - 1], column - 1) if name in texts else None
        if place is None:
            raise Failed(f"{name}:{line}:{column}: {message}")
        out.update(mutant.key for mutant in places[place])
    return out


def make_tree(root, tree):
    names = tracked(root)
    copy_others(root, tree, names)
    for name in names:
        if is_mutated(name):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
    sources = {name: (root / name).read_bytes() for name in names if is_mutated(name)}
    roots = {name: syntax.parse(data) for name, data in sources.items()}
    declared, dropped = syntax.declared(roots), set()
    for _ in range(MOST_ROUNDS):
        texts, mutants, tables, end = written(sources, roots, declared, dropped)
        for name, content in texts.items():
            write(tree / name, content.encode())
        write(
            tree / "tests/mutate/numbers.c",
            f'#include "mutant.h"\nunsigned char oc_reached[{end}];\nconst unsigned oc_mutant_end = {end};\n'.encode(),
        )
        new = refused(tree, texts, mutants)
        if not new:
            return mutants, tables, declared
        if new <= dropped:
            raise Failed(f"the compiler refuses what is not there: {sorted(new)[:3]}")
        dropped |= new
    raise Failed("the compiler goes on refusing mutants")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(done.stdout[-4000:] + done.stderr[-4000:])


def build(root, folder, jobs):
    folder = folder.resolve()
    tree, built = folder / "tree", folder / "built"
    mutants, tables, declared = make_tree(root, tree)
    flags = f"-O1 -w -include {tree / 'tests/mutate/mutant.h'}"
    off = [f"-DOPENCRYPT_{name}=OFF" for name in OPTIONS]
    run("cmake", "-S", tree, "-B", built, "-G", "Ninja", f"-DCMAKE_C_FLAGS={flags}", "-DOPENCRYPT_MUTANTS=ON", *off)
    units = sorted(path.stem for path in (root / "tests/unit").glob("test_*.c"))
    run("cmake", "--build", built, "-j", str(jobs), "--target", "oc_mutants", *units)
    return Build(pathlib.Path(built), mutants, tables, declared, units)
