#!/usr/bin/env python3
"""Makes a test program of the ```cpp samples of the module READMEs, and one source file a header (but those of tests) that includes it alone.

  doc-samples.py OUTDIR     writes OUTDIR/samples/*.cc and OUTDIR/headers/*.cc; unchanged files keep their times

A sample is the body of a function, as a reader would paste it: its #include lines go to the top, `using namespace vm` holds, and it may EXPECT_EQ what it
says. It is compiled, linked and run. `<!-- sample: top level, NAME=OTHER, … -->` above a sample says that it stands outside of
functions (then it is only compiled) and that NAME is an invented name of something declared as OTHER.
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = re.compile(r"(?:<!-- sample: ([^>]*) -->\n\s*)?^[ ]*```cpp\n(.*?)^[ ]*```", re.M | re.S)


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def samples(out):
    made = []
    for readme in sorted((ROOT / "src").rglob("README.md")):
        module = str(readme.parent.relative_to(ROOT / "src")).replace("/", "_")
        for n, m in enumerate(SAMPLE.finditer(readme.read_text()), 1):
            how, code = (m[1] or "").split(", ") if m[1] else [], textwrap.dedent(m[2])
            includes = [line for line in code.splitlines() if line.startswith("#include")]
            body = "\n".join(line for line in code.splitlines() if not line.startswith("#include"))
            line = readme.read_text()[:m.start(2)].count("\n") + 1
            renames = [f"#define {h.replace('=', ' ')}" for h in how if "=" in h]
            context = [f"#include {h.split(' ', 1)[1]}" for h in how if h.startswith("with ")]
            where = f'#line {line} "{readme}"'
            if "top level" in how:
                scope = next((h.split(" ", 1)[1] for h in how if h.startswith("in ")), "vm")
                text = "\n".join([*context, *includes, *renames, f"namespace {scope} {{", where, body, "}", ""])
            else:
                text = "\n".join(["#include <gtest/gtest.h>", *includes, *renames, "using namespace vm;", f"TEST(ReadmeSample, {module}_{n}) {{", where, body, "}", ""])
            kind = "compiled" if "top level" in how else "run"
            made.append(write(out / "samples" / kind / f"{module}_{n}.cc", text))
    return made


def headers(out):
    made = []
    for header in sorted((ROOT / "src").rglob("*.h")):
        if header.name.endswith(("_test.h", "_harness.h")):  # the clang preset compiles the tests that include them alone
            continue
        name = str(header.relative_to(ROOT / "src"))
        made.append(write(out / "headers" / (name.replace("/", "_") + ".cc"), f'#include "{name}"\n#include "{name}"\n'))
    return made


def main():
    out = pathlib.Path(sys.argv[1])
    made = samples(out), headers(out)
    if not all(made):
        sys.exit("doc-samples: no samples or no headers found")
    for old in [p for p in out.rglob("*.cc") if p not in made[0] and p not in made[1]]:
        old.unlink()
    print(f"{len(made[0])} samples, {len(made[1])} headers")


main()
