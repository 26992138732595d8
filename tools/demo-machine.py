#!/usr/bin/env python3
"""The demo's machine: boots Debian's riscv64 kernel to a shell, types two commands, and leaves. Exit status 1 if it answers wrongly."""
import sys

import machine


def main():
    harts = 2
    directory = machine.artefacts("riscv64")
    version = (directory / "version").read_text().strip()
    what = f"vm boot --smp {harts}, Linux {version}"
    with machine.Console(machine.vm_command(machine.ROOT / "build/release/vm", directory, 'vmrun="shell"', harts)) as console:
        try:
            console.until(rf"VM-READY machine=riscv64 harts={harts} ")
            ready = console.seconds()
            console.until("vm# ")
            prompt = console.seconds()
            for typed, answer in (("echo $((6*7))", "42"), ("uname -m", "riscv64")):
                console.send(typed + "\n")
                console.until(rf"\n{answer}\r?\n")
                console.until("vm# ")
            console.send("exit\n")
            status = console.ends()
        except machine.NoAnswer as e:
            print(f"WRONG {what}: {e}")
            return 1
    if status != 0:
        print(f"WRONG {what}: exit status {status}\n{console.text[-2000:]}")
        return 1
    print(f"ok    {what}: init after {ready:.2f} s, prompt after {prompt:.2f} s, two commands, off after {console.seconds():.2f} s, exit status 0")
    return 0


sys.exit(main())
