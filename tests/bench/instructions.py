#!/usr/bin/env python3
"""Counts the instructions of fixed requests under callgrind: instructions.py [--update]

They are judged by the numbers that instructions.txt keeps for these versions of compiler and libraries: more than 2 %
above one is a failure, unless the commit changes the number, which then shows in review. Where it keeps none for them,
the parent of what is judged is counted in the same run and stands for the number, scaled by what the commit changed.
--update writes the numbers of this run.
"""
import concurrent.futures
import os
import platform
import re
import subprocess
import sys
import tempfile

import builds

KEPT = os.path.join(builds.ROOT, "tests/bench/instructions.txt")
PROGRAM = "bench_instructions"
ALLOWED = 1.02


# ---- counting ----

def count(programs, name, repetitions):
    """Nothing of this environment, and no random addresses: the same count each time."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["setarch", "-R", "valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + out.name,
                        "--collect-atstart=no", "--toggle-collect=counted", os.path.join(programs, PROGRAM), name],
                       check=True, env={"PATH": os.environ["PATH"]})
        total = int(re.search(r"^totals: (\d+)", open(out.name).read(), re.M).group(1))
    if total == 0:
        sys.exit("callgrind has not seen the function that is to be counted")
    return round(total / repetitions)


def count_all(programs):
    listed = subprocess.run([os.path.join(programs, PROGRAM)], check=True, capture_output=True, text=True).stdout.split()
    repetitions, names = int(listed[0]), listed[1:]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(lambda name: count(programs, name, repetitions), names)))


# ---- what the counts depend on, beside the code ----

def cmake_says(programs, variable):
    """Of the compiler."""
    folder = os.path.join(os.path.dirname(programs), "CMakeFiles")
    version = next(name for name in os.listdir(folder) if re.match(r"\d", name))
    text = open(os.path.join(folder, version, "CMakeCCompiler.cmake")).read()
    return re.search(r'set\(%s "(.*)"\)' % variable, text).group(1)


def says(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def vectors():
    """The C library chooses functions by this; valgrind shows all else as one and the same CPU."""
    with open("/proc/cpuinfo") as cpuinfo:
        return "avx2" if re.search(r"\bavx2\b", cpuinfo.read()) else "no avx2"


def circumstances(programs):
    return ", ".join([
        "%s %s" % (cmake_says(programs, "CMAKE_C_COMPILER_ID"), cmake_says(programs, "CMAKE_C_COMPILER_VERSION")),
        os.confstr("CS_GNU_LIBC_VERSION"),
        "xxhash " + says("pkg-config", "--modversion", "libxxhash"),
        says("valgrind", "--version"),
        "%s %s" % (platform.machine(), vectors()),
    ])


# ---- the numbers that are kept: a line of circumstances, then a line "  name count" for each request ----

def parse(text):
    kept = {}
    for line in text.splitlines():
        if line.startswith("  "):
            name, number = line.split()
            kept[key][name] = int(number)
        elif line and not line.startswith("#"):
            key = line
            kept[key] = {}
    return kept


def read_kept():
    with open(KEPT) as file:
        return parse(file.read())


def write_kept(kept):
    with open(KEPT) as file:
        heads = [line for line in file.read().splitlines() if line.startswith("#")]
    with open(KEPT, "w") as file:
        for line in heads:
            print(line, file=file)
        for key in sorted(kept):
            print("\n" + key, file=file)
            for name, number in kept[key].items():
                print("  %-28s %9d" % (name, number), file=file)


def declared(old, new, name):
    """By what factor a change of the numbers, of whatever circumstances, says that the count has changed."""
    for key in new:
        if name in new[key] and name in old.get(key, {}):
            return new[key][name] / old[key][name]
    return 1


def parent():
    """Of the working tree if it has changes, else of the commit. None in a clone without history."""
    return builds.known("HEAD" if builds.git("status", "--porcelain", "--untracked-files=no") else "HEAD^")


def kept_at(commit):
    try:
        return parse(builds.git("show", commit + ":tests/bench/instructions.txt"))
    except subprocess.CalledProcessError:
        return {}


def expect_from_parent(kept):
    commit = parent()
    if not commit:
        print("and this clone has no commit before this one: nothing is judged")
        return {}
    print("so they are compared with those of %s, counted now" % commit[:12])
    old = kept_at(commit)
    counts = count_all(builds.build_commit(commit, [PROGRAM]))
    return {name: round(number * declared(old, kept, name)) for name, number in counts.items()}


def expected(key):
    kept = read_kept()
    if key in kept:
        return kept[key]
    print("no numbers are kept for %s;" % key)
    return expect_from_parent(kept)


# ---- the verdict ----

def report(name, number, kept):
    """Whether the number will do."""
    if not kept:
        print("  %-28s %9d %9s" % (name, number, "-"))
        return True
    ratio = number / kept
    note = "WORSE" if ratio > ALLOWED else "better: --update keeps it" if ratio < 1 / ALLOWED else ""
    print("  %-28s %9d %9d  %+6.1f %%  %s" % (name, number, kept, (ratio - 1) * 100, note))
    return ratio <= ALLOWED


def judge(counts, key):
    wanted = expected(key)
    print("  %-28s %9s %9s" % ("instructions of a request", "counted", "expected"))
    good = [report(name, number, wanted.get(name)) for name, number in counts.items()]
    return all(good)


def main():
    programs = builds.build_tree([PROGRAM])
    key, counts = circumstances(programs), count_all(programs)
    if "--update" in sys.argv[1:]:
        write_kept({**read_kept(), key: counts})
    elif not judge(counts, key):
        sys.exit("more than 2 % worse. If that is meant: ./dev bench instructions --update, and say why in the commit")


if __name__ == "__main__":
    main()
