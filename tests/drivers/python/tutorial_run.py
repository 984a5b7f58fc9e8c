"""The tutorial's scripts, run as a user runs them, must show what they promise."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from world import SERVER, equal, scenario

FOLDER = Path(__file__).with_name("tutorial")
SECRETS = ("241014209", "AB+", "123142")


def script(name, folder):
    environment = {**os.environ, "OC_MASTER_KEY_FILE": os.path.join(folder, "master-key.bin")}
    done = subprocess.run([sys.executable, "-B", FOLDER / name], env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError("%s: %s" % (name, done.stderr))
    return done.stdout


def shown(output):
    """{title: what stands below it}"""
    lines = output.splitlines()
    return {title.rstrip(":"): result.strip() for title, result in zip(lines[::2], lines[1::2])}


def check(text, encrypted):
    seen = [secret for secret in SECRETS if secret in text]
    equal(seen, [] if encrypted else list(SECRETS))
    equal(text.count(", 6)"), 3 if encrypted else 0)  # Binary(…, 6)


@scenario("tutorial")
def tutorial():
    with tempfile.TemporaryDirectory() as folder:
        first, second = script("create_key.py", folder), script("create_key.py", folder)
        equal(first, second)  # the key is made once
        results = shown(script("csfle_main.py", folder))
    check(results["found by its name"], encrypted=False)
    check(results["without a key"], encrypted=True)
    check(results["found by the encrypted ssn"], encrypted=False)
    equal(results["the same query without encryption"], "None")
    assert "'bloodType'" in results["a query by a random field is refused"], results
    check(results["without a schema map"], encrypted=False)
    if SERVER == "store":
        check(results["with the schema on the server"], encrypted=True)
    else:
        equal(results["this server knows no validators"], "NotImplemented")
