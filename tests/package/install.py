"""install.py BUILD CC SANITIZER: installs libopencrypt under a prefix of its own, and builds and runs a program with it in
each way that users have. SANITIZER: what the library was built with, or empty."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../examples"))
import ejson  # noqa: E402

build, cc, sanitizer = sys.argv[1:]
sanitize = ["-fsanitize=" + sanitizer] if sanitizer else []
strict = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
app = os.path.join(here, "app")

ENCRYPT = {"encrypt": {"algorithm": "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", "bsonType": "string",
                       "keyId": [{"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "04"}}]}}
SCHEMA = {"bsonType": "object", "properties": {"ssn": ENCRYPT, "name": {}}}
COMMAND = {"find": "people", "filter": {"ssn": "123", "name": "x"}, "$db": "db", "jsonSchema": SCHEMA,
           "isRemoteSchema": False}
EXPECTED = ["field ssn: deterministic", "find filter.$and.0.ssn.$eq: deterministic string"]


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode:
        sys.exit("%s\nexit status %d\n%s%s" % (" ".join(command), result.returncode, result.stdout, result.stderr))
    return result.stdout


def check(way, program, environment=None):
    output = run(program, schema, command, env={**os.environ, **(environment or {})}).splitlines()
    version, rest = output[0], output[1:]
    if not re.fullmatch(r"libopencrypt \d+\.\d+\.\d+", version) or rest != EXPECTED:
        sys.exit("%s: %r" % (way, output))
    print("%s: %s" % (way, "; ".join(rest)))


def write(name, doc):
    path = os.path.join(work, name)
    with open(path, "wb") as file:
        file.write(ejson.encode(ejson.convert(doc)))
    return path


def pkg_config(*options):
    return run("pkg-config", *options, "opencrypt", env=with_pc).split()


def compile(name, compiler, source, *options):
    program = os.path.join(work, name)
    run(*compiler, *strict, *sanitize, os.path.join(app, source), "-o", program, *options)
    return program


with tempfile.TemporaryDirectory() as work:
    prefix = os.path.join(work, "prefix")
    schema, command = write("schema", SCHEMA), write("command", COMMAND)
    run("cmake", "--install", build, "--component", "library", "--prefix", prefix)
    pc = [folder for folder, _, files in os.walk(prefix) if "opencrypt.pc" in files]
    with_pc = {**os.environ, "PKG_CONFIG_PATH": pc[0]}
    library = {"LD_LIBRARY_PATH": os.path.dirname(pc[0])}

    check("pkg-config, shared", compile("shared", [cc, "-std=c11"], "app.c", *pkg_config("--cflags", "--libs")), library)
    static = pkg_config("--cflags", "--libs", "--static")
    archive = ["-l:libopencrypt.a" if option == "-lopencrypt" else option for option in static]
    check("pkg-config, archive", compile("archive", [cc, "-std=c11"], "app.c", *archive))
    if not sanitizer:  # whose libraries are shared
        check("pkg-config, static program", compile("static", [cc, "-std=c11", "-static"], "app.c", *static))

    out = os.path.join(work, "build")
    run("cmake", "-S", app, "-B", out, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_C_COMPILER=" + cc,
        "-DCMAKE_C_FLAGS=" + " ".join(strict + sanitize))
    run("cmake", "--build", out)
    check("CMake package, shared", os.path.join(out, "app"))
    check("CMake package, archive", os.path.join(out, "app_static"))

    cxx = shutil.which("g++") or shutil.which("clang++")
    if not cxx:
        print("skipped: no C++ compiler (g++), so the header was not read as C++")
        sys.exit(77)
    for standard in ("c++11", "c++20"):
        program = compile(standard, [cxx, "-std=" + standard], "header.cc", *pkg_config("--cflags", "--libs"))
        run(program, env={**os.environ, **library})
    print("C++: compiled and linked by " + cxx)
