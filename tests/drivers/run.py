#!/usr/bin/env python3
"""Runs the application of one language against one server in one way, and checks what it says; README.md has the contract.

    run.py BUILD-FOLDER LANGUAGE WAY SERVER COMMAND [ARGUMENT...]

for example

    run.py build/dev go spawn store tests/drivers/go/run

WAY: daemon, spawn or library. SERVER: ferretdb or store. The results go to BUILD-FOLDER/drivers/LANGUAGE-WAY-SERVER.json.
Exit status 77: the application or the server cannot be built or run here.
"""
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import ferretdb

SCENARIOS = """keys insert-find deterministic refused no-schema server-schema update replace delete find-and-modify bulk-write
count distinct aggregate lookup queryable client-bulk""".split()
SKIPPED = 77
IDLE_SECONDS = 3  # after which a spawned daemon leaves
PATIENCE = 20  # seconds more in which it must have left
WIRE_VERSION = 27  # MongoDB 8.1: drivers offer all that they have
LINE = re.compile(r"(?P<result>ok|not ok|skip) (?P<scenario>[\w.-]+)(: (?P<reason>.+))?$")
DRIVER = re.compile(r"driver (?P<name>\S.*?) v?(?P<version>\d\S*?)(, libmongocrypt (?P<libmongocrypt>\S+))?$")


class Failed(Exception):
    """The run is worth nothing, with the reason."""


class Skipped(Exception):
    """The application cannot be built or run here, with the reason."""


# ---- processes ----

def start(command, **options):
    """A child that ends when this process does, in a group with its own children."""
    def tie():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

    words = [str(word) for word in command]
    return subprocess.Popen(words, preexec_fn=tie, start_new_session=True, stdin=subprocess.DEVNULL, **options)


