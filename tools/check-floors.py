#!/usr/bin/env python3
"""Checks every #include "module/…" under src/ against floors.txt. Exit 1 with one line for each forbidden edge."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_floors():
    floors = {}
    for line in (ROOT / "floors.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        head, _, allowed = line.partition(":")
        floor, folder = head.split()
        floors[folder] = (int(floor), set(allowed.split()))
    return floors


def module_of(path, floors):
    parts = path.split("/")
    for n in (2, 1):
        name = "/".join(parts[:n])
        if len(parts) > n and name in floors:
            return name
    return None


def main():
    floors = read_floors()
    bad = 0
    for folder, (floor, allowed) in floors.items():
        for other in allowed:
            if other not in floors or floors[other][0] > floor:
                print(f"floors.txt: {folder} (floor {floor}) may not be allowed to include {other}")
                bad += 1
    for file in sorted((ROOT / "src").rglob("*")):
        if file.suffix not in (".h", ".cc", ".S") or file.name.endswith(("_test.cc", "_test.h", "_fuzz.cc")):
            continue
        rel = file.relative_to(ROOT / "src").as_posix()
        me = module_of(rel, floors)
        if me is None:
            print(f"src/{rel}: its folder is not in floors.txt")
            bad += 1
            continue
        for n, line in enumerate(file.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m or "/" not in m[1]:
                continue
            other = module_of(m[1], floors)
            if other and other != me and other not in floors[me][1]:
                print(f"src/{rel}:{n}: {me} may not include {other}")
                bad += 1
    if bad:
        return 1
    print(f"floors: {len(floors)} modules, all includes allowed")
    return 0


sys.exit(main())
