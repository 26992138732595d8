#include "ir/interp.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::kLayout;
using testing::TestMemory;

/// One vCPU's worth of surroundings.
struct Machine {
    TestMemory memory;
    FpEnv fp;
    Reservation reservation;
    u64 icount = 0;
    std::vector<u8> guest = std::vector<u8>(512);
    InterpResult result{};

    u64 get(std::string_view slot, unsigned half = 0) const {
        for (const StateSlot& s : kLayout.slots)
            if (s.name == slot) return load_raw<u64>(guest.data() + s.offset + 8 * half);
        ADD_FAILURE() << slot;
        return 0;
    }
    void set(std::string_view slot, u64 v, unsigned half = 0) {
        for (const StateSlot& s : kLayout.slots)
            if (s.name == slot) store_raw(guest.data() + s.offset + 8 * half, v);
    }
    u64 mem(u64 offset) const { return load_raw<u64>(memory.bytes.data() + offset); }
    void set_mem(u64 offset, u64 v) { store_raw(memory.bytes.data() + offset, v); }

    void run(std::string_view text) {
        const auto block = parse(text, kLayout);
        ASSERT_TRUE(block) << block.error().message;
        const auto ok = verify(*block, kLayout);
        ASSERT_TRUE(ok) << ok.error().message;
        run(*block);
    }
    void run(const Block& block) {
        InterpContext ctx{.guest = guest.data(),
                          .fp = &fp,
                          .reservation = &reservation,
                          .icount = &icount,
                          .memory = &memory,
                          .read_time = [](u32 which) { return u64{1000} + which; }};
        result = interpret(block, kLayout, ctx);
    }
};

constexpr u64 kMin64 = u64{1} << 63, kAll = ~u64{0};

