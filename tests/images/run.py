#!/usr/bin/env python3
"""Translations on disk under hard conditions: killed writers, many writers, damaged and foreign files, sharing, bundles.

run.py [--guest NAME] [VM]: with a guest program that is compiled here; figures go to build/results/images-GUEST.json.
"""
import argparse, json, os, pathlib, random, shutil, signal, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402
import bundle  # noqa: E402

OUT = ROOT / "build/guests/images"
VM, PROGRAM = None, None  # set by main
KILLS = int(os.environ.get("KILLS", "100"))
FUNCTIONS = 3000
failures = []


def check(what, good, more=""):
    print(f"{'ok  ' if good else 'FAIL'} {what}{' ' + str(more) if more != '' else ''}", flush=True)
    if not good:
        failures.append(what)


def build(guest):
    """Compiles a program of many functions: it prints one number, then sleeps if it is asked to."""
    OUT.mkdir(parents=True, exist_ok=True)
    source = "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    for i in range(FUNCTIONS):
        source += (f"__attribute__((noinline)) static unsigned f{i}(unsigned x) "
                   f"{{ for (int n = 0; n < 3; n++) if (x & 1) x = x * {2 * i + 3}u + {i}; else x = (x >> 1) ^ {i * 7}u; return x; }}\n")
    source += "static unsigned (*all[])(unsigned) = {" + ", ".join(f"f{i}" for i in range(FUNCTIONS)) + "};\n"
    source += ("int main(int c, char** v) { unsigned x = 1; int to = c > 1 ? atoi(v[1]) : %d;\n"
               "for (int n = 0; n < 3; n++) for (int i = 0; i < to; i++) x = all[i](x);\n"
               "printf(\"%%u\\n\", x); fflush(stdout); if (c > 2) sleep(atoi(v[2])); return 0; }\n" % FUNCTIONS)
    (OUT / "many.c").write_text(source)
    for compiler, name in (("gcc", "native"), (guest.cc, guest.name)):
        subprocess.run([compiler, "-O1", "-static", "-o", OUT / f"many.{name}", OUT / "many.c"], check=True)


def run(cache, *args, stats=None):
    cmd = [VM, "run", "--cache", cache] + (["--stats", stats] if stats else []) + [PROGRAM, *args]
    return subprocess.run(cmd, capture_output=True, text=True)


def stats_of(cache, *args):
    with tempfile.NamedTemporaryFile() as f:
        r = run(cache, *args, stats=f.name)
        return r, json.load(open(f.name))


def verify(cache):
    r = subprocess.run([VM, "cache", "verify", "--cache", cache, "-o", "json"], capture_output=True, text=True)
    return json.loads(r.stdout) if r.stdout else {"bad": -1, "error": r.stderr}


def cpu(cmd):
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    return usage.ru_utime + usage.ru_stime


def unfinished(cache):
    try:
        return any(name.startswith(".tmp-") for name in os.listdir(cache))
    except FileNotFoundError:
        return False


def killed_writers(cache, expected):
    """Half of them at a random time, half while a file is being written."""
    start = time.monotonic()
    run(cache)
    whole = time.monotonic() - start
    hit = writing = wrong = bad = n = 0
    while hit < KILLS and n < 20 * KILLS:
        n += 1
        # A new part of the program each time, so that there is something to write, and old files to put in place of.
        part = str(random.randrange(200, FUNCTIONS))
        if n % 4 == 0:
            shutil.rmtree(cache, ignore_errors=True)
        for left in pathlib.Path(cache).glob(".tmp-*"):
            left.unlink()
        p = subprocess.Popen([VM, "run", "--cache", cache, PROGRAM, part], stdout=subprocess.DEVNULL)
        if n % 2:
            while p.poll() is None and not unfinished(cache):
                pass
            time.sleep(random.uniform(0, 0.002))
        else:
            time.sleep(random.uniform(0, whole))
        p.send_signal(signal.SIGKILL)
        if p.wait() != -signal.SIGKILL:
            continue
        hit += 1
        writing += unfinished(cache)
        if os.path.isdir(cache):
            bad += verify(cache)["bad"] != 0
        if hit % 5 == 0:
            r = run(cache)
            wrong += r.stdout != expected or r.returncode != 0
    check(f"{hit} writers killed", hit == KILLS and writing > 0 and bad == 0 and wrong == 0,
          f"({writing} in the middle of a file, {bad} left a damaged file, {wrong} wrong results)")
    return {"hit": hit, "while_writing": writing}


