#!/usr/bin/env python3
"""PyMongo with opencryptd: the scenarios of ../README.md. Names of scenarios as arguments run only those."""
import sys
import traceback

import pymongo
from pymongocrypt import libmongocrypt_version

import world
import csfle, edges, errors, load, asynchronous, queryable, tutorial_run  # noqa: E401, F401; their scenarios run in this order


def run(name, function):
    try:
        function()
        return "ok %s" % name
    except world.Skipped as reason:
        return "skip %s: %s" % (name, reason)
    except Exception as error:
        traceback.print_exc()
        return "not ok %s: %s: %s" % (name, type(error).__name__, " ".join(str(error).split())[:300])


def main(*names):
    print("driver PyMongo %s, libmongocrypt %s" % (pymongo.version, libmongocrypt_version()), flush=True)
    passed = True
    for name, function in world.SCENARIOS.items():
        if not names or name in names:
            line = run(name, function)
            passed &= not line.startswith("not ok")
            print(line, flush=True)
    world.close()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
