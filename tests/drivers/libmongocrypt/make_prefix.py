#!/usr/bin/env python3
"""Makes libmongocrypt ready for compilers in a folder, out of the Python package pymongocrypt.

    with_packages.py VENV make_prefix.py FOLDER

    include/mongocrypt.h             as the package declares it for cffi
    lib/libmongocrypt.so[.0]         the package's own; it has no cryptography built in, its host sets hooks
    lib/openssl/libmongocrypt.so     for hosts that set none: links openssl_hooks.c before it
    lib/openssl/pkgconfig            the latter for pkg-config

Exits with 77 where there is no C compiler or no OpenSSL to compile with.
"""
import fcntl
import pathlib
import re
import shutil
import subprocess
import sys

import pymongocrypt

SKIPPED = 77
HERE = pathlib.Path(__file__).parent
HEADER = """\
#pragma once
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
%s
#ifdef __cplusplus
}
#endif
"""
PKG_CONFIG = """\
Name: libmongocrypt
Description: the libmongocrypt of pymongocrypt, with OpenSSL
Version: %(version)s
Libs: -L%(folder)s/lib/openssl -L%(folder)s/lib -lmongocrypt -Wl,-rpath,%(folder)s/lib
Cflags: -I%(folder)s/include
"""


def write_headers(package, folder):
    declarations = re.search(r'ffi\.cdef\(\s*"""(.*?)"""', (package / "binding.py").read_text(), re.DOTALL).group(1)
    (folder / "include" / "mongocrypt").mkdir(parents=True)
    (folder / "include" / "mongocrypt.h").write_text(HEADER % declarations)
    (folder / "include" / "mongocrypt" / "mongocrypt.h").write_text("#include <mongocrypt.h>\n")


def compile_hooks(folder):
    lib = folder / "lib"
    command = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-I", folder / "include",
               HERE / "openssl_hooks.c", "-o", lib / "libmongocrypt_openssl.so", "-Wl,-soname,libmongocrypt_openssl.so",
               "-L", lib, "-Wl,-rpath,$ORIGIN", "-lmongocrypt", "-lcrypto", "-ldl"]
    if not shutil.which("cc"):
        skip("there is no C compiler named cc")
    if subprocess.run(["cc", "-E", "-include", "openssl/evp.h", "-"], stdin=subprocess.DEVNULL, capture_output=True).returncode:
        skip("OpenSSL's headers are missing (on Debian: apt-get install libssl-dev)")
    subprocess.run(command, check=True)


def skip(reason):
    print("SKIPPED: " + reason)
    sys.exit(SKIPPED)


def make(folder):
    package = pathlib.Path(pymongocrypt.__file__).parent
    lib = folder / "lib"
    (lib / "openssl" / "pkgconfig").mkdir(parents=True)
    write_headers(package, folder)
    shutil.copy(package / "libmongocrypt.so", lib / "libmongocrypt.so.0")
    (lib / "libmongocrypt.so").symlink_to("libmongocrypt.so.0")
    compile_hooks(folder)
    both = "INPUT(%s/libmongocrypt_openssl.so %s/libmongocrypt.so.0)\n" % (lib, lib)  # for the linker
    (lib / "openssl" / "libmongocrypt.so").write_text(both)
    values = {"version": pymongocrypt.libmongocrypt_version(), "folder": folder}
    (lib / "openssl" / "pkgconfig" / "libmongocrypt.pc").write_text(PKG_CONFIG % values)


def main(folder):
    """Does nothing where the folder is made already; one process at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "openssl_hooks.c").read_text() + pymongocrypt.__version__
    with open("%s.lock" % folder, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = folder / "made-of.txt"
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            stamp.write_text(wanted)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).absolute())
