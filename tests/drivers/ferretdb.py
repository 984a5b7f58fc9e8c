"""FerretDB, a real server that speaks MongoDB's protocol, built from its Go module.

`go install` of that version gives a program that ends at once: a file with its version, which its own build makes, is not
part of the module. So the source is copied into the build folder and gets that file.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess

MODULE = "github.com/FerretDB/FerretDB"
VERSION = "v1.24.2"
LONGEST = 900  # seconds; a first build compiles SQLite


class Unavailable(Exception):
    """No FerretDB here, with the reason."""


def program(folder):
    """The path of FerretDB, which is built in `folder` unless it is there."""
    built = folder / ("ferretdb-" + VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / "lock"):
        if not built.exists():
            build(folder / "source", built)
    return built


def arguments(port, state):
    """For a FerretDB that keeps everything in the folder `state` and tells nobody that it runs."""
    return ["--handler=sqlite", "--sqlite-url=file:%s/" % state, "--state-dir=%s" % state, "--telemetry=disable",
            "--listen-addr=127.0.0.1:%d" % port, "--debug-addr=-", "--log-level=error"]


@contextlib.contextmanager
def one_at_a_time(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(source, built):
    downloaded = json.loads(go(["mod", "download", "-json", "%s@%s" % (MODULE, VERSION)], source.parent))
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(downloaded["Dir"], source, copy_function=shutil.copyfile)
    make_writable(source)
    (source / "build/version/version.txt").write_text(VERSION)
    unfinished = built.with_suffix(".unfinished")
    go(["build", "-buildvcs=false", "-o", unfinished, "./cmd/ferretdb"], source)
    unfinished.rename(built)
    shutil.rmtree(source)


def make_writable(folder):
    """Go's module cache is read-only, and copies of folders are, too."""
    for path, _, _ in os.walk(folder):
        pathlib.Path(path).chmod(0o755)


def go(command, folder):
    try:
        done = subprocess.run(["go", *command], cwd=folder, capture_output=True, text=True, timeout=LONGEST)
    except FileNotFoundError:
        raise Unavailable("FerretDB is built with Go, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable("go %s has not finished in %d seconds" % (command[0], LONGEST)) from None
    if done.returncode:
        raise Unavailable("FerretDB cannot be built: go %s: %s" % (command[0], complaint(done)))
    return done.stdout


def complaint(done):
    """With -json the reason is a field of the output."""
    try:
        return last_line(json.loads(done.stdout)["Error"])
    except (ValueError, KeyError):
        return last_line(done.stderr)


def last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1]
