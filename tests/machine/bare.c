// A program in M-mode that tests the machine it has for itself, and says so line by line: traps, returns to other modes,
// physical memory protection, delegation, interrupts, timer, a second hart. It prints and ends by HTIF, or with -DUART by the
// board's UART and power switch, as QEMU has them, too.
#include "say.h"

volatile struct {
    u64 cause, value, pc, count, resume, kept, to_machine, ra, sp;
} last;
volatile u64 slot;
extern u8 trap_entry[], vectors[], call_out[], load_from[], store_to[], illegal_here[], wait_here[], read_mscratch[], s_handler[], cut_code[], block_inval[], block_clean[], block_flush[], block_zero[];
void block_zero_here(u64 address);
u64 enter(u64 mode, void* function, u64 argument);

enum { U, S };
enum { kFetchAccess = 1, kIllegal = 2, kBreakpoint = 3, kLoadAccess = 5, kStoreMisaligned = 6, kStoreAccess = 7, kCallU = 8, kCallS = 9, kCallM = 11 };
#define MSI (1ul << 3)
#define MTI (1ul << 7)
#define INTERRUPT (1ul << 63)
#define MIE (1ul << 3)
#define MPP (3ul << 11)
#define MPRV (1ul << 17)

// ---------------------------------------------------------------------------------------------- the host

__attribute__((section(".tohost"), aligned(64))) volatile u64 tohost;
__attribute__((section(".tohost"), aligned(64))) volatile u64 fromhost;
__attribute__((section(".tohost"), aligned(64))) volatile u64 neighbour;
__attribute__((section(".signature"), aligned(16))) volatile u64 signature[6] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void put_byte(u8 c) {
#ifdef UART
    volatile u8* const uart = (u8*)0x10000000;
    while (!(uart[5] & 0x20)) {
    }
    uart[0] = c;
#else
    while (tohost) {
    }
    tohost = 1ul << 56 | 1ul << 48 | c;
#endif
}
void finish(void) {
    put(failures ? "failed\n" : "passed\n");
#ifdef UART
    *(volatile u32*)0x100000 = failures ? (3 << 16 | 0x3333) : 0x5555;
#else
    while (tohost) {
    }
    tohost = failures ? (u64)failures << 1 | 1 : 1;
#endif
    for (;;) __asm__ volatile("wfi");
}

// ---------------------------------------------------------------------------------------------- traps

#define HOLE 0x08000000ul
static volatile u64 data[64] __attribute__((aligned(256)));

static void forget(void) {
    last.cause = last.value = last.pc = ~0ul;
    last.resume = last.to_machine = 0;
}
/// A statement of one 4-byte instruction that traps.
#define CAUSE(statement) ({ forget(); statement; __asm__ volatile("" ::: "memory"); last.cause; })

static void traps(void) {
    check("an illegal instruction", CAUSE(__asm__ volatile(".word 0xffffffff")), kIllegal);
    check("  says which", last.value, 0xffffffff);
    check("an environment call", CAUSE(__asm__ volatile("ecall")), kCallM);
    check("a breakpoint", CAUSE(__asm__ volatile(".option push\n.option norvc\nebreak\n.option pop")), kBreakpoint);
    check("a load from nowhere", CAUSE(__asm__ volatile(".option push\n.option norvc\nld zero, 0(%0)\n.option pop" ::"r"(HOLE))), kLoadAccess);
    check("  says where", last.value, HOLE);
    check("a store to nowhere", CAUSE(__asm__ volatile(".option push\n.option norvc\nsd zero, 8(%0)\n.option pop" ::"r"(HOLE))), kStoreAccess);
    check("  says where", last.value, HOLE + 8);
    forget();
    __asm__ volatile("la t0, 1f\nsd t0, %0\njr %1\n1:" : "=m"(last.resume) : "r"(HOLE) : "t0", "memory");
    check("code nowhere", last.cause, kFetchAccess);
    check("  says where", last.pc, HOLE);
    check("a CSR that is not there", CAUSE(CSR_READ(0x7ff)), kIllegal);
    check("a write to a read-only CSR", CAUSE(CSR_WRITE(mhartid, 1)), kIllegal);
    u8* const odd = (u8*)data + 3;
    *(volatile u32*)odd = 0x12345678;
    check("a misaligned load", *(volatile u32*)odd, 0x12345678);
#ifndef UART  // QEMU with one hart says that it is a load
    check("a misaligned atomic", CAUSE(__asm__ volatile("amoadd.w zero, zero, (%0)" ::"r"(odd))), kStoreMisaligned);
#endif
    check("64 bits", CSR_READ(misa) >> 62, 2);
    check("counters go on", ({ u64 a = CSR_READ(mcycle); CSR_READ(mcycle) > a; }), 1);
}

