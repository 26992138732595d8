#!/usr/bin/env python3
"""Does what docs/adding-an-instruction.md and docs/adding-a-device.md say, to copies of the tree: adds the toy of each page, builds, runs its test.

The blocks of a page are taken as they stand. `<!-- toy: FILE, WHERE -->` above a block says where it goes: `new` (a file), `at the end`,
`after LINE`, `before LINE`. A copy is build/docs-toy-NAME: only what the page needs, at -O0, through ccache.
"""
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Toy:
    """A page and its copy of the tree: of the files that git knows, those that `keep` names, without other tests than `test`."""

    def __init__(self, page, name, keep, test=None):
        self.page, self.scratch = ROOT / page, ROOT / f"build/docs-toy-{name}"
        self.steps = self.blocks()
        self.copy_tree(re.compile(rf"CMakeLists\.txt|cmake/.*|floors\.txt|{keep}"), test)

    def fail(self, text):
        print(f"docs: {self.page.relative_to(ROOT)}: {text}", file=sys.stderr)
        sys.exit(1)

    def blocks(self):
        """(file, where, text) of each marked block, in the order of the page."""
        found = re.findall(r"<!-- toy: (\S+), (new|at the end|(?:after|before) .+?) -->\n\s*```\w+\n(.*?)^\s*```", self.page.read_text(), re.M | re.S)
        return [(f, where, textwrap.dedent(text)) for f, where, text in found]

    def put(self, name, data):
        """Writes what differs only, with the time of now: ninja goes by times, and a step may be taken back."""
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)

    def copy_tree(self, keep, test):
        files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        wanted = {f for f in files if keep.fullmatch(f) and (not f.endswith(("_test.cc", "_fuzz.cc")) or f == test) and (ROOT / f).exists()}
        made = {f for f, where, _ in self.steps if where == "new"}
        for old in [p for p in (self.scratch / "src").rglob("*") if p.is_file()]:
            if str(old.relative_to(self.scratch)) not in wanted | made:
                old.unlink()
        self.files = {}
        for f in wanted:
            data = (ROOT / f).read_bytes()
            if f == "src/isagen/CMakeLists.txt":  # its toy of another kind is for its own tests
                data = data.split(b"if(VM_TESTS)")[0]
            self.files[f] = data.decode(errors="surrogateescape")

    def insert(self, file, where, text):
        if where == "new":
            if file in self.files:
                self.fail(f"{file} exists already")
            self.files[file] = text
            return
        if file not in self.files:
            self.fail(f"{file} does not exist")
        old = self.files[file]
        if where == "at the end":
            at = old.rfind("\n}  // namespace")
            at = len(old) if at < 0 or not file.endswith(".cc") else at
            self.files[file] = old[:at] + "\n" + text + old[at:]
            return
        word, line = where.split(" ", 1)
        lines = [m for m in re.finditer(r"^([ \t]*)" + re.escape(line) + r"(?:  ///<.*)?\n", old, re.M)]
        if len(lines) != 1:
            self.fail(f"{file} has the line '{line}' {len(lines)} times")
        m = lines[0]
        at = m.end() if word == "after" else m.start()
        # What follows a line that opens something is indented like the line below it.
        below = re.match(r"[ \t]*", old[m.end():])[0] if word == "after" and line.endswith("{") else m[1]
        self.files[file] = old[:at] + textwrap.indent(text, below) + old[at:]

    def write(self):
        for f, text in self.files.items():
            self.put(f, text.encode(errors="surrogateescape"))

    def build(self, *targets):
        self.write()
        subprocess.run(["cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=", "-DCMAKE_CXX_FLAGS=-O0", "-DCMAKE_OPTIMIZE_DEPENDENCIES=ON"],
                       cwd=self.scratch, check=True, stdout=subprocess.DEVNULL)
        return subprocess.run(["cmake", "--build", "build", "--target", *targets], cwd=self.scratch, capture_output=True, text=True)

    def run(self, test):
        return subprocess.run([f"./build/{test}"], cwd=self.scratch, capture_output=True, text=True)

    def counts(self, test, name, file, right, wrong):
        """The page's test ran and counts: with another expectation it must fail."""
        if right not in self.files[file]:
            self.fail(f"the test has no '{right}'")
        self.files[file] = self.files[file].replace(right, wrong)
        result = self.run(test) if self.build(test).returncode == 0 else None
        if result is None or result.returncode == 0 or name not in result.stdout:
            self.fail(f"the test of {name} passes whatever it expects")

    def prove(self, test, *targets):
        result = self.build(test, *targets)
        if result.returncode != 0:
            self.fail(f"its steps do not build\n{result.stdout[-4000:]}{result.stderr[-1000:]}")
        ran = self.run(test)
        if ran.returncode != 0 or "PASSED" not in ran.stdout:
            self.fail(f"{test} fails\n{ran.stdout[-3000:]}")


def instruction():
    test = "test_frontend_riscv64"
    toy = Toy("docs/adding-an-instruction.md", "instruction", "src/(base|ir|isagen)/.*|src/frontend/[^/]*|src/frontend/riscv64/.*",
              "src/frontend/riscv64/translate_integer_test.cc")
    name = next((m[1] for _, _, text in toy.steps if (m := re.search(r"^(TOY_\w+) .*\|", text, re.M))), None)
    if len(toy.steps) != 4 or not name:
        toy.fail("does not show four marked blocks, the first with a table line TOY_…")
    toy.insert(*toy.steps[0])
    without = toy.build(test)
    if without.returncode == 0 or name not in without.stdout + without.stderr:
        toy.fail(f"says that the build fails while {name} has no handler; it said\n{(without.stdout + without.stderr)[-2000:]}")
    for step in toy.steps[1:]:
        toy.insert(*step)
    toy.prove(test)
    case = toy.steps[-1][2].strip()
    toy.counts(test, name, toy.steps[-1][0], case, case.replace("~u64", "u64"))
    print(f"docs: {toy.page.relative_to(ROOT)} adds {name} as it says")


def device():
    test = "test_device"
    toy = Toy("docs/adding-a-device.md", "device", "src/(base|osal|mem|ir|isagen|gc|optimizers|jit|engine|riscv|usernet|device|soc)/.*|src/(frontend|backend)/.*")
    tests = [f for f, where, _ in toy.steps if where == "new" and f.endswith("_test.cc")]
    if len(tests) != 1 or not any(f.startswith("src/soc/") for f, _, _ in toy.steps):
        toy.fail("does not show one new test and what the board needs")
    for step in toy.steps:
        toy.insert(*step)
    toy.prove(test, "vm_soc")
    toy.counts(test, "Doorbell", tests[0], "EXPECT_EQ(bus.read(4, 4), 2u)", "EXPECT_EQ(bus.read(4, 4), 3u)")
    print(f"docs: {toy.page.relative_to(ROOT)} adds a device as it says")


instruction()
device()
