// For tests of single operations: a block that computes one result from operands in slots or constants,
// native against the interpreter, on several machines.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "backend/x86_64/native_harness.h"
#include "ir/builder.h"

namespace vm::backend::x86_64::testing {

using ir::Op;
using ir::Type;
using ir::Value;

/// Slots: x0..x7 and f0..f3 as in ir::testing; the second half is not pinned.
inline ir::StateLayout layout(bool pinned) {
    ir::StateLayout l = ir::testing::test_layout();
    if (!pinned) l.pin_int.clear(), l.pin_vector.clear();
    l.pc_alignment = 2;
    return l;
}
constexpr u16 kF = 8;   ///< slot of f0
constexpr u16 kV = 12;  ///< slots v0, v1; with pins v0 is in a register

struct Machine {
    bool pinned = true;
    bool constants = false;  ///< operands are constants instead of slots
    HostFeatures features = HostFeatures::detect();
    u64 disabled = 0;
    u8 rounding = 0;
};

/// What sanitizers look at is the compiler, not its code: a few machines reach as much of it.
inline std::vector<Machine> machines() {
    std::vector<Machine> v;
#ifdef VM_SANITIZE_address
    v.push_back({.pinned = true, .constants = true});
    v.push_back({.pinned = false, .features = HostFeatures::baseline()});
    v.push_back({.disabled = ~u64{0}});
#else
    for (bool pinned : {true, false})
        for (bool constants : {false, true})
            for (bool bare : {false, true}) {
                Machine s{.pinned = pinned, .constants = constants};
                if (bare) s.features = HostFeatures::baseline();
                v.push_back(s);
            }
    HostFeatures no_fma = HostFeatures::detect();
    no_fma.fma = false;
    v.push_back({.features = no_fma});
    HostFeatures sse = HostFeatures::detect();
    sse.drop_avx();
    v.push_back({.features = sse});
    v.push_back({.disabled = ~u64{0}});
    v.push_back({.disabled = opt_bit(JitOpt::LazyNan)});
#endif
    return v;
}

/// Making a compiler costs more than using it.
inline Compiler& compiler_for(const Machine& s) {
    struct Entry {
        Machine machine;
        ir::StateLayout layout;
        std::unique_ptr<Compiler> compiler;
    };
    static std::vector<std::unique_ptr<Entry>> known;
    for (auto& e : known)
        if (e->machine.pinned == s.pinned && e->machine.disabled == s.disabled &&
            std::memcmp(&e->machine.features, &s.features, sizeof s.features) == 0)
            return *e->compiler;
    auto& e = *known.emplace_back(std::make_unique<Entry>(s, layout(s.pinned), nullptr));
    e.compiler = make_compiler(e.layout, {.disabled_opts = s.disabled}, s.features);
    return *e.compiler;
}

/// Compiles and runs `block` both ways.
inline std::string compare(const ir::Block& block, const Machine& s, u64 seed = 1) {
    const ir::StateLayout l = layout(s.pinned);
    if (auto ok = ir::verify(block, l); !ok) return ok.error().message;
    static CompiledBlock out;
    if (auto r = compiler_for(s).compile(block, out); !r) return r.error().message;
    const ir::FpEnv fp{.flags = 0, .rounding = s.rounding};
    Outcome want;
    if (!interpret_loop(block, l, seed, want, fp)) return "the interpreter does not come back";
    const std::string d = difference(want, NativeMachine::get().run(out, l, seed, fp), l);
    return d.empty() ? d : d + ir::print(block, l);
}

/// A block under construction: writes operands to slots, so that they come from the guest's state.
struct Maker {
    explicit Maker(const Machine& machine) : s(machine), l(layout(machine.pinned)), b(block, l) {
        block.start_pc = 0x1000;
        b.insn(0x1000, 4);
    }
    Value operand(u16 slot, Type t, u64 bits) {
        if (s.constants) return b.emit({.op = Op::Const, .type = t, .imm = vm::zext(bits, ir::width(t))});
        const Type have = l.slots[slot].type;
        b.emit({.op = Op::SetState,
                .args = {b.emit({.op = Op::Const, .type = have, .imm = bits}), ir::kNone, ir::kNone},
                .imm = slot});
        b.emit({.op = Op::TrapIf,
                .args = {never(), b.c64(0), ir::kNone},
                .aux = static_cast<u32>(ir::ExitReason::Misaligned)});
        return b.emit(
            {.op = Op::GetState, .type = have == Type::F64 && t == Type::F32 ? Type::F64 : t, .imm = slot});
    }
    Value never() {  // a condition that nobody folds
        const Value x = b.emit({.op = Op::GetState, .type = Type::I64, .imm = 7});
        return b.emit({.op = Op::Icmp, .type = Type::I1, .args = {x, b.c64(0x123456789), ir::kNone}});
    }
    void result(Value v) {
        const Type t = b.type(v);
        if (t == Type::F64) {
            b.emit({.op = Op::SetState, .args = {v, ir::kNone, ir::kNone}, .imm = kF + 3});
        } else if (t == Type::F32) {
            result(b.emit({.op = Op::NanBox, .type = Type::F64, .args = {v, ir::kNone, ir::kNone}}));
        } else {
            const Value wide =
                t == Type::I64
                    ? v
                    : b.emit({.op = Op::Zext, .type = Type::I64, .args = {v, ir::kNone, ir::kNone}});
            b.emit({.op = Op::SetState, .args = {wide, ir::kNone, ir::kNone}, .imm = 3});
        }
    }
    std::string finish(u64 seed = 1) {
        b.exit(ir::ExitReason::Syscall, 0x1004);
        return compare(block, s, seed);
    }

