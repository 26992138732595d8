#!/usr/bin/env python3
"""What `vm boot` says of a machine before it starts (--explain, --dry-run) and the device trees that it writes and takes.

options.py [VM]     prints a line a check; exit status 1 if one failed
"""
import json
import pathlib
import re
import struct
import subprocess

from common import OUT, VM, boot, build, check, finish, kernel, refused

OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"
BASE = ("--arch", "riscv64", "-m", "64M")
image = kernel("kernel")
initrd, disk, tree = OUT / "small-initrd", OUT / "small-disk", OUT / "tree.dtb"
initrd.write_bytes(b"x" * 5000)
disk.write_bytes(bytes(1 << 20))


def explained(*args):
    status, out, err = boot(*BASE, "--dry-run", "--explain=json", *args)
    try:
        return json.loads(out) if status == 0 and err == "" else {"status": status, "err": err}
    except ValueError:
        return {"out": out}


def explain():
    j = explained("--kernel", image, "--initrd", initrd, "--smp", 3, "--append", 'a "b" ü', "--tier", "1", "--cpu", "max,-zfa",
                  "--disk", f"{disk},format=raw,readonly", "--disk", f"{disk},format=raw,readonly,bus=pci")
    check("processors", j.get("processors", {}).get("count") == 3 and "_zfa_" not in j["processors"]["isa"] and j["processors"]["tier"] == "1" and j["processors"]["code_cache"] == 64 << 20, str(j))
    check("memory", j.get("memory") == {"base": 0x80000000, "bytes": 64 << 20, "numa": None}, str(j))
    check("firmware and kernel", j.get("firmware") == {"kind": "built in"} and j["kernel"] == {
        "file": str(image), "format": "Linux image", "entry": 0x80200000, "mode": "S"}, str(j))
    check("command line", j.get("command_line") == 'a "b" ü', str(j))
    places = {p["what"]: p for p in j.get("placed", [])}
    check("what lies where", set(places) == {"kernel", "device tree", "initial RAM disk"} and
          places["initial RAM disk"]["begin"] == j["initrd"]["begin"] and j["initrd"]["bytes"] == 5000, str(places))
    devices = {d["name"]: d for d in j.get("devices", [])}
    check("devices with their lines", devices.get("UART") == {"name": "UART", "base": 0x10000000, "bytes": 0x100, "irqs": [10]} and
          devices["disk 0"]["irqs"] == [2] and devices["PCI configuration space"]["irqs"] == [32, 33, 34, 35] and devices["disk 1"]["pci"] == "00:01.0",
          str(devices))
    check("disks with their files", j.get("disks") == [{"file": str(disk), "format": "raw", "read_only": True, "bus": b, "queues": 1} for b in ("auto", "pci")], str(j))
    j = explained("--firmware", OPENSBI, "--kernel", image)
    check("a firmware from a file", j.get("firmware") == {"kind": "file", "file": OPENSBI, "format": "flat code", "entry": 0x80000000} and
          [p["what"] for p in j["placed"]] == ["firmware", "kernel", "device tree", "firmware's information"], str(j))
    bare = build("bare", "bare_start.S", "bare.c", flags=("-fno-builtin",), script="bare.ld")
    j = explained("--firmware", "none", "--kernel", bare, "--signature", OUT / "none")
    check("a bare program", j.get("firmware") == {"kind": "none"} and j["kernel"]["mode"] == "M" and j["tohost"] % 8 == 0 and
          j["signature"]["end"] - j["signature"]["begin"] == 48 and not (OUT / "none").exists(), str(j))
    status, out, err = boot(*BASE, "--dry-run", "--explain", "--kernel", image, "--initrd", initrd, "--disk", f"{disk},format=raw,readonly")
    want = ("64 MiB at 0x80000000", "built in (SBI 2.0)", f"{image} (Linux image), entered at 0x80200000 in S-mode", f"{initrd}, 5000 bytes",
            "UART, irq 10", f"disk 0                       {disk}, raw, read-only")
    check("as text", status == 0 and err == "" and all(w in out for w in want), out + err)
    status, out, err = boot(*BASE, "--explain", "--kernel", image)
    check("--explain alone goes on", status == 0 and out.startswith("machine ") and out.endswith("passed\n"), out[-300:] + err)
    status, out, err = boot(*BASE, "--dry-run", "--kernel", image)
    check("--dry-run alone says nothing", (status, out, err) == (0, "", ""), out + err)