/// `line` defines %9 of type `out` from %0, %1, %2 of type `in` (values x, y, z) and i1 %3 (bit 0 of z).
struct Case {
    std::string_view line, in, out;
    u64 x, y, z, result;
};
constexpr Case kCases[] = {
    {"add i64 %0, %1", "i64", "i64", kAll, 2, 0, 1},
    {"add i8 %0, %1", "i8", "i8", 0xff, 2, 0, 1},
    {"sub i32 %0, %1", "i32", "i32", 0, 1, 0, 0xffffffff},
    {"mul i16 %0, %1", "i16", "i16", 0x100, 0x101, 0, 0x100},
    {"mulhs i64 %0, %1", "i64", "i64", kAll, kAll, 0, 0},
    {"mulhs i64 %0, %1", "i64", "i64", kMin64, 2, 0, kAll},
    {"mulhs i32 %0, %1", "i32", "i32", 0x80000000, 0x80000000, 0, 0x40000000},
    {"mulhu i64 %0, %1", "i64", "i64", kAll, kAll, 0, kAll - 1},
    {"mulhu i8 %0, %1", "i8", "i8", 0xff, 0xff, 0, 0xfe},
    {"mulhsu i64 %0, %1", "i64", "i64", kAll, kAll, 0, kAll},
    {"mulhsu i64 %0, %1", "i64", "i64", 1, kAll, 0, 0},
    {"divs i64 %0, %1, riscv", "i64", "i64", 7, 0, 0, kAll},
    {"divs i64 %0, %1, arm", "i64", "i64", 7, 0, 0, 0},
    {"divs i64 %0, %1, riscv", "i64", "i64", kMin64, kAll, 0, kMin64},
    {"divs i64 %0, %1, arm", "i64", "i64", kMin64, kAll, 0, kMin64},
    {"divs i32 %0, %1, riscv", "i32", "i32", 0x80000000, 0xffffffff, 0, 0x80000000},
    {"divs i8 %0, %1, riscv", "i8", "i8", 0xf9, 2, 0, 0xfd},
    {"divu i64 %0, %1, riscv", "i64", "i64", 7, 0, 0, kAll},
    {"divu i32 %0, %1, arm", "i32", "i32", 7, 0, 0, 0},
    {"divu i32 %0, %1, arm", "i32", "i32", 0xffffffff, 2, 0, 0x7fffffff},
    {"rems i64 %0, %1, riscv", "i64", "i64", 7, 0, 0, 7},
    {"rems i64 %0, %1, riscv", "i64", "i64", kMin64, kAll, 0, 0},
    {"rems i8 %0, %1, arm", "i8", "i8", 0xf9, 2, 0, 0xff},
    {"remu i32 %0, %1, riscv", "i32", "i32", 0xffffffff, 0, 0, 0xffffffff},
    {"remu i32 %0, %1, riscv", "i32", "i32", 0xffffffff, 16, 0, 15},
    {"divwideu i64 %0, %1, %2", "i64", "i64", 1, 0, 2, kMin64},
    {"remwideu i64 %0, %1, %2", "i64", "i64", 1, 5, 16, 5},
    {"divwides i64 %0, %1, %2", "i64", "i64", kAll, static_cast<u64>(-7), 2, static_cast<u64>(-3)},
    {"remwides i64 %0, %1, %2", "i64", "i64", kAll, static_cast<u64>(-7), 2, kAll},
    {"divwides i32 %0, %1, %2", "i32", "i32", 0xffffffff, 0xfffffff9, 2, 0xfffffffd},
    {"divwides i64 %0, %1, %2", "i64", "i64", 0, 5, kAll, static_cast<u64>(-5)},
    {"remwides i64 %0, %1, %2", "i64", "i64", 0, 5, kAll, 0},
    {"divwideu i8 %0, %1, %2", "i8", "i8", 1, 4, 5, 52},
    {"neg i8 %0", "i8", "i8", 1, 0, 0, 0xff},
    {"and i64 %0, %1", "i64", "i64", 0xff0, 0x0ff, 0, 0x0f0},
    {"or i64 %0, %1", "i64", "i64", 0xff0, 0x0ff, 0, 0xfff},
    {"xor i64 %0, %1", "i64", "i64", 0xff0, 0x0ff, 0, 0xf0f},
    {"andn i64 %0, %1", "i64", "i64", 0xff0, 0x0ff, 0, 0xf00},
    {"andn i8 %0, %1", "i8", "i8", 0xff, 0x0f, 0, 0xf0},
    {"not i32 %0", "i32", "i32", 0, 0, 0, 0xffffffff},
    {"shl i64 %0, %1", "i64", "i64", 1, 64 + 63, 0, kMin64},
    {"shl i8 %0, %1", "i8", "i8", 0x81, 9, 0, 2},
    {"lshr i32 %0, %1", "i32", "i32", 0x80000000, 63, 0, 1},
    {"ashr i32 %0, %1", "i32", "i32", 0x80000000, 31, 0, 0xffffffff},
    {"ashr i64 %0, %1", "i64", "i64", kMin64, 63, 0, kAll},
    {"rotr i16 %0, %1", "i16", "i16", 0x0001, 17, 0, 0x8000},
    {"rotr i64 %0, %1", "i64", "i64", 0x123, 0, 0, 0x123},
    {"clz i16 %0", "i16", "i16", 0, 0, 0, 16},
    {"clz i64 %0", "i64", "i64", 1, 0, 0, 63},
    {"ctz i8 %0", "i8", "i8", 0, 0, 0, 8},
    {"ctz i64 %0", "i64", "i64", kMin64, 0, 0, 63},
    {"popcnt i64 %0", "i64", "i64", kAll, 0, 0, 64},
    {"bswap i64 %0", "i64", "i64", 0x0102030405060708, 0, 0, 0x0807060504030201},
    {"bswap i16 %0", "i16", "i16", 0x0102, 0, 0, 0x0201},
    {"bitrev i8 %0", "i8", "i8", 0x13, 0, 0, 0xc8},
    {"bitrev i64 %0", "i64", "i64", 1, 0, 0, kMin64},
    {"orcb i64 %0", "i64", "i64", 0x0100008000000001, 0, 0, 0xff0000ff000000ff},
    {"clmullo i64 %0, %1", "i64", "i64", 3, 3, 0, 5},
    {"clmulhi i64 %0, %1", "i64", "i64", kMin64, 2, 0, 1},
    {"clmulhi i8 %0, %1", "i8", "i8", 0xff, 0xff, 0, 0x55},
    {"pdep i64 %0, %1", "i64", "i64", 0b101, 0b11010, 0, 0b10010},
    {"pext i64 %0, %1", "i64", "i64", 0b10010, 0b11010, 0, 0b101},
    {"zext i64 %0", "i32", "i64", 0x80000000, 0, 0, 0x80000000},
    {"sext i64 %0", "i32", "i64", 0x80000000, 0, 0, 0xffffffff80000000},
    {"sext i16 %0", "i8", "i16", 0x80, 0, 0, 0xff80},
    {"sext i32 %3", "i32", "i32", 0, 0, 1, 0xffffffff},
    {"zext i32 %3", "i32", "i32", 0, 0, 1, 1},
    {"trunc i8 %0", "i64", "i8", 0x1234, 0, 0, 0x34},
    {"trunc i1 %0", "i64", "i1", 2, 0, 0, 0},
    {"icmp i1 %0, %1, eq", "i8", "i1", 5, 5, 0, 1},
    {"icmp i1 %0, %1, ne", "i8", "i1", 5, 5, 0, 0},
    {"icmp i1 %0, %1, lts", "i8", "i1", 0x80, 0x7f, 0, 1},
    {"icmp i1 %0, %1, ltu", "i8", "i1", 0x80, 0x7f, 0, 0},
    {"icmp i1 %0, %1, ges", "i32", "i1", 0x80000000, 0, 0, 0},
    {"icmp i1 %0, %1, geu", "i32", "i1", 0x80000000, 0, 0, 1},
    {"icmp i1 %0, %1, les", "i64", "i1", kMin64, kMin64, 0, 1},
    {"icmp i1 %0, %1, gts", "i64", "i1", 1, kAll, 0, 1},
    {"icmp i1 %0, %1, leu", "i64", "i1", 1, kAll, 0, 1},
    {"icmp i1 %0, %1, gtu", "i64", "i1", 1, kAll, 0, 0},
    {"select i64 %3, %0, %1", "i64", "i64", 11, 22, 1, 11},
    {"select i64 %3, %0, %1", "i64", "i64", 11, 22, 0, 22},
    {"bitcast i64 %0", "f64", "i64", 0x3ff0000000000000, 0, 0, 0x3ff0000000000000},
    {"fadd f64 %0, %1, dyn, riscv", "f64", "f64", 0x3ff0000000000000, 0x3ff0000000000000, 0,
     0x4000000000000000},
    {"gaddr i64 0x1234", "i64", "i64", 0, 0, 0, 0x1234},
    {"time.get i64 aux=1", "i64", "i64", 0, 0, 0, 1001},
    {"icount.get i64", "i64", "i64", 0, 0, 0, 1001},
};

