"""What the lines of every guest's cases have in common."""


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
