// class: integer
// Parses generated JSON text byte by byte: strings, numbers, nesting.
#include "kernel.h"
static char text[1 << 18];
static const char* at;
static u64 hash;
static void skip(void) {
    while (*at == ' ' || *at == '\n' || *at == ',' || *at == ':') at++;
}
static NOINLINE void value(void) {
    skip();
    if (*at == '{' || *at == '[') {
        char close = *at++ == '{' ? '}' : ']';
        for (skip(); *at != close; skip()) value(), hash++;
        at++;
    } else if (*at == '"') {
        for (at++; *at != '"'; at++) hash = hash * 33 + (u8)(*at == '\\' ? *++at : *at);
        at++;
    } else {
        int negative = *at == '-', digits = 0;
        long n = 0;
        for (at += negative; *at >= '0' && *at <= '9'; at++) n = n * 10 + (*at - '0'), digits++;
        if (!digits) at++;
        hash ^= (u64)(negative ? -n : n);
    }
}
static u64 run(long scale) {
    u64 seed = 3;
    char* p = text;
    *p++ = '[';
    while (p < text + sizeof text - 200) {
        next_random(&seed);
        p += sprintf(p, "{\"id\": %d, \"name\": \"user \\\"%llx\\\"\", \"tags\": [\"a%d\", -%d, {\"x\": [%d, %d]}]},\n", (int)(seed % 100000),
                     (unsigned long long)seed, (int)(seed % 7), (int)(seed % 1000), (int)(seed % 13), (int)(seed % 99));
    }
    strcpy(p, "0]");
    for (long r = 0; r < 300 * scale; r++) at = text, value();
    return hash;
}
