"""elf.py LIBRARY [--sanitized]: what is in the file of mongo_crypt_v1.so, by nm, readelf and objdump.
elf.py --static PROGRAM...: that programs need no other file.

Under a sanitizer only the symbols are looked at: the rest is the sanitizer's."""
import re
import subprocess
import sys

EXPORTED = {"mongo_crypt_v1_" + name for name in (
    "get_version get_version_str status_create status_destroy status_get_error status_get_explanation status_get_code "
    "lib_create lib_destroy query_analyzer_create query_analyzer_destroy analyze_query bson_free").split()}
# The C library of this machine, by either name.
LIBC = re.compile(r"libc\.so\.6|libc\.musl-\w+\.so\.1|libc\.so")
# What the dynamic linker would run, or a thread would carry.
AT_LOAD = {"INIT", "FINI", "INIT_ARRAY", "FINI_ARRAY", "PREINIT_ARRAY", "TEXTREL"}
# What would touch more than memory.
FORBIDDEN = re.compile(r"f?open(at)?(64)?|socket|connect|pthread_create|pthread_key_create|sig\w+|_?exit|abort|f?write|"
                       r"f?printf|puts|perror|mmap(64)?|mprotect|dlopen|fork|exec\w+|getenv|setlocale|atexit|__cxa_\w+")
# By the machine as readelf calls it: what its first processors (x86-64-v1, armv8-a) do not have.
NEWER_CPU = {
    "Advanced Micro Devices X86-64":
        r"%[yz]mm|\b(popcnt|lzcnt|pshufb|crc32\w*|pclmul\w*|aes(enc|dec)\w*|xgetbv)\b",
    "AArch64":
        r"\t((cas|swp|ld(add|clr|eor|set|[su](max|min)))p?(a|l|al)?[bh]?|crc32\w+|aes\w+|sha\w+|pmull2?|[su]dot|ldapr[bh]?|"
        r"ptrue|whilelo|ret(aa|ab))\t",
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(path):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", path).splitlines()}


def imported(path):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--undefined-only", path).splitlines()}


def dynamic(path):
    """(tag, value) of the dynamic section."""
    rows = re.findall(r"^ 0x\w+ +\((\w+)\) +(.*)$", run("readelf", "-dW", path), re.M)
    return [(tag, value) for tag, value in rows]


def machine(path):
    return re.search(r"Machine: +(.*)", run("readelf", "-hW", path))[1].strip()


def findings(path, sanitized):
    symbols = exported(path)
    yield from ("exported, but not documented: " + name for name in sorted(symbols - EXPORTED))
    yield from ("documented, but not exported: " + name for name in sorted(EXPORTED - symbols))
    if sanitized:
        return
    yield from ("calls " + name for name in sorted(imported(path)) if FORBIDDEN.fullmatch(name))
    for tag, value in dynamic(path):
        library = re.search(r"\[(.*)\]", value)
        if tag == "NEEDED" and not LIBC.fullmatch(library[1]):
            yield "needs " + library[1]
        if tag in AT_LOAD:
            yield "runs at load or unload: " + tag
    if re.search(r"^ +TLS ", run("readelf", "-lW", path), re.M):
        yield "has thread-local storage"
    if re.search(r"GNU_STACK .*RWE", run("readelf", "-lW", path)):
        yield "wants an executable stack"
    if re.search(r"\bIFUNC\b|IRELATIV", run("readelf", "-srW", path)):
        yield "chooses functions by the CPU"
    newer = NEWER_CPU.get(machine(path))
    newer = newer and re.search(newer, run("objdump", "-d", "--no-show-raw-insn", path))
    if newer:
        yield "has an instruction of newer CPUs: " + newer[0].strip()


def static_findings(path):
    if re.search(r"^ +INTERP ", run("readelf", "-lW", path), re.M):
        yield path + " needs a dynamic linker"
    yield from (path + " needs " + value for tag, value in dynamic(path) if tag == "NEEDED")


if sys.argv[1] == "--static":
    found = [finding for path in sys.argv[2:] for finding in static_findings(path)]
    print("\n".join(found) or "static: " + " ".join(sys.argv[2:]))
else:
    library = sys.argv[1]
    found = list(findings(library, "--sanitized" in sys.argv))
    print("\n".join(found) or "%d symbols, no dependency but libc, nothing at load" % len(EXPORTED))
    if machine(library) not in NEWER_CPU:
        print("skipped: no table of the instructions of newer CPUs for " + machine(library))
sys.exit(bool(found))