// ---------------------------------------------------------------------------------------------- modes and protection

enum { R = 1, W = 2, X = 4, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, LOCK = 1 << 7 };
#define ALL (R | W | X | NAPOT)

/// Entry 0 is `config` at `address` (in its encoding), entry 1 everything else.
static void protect(u64 config, u64 address) {
    CSR_WRITE(pmpaddr0, address);
    CSR_WRITE(pmpaddr1, ~0ul);
    CSR_WRITE(pmpcfg0, config | ALL << 8);
}
static u64 cause_in(u64 mode, void* function, u64 argument) {
    forget();
    enter(mode, function, argument);
    return last.cause;
}
/// NAPOT of the 8 bytes at p.
static u64 eight(volatile void* p) { return (u64)p >> 2; }

static void modes(void) {
#ifndef UART  // QEMU says that MRET is illegal then
    CSR_WRITE(pmpcfg0, 0);
    check("without protection entries S-mode has no memory", cause_in(S, call_out, 0), kFetchAccess);
#endif
    protect(0, 0);
    check("a call from U-mode", cause_in(U, call_out, 0), kCallU);
    check("a call from S-mode", cause_in(S, call_out, 0), kCallS);
    check("M-mode's registers are closed to S-mode", cause_in(S, read_mscratch, 0), kIllegal);
    check("WFI in U-mode", cause_in(U, wait_here, 0), kIllegal);
    CSR_SET(mstatus, 1 << 21);
    check("WFI in S-mode with TW", cause_in(S, wait_here, 0), kIllegal);
    CSR_CLEAR(mstatus, 1 << 21);
    CSR_WRITE(medeleg, 1 << kIllegal);
    CSR_WRITE(stvec, s_handler);
    forget();
    check("a delegated illegal instruction", enter(U, illegal_here, 0), kIllegal);
    check("  arrives in S-mode", last.cause, kCallS);
    check("  which came from U-mode", CSR_READ(sstatus) >> 8 & 1, 0);
    check("M-mode's own are not delegated", CAUSE(__asm__ volatile(".word 0xffffffff")), kIllegal);
    CSR_WRITE(medeleg, 0);
}

static void protection(void) {
    const u64 there = (u64)&data[2];
    data[2] = 7;
    protect(R | NAPOT, eight(&data[2]));
    check("readable: a load", cause_in(U, load_from, there), kCallU);
    check("readable: a store", cause_in(U, store_to, there), kStoreAccess);
    check("  says where", last.value, there);
    check("beside it: a store", cause_in(U, store_to, there + 8), kCallU);
    check("M-mode stores", ({ data[2] = 8; data[2]; }), 8);
    protect(NA4, eight(&data[2]));
    check("four bytes without rights: a load of eight", cause_in(S, load_from, there), kLoadAccess);
    check("a load that reaches into them", cause_in(S, load_from, there - 4), kLoadAccess);
    check("a load behind them", cause_in(S, load_from, there + 8), kCallS);
    protect(R | W | NAPOT, eight(call_out) & ~1ul);
    check("no execution", cause_in(U, call_out, 0), kFetchAccess);
#ifndef UART  // QEMU looks where a block begins
    protect(NA4, ((u64)cut_code + 8) >> 2);
    for (int i = 0; i < 5; i++) {
        forget();
        check("code up to an instruction that is forbidden", enter(U, cut_code, 0) == 2 ? last.cause : ~0ul, kFetchAccess);
        check("  says where", last.pc, (u64)cut_code + 8);
    }
    protect(0, 0);
    check("the same when it is allowed", enter(U, cut_code, 0), 3);
#endif
    CSR_WRITE(pmpaddr0, there >> 2);
    CSR_WRITE(pmpaddr1, (there + 16) >> 2);
    CSR_WRITE(pmpaddr2, ~0ul);
    CSR_WRITE(pmpcfg0, (u64)TOR << 8 | (u64)ALL << 16);
    check("top of range: before", cause_in(U, load_from, there - 8), kCallU);
    check("top of range: its first", cause_in(U, load_from, there), kLoadAccess);
    check("top of range: its last", cause_in(U, load_from, there + 8), kLoadAccess);
    check("top of range: behind", cause_in(U, load_from, there + 16), kCallU);
    CSR_CLEAR(mstatus, MPP);
    CSR_SET(mstatus, MPRV);
    check("M-mode with U-mode's rights", CAUSE(__asm__ volatile(".option push\n.option norvc\nld zero, 0(%0)\n.option pop" ::"r"(there))), kLoadAccess);
    CSR_CLEAR(mstatus, MPRV);
    protect(R | NAPOT | LOCK, eight(&data[2]));
    check("locked: M-mode stores", CAUSE(__asm__ volatile(".option push\n.option norvc\nsd zero, 0(%0)\n.option pop" ::"r"(there))), kStoreAccess);
    check("locked: M-mode loads", data[2], 8);
    CSR_WRITE(pmpcfg0, 0);
    CSR_WRITE(pmpaddr0, 0);
    check("locked: it stays", CSR_READ(pmpcfg0) & 0xff, R | NAPOT | LOCK);
    check("locked: its address, too", CSR_READ(pmpaddr0), eight(&data[2]));
}