TEST(Interp, OneOpEach) {
    for (const Case& c : kCases) {
        Machine m;
        m.set("x0", c.x);
        m.set("x1", c.y);
        m.set("x2", c.z);
        std::string text;
        for (unsigned i = 0; i < 3; ++i) {
            text += fmt::format("%{} = get i64 $x{}\n", 100 + i, i);
            if (c.in == "i64")
                text += fmt::format("%{} = get i64 $x{}\n", i, i);
            else
                text +=
                    fmt::format("%{} = {} {} %{}\n", i, c.in == "f64" ? "bitcast" : "trunc", c.in, 100 + i);
        }
        text += fmt::format("%3 = trunc i1 %102\n%9 = {}\n", c.line);
        if (c.out == "i64")
            text += "set $x3, %9\n";
        else
            text += fmt::format("%10 = {} i64 %9\nset $x3, %10\n", c.out == "f64" ? "bitcast" : "zext");
        m.run(text + "goto 0x10\n");
        EXPECT_EQ(m.get("x3"), c.result) << c.line << std::hex << " of " << c.x << ", " << c.y << ", " << c.z;
    }
}

/// The check value of each CRC: the CRC of "123456789", with the usual inversion before and after.
TEST(Interp, CrcCheckValues) {
    for (const auto& [polynomial, check] : {std::pair(0, 0xcbf43926u), std::pair(1, 0xe3069283u)}) {
        Machine m;
        std::string text = fmt::format(
            "%0 = const i32 0xffffffff\n%1 = const i64 0x3837363534333231\n%2 = const i8 0x39\n"
            "%3 = crc32 i32 %0, %1, {0}, aux=64\n%4 = crc32 i32 %3, %2, {0}, aux=8\n"
            "%5 = not i32 %4\nset $w0, %5\ngoto 0",
            polynomial);
        m.run(text);
        EXPECT_EQ(m.get("w0"), check);
    }
}

