// For tests of vector operations: blocks of one operation in many shapes, or of several, native against the
// interpreter on layouts with all, some and no vectors pinned, and on hosts with fewer and fewer features.
#pragma once

#include <gtest/gtest.h>

#include "backend/x86_64/native_harness.h"
#include "ir/builder.h"
#include "ir/vec_ops.h"

namespace vm::backend::x86_64::vec_testing {

using namespace testing;
using ir::kNone;
using ir::Op;
using ir::Type;
using ir::Value;
using ir::testing::Rng;

constexpr u16 kSlots = 8, kScalar = kSlots;  ///< v0..v7, then f0 (F64) and x0 (I64)

inline ir::StateLayout layout(unsigned kind) {
    ir::StateLayout l;
    u16 at = 0;
    const auto add = [&](std::string name, Type t) {
        l.slots.push_back({std::move(name), t, at});
        at = static_cast<u16>(at + 16);
    };
    for (unsigned k = 0; k < kSlots; k++) add("v" + std::to_string(k), Type::V128);
    add("f0", Type::F64);
    add("x0", Type::I64);
    l.size = at;
    l.pc_alignment = 4;
    if (kind != 1) l.pin_int = {kScalar + 1};
    if (kind == 0) l.pin_vector = {0, 1, 2, 3, 4, 5, 6, 7, kScalar};
    if (kind == 2) l.pin_vector = {3, 1};
    return l;
}
constexpr unsigned kLayouts = 3;

struct Host {
    std::string name;
    HostFeatures features;
};

inline const std::vector<Host>& hosts() {
    static const std::vector<Host> all = [] {
        std::vector<Host> v;
        HostFeatures f = HostFeatures::detect();
        v.push_back({"all", f});
        f.gfni = f.bitalg = f.vnni = false;
        v.push_back({"avx512", f});
        f.avx512 = false;
        v.push_back({"avx2", f});
        f.avx2 = f.f16c = f.fma = f.sha = false;
        v.push_back({"avx", f});
        f = HostFeatures::detect();
        f.drop_avx();
        v.push_back({"sse", f});
        f.gfni = f.aes = f.sha = f.pclmul = false;
        v.push_back({"sse4.2", f});
        return v;
    }();
    return all;
}

/// One operation as a test makes it.
struct Case {
    Op op;
    Type lane = Type::Void;
    u32 aux = 0;
    u64 imm = 0;
    Type scalar = Type::Void;  ///< type of operand 0 if that is no vector
};

/// How operands come and where the result goes.
struct Shape {
    bool computed = false;  ///< operands are results of other instructions
    bool reused = false;    ///< they are needed afterwards
    bool same = false;      ///< all are one value
    bool in_place = false;  ///< the result goes to operand 0's slot
    bool pressure = false;  ///< two more values are live across it
    bool constant = false;  ///< the last operand is a constant
};

class Maker {
  public:
    Maker(const ir::StateLayout& l, const Case& c, const Shape& s, Rng& rng) : b_(block_, l) {
        b_.insn(0x1000, 4);
        const unsigned n = ir::info(c.op).nargs;
        std::array<Value, 3> args{kNone, kNone, kNone};
        const Value p = binary(Op::VAdd, get(5), get(6)), q = binary(Op::Xor, get(6), get(7));
        for (unsigned k = 0; k < n; k++) {
            args[k] = s.same && k ? args[0] : operand(k, s);
            if (k == 0 && c.scalar != Type::Void) args[0] = scalar(c.scalar);
            if (s.constant && k + 1 == n && c.scalar == Type::Void) args[k] = constant(c, rng);
        }
        const Value r = b_.emit(
            {.op = c.op, .type = Type::V128, .mtype = c.lane, .args = args, .aux = c.aux, .imm = c.imm});
        set(s.in_place ? 0 : 3, r);
        if (s.pressure) set(6, p), set(7, q);
        for (unsigned k = 0; s.reused && k < n; k++)
            if (c.scalar == Type::Void) set(static_cast<u16>(k == 0 ? 4 : k), args[k]);
        b_.exit(ir::ExitReason::Syscall, 0x1004);
    }
    const ir::Block& block() const { return block_; }

