// Loads, stores and cache-block operations. Manual: "Load and Store Instructions"; "CMO Extensions".
// Misaligned addresses are allowed for plain accesses (RVA22: Zicclsm).
#include "frontend/riscv64/hart_area.h"
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

bool Translator::load(const Decoded& d, Type mem, bool sign) {
    return set_x(d.rd, b.load(Type::I64, mem, x(d.rs1), d.imm, sign));
}

bool Translator::store(const Decoded& d, Type mem) {
    b.store(mem, x(d.rs1), d.imm, x(d.rs2));
    return true;
}

bool Translator::LB(const Decoded& d) { return load(d, Type::I8, true); }
bool Translator::LH(const Decoded& d) { return load(d, Type::I16, true); }
bool Translator::LW(const Decoded& d) { return load(d, Type::I32, true); }
bool Translator::LD(const Decoded& d) { return load(d, Type::I64, false); }
bool Translator::LBU(const Decoded& d) { return load(d, Type::I8, false); }
bool Translator::LHU(const Decoded& d) { return load(d, Type::I16, false); }
bool Translator::LWU(const Decoded& d) { return load(d, Type::I32, false); }
bool Translator::SB(const Decoded& d) { return store(d, Type::I8); }
bool Translator::SH(const Decoded& d) { return store(d, Type::I16); }
bool Translator::SW(const Decoded& d) { return store(d, Type::I32); }
bool Translator::SD(const Decoded& d) { return store(d, Type::I64); }

// The naturally aligned cache block that rs1 points into; it never crosses a page, so only its first access
// can fault.
Value Translator::block_address(const Decoded& d) { return b.and_(x(d.rs1), b.c64(~(kCacheBlock - 1))); }

bool Translator::CBO_ZERO(const Decoded& d) {
    need_cache_right(kMayZero);
    const Value block = block_address(d);
    const Value zero = b.c64(0);

    for (u64 i = 0; i < kCacheBlock; i += 8) b.store(Type::I64, block, static_cast<i64>(i), zero);
    return true;
}

// Caches are coherent here, so clean, flush and invalidate change nothing that a program could see; what
// remains is the fault on a block that may not be loaded from, which machines report as a store's. cbo.inval
// acts as a flush, as with xenvcfg.CBIE = 01.
bool Translator::cbo_touch(const Decoded& d, u64 right) {
    need_cache_right(right);
    b.load(Type::I64, Type::I8, x(d.rs1), 0, false);
    return true;
}

bool Translator::CBO_CLEAN(const Decoded& d) { return cbo_touch(d, kMayClean); }
bool Translator::CBO_FLUSH(const Decoded& d) { return cbo_touch(d, kMayClean); }
bool Translator::CBO_INVAL(const Decoded& d) { return cbo_touch(d, kMayInval); }

bool Translator::prefetch(const Decoded& d) {
    const Value address = b.add(x(d.rs1), imm(d));

    b.emit({.op = Op::Prefetch, .args = {address, ir::kNone, ir::kNone}});
    return true;
}

bool Translator::PREFETCH_I(const Decoded&) { return true; }  // guest code is read once, by the translator
bool Translator::PREFETCH_R(const Decoded& d) { return prefetch(d); }
bool Translator::PREFETCH_W(const Decoded& d) { return prefetch(d); }

}  // namespace vm::frontend::riscv64