    Machine s;
    ir::StateLayout l;
    ir::Block block;
    ir::Builder b;
};

constexpr u64 kInts[] = {
    0, 1, 63, 0x7f, 0x80, 0x80000000, 0x7fffffffffffffff, 0x8000000000000000, ~u64{0}, 0x123456789abcdef0};
constexpr u64 kDoubles[] = {0,
                            0x8000000000000000,
                            1,
                            0x000fffffffffffff,
                            0x3ff0000000000000,
                            0xbff0000000000000,
                            0xbfe0000000000000,
                            0x3ff8000000000000,
                            0x4008000000000000,
                            0x41dfffffffc00000,
                            0x41dfffffffe00000,
                            0x41e0000000000000,
                            0xc1e0000000200000,
                            0x41efffffffe00000,
                            0x41efffffffffffff,
                            0x41f0000000000000,
                            0x43dfffffffffffff,
                            0x43e0000000000000,
                            0xc3e0000000000000,
                            0x43efffffffffffff,
                            0x43f0000000000000,
                            0x7fefffffffffffff,
                            0x7ff0000000000000,
                            0xfff0000000000000,
                            0x7ff8000000000000,
                            0xfff8000000001234,
                            0x7ff0000000000001,
                            0xffffffff3f800000};
constexpr u64 kFloats[] = {0,          0x80000000, 1,          0x007fffff, 0x3f800000, 0xbf800000, 0xbf000000,
                           0x3fc00000, 0x40400000, 0x4effffff, 0x4f000000, 0xcf000000, 0x4f7fffff, 0x4f800000,
                           0x5effffff, 0x5f000000, 0xdf000000, 0x5f7fffff, 0x5f800000, 0x7f7fffff, 0x7f800000,
                           0xff800000, 0x7fc00000, 0xffc01234, 0x7f800001, 0x33800000};

/// A float operand: f32 comes boxed in its slot, or as a number that is not boxed.
inline Value float_operand(Maker& m, u16 slot, Type t, u64 bits) {
    if (t == Type::F64) return m.operand(slot, t, bits);
    if (m.s.constants) return m.operand(slot, t, bits);
    const Value raw = m.operand(slot, Type::F64, bits | 0xffffffff00000000);
    return m.b.emit({.op = Op::NanUnbox, .type = Type::F32, .args = {raw, ir::kNone, ir::kNone}});
}

template <class F>
void for_floats(F&& f) {
    for (Machine s : machines())
        for (u8 rounding = 0; rounding < 4; rounding++) {
            s.rounding = rounding;
            for (u64 x : kDoubles) f(s, Type::F64, x);
            for (u64 x : kFloats) f(s, Type::F32, x);
        }
}

}  // namespace vm::backend::x86_64::testing
