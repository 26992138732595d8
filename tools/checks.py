"""How suites of checks speak: a line a check, and at the end what came of them all."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
passed = failed = 0


def check(what, good, more=""):
    """`more` is printed where the check fails."""
    global passed, failed
    passed += bool(good)
    failed += not good
    print(f"{'ok  ' if good else 'FAIL'} {what}{f': {str(more)[-1500:]}' if more and not good else ''}", flush=True)


def finish(suite=None, vm=None, detail=""):
    """The last line, and the exit status. What became of a `suite` that ran whole with the release build is kept for ./dev readme."""
    if suite is not None and pathlib.Path(vm).resolve() == ROOT / "build/release/vm":
        subprocess.run([ROOT / "tools/readme.py", "record", suite, "riscv64", str(passed), str(failed), detail], check=True)
    print("failed" if failed else "passed")
    sys.exit(failed != 0)
