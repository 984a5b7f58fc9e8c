#!/usr/bin/env python3
"""clang-tidy over all C files of the repository that compilation databases know: tidy.py FOLDER...

And clang's analyzer for stores that are never read: alone, for clang-tidy runs all of the path-sensitive checks with it,
which takes thirty times as long. Any finding, and any file that cannot be read, is a failure.
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

ANALYZER = ["--analyze", "--analyzer-output", "text", "-Xclang", "-analyzer-werror",
            "-Xclang", "-analyzer-disable-checker=core,unix,security,apiModeling,nullability,deadcode",
            "-Xclang", "-analyzer-checker=deadcode.DeadStores,security.FloatLoopCounter"]
# In no build here: a program as users build it, the drivers' own, what only the build of mutants has, and what stands in
# for a library that is missing.
ELSEWHERE = ("tests/package/", "tests/drivers/", "tests/mutate/", "src/cli/server_none.c")


def tracked():
    return subprocess.run(["git", "ls-files", "*.c"], check=True, capture_output=True, text=True).stdout.split()


def commands(folders):
    """How each file is compiled, by its name; the first database that knows it counts."""
    found = {}
    for folder in folders:
        with open(os.path.join(folder, "compile_commands.json")) as database:
            for entry in json.load(database):
                found.setdefault(os.path.relpath(entry["file"]), {**entry, "database": folder})
    return found


def analyzer_command(entry):
    """The compiler's, with no output but findings. -w: its warnings are clang-tidy's affair."""
    words = shlex.split(entry["command"])
    at = words.index("-o")
    return words[:at] + words[at + 2:] + ANALYZER + ["-w", "-o", os.devnull]


def finds_nothing(command, folder):
    """Prints what is found. clang-tidy's own count of what it suppressed is dropped."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def clean(name, entry):
    tidied = finds_nothing(["clang-tidy", "--quiet", "-p", entry["database"], name], ".")
    return finds_nothing(analyzer_command(entry), entry["directory"]) and tidied


def main():
    known = commands(sys.argv[1:])
    names = [name for name in tracked() if name in known]
    unknown = [name for name in tracked() if name not in known and not name.startswith(ELSEWHERE)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        bad = [name for name, good in zip(names, pool.map(lambda name: clean(name, known[name]), names)) if not good]
    for name in unknown:
        print("%s is in no compilation database" % name)
    if bad or unknown or not names:
        sys.exit("clang-tidy: %d of %d files have findings: %s" % (len(bad), len(names), " ".join(bad)))
    print("clang-tidy: %d files" % len(names))


if __name__ == "__main__":
    main()
