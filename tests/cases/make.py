#!/usr/bin/env python3
"""Writes rv64_*.txt and a64_*.txt, the cases of each guest, with the states that QEMU computes. README.md describes the format.

  tests/cases/make.py [--guest NAME] [--check]      --check: compare with the committed files instead of writing them
"""
import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
import guests  # noqa: E402
import make_a64  # noqa: E402
import make_rv64  # noqa: E402

MAKERS = {"riscv64": make_rv64, "arm64": make_a64}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guests.add_option(parser)
    parser.add_argument("--check", action="store_true")
    a = parser.parse_args()
    total, wrong = 0, []
    for guest in guests.chosen(a):
        for name, text in MAKERS[guest.name].files(guest).items():
            path, count = HERE / name, sum(not line.startswith("#") for line in text.splitlines())
            if a.check:
                wrong += [name] if not path.exists() or path.read_text() != text else []
            else:
                path.write_text(text)
            total += count
            print(f"{name}: {count} cases, {len(text)} bytes")
    print(f"{total} cases")
    if wrong:
        sys.exit("differ from what QEMU says now: " + " ".join(wrong))


if __name__ == "__main__":
    main()
