// A guest for tests of the engine: memory that the test maps itself, and a small RV64 assembler.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <functional>
#include <memory>
#include <regex>
#include <vector>

#include "engine/vcpu.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/state.h"
#include "osal/guarded.h"

namespace vm::engine::test {

namespace rv = frontend::riscv64;

// --- registers by ABI name
enum Reg : unsigned {
    zero,
    ra,
    sp,
    gp,
    tp,
    t0,
    t1,
    t2,
    s0,
    s1,
    a0,
    a1,
    a2,
    a3,
    a4,
    a5,
    a6,
    a7,
    s2,
    s3,
    s4,
    s5,
    s6,
    s7,
    s8
};

/// Appends instructions; labels are byte offsets from the start.
class Asm {
  public:
    explicit Asm(u64 base) : base_(base) {}
    u64 here() const { return base_ + 4 * words.size(); }
    void r(u32 opcode, u32 f3, u32 f7, unsigned rd, unsigned rs1, unsigned rs2) {
        words.push_back(opcode | rd << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | f7 << 25);
    }
    void i(u32 opcode, u32 f3, unsigned rd, unsigned rs1, i64 imm) {
        words.push_back(opcode | rd << 7 | f3 << 12 | rs1 << 15 | static_cast<u32>(imm & 0xfff) << 20);
    }
    void addi(unsigned rd, unsigned rs1, i64 imm) { i(0x13, 0, rd, rs1, imm); }
    void add(unsigned rd, unsigned rs1, unsigned rs2) { r(0x33, 0, 0, rd, rs1, rs2); }
    void sub(unsigned rd, unsigned rs1, unsigned rs2) { r(0x33, 0, 0x20, rd, rs1, rs2); }
    void mul(unsigned rd, unsigned rs1, unsigned rs2) { r(0x33, 0, 1, rd, rs1, rs2); }
    void xor_(unsigned rd, unsigned rs1, unsigned rs2) { r(0x33, 4, 0, rd, rs1, rs2); }
    void slli(unsigned rd, unsigned rs1, unsigned n) { i(0x13, 1, rd, rs1, n); }
    void lui(unsigned rd, u32 imm20) { words.push_back(0x37 | rd << 7 | imm20 << 12); }
    void li(unsigned rd, i32 v) {
        const u32 hi = (static_cast<u32>(v) + 0x800) >> 12;
        lui(rd, hi & 0xfffff);
        i(0x1b, 0, rd, rd, v - static_cast<i32>(hi << 12));  // addiw
    }
    void ld(unsigned rd, unsigned rs1, i64 off) { i(0x03, 3, rd, rs1, off); }
    void lw(unsigned rd, unsigned rs1, i64 off) { i(0x03, 2, rd, rs1, off); }
    void lbu(unsigned rd, unsigned rs1, i64 off) { i(0x03, 4, rd, rs1, off); }
    void store(u32 f3, unsigned rs2, unsigned rs1, i64 off) {
        const u32 o = static_cast<u32>(off & 0xfff);
        words.push_back(0x23 | (o & 31) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | (o >> 5) << 25);
    }
    void sd(unsigned rs2, unsigned rs1, i64 off) { store(3, rs2, rs1, off); }
    void sw(unsigned rs2, unsigned rs1, i64 off) { store(2, rs2, rs1, off); }
    void branch(u32 f3, unsigned rs1, unsigned rs2, u64 target) {
        const u32 o = static_cast<u32>(target - here());
        words.push_back(0x63 | (o >> 11 & 1) << 7 | (o >> 1 & 15) << 8 | f3 << 12 | rs1 << 15 | rs2 << 20 |
                        (o >> 5 & 63) << 25 | (o >> 12 & 1) << 31);
    }
    void beq(unsigned a, unsigned b, u64 target) { branch(0, a, b, target); }
    void bne(unsigned a, unsigned b, u64 target) { branch(1, a, b, target); }
    void blt(unsigned a, unsigned b, u64 target) { branch(4, a, b, target); }
    void jal(unsigned rd, u64 target) { words.push_back(jal_word(rd, here(), target)); }
    static u32 jal_word(unsigned rd, u64 from, u64 target) {
        const u32 o = static_cast<u32>(target - from);
        return 0x6f | rd << 7 | (o >> 12 & 255) << 12 | (o >> 11 & 1) << 20 | (o >> 1 & 1023) << 21 |
               (o >> 20 & 1) << 31;
    }
    void jalr(unsigned rd, unsigned rs1, i64 off = 0) { i(0x67, 0, rd, rs1, off); }
    void ret() { jalr(zero, ra); }
    void ecall() { words.push_back(0x73); }
    void ebreak() { words.push_back(0x00100073); }
    void fence_i() { words.push_back(0x0000100f); }
    void amoadd_d(unsigned rd, unsigned rs2, unsigned rs1) { r(0x2f, 3, 0, rd, rs1, rs2); }
    /// A word to be filled in later (forward branch); returns its index.
    u64 hole() {
        words.push_back(0);
        return words.size() - 1;
    }
    void patch_jal(u64 index, unsigned rd) { words[index] = jal_word(rd, base_ + 4 * index, here()); }
    std::vector<u32> words;

