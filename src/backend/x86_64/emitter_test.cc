// Our encodings against AsmJit's: every form of emitter.cc with every register and kind of address.
#include "backend/x86_64/emitter.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace vm::backend::x86_64 {
namespace {

std::string hex(const u8* p, size_t n) {
    std::string s;
    for (size_t i = 0; i < n; i++) {
        char two[4];
        std::snprintf(two, sizeof two, "%02x", p[i]);
        s += two;
    }
    return s;
}

class EmitterTest : public ::testing::Test {
  protected:
    EmitterTest() {
        code_.init(asmjit::Environment(asmjit::Arch::kX64));
        code_.attach(&reference_);
    }
    /// Both emit `id x, y`.
    void compare(u32 id, const asmjit::Operand& x, const asmjit::Operand& y) {
        ours_.restart();
        reference_.setOffset(0);
        const bool wrong = reference_.emit(id, x, y) != asmjit::kErrorOk;
        ours_.emit(id, x, y);
        ASSERT_EQ(ours_.failed(), wrong);
        if (wrong) return;
        checked_++;
        ASSERT_EQ(hex(ours_.data(), ours_.pos()), hex(reference_.bufferData(), reference_.offset()))
            << "instruction " << id << " signatures " << x.signature().bits() << " " << y.signature().bits()
            << " registers " << x.id() << " " << y.id();
    }
    Emitter ours_;
    asmjit::CodeHolder code_;
    x86::Assembler reference_;
    unsigned checked_ = 0;
};

constexpr u32 kIds[] = {HInst::kIdMov, HInst::kIdAdd,   HInst::kIdOr,     HInst::kIdAnd,
                        HInst::kIdSub, HInst::kIdXor,   HInst::kIdCmp,    HInst::kIdTest,
                        HInst::kIdLea, HInst::kIdMovzx, HInst::kIdMovsxd, HInst::kIdMovsx};
constexpr unsigned kBits[] = {8, 16, 32, 64};

TEST_F(EmitterTest, RegisterAndRegister) {
    for (const u32 id : kIds)
        for (const unsigned xb : kBits)
            for (const unsigned yb : kBits)
                for (unsigned x = 0; x < 16; x++)
                    for (unsigned y = 0; y < 16; y++)
                        if (!HasFatalFailure()) compare(id, gpr(x, xb), gpr(y, yb));
    EXPECT_GT(checked_, 8u * 4 * 256);
}

TEST_F(EmitterTest, RegisterAndMemory) {
    const auto both = [&](u32 id, const x86::Mem& m) {
        for (const unsigned bits : kBits)
            for (const unsigned r : {0u, 3u, 4u, 5u, 7u, 8u, 12u, 13u, 15u}) {
                if (HasFatalFailure()) return;
                compare(id, gpr(r, bits), m);
                compare(id, m, gpr(r, bits));
            }
    };
    for (const u32 id : kIds)
        for (const u32 size : {0u, 1u, 2u, 4u, 8u})
            for (const i32 disp : {0, 1, 127, 128, -128, -129, 0x12345678, -0x12345678})
                for (unsigned base = 0; base < 16; base++) {
                    both(id, x86::ptr(r64(base), disp, size));
                    for (const unsigned index : {0u, 5u, 7u, 8u, 12u, 13u, 15u})
                        both(id, x86::ptr(r64(base), r64(index), (base + index) % 4, disp, size));
                }
    EXPECT_GT(checked_, 100'000u);
}

TEST_F(EmitterTest, Constants) {
    for (const u32 id : kIds)
        for (const i64 v :
             {i64{0}, i64{1}, i64{-1}, i64{127}, i64{128}, i64{-128}, i64{-129}, i64{0x7fffffff},
              i64{0x80000000}, i64{0xffffffff}, -i64{0x80000000}, i64{0x123456789}}) {
            for (const unsigned bits : kBits)
                for (unsigned r = 0; r < 16 && !HasFatalFailure(); r++)
                    compare(id, gpr(r, bits), asmjit::Imm(v));
            for (const u32 size : {1u, 2u, 4u, 8u})
                for (const unsigned base : {0u, 4u, 5u, 12u, 13u})
                    if (!HasFatalFailure()) compare(id, x86::ptr(r64(base), 8, size), asmjit::Imm(v));
        }
    EXPECT_GT(checked_, 3000u);
}

TEST_F(EmitterTest, OtherAddressesAndPrefixes) {
    for (const u32 id : {HInst::kIdMov, HInst::kIdAdd, HInst::kIdLea}) {
        compare(id, r64(1), x86::ptr_abs(0x1234, 8));
        compare(id, r64(1), x86::ptr(x86::rip, 16, 8));
        compare(id, r64(1), x86::ptr(x86::ebx, 16, 8));
        x86::Mem segment = x86::ptr(x86::rbx, 16, 8);
        segment.setSegment(x86::gs);
        compare(id, r64(1), segment);
    }
    ours_.restart();
    ours_.lock().add(x86::ptr(x86::rbx, 0, 8), x86::rcx);
    ours_.add(x86::rbx, x86::rcx);
    EXPECT_EQ(hex(ours_.data(), ours_.pos()), "f048010b4801cb");
}

/// Large pieces: what we wrote past AsmJit moves with the rest when its buffer grows.
TEST(EmitterGrowth, KeepsEverything) {
    Emitter a;
    for (const u32 n : {100u, 300000u, 1000000u}) {
        a.restart();
        for (u32 k = 0; k < n; k++) {
            if (k % 3 == 0) a.add(r64(k % 16), r64(3));
            if (k % 3 != 0) a.dword(k * 7);
        }
        u32 at = 0;
        for (u32 k = 0; k < n; k++) {
            if (k % 3 == 0) {
                ASSERT_EQ(a.data()[at + 1], 0x01) << k;
                at += 3;
            } else {
                ASSERT_EQ(load_raw<u32>(a.data() + at), k * 7) << k;
                at += 4;
            }
        }
        ASSERT_EQ(at, a.pos());
        ASSERT_FALSE(a.failed());
    }
}

/// AsmJit's longest instructions at every distance from the end of its buffer, with our own right before
/// them: neither may be written past the end, which AsmJit finds by what it emitted itself.
TEST(EmitterGrowth, AsmJitAfterOurOwnAtEveryDistance) {
    for (u32 before = 0; before < 64; before++) {
        Emitter a;  // a new one: its buffer starts small
        std::string expected(before, '\x90');
        for (u32 k = 0; k < before; k++) a.byte(0x90);
        for (u32 k = 0; k < 700; k++) {
            for (u32 own = 0; own < 6; own++) a.mov(x86::rcx, x86::ptr(x86::r12, 0x12345678, 8));  // 8 bytes
            a.emit(HInst::kIdMov, r64(8), asmjit::Imm(0x1122334455667788));                        // 10 bytes
            ASSERT_LE(a.pos(), a.bufferCapacity());
            for (u32 own = 0; own < 6; own++) expected.append("\x49\x8b\x8c\x24\x78\x56\x34\x12", 8);
            expected.append("\x49\xb8\x88\x77\x66\x55\x44\x33\x22\x11", 10);
        }
        ASSERT_EQ(a.pos(), expected.size());
        ASSERT_EQ(memcmp(a.data(), expected.data(), expected.size()), 0) << before;
        ASSERT_FALSE(a.failed());
    }
}

}  // namespace
}  // namespace vm::backend::x86_64
