"""Builds the application and becomes it.

    run.py BUILD-FOLDER

Debian's libmongocrypt is too old for this driver; it links to that of ../libmongocrypt. Exits with 77 and a reason where there is
no Cargo, or one too old, or no crate registry.
"""
import os
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
HERE = pathlib.Path(__file__).parent
DRIVERS = HERE.parent


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


def make_libmongocrypt(build):
    """The folder of a libmongocrypt with cryptography."""
    prefix = build / "drivers/libmongocrypt"
    made = subprocess.run([sys.executable, DRIVERS / "python/with_packages.py", build / "python",
                           DRIVERS / "libmongocrypt/make_prefix.py", prefix])
    if made.returncode:
        sys.exit(made.returncode)
    return str(prefix / "lib/openssl")


def main(build):
    check_cargo()
    fetch()
    os.environ["MONGOCRYPT_LIB_DIR"] = make_libmongocrypt(build)
    os.environ["CARGO_TARGET_DIR"] = str(build / "drivers/rust")
    if cargo("build", "--quiet", "--locked", "--offline", stdout=sys.stderr).returncode:
        sys.exit("the application cannot be built")
    application = build / "drivers/rust/debug/application"
    os.execv(application, [application])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).absolute())