u64 flags_of(std::string_view op, std::string_view type, u64 x, u64 y, bool z) {
    Machine m;
    m.run(fmt::format(
        "%0 = const {} {}\n%1 = const {} {}\n%2 = const i1 {}\n%3 = {}\n%4 = flags.unpack i32 %3\n"
        "set $w0, %4\ngoto 0",
        type, x, type, y, u8{z}, op));
    return m.get("w0") >> 28;
}

TEST(Interp, Flags) {
    constexpr u64 n = 8, z = 4, c = 2, v = 1;
    EXPECT_EQ(flags_of("flags.add flags %0, %1, %2", "i32", 0x7fffffff, 1, false), n | v);
    EXPECT_EQ(flags_of("flags.add flags %0, %1, %2", "i32", 0xffffffff, 0, true), z | c);
    EXPECT_EQ(flags_of("flags.add flags %0, %1, %2", "i64", kMin64, kMin64, false), z | c | v);
    EXPECT_EQ(flags_of("flags.add flags %0, %1, %2", "i8", 0xff, 0xff, true), n | c);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, noborrow", "i64", 5, 5, false), z | c);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, borrow", "i64", 5, 5, false), z);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, noborrow", "i64", 5, 5, true), n);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, borrow", "i64", 5, 5, true), n | c);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, noborrow", "i32", 0x80000000, 1, false), c | v);
    EXPECT_EQ(flags_of("flags.sub flags %0, %1, %2, borrow", "i16", 0, 0x8000, false), n | c | v);
    EXPECT_EQ(flags_of("flags.logic flags %0", "i32", 0x80000000, 0, false), n);
    EXPECT_EQ(flags_of("flags.logic flags %0", "i8", 0, 0, false), z);
}

TEST(Interp, FlagConditions) {
    constexpr std::string_view names[] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs",
                                          "vc", "hi", "ls", "ge", "lt", "gt", "le"};
    for (u32 f = 0; f < 16; ++f) {
        const bool n = f & 8, z = f & 4, c = f & 2, v = f & 1;
        const bool expected[] = {z,  !z,      c,          !c,     n,      !n,           v,
                                 !v, c && !z, !(c && !z), n == v, n != v, !z && n == v, z || n != v};
        for (unsigned k = 0; k < 14; ++k) {
            Machine m;
            m.run(fmt::format(
                "%0 = const i32 {}\n%1 = flags.pack flags %0\n%2 = flags.test i1 %1, {}\n%3 = zext i64 %2\n"
                "set $x0, %3\ngoto 0",
                f << 28, names[k]));
            EXPECT_EQ(m.get("x0"), u64{expected[k]}) << names[k] << " " << f;
        }
    }
}

TEST(Interp, Wide) {
    Machine m;
    m.set("v0", kAll);
    m.set("v0", 1, 1);
    m.run(R"(
        %0 = get v128 $v0
        %1 = bitcast i128 %0
        %2 = const128 i128 1, hi=0x8000000000000000
        %3 = add i128 %1, %2
        %4 = lo128 i64 %3
        %5 = hi128 i64 %3
        set $x0, %4
        set $x1, %5
        %8 = const i64 68
        %9 = ashr i128 %3, %8
        %10 = bitcast v128 %9
        set $v1, %10
        %12 = clz i128 %1
        %13 = trunc i64 %12
        set $x2, %13
        %15 = icmp i1 %2, %1, lts
        %16 = select i128 %15, %1, %2
        %17 = trunc i32 %16
        set $w0, %17
        %19 = const i32 0x80000000
        %20 = sext i128 %19
        %21 = hi128 i64 %20
        set $x3, %21
        %23 = zext i128 %19
        %24 = hi128 i64 %23
        set $x4, %24
        %26 = rotr i128 %2, %8
        %27 = lo128 i64 %26
        set $x5, %27
        goto 0)");
    EXPECT_EQ(m.get("x0"), 0u);
    EXPECT_EQ(m.get("x1"), kMin64 + 2);
    EXPECT_EQ(m.get("v1"), 0xf800000000000000);
    EXPECT_EQ(m.get("v1", 1), kAll);
    EXPECT_EQ(m.get("x2"), 63u);
    EXPECT_EQ(m.get("w0"), 0xffffffffu);
    EXPECT_EQ(m.get("x3"), kAll);
    EXPECT_EQ(m.get("x4"), 0u);
    EXPECT_EQ(m.get("x5"), 0x1800000000000000u);
}

