#!/usr/bin/env python3
"""The engine's bench, working tree against a commit: compare.py COMMIT [ROUNDS]

Both are measured by turns, each measurement in a process of its own; the ratios are those of neighbours in time, so
that a machine which is slow for a while does not show in them. A ratio below 1: the working tree is faster.
"""
import os
import statistics
import subprocess
import sys

import builds

PROGRAMS = ("bench_engine", "bench_corpus")
CASES = os.path.join(builds.ROOT, "tests/cases")
CORPUS = "corpus of ordinary pipelines"


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def time_row(programs, name):
    """Microseconds; None if this engine refuses the command."""
    measured = output(programs + "/bench_engine", "--time", name)
    return float(measured) if measured else None


def time_corpus(programs):
    """Microseconds of each pipeline that is accepted, by name."""
    lines = (output(programs + "/bench_corpus", CASES, "--list") or "").splitlines()
    return {name: float(measured) for measured, name in (line.split("\t", 1) for line in lines)}


def corpus_totals(old, new):
    """Of the pipelines that both accept."""
    both = old.keys() & new.keys()
    return sum(old[name] for name in both), sum(new[name] for name in both)


def by_turns(take, old, new, rounds):
    """Pairs (old, new); which is first changes from round to round."""
    pairs = []
    for i in range(rounds):
        if i % 2 == 0:
            first = take(old)
            pairs.append((first, take(new)))
        else:
            first = take(new)
            pairs.append((take(old), first))
    return pairs


def verdict(ratios):
    """Nine of ten pairs must agree: on a busy machine some are beside the mark."""
    ratio, needed = statistics.median(ratios), 0.9 * len(ratios)
    if sum(r > 1 for r in ratios) >= needed:
        return "%.2fx slower" % ratio
    if sum(r < 1 for r in ratios) >= needed:
        return "%.2fx faster" % (1 / ratio)
    return "no difference beyond the spread"


def report(name, pairs):
    if any(None in pair for pair in pairs):
        print("%-46s refused by %s" % (name, "both" if pairs[0] == (None, None) else "one of them"))
        return
    old, new = zip(*pairs)
    ratios = [b / a for a, b in pairs]
    print("%-46s %10.2f %10.2f %10.2f %10.2f %7.2f %6.2f %6.2f  %s"
          % (name, min(old), statistics.median(old), min(new), statistics.median(new),
             min(ratios), statistics.median(ratios), max(ratios), verdict(ratios)), flush=True)


def compare(commit, rounds):
    old, new = builds.build_commit(commit, PROGRAMS), builds.build_tree(PROGRAMS)
    print("%-46s %21s %21s %21s" % ("microseconds", commit[:12], "working tree", "ratio"))
    print("%-46s %10s %10s %10s %10s %7s %6s %6s" % (("", "min", "median") + ("min", "median") * 2 + ("max",)))
    for name in output(new + "/bench_engine", "--list").splitlines():
        report(name, by_turns(lambda programs, name=name: time_row(programs, name), old, new, rounds))
    report(CORPUS, [corpus_totals(*pair) for pair in by_turns(time_corpus, old, new, rounds)])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    commit = builds.known(sys.argv[1])
    if not commit:
        sys.exit("no such commit: " + sys.argv[1])
    compare(commit, max(10, int(sys.argv[2])) if len(sys.argv) == 3 else 10)


if __name__ == "__main__":
    main()
