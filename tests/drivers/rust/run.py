"""Builds the application and becomes it.

    ../python/with_packages.py VENV run.py BUILD-FOLDER

The package pymongocrypt brings libmongocrypt: Debian's is too old for this driver. Exits with 77 and a reason where there is no
Cargo, or one too old, or no crate registry.
"""
import os
import pathlib
import re
import subprocess
import sys

import pymongocrypt

SKIPPED = 77
HERE = pathlib.Path(__file__).parent
LIBRARY = pathlib.Path(pymongocrypt.__file__).with_name("libmongocrypt.so")


def skip(reason):
    print("SKIPPED: %s" % reason)
    sys.exit(SKIPPED)


def cargo(*words, **options):
    return subprocess.run(["cargo", *words], cwd=HERE, stdin=subprocess.DEVNULL, text=True, **options)


def check_cargo():
    wanted = re.search(r'rust-version = "([\d.]+)"', (HERE / "Cargo.toml").read_text())[1]
    try:
        version = cargo("--version", capture_output=True, check=True).stdout.split()[1]
    except FileNotFoundError:
        skip("Cargo is not installed; the driver needs Rust %s" % wanted)
    if numbers(version) < numbers(wanted):
        skip("the driver needs Rust %s, here is %s" % (wanted, version))


def numbers(version):
    return [int(number) for number in version.split("-")[0].split(".")]


def fetch():
    fetched = cargo("fetch", "--locked", stderr=subprocess.PIPE)
    if fetched.returncode and "--locked was passed" in fetched.stderr:
        sys.exit(fetched.stderr)
    if fetched.returncode:
        skip("cargo fetch reaches no crate registry")


def links(folder):
    """libmongocrypt under the name that the linker looks for, and the one that the program does."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("libmongocrypt.so", "libmongocrypt.so.0"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(LIBRARY)
    return str(folder)


def main(build):
    check_cargo()
    fetch()
    os.environ["CARGO_TARGET_DIR"] = str(build / "target")
    os.environ["MONGOCRYPT_LIB_DIR"] = links(build / "lib")
    if cargo("build", "--quiet", "--locked", "--offline", stdout=sys.stderr).returncode:
        sys.exit("the application cannot be built")
    application = build / "target/debug/application"
    os.execv(application, [application])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).absolute())