// ---------------------------------------------------------------------------------------------- cache blocks

#ifndef UART  // QEMU 7.2's default processor has none
enum { kInval, kClean, kFlush, kZero = 4 };
#define CBIE(v) ((u64)(v) << 4)
#define CBCFE (1ul << 6)
#define CBZE (1ul << 7)

static void cache_blocks(void) {
    const u64 there = (u64)&data[24];
    static const struct {
        const char* name;
        void* code;
        u64 right;
    } ops[] = {{"cbo.inval", block_inval, CBIE(1)}, {"cbo.clean", block_clean, CBCFE}, {"cbo.flush", block_flush, CBCFE}, {"cbo.zero", block_zero, CBZE}};
    protect(0, 0);
    for (u64 i = 0; i < 4; i++) {
        CSR_WRITE(menvcfg, ~ops[i].right & (CBIE(3) | CBCFE | CBZE));
        CSR_WRITE(senvcfg, CBIE(3) | CBCFE | CBZE);
        put(ops[i].name);
        put("\n");
        check("  S-mode must be allowed to", cause_in(S, ops[i].code, there), kIllegal);
        check("  U-mode, too", cause_in(U, ops[i].code, there), kIllegal);
        CSR_WRITE(menvcfg, ops[i].right);
        check("  S-mode may", cause_in(S, ops[i].code, there), kCallS);
        check("  U-mode may", cause_in(U, ops[i].code, there), kCallU);
        CSR_WRITE(senvcfg, 0);
        check("  U-mode may if S-mode lets it", cause_in(U, ops[i].code, there), kIllegal);
        check("  S-mode still may", cause_in(S, ops[i].code, there), kCallS);
        protect(NAPOT, eight(&data[24]));
        check("  memory without rights", cause_in(S, ops[i].code, there), kStoreAccess);
        protect(0, 0);
    }
    for (int i = 0; i < 24; i++) data[8 + i] = ~0ul;
    CSR_WRITE(menvcfg, CBZE);
    enter(S, block_zero, (u64)&data[16] + 13);
    u64 sum = 0, kept = 0;
    for (int i = 0; i < 8; i++) {
        sum |= data[16 + i];
        kept += (data[8 + i] == ~0ul) + (data[24 + i] == ~0ul);
    }
    check("cbo.zero makes its block zero", sum, 0);
    check("  and nothing else", kept, 16);
    data[16] = 5;
    CSR_WRITE(menvcfg, CBIE(3));
    enter(S, block_inval, (u64)&data[16]);
    check("cbo.inval loses nothing", data[16], 5);
    CSR_WRITE(menvcfg, 0);
    check("M-mode may do all of them", ({ block_zero_here((u64)&data[16]); data[16]; }), 0);
}
#endif

// ---------------------------------------------------------------------------------------------- interrupts

static volatile u32* const msip = (u32*)0x2000000;
static volatile u64* const mtimecmp = (u64*)0x2004000;
static volatile u64* const mtime = (u64*)0x200bff8;

