#!/usr/bin/env python3
"""Does what docs/adding-an-instruction.md says, to a copy of the tree: adds its toy encoding, handler and case, builds the front end, runs the case.

The blocks of the page are taken as they stand; `<!-- toy: FILE, at the end -->` or `… after LINE -->` above a block says where it goes.
The copy is build/docs-toy: only what the front end needs, at -O0, through ccache.
"""
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/adding-an-instruction.md"
SCRATCH = ROOT / "build/docs-toy"
KEEP = re.compile(r"CMakeLists\.txt|cmake/.*|floors\.txt|src/(base|ir|isagen)/.*|src/frontend/[^/]*|src/frontend/riscv64/.*")
TEST = "src/frontend/riscv64/translate_integer_test.cc"


def fail(text):
    print(f"docs: {PAGE.relative_to(ROOT)}: {text}", file=sys.stderr)
    sys.exit(1)


def blocks():
    """(file, where, text) of each marked block, in the order of the page."""
    found = re.findall(r"<!-- toy: (\S+), (at the end|after .+?) -->\n\s*```\w+\n(.*?)^\s*```", PAGE.read_text(), re.M | re.S)
    return [(f, where, textwrap.dedent(text)) for f, where, text in found]


def put(path, data):
    """Writes what differs only, with the time of now: ninja goes by times, and a step may be taken back."""
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def copy_tree():
    """The files that the front end needs, without other tests than the one that gets the case."""
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wanted = {f for f in files if KEEP.fullmatch(f) and (not f.endswith(("_test.cc", "_fuzz.cc")) or f == TEST) and (ROOT / f).exists()}
    for old in [p for p in (SCRATCH / "src").rglob("*") if p.is_file()]:
        if str(old.relative_to(SCRATCH)) not in wanted:
            old.unlink()
    for f in wanted:
        (SCRATCH / f).parent.mkdir(parents=True, exist_ok=True)
        if f == "src/isagen/CMakeLists.txt":  # its toy of another kind is for its own tests
            put(SCRATCH / f, (ROOT / f).read_bytes().split(b"if(VM_TESTS)")[0])
            continue
        put(SCRATCH / f, (ROOT / f).read_bytes())


def insert(file, where, text):
    path = SCRATCH / file
    if not path.exists():
        fail(f"{file} does not exist")
    old = path.read_text()
    if where == "at the end":
        at = old.rfind("\n}  // namespace")
        at = len(old) if at < 0 or not file.endswith(".cc") else at
        new = old[:at] + "\n" + text + old[at:]
    else:
        line = where.removeprefix("after ") + "\n"
        if old.count(line) != 1:
            fail(f"{file} has the line '{line.strip()}' {old.count(line)} times")
        new = old.replace(line, line + textwrap.indent(text, "    "))
    path.write_text(new)


def build():
    return subprocess.run(["cmake", "--build", "build", "--target", "test_frontend_riscv64"], cwd=SCRATCH, capture_output=True, text=True)


def main():
    steps = blocks()
    name = next((m[1] for _, _, text in steps if (m := re.search(r"^(TOY_\w+) .*\|", text, re.M))), None)
    if len(steps) != 4 or not name:
        fail("does not show four marked blocks, the first with a table line TOY_…")
    copy_tree()
    subprocess.run(["cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=", "-DCMAKE_CXX_FLAGS=-O0"], cwd=SCRATCH, check=True, stdout=subprocess.DEVNULL)
    insert(*steps[0])
    without = build()
    if without.returncode == 0 or name not in without.stdout + without.stderr:
        fail(f"says that the build fails while {name} has no handler; it said\n{(without.stdout + without.stderr)[-2000:]}")
    for step in steps[1:]:
        insert(*step)
    result = build()
    if result.returncode != 0:
        fail(f"its steps do not build\n{result.stdout[-4000:]}{result.stderr[-1000:]}")
    run = subprocess.run(["./build/test_frontend_riscv64"], cwd=SCRATCH, capture_output=True, text=True)
    if run.returncode != 0 or "PASSED" not in run.stdout:
        fail(f"the tests of the front end fail\n{run.stdout[-3000:]}")
    # The case ran and counts: with another result it must fail.
    path = SCRATCH / steps[-1][0]
    case = steps[-1][2].strip()
    path.write_text(path.read_text().replace(case, case.replace("~u64", "u64")))
    run = subprocess.run(["./build/test_frontend_riscv64"], cwd=SCRATCH, capture_output=True, text=True) if build().returncode == 0 else None
    if run is None or run.returncode == 0 or name not in run.stdout:
        fail(f"the case of {name} passes whatever it expects")
    print(f"docs: {PAGE.relative_to(ROOT)} adds {name} as it says")


main()
