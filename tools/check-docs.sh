#!/usr/bin/env bash
# README and docs against the tree: relative links exist, every module has a README, `./dev` words in the README are known to
# ./dev, and the shell samples of the README that name a demo guest run.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
bad=0
say() { echo "docs: $*" >&2; bad=1; }
for md in README.md docs/*.md src/*/README.md src/*/*/README.md; do
    dir=$(dirname "$md")
    while read -r link; do
        [ -e "$dir/${link%%#*}" ] || say "$md links to $link, which does not exist"
    done < <(awk '/^ *```/ { code = !code; next } !code' "$md" | grep -oP '\]\(\K[^)#:]+(?=\))' || true)
done
for d in $(awk '!/^#/ && NF > 1 { print $2 }' floors.txt); do
    [ -f "src/$d/README.md" ] || [ -f "src/$(dirname "$d")/README.md" ] || say "src/$d has no README.md"
done
while read -r word; do
    ./dev | grep -qE "(^|[ |])$word( |$)" || say "README or docs name ./dev $word, which ./dev does not list"
done < <(grep -ohP '\./dev \K[a-z-]+' README.md docs/*.md | sort -u)
git ls-files '*.cc' '*.h' '*.md' | xargs grep -nE '[.][.]/shared' && say "a file refers to a place that users do not have"
[ $bad = 0 ] && echo "docs: links, module READMEs and ./dev words are true"
exit $bad
