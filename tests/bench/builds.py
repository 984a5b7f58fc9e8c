"""Builds the bench programs of the working tree and of commits, in the release preset. A commit's engine gets the
bench of the working tree: the same commands, measured in the same way."""
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def known(commit):
    """The full hash, or None."""
    try:
        return git("rev-parse", "--verify", "--quiet", commit + "^{commit}")
    except subprocess.CalledProcessError:
        return None


def run(command, folder):
    """Prints what the command printed only if it fails; that ends the program."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        sys.exit("does not build: " + " ".join(command))


def build(folder, programs):
    """The folder in which the programs are then."""
    run(["cmake", "--preset", "release"], folder)
    run(["cmake", "--build", "build/release", "--target", *programs], folder)
    return os.path.join(folder, "build/release/bin")


def extract(commit, folder):
    os.makedirs(folder)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)


def build_commit(commit, programs):
    """Of a full hash, in build/compare; what has been built stays there."""
    folder = os.path.join(ROOT, "build/compare", commit[:12])
    if not os.path.isdir(folder):
        extract(commit, folder)
    bench = os.path.join(folder, "tests/bench")
    shutil.rmtree(bench)
    shutil.copytree(os.path.join(ROOT, "tests/bench"), bench, ignore=shutil.ignore_patterns("__pycache__"))
    return build(folder, programs)


def build_tree(programs):
    return build(ROOT, programs)