/// v1 = `line` of v0 (0x…0f0e…00 style low, high) and v1.
std::pair<u64, u64> vector_of(std::string_view line, u64 xl, u64 xh, u64 yl, u64 yh) {
    Machine m;
    m.set("v0", xl);
    m.set("v0", xh, 1);
    m.set("v1", yl);
    m.set("v1", yh, 1);
    m.set("x0", yl);
    m.run(
        fmt::format("%0 = get v128 $v0\n%1 = get v128 $v1\n%2 = get i64 $x0\n%3 = get i32 $x0\n%9 = {}\nset "
                    "$v1, %9\ngoto 0",
                    line));
    return {m.get("v1"), m.get("v1", 1)};
}

TEST(Interp, Vectors) {
    using P = std::pair<u64, u64>;
    constexpr u64 a = 0x00ff7f8001020304, b = 0x01017f8001000504;
    EXPECT_EQ(vector_of("vadd v128 %0, %1, mem=i8", a, 0, b, 1), P(0x0100fe0002020808, 1));
    EXPECT_EQ(vector_of("vsub v128 %0, %1, mem=i16", a, 0, b, 1), P(0xfffe00000002fe00, 0xffff));
    EXPECT_EQ(vector_of("vmul v128 %0, %1, mem=i32", 0x0000000300010000, 2, 0x0000000500010000, 3),
              P(0x0000000f00000000, 6));
    EXPECT_EQ(vector_of("vadd v128 %0, %1, mem=i64", kAll, kAll, 1, 2), P(0, 1));
    EXPECT_EQ(vector_of("vcmpeq v128 %0, %1, mem=i8", a, 0, b, 1), P(0x0000ffffff0000ff, 0xffffffffffffff00));
    EXPECT_EQ(vector_of("vcmpgts v128 %0, %1, mem=i8", a, 0, b, 1), P(0x0000000000ff0000, 0));
    EXPECT_EQ(vector_of("vcmpgtu v128 %0, %1, mem=i8", a, 0, b, 1), P(0x00ff000000ff0000, 0));
    EXPECT_EQ(vector_of("vmins v128 %0, %1, mem=i8", a, 0, b, 1), P(0x00ff7f8001000304, 0));
    EXPECT_EQ(vector_of("vmaxs v128 %0, %1, mem=i8", a, 0, b, 1), P(0x01017f8001020504, 1));
    EXPECT_EQ(vector_of("vminu v128 %0, %1, mem=i8", a, 0, b, 1), P(0x00017f8001000304, 0));
    EXPECT_EQ(vector_of("vmaxu v128 %0, %1, mem=i8", a, 0, b, 1), P(0x01ff7f8001020504, 1));
    EXPECT_EQ(vector_of("vshli v128 %0, 4, mem=i8", a, 0x81, 0, 0), P(0x00f0f00010203040, 0x10));
    EXPECT_EQ(vector_of("vlshri v128 %0, 4, mem=i16", 0x8000ffff00100001, 0, 0, 0), P(0x08000fff00010000, 0));
    EXPECT_EQ(vector_of("vashri v128 %0, 63, mem=i64", kMin64, 1, 0, 0), P(kAll, 0));
    EXPECT_EQ(vector_of("vsplat v128 %3, mem=i32", 0, 0, 0x1234567887654321, 0),
              P(0x8765432187654321, 0x8765432187654321));
    EXPECT_EQ(vector_of("vinsert v128 %0, %2, 1, mem=i64", 7, 8, 9, 0), P(7, 9));
    EXPECT_EQ(vector_of("vinsert v128 %0, %3, 3, mem=i32", 7, 8, 9, 0), P(7, 0x900000008));
    EXPECT_EQ(vector_of("vtable v128 %0, %1", 0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x00ff100f08010200, 0),
              P(0x0000000f08010200, 0));
    EXPECT_EQ(vector_of("xor v128 %0, %1", 1, kAll, 3, 1), P(2, kAll - 1));
    EXPECT_EQ(vector_of("not v128 %0", 1, kAll, 0, 0), P(kAll - 1, 0));
    EXPECT_EQ(vector_of("andn v128 %0, %1", kAll, kAll, 3, 1), P(kAll - 3, kAll - 1));
    EXPECT_EQ(
        vector_of("vfadd v128 %0, %1, mem=f32, dyn, riscv", 0x3f8000003f800000, 0, 0x3f80000040000000, 0),
        P(0x4000000040400000, 0));
    Machine m;
    m.set("v0", 0x1122334455667788, 1);
    m.run("%0 = get v128 $v0\n%1 = vextract i16 %0, 6, mem=i16\n%2 = zext i64 %1\nset $x0, %2\ngoto 0");
    EXPECT_EQ(m.get("x0"), 0x3344u);
}

