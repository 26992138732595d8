// class: call
// Byte-code interpreter with a switch.
#include "kernel.h"
enum { PUSH, ADD, MUL, XOR, DUP, SWAP, DEC, JNZ, ROT, END };
static u64 interpret(const u8* code, u64 n) {
    u64 stack[16] = {n, 1}, *sp = stack + 1;
    for (const u8* pc = code;;) {
        switch (*pc++) {
            case PUSH: *++sp = *pc++; break;
            case ADD: sp[-1] += sp[0], sp--; break;
            case MUL: sp[-1] *= sp[0], sp--; break;
            case XOR: sp[-1] ^= sp[0], sp--; break;
            case DUP: sp[1] = sp[0], sp++; break;
            case SWAP: { u64 t = sp[0]; sp[0] = sp[-1], sp[-1] = t; break; }
            case ROT: *sp = *sp << 7 | *sp >> 57; break;
            case DEC: stack[0]--; break;
            case JNZ: { u8 back = *pc++; if (stack[0]) pc -= back; break; }
            case END: return *sp;
        }
    }
}
static u64 run(long scale) {
    static const u8 code[] = {PUSH, 3, MUL, DUP, ROT, XOR, PUSH, 17, ADD, PUSH, 5, SWAP, ADD, DEC, JNZ, 16, END};
    return interpret(code, (u64)(6000000 * scale));
}
