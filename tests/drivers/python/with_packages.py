#!/usr/bin/env python3
"""Runs a Python program with the packages of requirements.txt, which are installed into a virtual environment.

    with_packages.py VENV PROGRAM [arguments]

Exits with 77, which ctest counts as skipped, where there is no environment yet and none can be made: no package index is
within reach, or Python came without venv.
"""
import fcntl
import os
import pathlib
import subprocess
import sys
import venv

SKIPPED = 77
LONGEST = 300  # seconds
REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
PIP = ["-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
INSTALL = ["install", "--quiet", "--only-binary", ":all:"]
UNREACHABLE = ("Retrying (", "(from versions: none)")  # as pip words it


def skip(reason):
    print("SKIPPED: %s. The program needs the Python packages of %s." % (reason, REQUIREMENTS))
    sys.exit(SKIPPED)


def install(folder, python):
    try:
        venv.create(folder, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, ImportError):
        skip("Python has no venv with pip (on Debian: apt-get install python3-venv)")
    try:
        pip = subprocess.run([python, *PIP, *INSTALL, "-r", REQUIREMENTS], stderr=subprocess.PIPE, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        skip("pip has not finished in %d seconds" % LONGEST)
    if pip.returncode and any(sign in pip.stderr for sign in UNREACHABLE):
        skip("pip reaches no package index, or the index has nothing for this platform")
    if pip.returncode:
        sys.exit(pip.stderr)


def main(folder, *program):
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = REQUIREMENTS.read_text()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open("%s.lock" % folder, "w") as lock:  # several languages' tests come here at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            install(folder, python)
            stamp.write_text(wanted)
    os.execv(python, [python, "-B", *program])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