TEST(Interp, StateSlotsHaveTheirWidth) {
    Machine m;
    for (const auto slot : {"x0", "w0", "b0", "f0", "v0"}) m.set(slot, 0x8182838485868788);
    m.set("v0", 5, 1);
    m.run(R"(
        %0 = get i8 $x0
        set $b0, %0
        %2 = get i32 $v0
        set $w0, %2
        %4 = get i32 $f0
        %5 = zext i64 %4
        set $x1, %5
        %7 = get v128 $v0
        set $v1, %7
        %9 = get i16 $w0
        %10 = zext i64 %9
        set $x2, %10
        goto 0)");
    EXPECT_EQ(m.get("b0"), 0x8182838485868788u);
    EXPECT_EQ(m.get("w0"), 0x8182838485868788u);
    EXPECT_EQ(m.get("x1"), 0x85868788u);
    EXPECT_EQ(m.get("v1", 1), 5u);
    EXPECT_EQ(m.get("x2"), 0x8788u);
}

constexpr std::string_view kBase = "%0 = const i64 0x10000\n";  // TestMemory::kBase

TEST(Interp, LoadsAndStoresWidenAndNarrow) {
    Machine m;
    m.set_mem(8, 0x8182838485868788);
    m.set_mem(24, 0x77);
    m.run(std::string(kBase) + R"(
        %1 = load i64 %0, 8, mem=i8
        set $x0, %1
        %3 = load i64 %0, 8, mem=i8, sext
        set $x1, %3
        %5 = load i32 %0, 8, mem=i16, sext
        set $w0, %5
        %7 = load i64 %0, 8, mem=i32, sext, acquire
        set $x2, %7
        store %0, %7, 32, mem=i16, seqcst
        %10 = load f64 %0, 8, mem=f64
        set $f0, %10
        %12 = load v128 %0, 16, mem=v128
        set $v0, %12
        store %0, %12, 48, mem=v128, release
        %15 = const i64 0x10040
        %16 = load i64 %15, -56, mem=i64
        set $x3, %16
        %18 = load i128 %0, 8, mem=i16, sext
        %19 = hi128 i64 %18
        set $x4, %19
        goto 0)");
    EXPECT_EQ(m.get("x0"), 0x88u);
    EXPECT_EQ(m.get("x1"), 0xffffffffffffff88u);
    EXPECT_EQ(m.get("w0"), 0xffff8788u);
    EXPECT_EQ(m.get("x2"), 0xffffffff85868788u);
    EXPECT_EQ(m.mem(32), 0x8788u);
    EXPECT_EQ(m.get("f0"), 0x8182838485868788u);
    EXPECT_EQ(m.get("v0", 1), 0x77u);
    EXPECT_EQ(m.mem(56), 0x77u);
    EXPECT_EQ(m.get("x3"), 0x8182838485868788u);
    EXPECT_EQ(m.get("x4"), kAll);
}

