# PyPy, which compiles traces of Python while it runs.
pypy3 "$HERE/threads.py"
pypy3 "$SRC/program.py"
