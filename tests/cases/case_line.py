"""What the cases of every guest have in common: their lines and files."""
import subprocess
from collections import defaultdict


def memory_changes(before, after, window):
    """`m<page>+<offset>=<bytes>` for each run of bytes that differs; a page of memory is looked at through `window` bytes."""
    out, at = [], 0
    while at < len(after):
        if after[at] == before[at]:
            at += 1
            continue
        page, start = at // window, at
        while at < (page + 1) * window and after[at] != before[at]:
            at += 1
        out.append(f"m{page}+{start % window:x}={after[start:at].hex()}")
    return out


def line(c, out):
    """The text of case `c` with the outputs `out`."""
    text = f"{c.name} {c.code.hex()} {' '.join(c.inputs())}".rstrip() + " > " + (" ".join(out) or "-")
    if c.accesses:
        text += " @ " + " ".join(f"{m}{size}:{address:x}" for m, size, address in c.accesses)
    return text


def case_files(guest, prefix, cases, outputs, oracle, lacking):
    """{name: text} of all files. oracle(guest, cases): the states that QEMU leaves, outputs(case, state) their text; `lacking`: why QEMU is not
    asked about the cases of the group "tiers"."""
    groups, out = defaultdict(list), {}
    for c in cases:
        groups[c.group].append(c)
    version = subprocess.run([guest.qemu, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    for name, some in sorted(groups.items()):
        if name == "tiers":
            head = f"# Written by make.py. {lacking}: the tiers are compared with each other."
            lines = [line(c, ["?"]) for c in some]
        else:
            head = f"# Written by make.py; the states after `>` are those of {version}."
            lines = [line(c, outputs(c, after)) for c, after in zip(some, oracle(guest, some))]
        out[f"{prefix}_{name}.txt"] = "\n".join([head, *lines, ""])
    return out
