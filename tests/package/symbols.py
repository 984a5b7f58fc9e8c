"""symbols.py HEADER SHARED ARCHIVE: both libraries show what the header declares, and nothing else."""
import re
import subprocess
import sys

header, shared, archive = sys.argv[1:]
ALLOWED = re.compile(r"_edata|_end|__bss_start|_init|_fini|__odr_asan\..*|_*asan.*")  # linkers and sanitizers add these


def defined(path, *options):
    lines = subprocess.run(["nm", *options, "--defined-only", path], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1].split("@")[0] for line in lines.splitlines() if len(line.split()) == 3}
    return {name for name in names if not ALLOWED.fullmatch(name)}


with open(header) as file:
    text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
declared = set(re.findall(r"OPENCRYPT_API [^;]*?\b(opencrypt_\w+)\(", text))
mentioned = set(re.findall(r"\b(opencrypt_\w+)\(", text))
findings = ["declared, but not as OPENCRYPT_API: " + name for name in sorted(mentioned - declared)]
for path, symbols in ((shared, defined(shared, "-D")), (archive, defined(archive, "-g"))):
    findings += ["%s lacks %s" % (path, name) for name in sorted(declared - symbols)]
    findings += ["%s shows %s" % (path, name) for name in sorted(symbols - declared)]
print("\n".join(findings) or "%d functions, and no other symbol" % len(declared))
sys.exit(bool(findings) or not declared)