  private:
    u64 base_;
};

// Where the sanitizers' shadow memory is not: AddressSanitizer leaves the upper half free, ThreadSanitizer
// the low 512 GiB.
#ifdef VM_SANITIZE_address
inline constexpr u64 kBase = 0x200000000000;
#else
inline constexpr u64 kBase = 0x200000000;
#endif
inline constexpr u64 kCode = kBase, kCodeBytes = 1 << 20;
inline constexpr u64 kData = kBase + 0x10000000, kDataBytes = 1 << 16;
inline constexpr u64 kStack = kBase + 0x20000000;  ///< for tests that map a large stack
inline constexpr u64 kHole = kBase + 0x30000000;   ///< never mapped

/// Code and data at fixed addresses; `on_fault` may repair a fault.
class TestMemory : public GuestMemory {
  public:
    TestMemory() {
        map(kCode, kCodeBytes);
        map(kData, kDataBytes);
    }
    ~TestMemory() override {
        munmap(reinterpret_cast<void*>(kCode), kCodeBytes);
        munmap(reinterpret_cast<void*>(kData), kDataBytes);
    }
    static void map(u64 at, u64 bytes) {
        void* p = mmap(reinterpret_cast<void*>(at), bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        ASSERT_EQ(p, reinterpret_cast<void*>(at));
    }
    u64 fetch(u64 pc, void* out, u64 size) override {
        for (u64 n = size; n != 0; n--)
            if (!osal::guarded_copy_in(out, pc, n)) return n;
        return 0;
    }
    bool note_code(u64, u64) override { return false; }
    bool handle_host_fault(u64 addr, bool write) override { return on_fault && on_fault(addr, write); }
    static void put(u64 at, const std::vector<u32>& words) {
        std::memcpy(reinterpret_cast<void*>(at), words.data(), 4 * words.size());
    }
    bool code_file(u64 pc, frontend::CodeFile& file) override {
        if (!code_is_file || pc - kCode >= kCodeBytes) return false;
        file = {kCode, kCode + kCodeBytes, 0, kCodeBytes, 1};
        return true;
    }
    std::function<bool(u64, bool)> on_fault;
    bool code_is_file = false;
};

/// Engine with one vCPU on the calling thread.
struct Guest {
    explicit Guest(const EngineOptions& options) {
        auto e = Engine::create(rv::kRiscv64, memory, options);
        EXPECT_TRUE(e.has_value()) << (e ? "" : e.error().message);
        engine = std::move(*e);
        cpu = make_vcpu();
    }
    std::unique_ptr<Vcpu> make_vcpu() {
        auto v = engine->create_vcpu();
        EXPECT_TRUE(v.has_value()) << (v ? "" : v.error().message);
        return std::move(*v);
    }
    static u64 x(Vcpu& v, unsigned n) { return v.reg(rv::x_offset(n)); }
    u64 x(unsigned n) { return x(*cpu, n); }
    void set_x(unsigned n, u64 v) { cpu->set_reg(rv::x_offset(n), v); }
    Exit run(u64 pc = kCode) {
        cpu->set_pc(pc);
        return cpu->run();
    }
    TestMemory memory;
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Vcpu> cpu;
};

/// A counter of Engine::stats_json.
inline u64 counter(const Engine& e, const std::string& name) {
    std::smatch m;
    const std::string text = e.stats_json();
    EXPECT_TRUE(std::regex_search(text, m, std::regex("\"" + name + "\": ([0-9]+)"))) << name;
    return m.empty() ? 0 : std::stoull(m[1]);
}

inline EngineOptions with_tier(Tier t) {
    EngineOptions o;
    o.tier = t;
    o.hot_threshold = 1;  // short programs, too, go from the interpreter to compiled code
    return o;
}

}  // namespace vm::engine::test