  private:
    Value get(u16 slot, Type t = Type::V128) { return b_.emit({.op = Op::GetState, .type = t, .imm = slot}); }
    void set(u16 slot, Value v) { b_.emit({.op = Op::SetState, .args = {v, kNone, kNone}, .imm = slot}); }
    Value binary(Op o, Value x, Value y) {
        return b_.emit({.op = o,
                        .type = Type::V128,
                        .mtype = o == Op::Xor ? Type::Void : Type::I8,
                        .args = {x, y, kNone}});
    }
    Value operand(unsigned k, const Shape& s) {
        const Value v = get(static_cast<u16>(k));
        // Xor with a slot that the input leaves at zero: the value is that of the slot, but nobody knows.
        return s.computed ? binary(Op::Xor, v, get(4)) : v;
    }
    Value scalar(Type t) {
        if (t == Type::F64) return get(kScalar, t);
        const Value x = get(kScalar + 1, Type::I64);
        const Type as_int = t == Type::F32 ? Type::I32 : t == Type::F16 ? Type::I16 : t;
        const Value narrow = as_int == Type::I64 ? x : b_.trunc(as_int, x);
        return t == as_int ? narrow : b_.bitcast(t, narrow);
    }
    Value constant(const Case& c, Rng& rng);

    ir::Block block_;
    ir::Builder b_;
};

/// Lane values at which operations change their mind.
inline u64 lane_value(Type lane, Rng& rng) {
    const unsigned w = ir::width(lane);
    if (ir::is_float(lane)) {
        static constexpr u64 kF64[] = {0,
                                       1,
                                       0x000fffffffffffff,
                                       0x0010000000000000,
                                       0x0010000000000001,
                                       0x3fefffffffffffff,
                                       0x3ff0000000000000,
                                       0x3ff0000000000001,
                                       0x3fe0000000000000,
                                       0x3fdfffffffffffff,
                                       0x3ff8000000000000,
                                       0x4000000000000000,
                                       0x4004000000000000,
                                       0x41dfffffffc00000,
                                       0x41e0000000000000,
                                       0x41e0000000200000,
                                       0x41efffffffe00000,
                                       0x41f0000000000000,
                                       0x43dfffffffffffff,
                                       0x43e0000000000000,
                                       0x43efffffffffffff,
                                       0x43f0000000000000,
                                       0x7fefffffffffffff,
                                       0x7ff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff8000000001234,
                                       0x7ff0000000000001,
                                       0x36a0000000000000,
                                       0x380fffffe0000000,
                                       0x380fffffffffffff,
                                       0x3810000000000000,
                                       0x47efffffefffffff,
                                       0x4340000000000001,
                                       0x1ff0000000000000,
                                       0x2000000000000000,
                                       0x5fe0000000000000};
        static constexpr u64 kF32[] = {0,          1,          0x007fffff, 0x00800000, 0x00800001, 0x3f7fffff,
                                       0x3f800000, 0x3f800001, 0x3f000000, 0x3effffff, 0x3fc00000, 0x40000000,
                                       0x40200000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x4b000001,
                                       0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7fc01234, 0x7f800001, 0x33000000,
                                       0x33800000, 0x387fe000, 0x387ff000, 0x38800000, 0x477fefff, 0x477ff000,
                                       0x1f800000, 0x20000000, 0x5f000000, 0x5f800000};
        static constexpr u64 kF16[] = {0,      1,      0x03ff, 0x0400, 0x0401, 0x3bff, 0x3c00,
                                       0x3800, 0x37ff, 0x3e00, 0x4000, 0x4100, 0x7800, 0x7bff,
                                       0x7c00, 0x7e00, 0x7e12, 0x7c01, 0x6400, 0x6401};
        const u64 sign = rng.one_in(3) ? u64{1} << (w - 1) : 0;
        if (rng.one_in(6)) return vm::zext(rng.next(), w);
        const bool any = rng.one_in(3);  // else a finite number, and no NaN
        for (;;) {
            const u64 v = w == 64   ? kF64[rng.below(std::size(kF64))]
                          : w == 32 ? kF32[rng.below(std::size(kF32))]
                                    : kF16[rng.below(std::size(kF16))];
            const u64 infinity = w == 64 ? 0x7ff0000000000000 : w == 32 ? 0x7f800000 : 0x7c00;
            if (any || v < infinity) return v | sign;
        }
    }
    const u64 high = u64{1} << (w - 1);
    switch (rng.below(8)) {
        case 0: return high;
        case 1: return high - 1;
        case 2: return 0;
        case 3: return vm::zext(~u64{0}, w);
        case 4: return vm::zext(u64{1} << rng.below(w), w);
        case 5: return vm::zext(static_cast<u64>(static_cast<i64>(rng.below(40)) - 20), w);
        case 6: return vm::zext(rng.next() >> rng.below(64), w);
        default: return vm::zext(rng.next(), w);
    }
}

inline std::array<u64, 2> vector_value(Type lane, Rng& rng) {
    std::array<u64, 2> v{};
    const unsigned w = lane == Type::Void ? 8 : ir::width(lane);
    for (unsigned at = 0; at < 128; at += w)
        v[at / 64] |= lane_value(lane == Type::Void ? Type::I8 : lane, rng) << at % 64;
    if (rng.one_in(16)) v = {0, 0};
    return v;
}

inline bool is_shift(Op o) { return o == Op::VShiftS || o == Op::VShiftU; }

/// Amounts near the lane's width, in both directions, under arbitrary upper bits.
inline std::array<u64, 2> shift_amounts(Type lane, Rng& rng, bool splat) {
    std::array<u64, 2> v{};
    const unsigned w = ir::width(lane);
    const u64 one = rng.next();
    for (unsigned at = 0; at < 128; at += w) {
        const u64 pick = splat ? one : rng.next();
        const u64 n = pick % 8 == 0 ? pick >> 8 & 0xff : (pick >> 8) % (2 * w + 3) - w - 1;
        v[at / 64] |= vm::zext((n & 0xff) | (splat ? 0 : rng.next() << 8), w) << at % 64;
    }
    return v;
}

inline Value Maker::constant(const Case& c, Rng& rng) {
    const auto v = is_shift(c.op) ? shift_amounts(c.lane, rng, !rng.one_in(4)) : vector_value(c.lane, rng);
    return b_.const128(Type::V128, v[0], v[1]);
}

/// Operand 0, 1, 2 of a case get lanes of this type.
inline Type operand_lane(const Case& c, unsigned k);

inline std::vector<u8> guest_state(const ir::StateLayout& l, const Case& c, Rng& rng) {
    std::vector<u8> g(l.size + 16u);
    for (unsigned k = 0; k < kSlots; k++) {
        auto v = vector_value(k < 3 ? operand_lane(c, k) : Type::I8, rng);
        if (k == 1 && is_shift(c.op)) v = shift_amounts(c.lane, rng, rng.one_in(4));
        if (k == 4) v = {0, 0};
        std::memcpy(g.data() + l.slots[k].offset, v.data(), 16);
    }
    if (rng.one_in(8)) std::memcpy(g.data() + l.slots[1].offset, g.data() + l.slots[0].offset, 16);
    store_raw(g.data() + l.slots[kScalar].offset, lane_value(Type::F64, rng));
    store_raw(g.data() + l.slots[kScalar + 1].offset, rng.edge());
    return g;
}

inline Outcome interpreted(const ir::Block& block, const ir::StateLayout& l, const std::vector<u8>& guest,
                           ir::FpEnv fp) {
    Outcome o;
    TestMemory memory;
    o.fp = fp;
    o.guest.resize(guest.size());
    seeded_state(0, o.guest, memory.bytes);
    o.guest = guest;
    ir::InterpContext ctx{.guest = o.guest.data(),
                          .fp = &o.fp,
                          .reservation = &o.reservation,
                          .icount = &o.icount,
                          .memory = &memory,
                          .read_time = [](u32 which) { return u64{0x1000} + which; }};
    unsigned turns = 0;
    do o.result = ir::interpret(block, l, ctx);
    while (o.result.reason == ir::ExitReason::Next && o.result.pc == block.start_pc && ++turns < 40);
    o.memory = std::move(memory.bytes);
    return o;
}

inline Compiler& compiler_for(unsigned kind, const HostFeatures& features) {
    struct Entry {
        unsigned kind;
        HostFeatures features;
        ir::StateLayout layout;
        std::unique_ptr<Compiler> compiler;
    };
    static std::vector<std::unique_ptr<Entry>> known;
    for (auto& e : known)
        if (e->kind == kind && e->features.bits() == features.bits()) return *e->compiler;
    auto& e = *known.emplace_back(std::make_unique<Entry>(kind, features, layout(kind), nullptr));
    e.compiler = make_compiler(e.layout, {}, features);
    return *e.compiler;
}

/// Runs one block on several inputs both ways.
inline std::string compare(const ir::Block& block, unsigned kind, const Host& host, const Case& c, Rng& rng,
                           unsigned inputs) {
    static const std::array layouts{layout(0), layout(1), layout(2)};
    const ir::StateLayout& l = layouts[kind];
    if (auto ok = ir::verify(block, l); !ok) return ok.error().message;
    static CompiledBlock out;
    if (auto r = compiler_for(kind, host.features).compile(block, out); !r) return r.error().message;
    for (unsigned k = 0; k < inputs; k++) {
        const std::vector<u8> guest = guest_state(l, c, rng);
        const ir::FpEnv fp{.flags = 0, .rounding = static_cast<u8>(rng.one_in(2) ? 0 : rng.below(4))};
        const Outcome want = interpreted(block, l, guest, fp);
        const Outcome got = NativeMachine::get().run_program({&out}, l, {.fp = fp, .guest = &guest});
        std::string d = difference(want, got, l);
        if (d.empty()) continue;
        for (unsigned slot = 0; slot < 3; slot++) {
            u64 v[2];
            std::memcpy(v, guest.data() + l.slots[slot].offset, 16);
            d += fmt::format("v{} {:016x} {:016x}\n", slot, v[1], v[0]);
        }
        return d +
               fmt::format("x0 {:x} rounding {} host {} layout {}\n", rng.next() * 0, fp.rounding, host.name,
                           kind) +
               ir::print(block, l);
    }
    return {};
}

inline Type operand_lane(const Case& c, unsigned k) {
    switch (c.op) {
        case Op::VFNarrow: return c.lane == Type::F16 ? Type::F32 : Type::F64;
        case Op::VIntToF:
            return c.lane == Type::F16 ? Type::I16 : c.lane == Type::F32 ? Type::I32 : Type::I64;
        case Op::VFmaWide: return k == 0 ? Type::F32 : Type::F16;
        default: return c.lane;
    }
}

inline void check(const Case& c, unsigned inputs = 3) {
    static u64 seed = 1;
    for (const Host& host : hosts()) {
        for (unsigned kind = 0; kind < kLayouts; kind++) {
            for (unsigned round = 0; round < 4; round++) {
                Rng rng(seed++);
                const u64 r = rng.next() >> 20;
                const Shape s{.computed = (r & 1) != 0,
                              .reused = (r & 2) != 0,
                              .same = (r & 12) == 4,
                              .in_place = (r & 16) != 0,
                              .pressure = (r & 32) != 0,
                              .constant = (r & 0xc0) == 0};
                const Maker m(layout(kind), c, s, rng);
                const std::string d = compare(m.block(), kind, host, c, rng, inputs);
                if (!d.empty()) {
                    ADD_FAILURE() << ir::info(c.op).text << " " << d;
                    return;
                }
            }
        }
    }
}

/// Runs what `make` builds on every layout and host.
template <class F>
void check_sequence(F make, unsigned rounds = 40) {
    static u64 seed = 1;
    for (const Host& host : hosts()) {
        for (unsigned kind = 0; kind < kLayouts; kind++) {
            for (unsigned round = 0; round < rounds; round++) {
                Rng rng(seed++);
                const ir::StateLayout l = layout(kind);
                ir::Block block;
                ir::Builder b(block, l);
                block.start_pc = 0x1000;
                b.insn(0x1000, 4);
                make(b, rng);
                b.exit(ir::ExitReason::Syscall, 0x1004);
                ASSERT_EQ(compare(block, kind, host, {Op::VAesE}, rng, 3), "");
            }
        }
    }
}

inline Value emit(ir::Builder& b, Op op, Value x, Value y = kNone, Value z = kNone) {
    return b.emit({.op = op, .type = Type::V128, .args = {x, y, z}});
}
inline Value get(ir::Builder& b, u16 slot) {
    return b.emit({.op = Op::GetState, .type = Type::V128, .imm = slot});
}
inline void set(ir::Builder& b, u16 slot, Value v) {
    b.emit({.op = Op::SetState, .args = {v, kNone, kNone}, .imm = slot});
}

}  // namespace vm::backend::x86_64::vec_testing
