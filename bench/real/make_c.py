#!/usr/bin/env python3
"""make_c.py LINES: prints a C program of about that many lines, always the same: structures, loops, switches, recursion, floating point,
pointers, strings. Compiled by the guest's compiler and by a native one of the same version, which must agree to the byte."""
import random
import sys

FUNCTION = """
struct s{n} {{ long a[{size}]; double d; struct s{n} *next; char name[{name}]; }};

static long f{n}(struct s{n} *p, long x, unsigned y)
{{
    long acc = x * {k1} + (long)y;
    double sum = p->d;
    for (int i = 0; i < {size}; i++) {{
        p->a[i] {op1}= (acc {op2} (i + {k2})) ^ (long)(y >> {shift});
        if (p->a[i] {cmp} {k3})
            acc += p->a[i] / {div};
        else
            acc -= p->a[(i + 1) % {size}] % {div};
        sum += (double)p->a[i] * {f1} - sum / {f2};
    }}
    switch ((unsigned long)acc % {cases}) {{
{switch}
    default:
        acc = -acc;
    }}
    for (int i = 0; i < 20 && y > {k2}u; i++) {{
        y = y * {k1}u / {div}u % {k3}u;
        acc ^= (long)y << (y & 15);
    }}
    memcpy(p->name, "{text}", sizeof "{text}");
    for (char *c = p->name; *c; c++)
        acc = acc * 31 + *c;
    p->d = sum;
    if (p->next && acc & 1)
        return acc + f{n}(p->next, acc >> 1, y + 1);
    return acc + (long)sum;
}}
"""


def function(rnd, n):
    cases = rnd.randint(3, 7)
    switch = "\n".join(f"    case {c}:\n        acc {rnd.choice('+-^|')}= x {rnd.choice('+-*&')} {rnd.randint(1, 9999)};\n"
                       f"        {rnd.choice(['break', '/* fall through */', 'sum *= 0.5; break', 'y += 3; break'])};" for c in range(cases - 1))
    text = "".join(rnd.choice("abcdefghijklmnop ") for _ in range(rnd.randint(3, 20)))
    return FUNCTION.format(n=n, size=rnd.randint(2, 24), name=len(text) + rnd.randint(1, 9), k1=rnd.randint(3, 999), k2=rnd.randint(2, 60),
                           k3=rnd.randint(100, 99999), shift=rnd.randint(1, 20), div=rnd.randint(3, 77), op1=rnd.choice("+-^|"),
                           op2=rnd.choice("+-*&|^"), cmp=rnd.choice(["<", ">", "==", "<="]), f1=round(rnd.uniform(0.1, 3), 3),
                           f2=round(rnd.uniform(1.5, 9), 3), cases=cases, switch=switch, text=text)


def main():
    lines, rnd = int(sys.argv[1]), random.Random(1)
    out = ["int printf(const char *, ...);", "void *memcpy(void *, const void *, unsigned long);", "void *memset(void *, int, unsigned long);"]
    n = count = 0
    while count < lines:
        text = function(rnd, n)
        out.append(text)
        count += text.count("\n") + 2
        n += 1
    out.append("int main(void)\n{\n    long total = 0;")
    for i in range(n):
        out.append(f"    {{ struct s{i} v; memset(&v, 0, sizeof v); total = total * 3 + f{i}(&v, total & 0xffff, {i + 5}u); }}")
    out.append('    printf("%ld\\n", total);\n    return 0;\n}')
    print("\n".join(out))


if __name__ == "__main__":
    main()