def stop(process):
    """The child and its children, unless it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def within(seconds, holds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_port(process, port, log):
    within(60, lambda: process.poll() is not None or listens(port))
    if process.poll() is not None or not listens(port):
        raise Failed("%s did not start: %s" % (process.args[0], ferretdb.last_line(log.read_text(errors="replace"))))


def start_listening(command, port, log):
    with open(log, "w") as output:
        process = start(command, stdout=output, stderr=output)
    try:
        await_port(process, port, log)
    except Failed:
        stop(process)
        raise
    return process


# ---- servers ----

def start_server(build, server, folder, port):
    if server == "store":
        command = [build / "bin/oc_store", "--port", port, "--wire-version", WIRE_VERSION]
    else:
        command = [ferretdb.program(build / "drivers/ferretdb"), *ferretdb.arguments(port, folder)]
    return start_listening(command, port, folder / "server.log")


# ---- ways: each has the application's environment, and what must hold when the application has ended ----

class Daemon:
    """opencryptd runs already."""

    def __init__(self, build, folder):
        port = free_port()
        self.process = start_listening([build / "bin/opencryptd", "--port", port], port, folder / "daemon.log")
        self.environment = {"OC_DAEMON_URI": "mongodb://127.0.0.1:%d/" % port}

    def check(self):
        if self.process.poll() is not None:
            raise Failed("the daemon ended with status %d" % self.process.returncode)

    def close(self):
        stop(self.process)


class Spawn:
    """The driver starts a program named mongocryptd, which it finds by PATH."""

    def __init__(self, build, folder):
        port, programs = free_port(), folder / "bin"
        self.log, self.pidfile = folder / "daemon.log", folder / "daemon.pid"
        programs.mkdir()
        (programs / "mongocryptd").symlink_to(build / "bin/opencryptd")
        options = {"port": port, "idleShutdownTimeoutSecs": IDLE_SECONDS, "pidfilepath": self.pidfile, "logpath": self.log}
        self.environment = {
            "OC_DAEMON_URI": "mongodb://127.0.0.1:%d/" % port,
            "OC_SPAWN_ARGS": " ".join("--%s=%s" % option for option in options.items()),
            "PATH": "%s:%s" % (programs, os.environ["PATH"]),
        }

    def check(self):
        if not self.log.exists():
            raise Failed("the driver has started no daemon")
        if not within(IDLE_SECONDS + PATIENCE, lambda: not self.pidfile.exists()):
            raise Failed("the daemon that the driver started has not left although nobody uses it")

    def close(self):
        if self.pidfile.exists():
            os.kill(json.loads(self.pidfile.read_text())["pid"], signal.SIGTERM)


class Library:
    """The driver loads mongo_crypt_v1.so; no daemon runs, and none is in PATH."""

    def __init__(self, build, folder):
        self.environment = {"OC_LIBRARY": str(build / "lib/mongo_crypt_v1.so")}

    def check(self):
        pass

    def close(self):
        pass


WAYS = {"daemon": Daemon, "spawn": Spawn, "library": Library}


# ---- the application's lines ----

class Results:
    def __init__(self):
        self.driver = {}
        self.scenarios = {}
        self.skipped = None  # or the reason

    def take(self, line):
        """Raises Failed for a line that the contract does not know."""
        driver, outcome = DRIVER.match(line), LINE.match(line)
        if line.startswith("SKIPPED: "):
            self.skipped = line[len("SKIPPED: "):]
        elif driver and not self.driver:
            self.driver = driver.groupdict()
        elif not outcome or not self.driver:
            raise Failed("the application wrote a line that is none of the contract's: %s" % line)
        elif outcome["scenario"] in self.scenarios:
            raise Failed("the application wrote twice of %s" % outcome["scenario"])
        elif (outcome["result"] == "ok") == bool(outcome["reason"]):
            raise Failed("a line without a reason, or with one too many: %s" % line)
        else:
            self.scenarios[outcome["scenario"]] = {"result": outcome["result"], "reason": outcome["reason"]}

    def check(self, status):
        if status == SKIPPED and self.skipped:
            raise Skipped(self.skipped)
        failed = [name for name, outcome in self.scenarios.items() if outcome["result"] == "not ok"]
        missing = [name for name in SCENARIOS if name not in self.scenarios]
        if failed:
            raise Failed("not ok: %s" % " ".join(failed))
        if status:
            raise Failed("the application ended with status %d" % status)
        if missing:
            raise Failed("the application wrote no line for: %s" % " ".join(missing))
        if all(outcome["result"] == "skip" for outcome in self.scenarios.values()):
            raise Failed("every scenario was skipped")


def run_application(command, environment):
    """Its results; its lines are shown as they come."""
    results = Results()
    process = start(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, errors="replace")
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.strip():
                results.take(line.rstrip("\n"))
        results.check(process.wait())
        return results
    finally:
        stop(process)
        process.stdout.close()


# ---- one run ----

def run(build, way, server, command, folder):
    port = free_port()
    server_process = start_server(build, server, folder, port)
    try:
        shell = WAYS[way](build, folder)
        try:
            environment = {"OC_WAY": way, "OC_SERVER": server, "OC_SERVER_URI": "mongodb://127.0.0.1:%d/" % port,
                           "OC_DATABASE": "oc_" + uuid.uuid4().hex[:12]}
            results = run_application(command, {**environment, **shell.environment})
            shell.check()
        finally:
            shell.close()
        if server_process.poll() is not None:
            raise Failed("the server ended with status %d" % server_process.returncode)
        return results
    finally:
        stop(server_process)


def show_logs(folder):
    for log in sorted(folder.glob("*.log")):
        print("---- end of %s\n%s" % (log.name, "\n".join(log.read_text(errors="replace").splitlines()[-20:])))


def main(build, language, way, server, *command):
    build = pathlib.Path(build).absolute()
    file = build / "drivers" / ("%s-%s-%s.json" % (language, way, server))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="oc-drivers-") as folder:
        try:
            results = run(build, way, server, command, pathlib.Path(folder))
        except Skipped:  # the application has said so
            return SKIPPED
        except ferretdb.Unavailable as reason:
            print("SKIPPED: %s" % reason)
            return SKIPPED
        except Failed as reason:
            print("FAILED: %s" % reason)
            show_logs(pathlib.Path(folder))
            return 1
    file.write_text(json.dumps({"language": language, "way": way, "server": server, "driver": results.driver,
                                "scenarios": results.scenarios}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[3] not in WAYS or sys.argv[4] not in ("ferretdb", "store"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