def many_writers(cache, expected):
    shutil.rmtree(cache, ignore_errors=True)
    ps = [subprocess.Popen([VM, "run", "--cache", cache, PROGRAM], stdout=subprocess.PIPE, text=True)
          for _ in range(8)]
    outputs = [p.communicate()[0] for p in ps]
    check("8 writers at once", all(o == expected for o in outputs) and verify(cache)["bad"] == 0)


def damaged(cache, expected):
    shutil.rmtree(cache, ignore_errors=True)
    run(cache)
    files = list(pathlib.Path(cache).glob("*.vmi"))
    good = {f: f.read_bytes() for f in files}
    wrong = used = 0
    for f, data in good.items():
        # One byte in each of 40 parts of the file: header, every table, stubs, code, thunks.
        for n in range(40):
            at = min(len(data) - 1, len(data) * n // 40 + random.randrange(max(1, len(data) // 40)))
            bad = bytearray(data)
            bad[at] ^= 1 << random.randrange(8)
            f.write_bytes(bad)
            r, s = stats_of(cache)
            wrong += r.stdout != expected or r.returncode != 0
            used += s["images_loaded"] == len(files)
        f.write_bytes(data)
    check("a damaged byte in each part of a file", wrong == 0 and used == 0, f"({wrong} wrong, {used} used)")
    f = files[0]
    for name, change in (("cut short", lambda: f.write_bytes(good[f][:len(good[f]) // 2])),
                         ("empty", lambda: f.write_bytes(b"")),
                         ("of another name", lambda: f.write_bytes(f.with_name("0" * 32 + ".vmi").read_bytes())),
                         ("written by others", lambda: f.chmod(0o666)),
                         ("of another user", lambda: os.chown(f, 12345, 12345) if os.geteuid() == 0 else f.chmod(0o622))):
        f.with_name("0" * 32 + ".vmi").write_bytes(good[f])
        change()
        r, s = stats_of(cache)
        check(f"a file {name}", r.stdout == expected and (name == "of another name" or s["images_loaded"] < len(files)))
        f.unlink(missing_ok=True)
        f.with_name("0" * 32 + ".vmi").unlink(missing_ok=True)
        f.write_bytes(good[f])
        f.chmod(0o600)
    os.chmod(cache, 0o777)
    r = run(cache)
    check("a directory that others can write", r.returncode == 125 and "belongs to another user or can be written" in r.stderr, r.stderr.strip())
    os.chmod(cache, 0o700)


LOOP = """#include <stdio.h>
#include <stdlib.h>
int main(int c, char** v) {
    if (c > 1) fclose(fopen(v[1], "w"));
    unsigned x = 1;
    for (unsigned n = 0; n < 60000; n++)
        for (unsigned i = 0; i < 3000; i++) x = x & 1 ? x * 3 + i : x / 2 + n;
    printf("%u\\n", x);
}
"""


def build_loop(guest):
    """A dynamically linked program that loops for a while: natively and for the guest."""
    (OUT / "loop.c").write_text(LOOP)
    for compiler, name in (("gcc", "native"), (guest.cc, guest.name)):
        subprocess.run([compiler, "-O1", "-o", OUT / f"loop.{name}", OUT / "loop.c"], check=True)
    return subprocess.run([OUT / "loop.native"], capture_output=True, text=True).stdout


def listing(cache):
    return json.loads(subprocess.run([VM, "cache", "ls", "--cache", cache, "-o", "json"], capture_output=True, text=True).stdout)


def listed(cache, key):
    return sum(image[key] for image in listing(cache)["images"])


def regions(cache, guest):
    """What tier 2 makes of a loop is kept too."""
    shutil.rmtree(cache, ignore_errors=True)
    expected = build_loop(guest)
    command = [VM, "run", "--cache", cache, "-L", f"/usr/{guest.triple}", OUT / f"loop.{guest.name}"]
    outputs = [subprocess.run(command, capture_output=True, text=True).stdout]
    kept = listed(cache, "regions")
    outputs.append(subprocess.run(command, capture_output=True, text=True).stdout)
    check("regions are kept", kept > 0 and outputs == [expected] * 2, f"({kept})")


SHORT = """
#include <stdio.h>
int main(void) {
    unsigned x = 1;
    for (unsigned n = 0; n < 5000000; n++) x = x * 1664525 + (x >> 7) + n;
    printf("%u\\n", x);
}
"""


def profiles(cache, guest):
    """A loop that ends before it was sampled often enough becomes a region all the same, after some runs."""
    shutil.rmtree(cache, ignore_errors=True)
    (OUT / "short.c").write_text(SHORT)
    for compiler, name in (("gcc", "native"), (guest.cc, guest.name)):
        subprocess.run([compiler, "-O1", "-static", "-o", OUT / f"short.{name}", OUT / "short.c"], check=True)
    expected = subprocess.run([OUT / "short.native"], capture_output=True, text=True).stdout
    command = [VM, "run", "--cache", cache, OUT / f"short.{guest.name}"]
    runs = 0
    while runs < 60 and (runs == 0 or listed(cache, "regions") == 0):
        r = subprocess.run(command, capture_output=True, text=True)
        runs += 1
        if r.stdout != expected:
            break
    check("a short loop is a region after some runs", r.stdout == expected and listed(cache, "regions") > 0, f"({runs} runs)")
    left = str(cache) + ".profile"
    shutil.copytree(cache, left)
    for _ in range(20):  # a run may end before it is looked at
        for image in pathlib.Path(left).glob("*.vmi"):
            image.unlink()
        with tempfile.NamedTemporaryFile() as f:
            subprocess.run([VM, "run", "--cache", left, "--stats", f.name, OUT / f"short.{guest.name}"], stdout=subprocess.DEVNULL)
            s = json.load(open(f.name))
        if s["profiles_loaded"] == 1 and s["regions"] > 0:
            break
    shutil.rmtree(left)
    check("in one run where only the profile is left", s["profiles_loaded"] == 1 and s["regions"] > 0, f"({s['profiles_loaded']}, {s['regions']})")
    files = list(pathlib.Path(cache).glob("*.vmp"))
    check("its profile is listed", len(files) == 1 and len(listing(cache)["profiles"]) == 1 and verify(cache)["bad"] == 0)
    for f in files:
        good = f.read_bytes()
        cases = {"changed": good[:-1] + bytes([good[-1] ^ 1]), "cut": good[:50], "empty": b"", "longer": good + bytes(24)}
        for what, data in cases.items():
            f.write_bytes(data)
            bad = verify(cache)["bad"]
            r = subprocess.run(command, capture_output=True, text=True)
            check(f"a profile that is {what} is not used", bad == 1 and r.stdout == expected and r.stderr == "", r.stderr.strip())
        f.write_bytes(good)
        f.chmod(0o666)
        bad = verify(cache)["bad"]
        r = subprocess.run(command, capture_output=True, text=True)
        check("one that others can write neither", bad == 1 and r.stdout == expected and r.stderr == "", f"({bad})")
    return runs


def ahead(cache, expected, guest):
    """vm cache warm: a static and a dynamic program are translated, and not run."""
    shutil.rmtree(cache, ignore_errors=True)
    _, cold = stats_of(cache)
    shutil.rmtree(cache, ignore_errors=True)
    made = OUT / "made"
    made.unlink(missing_ok=True)
    warm = [VM, "cache", "warm", "--cache", cache, "-L", f"/usr/{guest.triple}"]
    r = subprocess.run([*warm, PROGRAM, OUT / f"loop.{guest.name}"], capture_output=True, text=True)
    lines = r.stdout.splitlines()
    check("warm", r.returncode == 0 and len(lines) == 2 and "translations of 1 files, 2 images written" in lines[0] and " 0 translations" not in r.stdout, r.stdout.strip())
    r, s = stats_of(cache)
    check("a first run after it", r.stdout == expected and s["images_loaded"] == 1 and s["translations"] < cold["translations"] / 10,
          f"({s['translations']} translations, {cold['translations']} without)")
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run([VM, "run", "--cache", cache, "-L", f"/usr/{guest.triple}", "--stats", f.name, OUT / f"loop.{guest.name}", made], stdout=subprocess.DEVNULL)
        s = json.load(open(f.name))
    check("of a dynamic program too", s["images_loaded"] >= 2 and s["translations"] < 200 and made.exists(), f"({s['images_loaded']} images, {s['translations']} translations)")
    r = subprocess.run([*warm, "--argv0", "x", PROGRAM], capture_output=True, text=True)
    check("warm with an option that it does not take", r.returncode == 125 and "--argv0" in r.stderr, r.stderr.strip())
    shutil.rmtree(cache, ignore_errors=True)
    limited = f"ulimit -f 100; exec {VM} cache warm --cache {cache} {PROGRAM}"  # files of 100 KiB at most
    r = subprocess.run(["bash", "-c", "trap '' XFSZ; " + limited], capture_output=True, text=True)
    check("warm that cannot write says so", r.returncode == 1 and "could not be kept" in r.stderr, r.stderr.strip())
    r = subprocess.run([*warm, "/nonexistent/program"], capture_output=True, text=True)
    check("warm without a program", r.returncode == 127 and r.stderr.startswith("vm: cache warm: /nonexistent/program"), r.stderr.strip())
    return {"cold": cold["translations"], "warm": s["translations"]}


def stats_of_dir(cache):
    return sum(f.stat().st_size for f in pathlib.Path(cache).iterdir())


def limit(cache):
    r = subprocess.run([VM, "cache", "prune", "--cache", cache, "--size", "0"], capture_output=True, text=True)
    check("prune leaves nothing", r.returncode == 0 and stats_of_dir(cache) == 0, r.stdout.strip())


def second_run(cache):
    shutil.rmtree(cache, ignore_errors=True)
    command = [VM, "run", "--cache", cache, PROGRAM]
    cold = cpu(command)
    warm = min(cpu(command) for _ in range(5))
    check("a second run takes less than half the time", warm < cold / 2, f"({cold * 1000:.1f} ms, then {warm * 1000:.1f} ms)")
    return {"cold_ms": cold * 1000, "warm_ms": warm * 1000}


def sharing(cache):
    """Ten processes at once: what of the images each has to itself."""
    ps = [subprocess.Popen([VM, "run", "--cache", cache, PROGRAM, str(FUNCTIONS), "30"], stdout=subprocess.PIPE)
          for _ in range(10)]
    for p in ps:
        p.stdout.readline()
    resident = proportional = private = 0
    for p in ps:
        mine = False
        for line in open(f"/proc/{p.pid}/smaps"):
            if "-" in line.split()[0] and not line.split()[0].endswith(":"):
                mine = line.rstrip().endswith(".vmi")
            elif mine and line.startswith("Rss:"):
                resident += int(line.split()[1])
            elif mine and line.startswith("Pss:"):
                proportional += int(line.split()[1])
            elif mine and line.startswith(("Private_Clean:", "Private_Dirty:")):
                private += int(line.split()[1])
    for p in ps:  # only now: who is left counts more pages as its own
        p.kill()
        p.wait()
    size = stats_of_dir(cache) // 1024
    check("ten processes share one copy", private == 0 and 0 < proportional <= 2 * size,
          f"(files {size} KiB; resident in all {resident} KiB, each counted once {proportional} KiB, private {private} KiB)")
    return {"files_kib": size, "rss_kib": resident, "pss_kib": proportional, "private_kib": private}


def suite(guest):
    """All of it with one guest; whether anything failed."""
    print(f"== {guest.name}", flush=True)
    failures.clear()
    build(guest)
    expected = subprocess.run([OUT / "many.native"], capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as directory:
        cache = os.path.join(directory, "cache")
        check("first and second run", [run(cache).stdout for _ in range(2)] == [expected] * 2)
        figures = second_run(cache)
        figures["shared"] = sharing(cache)
        regions(cache, guest)
        figures["runs_until_region"] = profiles(cache, guest)
        figures["ahead"] = ahead(cache, expected, guest)
        many_writers(cache, expected)
        damaged(cache, expected)
        limit(cache)
        figures["kills"] = killed_writers(cache, expected)
        figures["bundles"] = bundle.suite(VM, PROGRAM, expected, KILLS, check)
    figures["failed"] = failures
    results = ROOT / "build/results"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"images-{guest.name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    return bool(failures)


def main():
    global VM, PROGRAM
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guests.add_option(ap)
    ap.add_argument("vm", nargs="?", default=ROOT / "build/release/vm")
    a = ap.parse_args()
    VM = os.path.abspath(a.vm)
    bad = False
    for guest in guests.chosen(a):
        PROGRAM = OUT / f"many.{guest.name}"
        bad |= suite(guest)
    sys.exit(bad)


main()
