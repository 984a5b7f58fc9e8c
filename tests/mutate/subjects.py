"""What mutants are put to: oc_mutants (cases and pairs), and the unit tests as programs of their own."""

import collections
import concurrent.futures
import os
import subprocess
import sys
import tempfile

CASES, PAIRS = 1, 2

# A unit test: the processor's seconds without a mutant, and the places that it comes by.
Unit = collections.namedtuple("Unit", "name program seconds reached")


class Server:
    """A running oc_mutants."""

    def __init__(self, build, cases, pairs, seed, jobs):
        command = [build.folder / "bin/oc_mutants", cases, str(pairs), str(seed), str(jobs)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, requests):
        """The lines of the answer. All is asked before anything is read: the server reads only what it can begin."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(self._write, requests)
            for line in self.process.stdout:
                if line == "done\n":
                    return
                yield line.rstrip("\n")
        raise RuntimeError(f"oc_mutants ended with {self.process.wait()}")

    def _write(self, requests):
        for request in requests:
            self.process.stdin.write(request + "\n")
        self.process.stdin.flush()

    def cells(self):
        return [line.split("\t") for line in self._ask(["list"])]

    def reached(self):
        return {int(place): int(who) for place, who in (line.split() for line in self._ask(["reached"]))}

    def killed(self, what, mutants):
        """The names of those that "cases" or "pairs" notice."""
        requests = [f"{what} {m.place} {m.name} {m.search}".rstrip() for m in mutants]
        killed = set()
        for count, line in enumerate(self._ask([*requests, "wait"]), 1):
            if count % 2000 == 0:
                print(f"  {count} of {len(mutants)}, {len(killed)} killed", file=sys.stderr, flush=True)
            name, verdict = line.split(" ")[:2]
            if verdict == "missing":
                raise RuntimeError(f"oc_mutants has no mutant {name}")
            if verdict == "killed":
                killed.add(name)
        return killed

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _run(program, cases, environment, limit):
    """Whether the test passes. One that hangs does not."""
    try:
        done = subprocess.run(
            [program, cases],
            env={**os.environ, **environment},
            timeout=limit,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _child_seconds():
    """Of processor time: others may be at work."""
    times = os.times()
    return times.children_user + times.children_system


def unit(build, name, cases):
    program = build.folder / "bin" / name
    with tempfile.NamedTemporaryFile() as reached:
        start = _child_seconds()
        if not _run(program, cases, {"OC_REACHED": reached.name}, 120):
            raise RuntimeError(f"{name} fails without a mutant")
        seconds = _child_seconds() - start
        return Unit(name, program, seconds, {i for i, byte in enumerate(reached.read()) if byte})


def killed_by_unit(unit, mutants, cases, jobs):
    """The names of those that the unit test notices; it is run for those only that it comes by."""
    limit = 10 + 30 * unit.seconds
    concerned = [m for m in mutants if m.place == 0 or m.place in unit.reached]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        passes = pool.map(lambda m: _run(unit.program, cases, {"OC_MUTANT": m.name}, limit), concerned)
        return {m.name for m, passed in zip(concerned, passes) if not passed}
