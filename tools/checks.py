"""How suites of checks speak: a line a check, and at the end what came of them all."""
import sys

failed = 0


def check(what, good, more=""):
    """`more` is printed where the check fails."""
    global failed
    failed += not good
    print(f"{'ok  ' if good else 'FAIL'} {what}{f': {str(more)[-1500:]}' if more and not good else ''}", flush=True)


def finish():
    """The last line, and the exit status."""
    print("failed" if failed else "passed")
    sys.exit(failed != 0)