TEST(Interp, ReadModifyWrite) {
    constexpr std::tuple<std::string_view, u64> kOps[] = {
        {"xchg", 3},    {"add", 0x83}, {"and", 0},  {"or", 0x83},   {"xor", 0x83},
        {"mins", 0x80}, {"maxs", 3},   {"minu", 3}, {"maxu", 0x80}, {"andn", 0x80}};
    for (const auto& [op, result] : kOps) {
        Machine m;
        m.set_mem(8, 0xaa80);
        m.run(
            fmt::format("%0 = const i64 0x10008\n%1 = const i32 0xffffff03\n%2 = rmw i32 %0, %1, mem=i8, {}, "
                        "sext, acqrel\n"
                        "set $w0, %2\ngoto 0",
                        op));
        EXPECT_EQ(m.get("w0"), 0xffffff80u) << op;
        EXPECT_EQ(m.mem(8), 0xaa00 | result) << op;
    }
}

TEST(Interp, CompareAndSwap) {
    Machine m;
    m.set_mem(8, 0xffffffff80000001);
    m.run(R"(
        %0 = const i64 0x10008
        %1 = const i64 0x1234567880000001
        %2 = const i64 0x5555
        %3 = cas i64 %0, %1, %2, mem=i32, sext
        set $x0, %3
        %5 = cas i64 %0, %1, %2, mem=i32
        set $x1, %5
        goto 0)");
    EXPECT_EQ(m.get("x0"), 0xffffffff80000001u);  // upper half of the expected value does not count
    EXPECT_EQ(m.mem(8), 0xffffffff00005555u);
    EXPECT_EQ(m.get("x1"), 0x5555u);
    m.set_mem(16, 1);
    m.set_mem(24, 2);
    m.run(R"(
        %0 = const i64 0x10010
        %1 = const128 i128 1, hi=2
        %2 = const128 i128 3, hi=4
        %3 = cas i128 %0, %1, %2, mem=i128
        %4 = hi128 i64 %3
        set $x0, %4
        goto 0)");
    EXPECT_EQ(m.get("x0"), 2u);
    EXPECT_EQ(m.mem(16), 3u);
    EXPECT_EQ(m.mem(24), 4u);
}

TEST(Interp, ReservationsHoldForTheirAddressSizeAndValueOnce) {
    constexpr std::string_view reserve =
        "%0 = const i64 0x10008\n%1 = loadres i64 %0, mem=i32, sext, acquire\nset $x0, %1\ngoto 0";
    const auto store = [](std::string_view addr, std::string_view mem) {
        return fmt::format(
            "%0 = const i64 {}\n%1 = const i64 7\n%2 = storecond i1 %0, %1, mem={}\n%3 = zext i64 %2\n"
            "set $x1, %3\ngoto 0",
            addr, mem);
    };
    Machine m;
    m.set_mem(8, 0x1122334480000000);
    m.run(reserve);
    EXPECT_EQ(m.get("x0"), 0xffffffff80000000u);
    m.run(store("0x10008", "i32"));
    EXPECT_EQ(m.get("x1"), 1u);
    EXPECT_EQ(m.mem(8), 0x1122334400000007u);
    m.run(store("0x10008", "i32"));
    EXPECT_EQ(m.get("x1"), 0u) << "the first store used it up";
    m.run(reserve);
    m.run(store("0x1000c", "i32"));
    EXPECT_EQ(m.get("x1"), 0u) << "other address";
    m.run(store("0x10008", "i32"));
    EXPECT_EQ(m.get("x1"), 0u) << "a failed store drops it";
    m.set_mem(8, 5);
    m.run(reserve);
    m.run(store("0x10008", "i64"));
    EXPECT_EQ(m.get("x1"), 0u) << "other size";
    m.run(reserve);
    m.set_mem(8, 9);
    m.run(store("0x10008", "i32"));
    EXPECT_EQ(m.get("x1"), 0u) << "value changed";
    EXPECT_EQ(m.mem(8), 9u);
    m.run(reserve);
    m.memory.fault_at = m.memory.accesses;
    m.run(store("0x10008", "i32"));
    EXPECT_EQ(m.result.reason, ExitReason::MemoryFault);
    EXPECT_EQ(m.reservation.size, 4u) << "a fault keeps it";
}