static void interrupts(void) {
    CSR_CLEAR(mstatus, MIE);
    mtimecmp[0] = ~0ul;
    check("nothing is pending", CSR_READ(mip) & (MSI | MTI), 0);
    msip[0] = 1;
    while (!(CSR_READ(mip) & MSI)) {
    }
    forget();
    CSR_SET(mie, MSI);
    check("a software interrupt that nobody enabled", last.cause, ~0ul);
    CSR_SET(mstatus, MIE);
    check("a software interrupt", last.cause, INTERRUPT | 3);
    msip[0] = 0;
    while (CSR_READ(mip) & MSI) {
    }
    check("goes away", CSR_READ(mip) & MSI, 0);

    CSR_WRITE(mtvec, (u64)vectors | 1);
    slot = 99;
    msip[0] = 1;
    CSR_SET(mie, MSI);
    while (slot == 99) {
    }
    check("vectored: a software interrupt", slot, 3);
    msip[0] = 0;
    slot = 99;
    mtimecmp[0] = *mtime + 20000;
    CSR_SET(mie, MTI);
    while (slot == 99) __asm__ volatile("wfi");
    check("vectored: the timer", slot, 7);
    check("not too early", *mtime >= mtimecmp[0], 1);
    CSR_WRITE(mtvec, trap_entry);

    CSR_CLEAR(mstatus, MIE);
    mtimecmp[0] = *mtime + 20000;
    CSR_SET(mie, MTI);
    forget();
    while (!(CSR_READ(mip) & MTI)) __asm__ volatile("wfi");
    check("the timer ends WFI, but interrupts nobody", last.cause, ~0ul);
    CSR_WRITE(mie, 0);
    mtimecmp[0] = ~0ul;
    while (CSR_READ(mip) & MTI) {
    }
    check("the timer is put off", CSR_READ(mip) & MTI, 0);
    check("time goes on", ({ u64 a = *mtime; while (*mtime == a) {} 1; }), 1);
    check("and is the same everywhere", CSR_READ(time) - *mtime + 1000 < 2000, 1);
}

// ---------------------------------------------------------------------------------------------- a second hart

static volatile u64 answers, rounds;

void main_of_others(void) {
    if (CSR_READ(mhartid) != 1) return;
    CSR_WRITE(mie, MSI);
    for (;;) {
        while (!(CSR_READ(mip) & MSI)) __asm__ volatile("wfi");
        msip[1] = 0;
        while (CSR_READ(mip) & MSI) {
        }
        __atomic_fetch_add(&answers, 1, __ATOMIC_SEQ_CST);
        msip[0] = 1;
    }
}
__attribute__((unused)) static void second_hart(void) {
    CSR_WRITE(mie, MSI);
    for (rounds = 0; rounds < 30; rounds++) {
        msip[1] = 1;
        while (!(CSR_READ(mip) & MSI)) __asm__ volatile("wfi");
        msip[0] = 0;
        while (CSR_READ(mip) & MSI) {
        }
    }
    CSR_WRITE(mie, 0);
    check("software interrupts there and back", answers, 30);
}

// ---------------------------------------------------------------------------------------------- the host again

#ifndef UART
static long system_call(u64 number, u64 a, u64 b, u64 c) {
    static volatile u64 call[8] __attribute__((aligned(64)));
    call[0] = number;
    call[1] = a;
    call[2] = b;
    call[3] = c;
    fromhost = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    tohost = (u64)call;
    while (!fromhost) {
    }
    fromhost = 0;
    return (long)call[0];
}
static void host(void) {
    check("the host writes", (u64)system_call(64, 1, (u64) "ok   for us\n", 12), 12);
    check("but not from everywhere", (u64)system_call(64, 1, HOLE, 12), -14ul);
    check("and does not read", (u64)system_call(63, 0, (u64)data, 1), -38ul);
    // Other ways to store to that page.
    for (int i = 0; i < 3; i++) {
        while (tohost) {
        }
        __atomic_exchange_n(&tohost, 1ul << 56 | 1ul << 48 | "ok "[i], __ATOMIC_SEQ_CST);
    }
    put("  by an atomic\n");
    for (u64 i = 0; i < 1000; i++) neighbour += i;
    check("its neighbours are memory", neighbour, 499500);
}
#endif

void main(void) {
#ifdef ASKS
    tohost = 2ul << 56;
    for (;;) {
    }
#endif
#ifdef FAILS
    failures = 21;
    return;
#endif
    put("vm bare test\n");
    traps();
    modes();
#ifndef UART
    cache_blocks();
#endif
    protection();
    interrupts();
#ifdef HARTS
    second_hart();
#endif
#ifndef UART
    host();
#endif
    signature[2] = (u64)failures;
    signature[3] = ~0ul;
}
