#!/usr/bin/env python3
"""docs/cli.md against `vm boot --help` and `vm run --help`: the same options, defaults that the help shows, variables.

check-cli.py [VM]      one line a difference; exit status 1 if there is one
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VM = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/vm"
OPTION = re.compile(r"^  ((?:-\w,)?--[\w-]+)(\{\w+\})?(?:[ ](.*))?$", re.M)


def of_help(command):
    """Option -> (default that is shown, variable) of the program itself."""
    text = subprocess.run([VM, command, "--help"], capture_output=True, text=True, check=True).stdout
    found = {}
    for names, _, rest in OPTION.findall(text):
        value = re.split(r" {2,}| \(Env:| Needs:| Excludes:", rest)[0]
        default = re.search(r"=([^=\]]+)$", value) if value != "K=V" else None
        variable = re.search(r"\(Env:(\w+)\)", rest)
        for name in names.split(","):
            found[name] = (default and default[1], variable and variable[1])
    return found


def of_page(command):
    """Option -> (default, variable) of the page's table."""
    page = (ROOT / "docs/cli.md").read_text()
    section = page.split(f"\n## vm {command}\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = re.split(r"\s*\|\s*", line.strip().strip("|").strip(" "))
        if len(cells) < 4 or not cells[0].startswith("`-"):
            continue
        for name in re.findall(r"`(-[\w-]+)`", cells[0]):
            found[name] = (cells[2].strip("`"), cells[4].strip("`") if len(cells) > 4 else "")
    return found


bad = 0
for command in ("boot", "run"):
    told, written = of_help(command), of_page(command)
    for name in sorted(told.keys() ^ written.keys()):
        bad = 1
        print(f"docs: vm {command} {name} is {'not in docs/cli.md' if name in told else 'in docs/cli.md only'}", file=sys.stderr)
    for name in sorted(told.keys() & written.keys()):
        for what, mine, yours in zip(("default", "variable"), told[name], written[name]):
            if mine and mine != yours:
                bad = 1
                print(f"docs: vm {command} {name}: {what} {mine}, in docs/cli.md {yours or 'none'}", file=sys.stderr)
if not bad:
    print("docs: docs/cli.md has the options of vm boot and vm run")
sys.exit(bad)