TEST(Interp, FaultsNameInstructionAndAddress) {
    for (const auto access :
         {"%2 = load i64 %1, 8, mem=i64", "store %1, %1, 8, mem=i8", "%2 = loadres i64 %3, mem=i64",
          "%2 = rmw i64 %3, %1, mem=i64, add", "%2 = cas i64 %3, %1, %1, mem=i64"}) {
        Machine m;
        m.set("x0", 5);
        m.run(
            fmt::format("insn 0x1000, len=4\n%1 = const i64 0x20000\n%3 = const i64 0x20008\nset $x0, %1\n"
                        "insn 0x1004, len=2\n{}\nset $x1, %1\ngoto 0x1006",
                        access));
        EXPECT_EQ(m.result.reason, ExitReason::MemoryFault) << access;
        EXPECT_EQ(m.result.pc, 0x1004u);
        EXPECT_EQ(m.result.value, 0x20008u);
        EXPECT_EQ(m.result.insns, 2u);
        EXPECT_EQ(m.get("x0"), 0x20000u) << "writes before the fault count";
        EXPECT_EQ(m.get("x1"), 0u) << "writes after it do not";
    }
}

TEST(Interp, EveryWayOut) {
    struct Way {
        std::string_view end;
        ExitReason reason;
        u64 pc, value;
    };
    constexpr Way kWays[] = {
        {"goto 0x2000, backedge", ExitReason::Next, 0x2000, 0},
        {"call %400, 0x2000", ExitReason::Next, 0x2000, 0},
        {"call_ind %1, %400", ExitReason::Next, 0x77, 0},
        {"jump_ind %1", ExitReason::Next, 0x77, 0},
        {"ret %1", ExitReason::Next, 0x77, 0},
        {"exit 0x1004, syscall", ExitReason::Syscall, 0x1004, 0},
        {"exit 0x1004, fetch-fault", ExitReason::FetchFault, 0x1004, 0x1004},
        {"exit_if %3, 0x3000\ngoto 0x2000", ExitReason::Next, 0x3000, 0},
        {"exit_if %2, 0x3000\ngoto 0x2000", ExitReason::Next, 0x2000, 0},
        {"trap_if %3, %1, misaligned\ngoto 0x2000", ExitReason::Misaligned, 0x1000, 0x77},
        {"trap_if %2, %1, misaligned\ngoto 0x2000", ExitReason::Next, 0x2000, 0},
    };
    for (const Way& w : kWays) {
        Machine m;
        m.run(
            fmt::format("insn 0x1000, len=4\n%1 = const i64 0x77\n%2 = const i1 0\n%3 = const i1 1\n%400 = "
                        "const i64 0x44\n{}\n",
                        w.end));
        EXPECT_EQ(m.result.reason, w.reason) << w.end;
        EXPECT_EQ(m.result.pc, w.pc) << w.end;
        EXPECT_EQ(m.result.value, w.value) << w.end;
        EXPECT_EQ(m.result.insns, 1u);
    }
}

TEST(Interp, CountersFpEnvironmentAndHints) {
    Machine m;
    m.run(R"(
        insn 0x1000, len=4
        icount 1
        %2 = icount.get i64
        set $x0, %2
        %4 = const i64 0xff
        fpflags.set %4
        %6 = fpflags.get i64
        set $x1, %6
        %8 = const i64 3
        fpround.set %8
        %10 = fpround.get i64
        set $x2, %10
        prefetch %4
        fence full
        fence storestore
        nop
        icount 2
        goto 0)");
    EXPECT_EQ(m.get("x0"), 1u);
    EXPECT_EQ(m.get("x1"), 63u);
    EXPECT_EQ(m.get("x2"), 3u);
    EXPECT_EQ(m.fp.flags, 31u);
    EXPECT_EQ(m.fp.input_denormal, kInputDenormal);
    EXPECT_EQ(m.fp.rounding, 3u);
    EXPECT_EQ(m.icount, 3u);
}

TEST(Interp, HugeBlocksRun) {
    Block block;
    block.insts.push_back({.op = Op::GetState, .type = Type::I64});
    for (Value v = 0; v < 20000; ++v)
        block.insts.push_back({.op = Op::Add, .type = Type::I64, .args = {v, 0, kNone}});
    block.insts.push_back({.op = Op::SetState, .args = {20000, kNone, kNone}, .imm = 1});
    block.insts.push_back({.op = Op::Goto, .imm = 0x10});
    ASSERT_TRUE(verify(block, kLayout));
    Machine m;
    m.set("x0", 1);
    m.run(block);
    EXPECT_EQ(m.get("x1"), 20001u);
}

}  // namespace
}  // namespace vm::ir
