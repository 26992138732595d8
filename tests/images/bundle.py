"""`vm cache export`, `import` and `keygen`: what was exported serves elsewhere, and nothing else is let in. Part of run.py."""
import contextlib, hashlib, json, os, pathlib, random, resource, shutil, signal, struct, subprocess, tempfile, time

HEADER = struct.Struct("<8sIIQQ64s256s32s")  # magic, format, is signed, images, where the table is, build, features, signer
ENTRY = struct.Struct("<40sQ32s")            # name, bytes, digest
DIGEST, SIGNATURE = 32, 64
VARIANTS = 8  # of one program's translations, so that there are some files to write


def digest(data):
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


class Forged:
    """A bundle taken apart. data() puts it together with the right digest, which anybody can; the signature stays."""

    def __init__(self, data):
        self.magic, self.format, self.signed, self.count, self.table_at, self.build, self.features, self.signer = HEADER.unpack_from(data)
        self.entries = [list(ENTRY.unpack_from(data, self.table_at + n * ENTRY.size)) for n in range(self.count)]
        self.body = data[HEADER.size:self.table_at]
        self.tail = data[self.table_at + self.count * ENTRY.size + DIGEST:]

    def data(self):
        head = HEADER.pack(self.magic, self.format, self.signed, self.count, self.table_at, self.build, self.features, self.signer)
        table = b"".join(ENTRY.pack(*e) for e in self.entries)
        return head + self.body + table + digest(head + table) + self.tail


