#!/usr/bin/env python3
"""Learns which regions gain, from what collect.py measured.

    optimizers/train.py DATA… [--margin M] [--write]

A region gains if the program takes more than 1 + M times as long without it. Evaluation leaves out one program after the
other (both guests' builds of it), trains on the rest, and counts right and wrong answers for what was left out; besides the
forest it does so for "always" and for a rule like the threshold policy's. --write makes src/optimizers/region_forest.h.
"""
import argparse
import json
import pathlib

import forest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(paths):
    return [json.loads(line) for p in paths for line in p.read_text().splitlines()]


def scores(answers):
    """answers: [(said, was)] → accuracy, precision, recall of "gains" """
    hits = sum(s and w for s, w in answers)
    right = sum(s == w for s, w in answers)
    said, was = sum(s for s, _ in answers), sum(w for _, w in answers)
    return right / len(answers), hits / said if said else 0, hits / was if was else 0


def threshold(f):
    """As above_threshold() in src/optimizers/region_policy.cc."""
    return f["jumps"] < 0.5 or f["home_slots"] > 0.25 or f["deferred"] > 0.1


def lines(trees):
    """The forest as nodes in one array: (feature, limit, low, high); a leaf has feature 255 and its answer in low."""
    nodes, roots = [], []

    def add(t):
        at = len(nodes)
        nodes.append(None)
        if isinstance(t, forest.Leaf):
            nodes[at] = (255, 0.0, int(t.gain), 0)
        else:
            nodes[at] = (t.feature, t.limit, add(t.low), add(t.high))
        return at

    for t in trees:
        roots.append(add(t))
    return nodes, roots


def header(trees):
    nodes, roots = lines(trees)
    text = ["// Made by optimizers/train.py --write from optimizers/results; not to be edited.", "#pragma once", "",
            "#include <array>", "", '#include "base/bits.h"', "", "namespace vm::optimizers {", "",
            "inline constexpr u8 kForestLeaf = 255;", "/// To `low` if the feature is at most `limit`. A leaf's answer is in `low`.",
            "struct ForestNode {", "    u8 feature;", "    float limit;", "    u16 low, high;", "};",
            "// clang-format off", f"inline constexpr std::array<ForestNode, {len(nodes)}> kForest{{{{"]
    text += [f"    {{{f}, {float(f'{l:.6g}')!r}f, {a}, {b}}}," if f != 255 else f"    {{255, 0, {a}, {b}}}," for f, l, a, b in nodes]
    text += ["}};", f"inline constexpr std::array<u16, {len(roots)}> kForestRoots{{",
             "    " + ", ".join(map(str, roots)) + "};", "// clang-format on", "", "}  // namespace vm::optimizers", ""]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, nargs="+")
    parser.add_argument("--margin", type=float, default=0.01)
    parser.add_argument("--write", action="store_true")
    o = parser.parse_args()
    records = load(o.data)
    names = list(records[0]["features"])
    rows = [([r["features"][n] for n in names], r["without"] > (1 + o.margin) * r["with"]) for r in records]
    answers = {"always": [], "threshold": [], "forest": []}
    for program in sorted({r["program"] for r in records}):
        trees = forest.forest([row for row, r in zip(rows, records) if r["program"] != program], seed=1)
        for (x, gained), r in zip(rows, records):
            if r["program"] != program:
                continue
            answers["always"].append((True, gained))
            answers["threshold"].append((threshold(r["features"]), gained))
            answers["forest"].append((forest.vote(trees, x) >= 0.5, gained))
    losses = sum(r["with"] > (1 + o.margin) * r["without"] for r in records)
    print(f"{len(rows)} regions of {len({r['program'] for r in records})} programs: {sum(y for _, y in rows)} gain and {losses} lose more than "
          f"{100 * o.margin:g} %")
    for name, a in answers.items():
        print("{:10} accuracy {:.2f}, precision {:.2f}, recall {:.2f}".format(name, *scores(a)))
    if o.write:
        (ROOT / "src/optimizers/region_forest.h").write_text(header(forest.forest(rows, seed=1)))


if __name__ == "__main__":
    main()