def trees():
    status, _, err = boot(*BASE, "--dry-run", "--kernel", image, "--smp", 2, "--append", "these words", "--dump-dtb", tree)
    blob = tree.read_bytes()
    check("with the sizes of cache blocks", all(f"riscv,{c}-block-size\0".encode() in blob for c in ("cbom", "cbop", "cboz")) and b"_zicboz_" in blob)
    check("a tree is written", status == 0 and struct.unpack(">2I", blob[:8]) == (0xd00dfeed, len(blob)), err)
    status, out, err = boot(*BASE, "--kernel", image, "--smp", 2, "--dtb", tree)
    check("and taken", status == 0 and out.endswith("passed\n"), out[-300:] + err)
    again = OUT / "again.dtb"
    boot(*BASE, "--dry-run", "--kernel", image, "--dtb", tree, "--dump-dtb", again)
    check("it keeps its command line", b"these words\0" in again.read_bytes())
    boot(*BASE, "--dry-run", "--kernel", image, "--dtb", tree, "--dump-dtb", again, "--append", "others", "--initrd", initrd)
    data = again.read_bytes()
    check("unless there is another", b"others\0" in data and b"these words\0" not in data and b"linux,initrd-end\0" in data)
    refused("a tree that is none", ("--kernel", image, "--dtb", image), 125, "no device tree: FDT_ERR_BADMAGIC")
    cut, empty, big = OUT / "cut.dtb", OUT / "empty.dtb", OUT / "big.dtb"
    cut.write_bytes(blob[:-20])
    empty.write_bytes(b"")
    big.write_bytes(blob[:4] + struct.pack(">I", 1 << 21) + blob[8:] + bytes((1 << 21) - len(blob)))
    refused("a code cache that is too small", ("--kernel", image, "--code-cache", "4K"), 125, "--code-cache 4K: a size between 1M and 1G")
    refused("a tree cut short", ("--kernel", image, "--dtb", cut), 125, "no device tree")
    refused("an empty tree", ("--kernel", image, "--dtb", empty), 125, "it is empty")
    refused("no such tree", ("--kernel", image, "--dtb", "/nonexistent"), 127, "/nonexistent")
    refused("a tree into no directory", ("--dry-run", "--kernel", image, "--dump-dtb", "/nonexistent/t"), 127, "/nonexistent")
    refused("an unknown form", ("--kernel", image, "--explain=xml"), 125, "not 'xml'")
    status, out, _ = boot(*BASE, "--dry-run", "--kernel", image, "--dtb", big, "--dump-dtb", again)
    check("what a tree does not use of its bytes goes", status == 0 and again.stat().st_size < 10000, f"{status} {out}")


def numa():
    nodes = pathlib.Path("/sys/devices/system/node/has_memory")
    if not nodes.exists():
        return refused("a NUMA policy on a host without nodes", ("--dry-run", "--kernel", image, "--numa", "bind=0"), 125, "knows no NUMA nodes")
    node = re.split("[-,\n]", nodes.read_text())[0]
    check("a NUMA policy", explained("--kernel", image, "--numa", f"bind={node}").get("memory", {}).get("numa") == f"bind={node}")
    out = boot(*BASE, "--dry-run", "--explain", "--kernel", image, "--numa", f"preferred={node}")[1]
    check("as text", f"from NUMA nodes by preferred={node}\n" in out, out)
    with subprocess.Popen([VM, "boot", *BASE, "--kernel", kernel("waits", "-DWAITS"), "--numa", f"interleave={node}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        maps = pathlib.Path(f"/proc/{p.pid}/numa_maps").read_text()
        p.kill()
    check("the kernel's word for it", f" interleave:{node} " in maps, maps)


explain()
numa()
trees()
finish("machine-options", VM)