class Suite:
    def __init__(self, vm, program, expected, kills, check, root):
        self.vm, self.program, self.expected, self.kills, self.check = vm, program, expected, kills, check
        self.root = root
        self.source, self.target = root / "source", root / "target"
        self.file, self.signed = root / "all.vmb", root / "all-signed.vmb"
        self.few = root / "plain.vmb", root / "signed.vmb"  # some images of them

    # ---- running vm
    def cache(self, *args, vm=None, env=None, limit=None):
        """`vm cache ARGS`; `limit`: (which, how much) of setrlimit. A file that gets too long is an error, no signal."""
        def prepare():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(limit[0], (limit[1], limit[1]))
        return subprocess.run([vm or self.vm, "cache", *map(str, args)], capture_output=True, text=True, errors="replace",
                              env={**os.environ, **(env or {})}, preexec_fn=prepare if limit else None)

    def json(self, *args, **how):
        r = self.cache(*args, "-o", "json", **how)
        return json.loads(r.stdout) if r.returncode == 0 else {"error": r.stderr}

    def run(self, cache, *args, options=(), program=None):
        stats = self.root / "stats.json"
        r = subprocess.run([self.vm, "run", "--cache", cache, *options, "--stats", stats, program or self.program, *args], capture_output=True, text=True)
        # Whether there is a profile depends on the time that it took; what carries them is tested with units.
        for profile in pathlib.Path(cache).glob("*.vmp"):
            profile.unlink()
        return r, json.loads(stats.read_text())

    def listing(self, cache):
        return {i["name"]: i["bytes"] for i in self.json("ls", "--cache", cache)["images"] if "error" not in i}

    # ---- what must not change
    @staticmethod
    def state(directory):
        """Name, i-node, size and time of every file; None: no directory."""
        with contextlib.suppress(FileNotFoundError):
            return sorted((e.name, e.inode(), e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(directory))
        return None

    def refusal(self, data, *options, **how):
        """What is wrong with how a bad bundle was refused, or nothing."""
        path = self.root / "bad.vmb"
        path.write_bytes(data)
        return self.refusal_of(path, *options, **how)

    def refusal_of(self, path, *options, word="", vm=None, limit=None, quick=False):
        """Tries it with a directory that has something, and (unless `quick`) with one that is not there."""
        directories = self.target, self.root / "none"
        before = [self.state(d) for d in directories]
        for d in directories[:1 if quick else 2]:
            r = self.cache("import", "--cache", d, *options, path, vm=vm, limit=limit)
            if r.returncode != 125 or not r.stderr.startswith("vm: cache: ") or r.stderr.count("\n") != 1 or r.stdout:
                return f"exit status {r.returncode}: {r.stdout}{r.stderr}"
            if word not in r.stderr:
                return f"does not say '{word}': {r.stderr}"
        if before != [self.state(d) for d in directories]:
            return "the cache changed"
        return ""

    def check_refused(self, what, cases):
        """`cases`: (what it is, what refusal() says)"""
        n, bad = 0, []
        for name, complaint in cases:
            n += 1
            bad += [f"{name}: {complaint.strip()}"] if complaint else []
        self.check(f"{what}, {n} times", n > 0 and not bad, "; ".join(bad[:3]))

    # ---- the tests
    def make(self):
        """A directory with the translations of one program, made in several ways."""
        names = subprocess.run([self.vm, "info", "--jit-opts"], capture_output=True, text=True, check=True).stdout.split()
        r, cold = self.run(self.source)
        self.cold = cold["translations"]
        good = r.stdout == self.run(self.source)[0].stdout == self.expected  # blocks end elsewhere in a second run
        for name in names[:VARIANTS - 1]:
            good &= self.run(self.source, "500", options=["--jit-opt=-" + name])[0].returncode == 0
        # What serves the target before anything is imported: a part of the program.
        good &= self.run(self.target, "500")[0].returncode == 0
        self.check("translations to carry", good and len(self.listing(self.source)) >= VARIANTS, f"({len(self.listing(self.source))} images)")

    def carried(self):
        e = self.json("export", "--cache", self.source, self.file)
        there = self.listing(self.source)
        self.check("export", e.get("images") == len(there) and e["bytes"] == self.file.stat().st_size and e["signed_with"] is None,
                   f"({e.get('images')} images, {e.get('bytes')} bytes)")
        elsewhere = self.root / "else/where"
        i = self.json("import", self.file, env={"VM_CACHE": str(elsewhere)})
        same = self.listing(elsewhere) == there and all((elsewhere / n).read_bytes() == (self.source / n).read_bytes() for n in there)
        self.check("import into VM_CACHE", i.get("added") == len(there) and same and i["kept"] == i["replaced"] == 0)
        copy = shutil.copy2(self.program, self.root / "copied")  # as on another machine, with its time
        r, s = self.run(elsewhere, program=copy)
        self.check("what was imported is used", r.stdout == self.expected and s["images_loaded"] > 0 and s["translations"] * 50 < self.cold,
                   f"({s['images_loaded']} images loaded, {s['translations']} translations instead of {self.cold})")
        again = self.json("import", "--cache", elsewhere, self.file)
        self.check("import again", again.get("kept") == len(there), again)
        shutil.rmtree(elsewhere)

        one = sorted(there)[0]
        e = self.json("export", "--cache", self.source, self.root / "one.vmb", one)
        i = self.json("import", "--cache", elsewhere, self.root / "one.vmb")
        self.check("export of one image", e.get("images") == i.get("images") == 1 and list(self.listing(elsewhere)) == [one])
        for bad in (one[1:], "../source/" + one, "0" * 32 + ".vmi"):
            r = self.cache("export", "--cache", self.source, self.root / "no.vmb", one, bad)
            self.check(f"export of {bad}", r.returncode == 125 and not (self.root / "no.vmb").exists(), r.stderr.strip())
        r = self.cache("export", "--cache", self.root / "none", self.root / "no.vmb")
        self.check("export of nothing", r.returncode == 125 and not (self.root / "no.vmb").exists(), r.stderr.strip())

    def more_blocks(self):
        """First the bundle has more of what the directory has, then less."""
        shutil.copytree(self.target, self.root / "small")
        small = self.root / "small.vmb"
        self.cache("export", "--cache", self.root / "small", small)
        names = self.listing(self.root / "small")
        i = self.json("import", "--cache", self.root / "small", self.file)
        j = self.json("import", "--cache", self.root / "small", small)
        self.check("the image with more blocks stays", i.get("replaced") == j.get("kept") == j.get("images") == len(names) > 0
                   and all((self.root / "small" / n).read_bytes() == (self.source / n).read_bytes() for n in names), {**i, "then": j})

    def keys(self):
        r = self.json("keygen", self.root / "ci")
        self.json("keygen", self.root / "other")
        secret, public = self.root / "ci.key", self.root / "ci.pub"
        self.check("keygen", secret.stat().st_mode & 0o777 == 0o600 and r.get("key", "?") in public.read_text())
        before = secret.read_bytes()
        again = self.cache("keygen", self.root / "ci")
        self.check("keygen overwrites nothing", again.returncode == 125 and secret.read_bytes() == before, again.stderr.strip())
        e = self.json("export", "--cache", self.source, "--key", secret, self.signed)
        into = [self.json("import", "--cache", self.root / f"signed{n}", *o, self.signed) for n, o in enumerate(((), ("--trust", public)))]
        self.check("signed and trusted", all(i.get("signed_with") == e.get("signed_with") == r["key"] for i in into))
        few = sorted(self.listing(self.source), key=lambda n: (self.source / n).stat().st_size)[:3]
        self.json("export", "--cache", self.source, self.few[0], *few)
        self.json("export", "--cache", self.source, "--key", secret, self.few[1], *few)
        data, other = self.signed.read_bytes(), self.root / "other.pub"
        stripped = Forged(data)
        stripped.signed, stripped.signer, stripped.tail = 0, bytes(32), b""
        self.cache("export", "--cache", self.source, "--key", self.root / "other.key", self.root / "others.vmb")
        passed_off = Forged((self.root / "others.vmb").read_bytes())
        passed_off.signer = Forged(data).signer
        self.check_refused("without the trusted signature", [
            ("another key", self.refusal(data, "--trust", other, word="is signed with the key")),
            ("not signed", self.refusal_of(self.file, "--trust", public, word="is not signed")),
            ("signature cut off", self.refusal(stripped.data(), "--trust", public, word="is not signed")),
            ("another's signature", self.refusal(passed_off.data(), "--trust", public, word="wrong signature")),
            ("the same, nobody trusted", self.refusal(passed_off.data(), word="wrong signature")),
            ("secret key as --trust", self.refusal(data, "--trust", secret, word="no public key")),
            ("empty", self.refusal(data, "--trust", "", word="the value is empty")),
            ("empty behind =", self.refusal(data, "--trust=")),
            ("no such key", self.refusal(data, "--trust", self.root / "no.pub", word="cannot be opened"))])
        for key in (public, self.root / "no.key", self.file, ""):
            r = self.cache("export", "--cache", self.source, "--key", key, self.root / "no.vmb")
            self.check(f"signing with '{os.path.basename(key)}'", r.returncode == 125 and not (self.root / "no.vmb").exists(), r.stderr.strip())

    def flipped(self):
        """A bit of bytes all over the file: of header, table and each image, and of every byte behind. (bundle_test.cc: of every byte but the images'.)"""
        for path in self.few:
            data = path.read_bytes()
            f = Forged(data)
            behind = len(data) - len(f.tail) - DIGEST
            places = {"header": [*range(40), *range(40, HEADER.size, 4)], "table": range(f.table_at, behind, 3),
                      "digest and signature": range(behind, len(data)), "images": []}
            at = HEADER.size
            for _, size, _ in f.entries:
                places["images"] += [at, at + size - 1] + random.sample(range(at, at + size), 30)
                at += size
            with open(self.root / "flipped.vmb", "w+b", buffering=0) as bad:
                bad.write(data)

                def case(n):
                    os.pwrite(bad.fileno(), bytes([data[n] ^ 1 << random.randrange(8)]), n)
                    complaint = self.refusal_of(bad.name, quick=True)
                    os.pwrite(bad.fileno(), data[n:n + 1], n)
                    return f"byte {n}", complaint
                for what, all_of_them in places.items():
                    self.check_refused(f"{path.name} with a byte of its {what} changed", map(case, all_of_them))
            self.check(f"{path.name} unchanged", self.json("import", "--cache", self.root / "few", bad.name).get("images") == f.count)

    def other_length(self):
        for path in self.few:
            data = path.read_bytes()
            f = Forged(data)
            lengths = {0, 1, 8, HEADER.size - 1, HEADER.size, HEADER.size + 1, f.table_at - 1, f.table_at, f.table_at + 1, f.table_at + ENTRY.size,
                       *range(len(data) - 100, len(data)), *random.sample(range(len(data)), 40)}
            cut = self.root / "cut.vmb"
            cut.write_bytes(data)

            def case(n):
                os.truncate(cut, n)
                return n, self.refusal_of(cut, quick=True)
            self.check_refused(f"{path.name} cut short", map(case, sorted(lengths, reverse=True)))
            self.check_refused(f"{path.name} with more behind it",
                               ((len(more), self.refusal(data + more, word="too many at its end"))
                                for more in (b"\0", b"x", data, bytes(SIGNATURE), data[-len(f.tail) - DIGEST:])))

    def foreign(self):
        """Another build of vm is this one with another build id in it."""
        data = self.file.read_bytes()
        build = Forged(data).build.rstrip(b"\0")
        program, mine = pathlib.Path(self.vm).read_bytes(), bytes.fromhex(build.decode())
        other_vm = self.root / "vm"
        other_vm.write_bytes(program.replace(mine, bytes(reversed(mine))))
        other_vm.chmod(0o755)
        cases = [("another build reads it", self.refusal(data, vm=other_vm, word=f"another build of vm ({build.decode()}"))]
        self.check("one build id in vm", program.count(mine) == 1)
        s = self.root / "other-cache"
        subprocess.run([other_vm, "run", "--cache", s, self.program], capture_output=True)
        subprocess.run([self.vm, "run", "--cache", s, self.program], capture_output=True)
        e = self.json("export", "--cache", s, self.root / "others.vmb", vm=other_vm)
        self.check("export leaves out what another build made", 0 < e.get("images", 0) == e.get("left_out_other_builds_or_hosts"), e)
        others = (self.root / "others.vmb").read_bytes()
        cases += [("of another build", self.refusal(others, word=f"this one is {build.decode()}"))]
        lie = Forged(others)
        lie.build = build
        cases += [("of another build, said to be of this", self.refusal(lie.data(), word="of another build of vm or another host"))]
        features = Forged(data).features.rstrip(b"\0").decode().split()
        for what, other, word in (("more features", features + ["amx"], "this one lacks amx"), ("fewer features", features[1:], "those lack " + features[0]),
                                  ("no features", [], "those lack " + ", ".join(features)), ("control characters", ["\x1b[2J"], "damaged header")):
            f = Forged(data)
            f.features = " ".join(other).encode()
            cases.append((what, self.refusal(f.data(), word=word)))
        f = Forged(data)
        f.format += 1
        cases.append(("another format", self.refusal(f.data(), word="format 2")))
        self.check_refused("foreign bundles", cases)

    def hostile(self):
        data, cases = self.file.read_bytes(), []
        memory = (resource.RLIMIT_AS, 256 << 20)

        def case(what, word, change):
            f = Forged(data)
            change(f)
            cases.append((what, self.refusal(f.data(), word=word, limit=memory)))

        digits = b"f" * 32
        for name in (b"", b".", b"..", b"/" + digits[5:] + b".vmi", b"../" + digits[3:] + b".vmi", b"../../../../tmp/evil.vmi", digits, digits + b".vmj",
                     digits + b".vmi\0\0\0x", digits[1:] + b"/.vmi", digits[1:] + b"\n.vmi", digits.upper() + b".vmi", b".tmp-1-0-" + digits[9:] + b".vmi",
                     b"\xff" * 40):
            case(f"name {name!r}", "name that cannot be", lambda f: f.entries[-1].__setitem__(0, name))
        case("a name that is not its key's", "one of another name", lambda f: f.entries[-1].__setitem__(0, digits + b".vmi"))
        case("an image twice", "not in order", lambda f: f.entries.__setitem__(1, f.entries[0]))
        for count in (0, len(Forged(data).entries) + 1, 1 << 16, (1 << 16) + 1, 1 << 31, 1 << 40, (1 << 64) - 1):
            case(f"{count} images", "", lambda f: setattr(f, "count", count))
        for at in (0, 1, HEADER.size - 1, HEADER.size, 1 << 40, 1 << 62, (1 << 64) - 1):
            case(f"table at {at}", "", lambda f: setattr(f, "table_at", at))
        for size in (0, 1, 1 << 30, (1 << 30) + 1, 1 << 48, (1 << 64) - 1):
            case(f"an image of {size} bytes", "", lambda f: f.entries[0].__setitem__(1, size))

        def no_image(f):
            size = f.entries[0][1]
            f.body = bytes(size) + f.body[size:]
            f.entries[0][2] = digest(bytes(size))
        case("zeros as an image", "is no image", no_image)
        for name, content in (("empty", b""), ("text", b"VMBUNDLE\n" * 100), ("an image", next(self.source.glob("*.vmi")).read_bytes())):
            cases.append((name, self.refusal(content, limit=memory)))
        # As long as it says, but nearly all of it a hole.
        f, sparse = Forged(data), self.root / "sparse.vmb"
        f.count, f.table_at = 1 << 16, 1 << 38
        with open(sparse, "wb") as out:
            out.write(f.data()[:HEADER.size])
            out.truncate(f.table_at + f.count * ENTRY.size + DIGEST)
        cases.append(("a hole of 256 GiB", self.refusal_of(sparse, word="was changed", limit=memory)))
        sparse.unlink()
        for path in (self.root, "/dev/null", self.root / "no.vmb"):
            cases.append((str(path), self.refusal_of(path)))
        os.mkfifo(self.root / "fifo")
        cases.append(("a FIFO", self.refusal_of(self.root / "fifo", word="not a plain file")))
        self.check_refused("hostile bundles", cases)

    def errors(self):
        """Files that cannot be written to their end."""
        limit = (resource.RLIMIT_FSIZE, 100_000)
        place = self.root / "full"
        place.mkdir()
        (place / "old.vmb").write_bytes(b"old")
        r = [self.cache("export", "--cache", self.source, place / name, limit=limit) for name in ("old.vmb", "new.vmb")]
        self.check("export without room", all(x.returncode == 125 and x.stderr.count("\n") == 1 for x in r) and os.listdir(place) == ["old.vmb"]
                   and (place / "old.vmb").read_bytes() == b"old", r[0].stderr.strip())
        into = self.root / "full-cache"
        r = self.cache("import", "--cache", into, self.file, limit=limit)
        self.check("import without room", r.returncode == 125 and r.stderr.count("\n") == 1 and os.listdir(into) == [], r.stderr.strip())
        (place / "link").symlink_to("old.vmb")
        for path in ("/dev/null", place, place / "link", place / "no/where"):
            r = self.cache("export", "--cache", self.source, path)
            self.check(f"export to {path}", r.returncode == 125 and r.stderr.count("\n") == 1, r.stderr.strip())

    def killed(self, command, after, until=None, enough=lambda: True):
        """Runs and kills the command until it was hit often enough, and as `enough` wants it: at a random time, or about when `until` becomes true."""
        start = time.monotonic()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        whole = time.monotonic() - start
        hit = n = 0
        while (hit < self.kills or not enough()) and n < 20 * self.kills + 200:
            n += 1
            p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if n % 2 and until:
                while p.poll() is None and not until():
                    pass
                time.sleep(random.uniform(0, whole / 10))
            else:
                time.sleep(random.uniform(0, whole))
            p.send_signal(signal.SIGKILL)
            hit += p.wait() == -signal.SIGKILL
            after()
        return hit

    def killed_imports(self):
        cache, good = self.root / "killed", {n: (self.source / n).read_bytes() for n in self.listing(self.source)}
        mine = {n: (self.target / n).read_bytes() for n in self.listing(self.target)}
        seen = {"bad": 0, "lost": 0, "partly": 0, "unfinished": 0}

        def fresh():
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(self.target, cache)

        def after():
            files = {p.name: p.read_bytes() for p in cache.iterdir()}
            left = [n for n in files if n.startswith(".tmp-")]
            images = {n: d for n, d in files.items() if n not in left}
            # Each is as it was, or as the bundle has it; those that were there are there.
            seen["bad"] += any(d not in (good.get(n), mine.get(n)) for n, d in images.items())
            seen["lost"] += not images.keys() >= mine.keys()
            seen["partly"] += len(mine) < len(images) < len(good.keys() | mine.keys())
            seen["unfinished"] += bool(left)
            if seen["partly"] % 5 == 1:
                r, _ = self.run(cache)
                seen["bad"] += r.stdout != self.expected or self.json("verify", "--cache", cache).get("bad") != 0
            fresh()

        fresh()
        command = [self.vm, "cache", "import", "--cache", cache, self.file]
        hit = self.killed(command, after, lambda: len(os.listdir(cache)) > len(mine), lambda: seen["partly"] > 0)
        i = self.json("import", "--cache", cache, self.file)
        self.check(f"{hit} imports killed", hit >= self.kills and seen["partly"] > 0 and seen["bad"] == seen["lost"] == 0
                   and self.listing(cache).keys() == good.keys() | mine.keys(), {**seen, "then": i.get("added")})
        return {"hit": hit, **seen}

    def killed_exports(self):
        place = self.root / "exports"
        place.mkdir()
        file, good = place / "bundle.vmb", self.file.read_bytes()
        seen = {"bad": 0, "left": 0, "written": 0, "replaced": 0}
        old = [good]  # what was there before: first what the run that is timed leaves

        def after():
            there, now = set(os.listdir(place)), file.read_bytes() if file.exists() else b""
            seen["bad"] += now not in (old[0], good)
            # One that replaces another has two names for a moment.
            seen["left"] += not there <= {file.name} and not old[0]
            seen["replaced" if old[0] else "written"] += now == good
            for name in there:
                (place / name).unlink()
            old[0] = b"old" if not old[0] else b""
            if old[0]:
                file.write_bytes(old[0])

        hit = self.killed([self.vm, "cache", "export", "--cache", self.source, file], after)
        self.check(f"{hit} exports killed", hit > 0 and seen["bad"] == seen["left"] == 0, seen)
        return {"hit": hit, **seen}

    def all(self):
        self.make()
        self.carried()
        self.more_blocks()
        self.keys()
        self.flipped()
        self.other_length()
        self.foreign()
        self.hostile()
        self.errors()
        return {"import_kills": self.killed_imports(), "export_kills": self.killed_exports()}


def suite(vm, program, expected, kills, check):
    with tempfile.TemporaryDirectory() as directory:
        return Suite(vm, program, expected, kills, check, pathlib.Path(directory)).all()
