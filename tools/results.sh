# Sourced by test scripts: `record` leaves what a whole run of a suite showed in build/results/, one file a suite, for `./dev readme`.
# Partial runs must not call it.
record() { # suite, what it is, passed, failed
    mkdir -p build/results
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$(date -u +%F)" "$(git describe --always --dirty --exclude='*')" > "build/results/$1.txt"
}
