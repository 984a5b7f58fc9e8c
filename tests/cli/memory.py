#!/usr/bin/env python3
"""Reads a generated log of so many megabytes with the checker: memory must not grow with it.

    memory.py PATH-OF-OPENCRYPT MEGABYTES
"""
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 32 << 20  # bytes of resident memory
LINE = ('{"t":{"$date":"2026-11-24T10:00:00.000+00:00"},"s":"I","c":"COMMAND","id":51803,"ctx":"conn1","msg":"Slow query","attr":'
        '{"type":"command","ns":"hr.people","command":%s,"planSummary":"COLLSCAN","durationMillis":120}}\n')


def command(i):
    """Several kinds; the values differ in each."""
    kinds = [
        {"find": "people", "filter": {"ssn": "s3cr3t-%d" % i}},
        {"find": "people", "filter": {"salary": {"$gt": i}}, "limit": i},
        {"insert": "people", "documents": [{"ssn": "%d" % (i + n), "name": "n" * (i % 50)} for n in range(i % 7 + 1)]},
        {"aggregate": "people", "pipeline": [{"$match": {"ssn": {"$in": ["%d" % i] * (i % 5 + 1)}}}, {"$limit": i}], "cursor": {}},
        {"update": "people", "updates": [{"q": {"name": "%d" % i}, "u": {"$set": {"f%d" % (i % 1000): i}}}]},
    ]
    return {**kinds[i % len(kinds)], "$db": "hr"}


def most_memory(pid):
    """Not rusage: that counts what this process held when it forked."""
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


def feed(pipe, wanted, sent, pid):
    lines = [LINE % json.dumps(command(i)) for i in range(20000)]
    block = "".join(lines).encode()
    with pipe:
        while sent["bytes"] < wanted:
            pipe.write(block)
            sent["bytes"] += len(block)
            sent["lines"] += len(lines)
        sent["memory"] = most_memory(pid)


def main(opencrypt, megabytes):
    sent = {"bytes": 0, "lines": 0}
    started = time.time()
    child = subprocess.Popen([opencrypt, "check", "--schema", os.path.join(HERE, "schemas/map.yaml"), "--format", "json"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feeder = threading.Thread(target=feed, args=(child.stdin, megabytes << 20, sent, child.pid))
    feeder.start()
    summary = json.loads(child.stdout.read())["summary"]
    feeder.join()
    status = child.wait()
    seconds = time.time() - started
    used = sent["memory"]
    print("%d MB, %d commands, %d shapes in %.1f s (%.0f MB/s), at most %.1f MB of memory" %
          (sent["bytes"] >> 20, summary["commands"], summary["shapes"], seconds, (sent["bytes"] >> 20) / seconds, used / (1 << 20)))
    problems = []
    if status != 1:
        problems.append("exit status %d" % status)
    if summary["commands"] != sent["lines"] or summary["unreadable"]:
        problems.append("%d lines sent, %r" % (sent["lines"], summary))
    if not os.environ.get("OPENCRYPT_SANITIZE") and used > LIMIT:
        problems.append("more memory than %d MB" % (LIMIT >> 20))
    for problem in problems:
        print("not ok: " + problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
