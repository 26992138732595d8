#include "a64_cases.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "frontend/arm64/arm64.h"

namespace vm::fuzz::a64 {

using arm64::Insn;

namespace {

constexpr i64 kHome = 0x2000;  ///< where pointers start, from kScratch
/// Values of the index registers, shifted by up to 4.
constexpr i64 kIndexLow = -128, kIndexHigh = 127;
constexpr i64 kFurthest = (kIndexHigh + 1) << 4;

/// Words that trap, and the signal that tells the handler about them. A register field is filled in.
struct Trap {
    u32 word, random;
};
constexpr Trap kTraps[] = {
    {0x00000000, 0x0000ffff},                            // UDF #imm16
    {0xd4200000, 0x001fffe0},                            // BRK #imm16
    {0xd4400020, 0},                                     // HLT #1: undefined without a debugger
    {0xd4000002, 0x001fffe0},                            // HVC, undefined at EL0
    {0xd4000003, 0x001fffe0},                            // SMC
    {0xd69f03e0, 0},                                     // ERET
    {0xd50340df, 0x00000f20},                            // MSR DAIFSet and DAIFClr, without SCTLR_EL1.UMA
    {0xd5382000, 0x0000001f},                            // MRS Xt, TTBR0_EL1
    {0xffffffff, 0},          {0x1ea02800, 0x001f03ff},  // FADD of a type that does not exist
};
constexpr u32 kBrk = 0xd4200000;

/// Bits of a logical immediate: rotate and width of ones that a field of 13 bits describes (N:immr:imms).
constexpr u32 kAndFpcr = 0x92400000 | 42u << 16 | 4u << 10;   // AND Xd, Xn, #0x07c00000
constexpr u32 kAndLow32 = 0x92400000 | 0u << 16 | 31u << 10;  // AND Xd, Xn, #0xffffffff
constexpr u32 kPacia = 0xdac10000, kPaciza = 0xdac123e0, kPacdza = 0xdac12be0, kXpaci = 0xdac143e0,
              kXpacd = 0xdac147e0;
constexpr u32 kAndFpsr = 0x92400000 | 0u << 16 | 27u << 10;  // AND Xd, Xn, #0x0fffffff

u64 replicate(u64 v, unsigned bytes) {
    u64 out = 0;
    for (unsigned at = 0; at < 8; at += bytes) out |= zext(v, 8 * bytes) << 8 * at;
    return out;
}

u64 fetch_word(void* word, u64, void* out, u64 size) {
    const u64 n = std::min<u64>(size, 4);
    std::memcpy(out, word, n);
    return n;
}

}  // namespace

bool allocated(u32 word) {
    frontend::TranslateRequest request{.pc = kText, .max_insns = 1};
    request.fetch = fetch_word, request.fetch_ctx = &word;
    ir::Block block;
    arm64::kArm64.translate(request, block);
    const ir::Inst& end = block.insts.back();
    const auto reason = static_cast<ir::ExitReason>(end.aux);
    return end.op != ir::Op::Exit ||
           (reason != ir::ExitReason::Illegal && reason != ir::ExitReason::Unsupported);
}

CaseMaker::CaseMaker(Code& code, Coverage& coverage, const Options& o, const Limits& limits,
                     const std::vector<Insn>& pool)
    : code_(code), coverage_(coverage), o_(o), limits_(limits), pool_(pool) {}

// ---- registers

u64 CaseMaker::special_int() {
    static const u64 v[] = {0,
                            1,
                            2,
                            ~0ull,
                            0x7fffffff,
                            0x80000000,
                            0xffffffff,
                            0xff,
                            0x8000,
                            63,
                            64,
                            0x7fffffffffffffff,
                            1ull << 63,
                            0x7f,
                            0x80,
                            0x7fff,
                            0xffff,
                            0xffffffff80000000,
                            0x5555555555555555};
    const u64 r = random();
    return r % 3 == 0 ? v[(r >> 8) % std::size(v)] : r % 3 == 1 ? random() >> (r >> 8) % 64 : random();
}

/// A pattern of a floating-point format of 2, 4 or 8 bytes: every class and its ends, neighbours of powers of
/// two, numbers close to each other, numbers near the borders of integers.
u64 CaseMaker::special_float(unsigned bytes) {
    const unsigned e = bytes == 2 ? 5 : bytes == 4 ? 8 : 11, f = 8 * bytes - 1 - e;
    const u64 bias = (1ull << (e - 1)) - 1, top = (1ull << e) - 1, half = 1ull << (f - 1),
              all = (1ull << f) - 1;
    const u64 sign = (random() & 1) << (e + f);
    u64 exponent = random() & top, fraction = random() & all;
    const u64 kind = below(8);
    if (kind < 3) {
        const u64 ends[] = {0, 1, 2, bias - 1, bias, bias + 1, top - 1, top, bias - e};
        exponent = ends[below(std::size(ends))];
        const u64 fractions[] = {0, 1, all, half, half | 1};
        fraction = fractions[below(std::size(fractions))];
    } else if (kind < 5) {
        exponent = std::min(bias - 6 + below(13), top - 1);
    } else if (kind == 5) {
        exponent = std::min(bias + below(66), top - 1);
    } else if (kind == 6) {
        exponent = below(2) ? below(4) : top - 1 - below(3);
    }
    return sign | exponent << f | fraction;
}

std::array<u64, 2> CaseMaker::special_vector() {
    std::array<u64, 2> out;
    const unsigned kind = static_cast<unsigned>(below(8));
    for (u64& half : out) {
        half = kind == 7 ? random() : 0;
        if (kind < 4) {  // lanes of one integer type, sometimes shift amounts
            const unsigned bytes = 1u << kind;
            for (unsigned at = 0; at < 8; at += bytes) half |= zext(special_int(), 8 * bytes) << 8 * at;
            if (below(4) == 0) half = replicate(below(144) - 72, bytes);
        } else if (kind < 7) {  // lanes of one floating-point format
            const unsigned bytes = 2u << (kind - 4);
            for (unsigned at = 0; at < 8; at += bytes) half |= special_float(bytes) << 8 * at;
        }
    }
    return out;
}

unsigned CaseMaker::choose_register(u32 taken) {
    unsigned r;
    do r = static_cast<unsigned>(below(31));
    while (bit(taken, r));
    return r;
}

void CaseMaker::begin(unsigned index) {
    rng_ = o_.seed * 1000003 + index;
    random();
    reserved_ = 0;
    for (unsigned* r : {&table_, &positive_, &any_}) {
        *r = choose_register(reserved_);
        reserved_ |= 1u << *r;
    }
    pointers_.clear();
    for (int i = 0; i < 2; i++) {
        pointers_.push_back({choose_register(reserved_), 0, 0, true, false, false});
        reserved_ |= 1u << pointers_.back().reg;
    }
    if (below(2)) {  // else SP is a register as others, and no base
        pointers_.push_back({kSp, 0, 0, true, false, false});
        reserved_ |= 1u << kSp;
    }
    pending_.clear();
    shadow_ = unit_ = 0;
    make_inputs();
}

void CaseMaker::make_inputs() {
    for (u64& x : inputs_.x) x = special_int();
    inputs_.sp = special_int();
    inputs_.x[table_] = 0;
    inputs_.x[positive_] = below(static_cast<u64>(kIndexHigh) + 1);
    inputs_.x[any_] = static_cast<u64>(kIndexLow) + below(kIndexHigh - kIndexLow + 1);
    // Once a program has used a tag, all its blocks are made for such: most programs have none.
    const bool tagged = o_.seed / 2 % 4 == 3 && below(4) == 0;
    for (Pointer& p : pointers_) {
        p.lo = p.hi = kHome + 64 * static_cast<i64>(below(8));
        p.forbidden = o_.faults && below(2);
        p.tagged = !p.forbidden && tagged && below(2);
        const u64 tag = p.tagged ? below(256) << 56 : 0;
        const u64 value = tag + (p.forbidden ? kForbidden : kScratch) + static_cast<u64>(p.lo);
        (p.reg == kSp ? inputs_.sp : inputs_.x[p.reg]) = value;
    }
    for (auto& v : inputs_.v) v = special_vector();
    inputs_.nzcv = below(16) << 28;
    inputs_.fpcr = 0;
    const u64 r = random();
    if (r % 4 != 0) inputs_.fpcr |= ((r >> 8) & 3) << 22;  // RMode
    for (const unsigned b : {26u, 25u, 24u, 19u})          // AHP, DN, FZ, FZ16
        if ((r >> (16 + b) & 3) == 0) inputs_.fpcr |= 1ull << b;
    inputs_.fpcr &= limits_.fpcr;
    inputs_.fpsr = limits_.fpsr && below(2) ? random() & kFpsrBits : 0;
}

// ---- choosing instructions

bool CaseMaker::draw(Insn id, Drawn* d) {
    for (int tries = 0; tries < 400; tries++) {
        u32 w = arm64::random_encoding(id, &rng_);
        d->base = nullptr;
        d->traits = traits(w);
        if (!shape(&w, d)) continue;
        const auto decoded = arm64::decode(w, ~u64{0});
        if (decoded.id != id) continue;
        d->word = w, d->id = id, d->traits = traits(w), d->allocated = allocated(w);
        if (fits(*d)) return true;
    }
    return false;
}

/// Fills in what the surroundings decide: base and index registers, system registers, targets of literals.
bool CaseMaker::shape(u32* w, Drawn* d) {
    const Traits& t = d->traits;
    if (t.system_read || t.system_write) return shape_system(w);
    if ((*w & 0xfffff01f) == 0xd500401f) *w &= ~0xf00u;  // CFINV …: should be zero
    if (t.address == Address::None) return true;
    if (t.address == Address::Literal) {
        *w = with_offset(*w, 4 * static_cast<i64>(below(48)));
        return true;
    }
    // Any address will do for a prefetch, but VIXL wants SP to be aligned for it too.
    if (t.prefetch) return field_rn(*w) != kSp || bit(reserved_, kSp);
    return t.address != Address::Other && shape_memory(w, d);
}

bool CaseMaker::shape_memory(u32* w, Drawn* d) {
    Pointer& p = pointers_[below(pointers_.size())];
    d->base = &p;
    if (d->traits.base_in_rt) {
        if (p.reg == kSp || (p.forbidden && o_.qemu)) return false;  // QEMU's never fault
        *w = (*w & ~31u) | p.reg;
        return true;
    }
    *w = with_rn(*w, p.reg);
    if (d->traits.address == Address::Register) {
        const bool sign_extends = (*w >> 13 & 3) == 3;  // LSL of 64 bits, SXTX
        const bool sxtw = (*w >> 13 & 7) == 6;
        *w = with_rm(*w, (sign_extends || sxtw) && below(2) ? any_ : positive_);
        if (below(16) == 0) *w = with_rm(*w, 31);
    } else if (d->traits.address == Address::PostRegister) {
        *w = with_rm(*w, p.reg == kSp ? positive_ : below(2) ? any_ : positive_);
        if (p.reg == kSp) return false;  // would leave it unaligned
    } else {
        *w = limited_offset(*w, d->traits);
    }
    return true;
}

/// Keeps the offset near, most of the time; SP and what must be aligned as the manual asks.
u32 CaseMaker::limited_offset(u32 w, const Traits& t) {
    const unsigned group = w >> 24 & 0x3b;
    if (group == 0x39 && below(8) != 0) w &= ~(0xfc0u << 10);  // imm12 below 64
    const bool imm9 =
        (group == 0x38 && (w >> 21 & 1) == 0) || (w >> 24 & 0x3f) == 0x19 || (w >> 24 & 0x3f) == 0x1d;
    const bool writes_sp = field_rn(w) == kSp && (t.address == Address::Pre || t.address == Address::Post);
    if (imm9) {
        const u32 unit = std::max(t.alignment, writes_sp ? 16u : 1u);
        w &= ~((unit - 1) << 12);
    }
    if ((w >> 24 & 0x3a) == 0x28 && writes_sp) {  // pairs: imm7 times the size of one
        const u32 one = t.size / 2;
        if (one < 16) w &= ~((16 / one - 1) << 15);
    }
    return w;
}

bool CaseMaker::shape_system(u32* w) {
    std::vector<u32> allowed{kNzcv};
    const bool read = *w >> 21 & 1;
    if (limits_.fpcr == kFpcrBits || read) allowed.push_back(kFpcr);
    if (limits_.fpsr) allowed.push_back(kFpsr);
    if (limits_.tpidr) allowed.push_back(kTpidrEl0);
    const u32 now = system_register(*w);
    if (std::ranges::find(allowed, now) != allowed.end()) return true;
    *w = with_system_register(*w, allowed[below(allowed.size())]);
    return true;
}

bool CaseMaker::fits(const Drawn& d) const {
    const Traits& t = d.traits;
    if (!d.allocated) return o_.faults && (t.flow == Flow::Next || t.flow == Flow::Leaves);
    if (t.flow == Flow::Leaves || !t.predictable || (t.writes & reserved_) != 0) return false;
    const bool writes_back = t.address == Address::Pre || t.address == Address::Post;
    if (d.base != nullptr && d.base->reg == kSp && limits_.no_sp.contains(d.id)) return false;
    const unsigned rd = field_rd(d.word), rm = field_rm(d.word);
    if (limits_.distinct.contains(d.id) && (rd == field_rn(d.word) || rd == rm || rd == (rm & 15)))
        return false;
    if (d.base != nullptr && d.base->reg == kSp && writes_back && t.offset % 16 != 0) return false;
    if (t.flow == Flow::Indirect) return t.target != 31 && !bit(reserved_, t.target);
    if (t.signature == Signature::Sign || t.signature == Signature::Authenticate) {
        const unsigned r = signed_register(d.word);
        if (r == 31 || r == modifier_register(d.word)) return false;
    }
    // A handler would see the code of a base register whose access faults.
    if (t.signature == Signature::Load && (d.base->reg == kSp || d.base->forbidden || d.base->tagged))
        return false;
    // A masked copy of the value is made in the register itself.
    if (t.system_write) return field_rd(d.word) == 31 || !bit(reserved_, field_rd(d.word));
    return true;
}

// ---- code

void CaseMaker::address(unsigned reg, u64 value) {
    code_.word(0xd2800000 | static_cast<u32>(value & 0xffff) << 5 | reg);                         // MOVZ
    if (value >> 16) code_.word(0xf2a00000 | static_cast<u32>(value >> 16 & 0xffff) << 5 | reg);  // MOVK
}

/// The pointer starts anew from its home.
void CaseMaker::place(Pointer* p) {
    address(table_, (p->forbidden ? kForbidden : kScratch) + kHome);
    code_.word(0x91000000 | table_ << 5 | p->reg);  // ADD p, table, #0
    const bool sure = shadow_ == 0;
    p->lo = sure ? kHome : std::min(p->lo, kHome);
    p->hi = sure ? kHome : std::max(p->hi, kHome);
    p->aligned = sure || p->aligned;
    if (sure) p->tagged = false;
}

/// Moves the pointer home where this access could leave the scratch memory, and notes what a writeback does.
void CaseMaker::access(const Drawn& d) {
    const Traits& t = d.traits;
    Pointer& p = *d.base;
    const bool indexed = t.address == Address::Register || t.address == Address::PostRegister;
    const i64 low = indexed ? -kFurthest : std::min<i64>(t.offset, 0);
    const i64 high = (indexed ? kFurthest : std::max<i64>(t.offset, 0)) + 64;
    const bool aligned = p.aligned || (t.alignment == 1 && p.reg != kSp);
    if (!aligned || p.lo + low < 0 || p.hi + high > static_cast<i64>(kData.scratch_size)) {
        place(&p);
        // Should a branch lead past, it leads past the access too.
    }
    const bool writes_back =
        t.address == Address::Pre || t.address == Address::Post || t.address == Address::PostRegister;
    if (!writes_back) return;
    const i64 least = indexed ? kIndexLow : t.offset, most = indexed ? kIndexHigh : t.offset;
    const bool sure = shadow_ == 0 && !p.forbidden;  // a faulting access does not write back
    p.lo += sure ? least : std::min<i64>(least, 0);
    p.hi += sure ? most : std::max<i64>(most, 0);
    if (indexed || t.offset % 16 != 0) p.aligned = false;
}

/// The next instruction is executed once if the program reaches its end. With --faults an access may trap
/// instead, and is not counted.
void CaseMaker::count(const Drawn& d) {
    if (shadow_ != 0 || !d.allocated) return;
    if (o_.faults && d.traits.address != Address::None && !d.traits.prefetch) return;
    coverage_.add(static_cast<unsigned>(d.id), code_.pc());
}

void CaseMaker::trap(unsigned n) {
    const Trap& t = kTraps[below(std::size(kTraps))];
    const u32 word = t.word | (static_cast<u32>(random()) & t.random);
    if (o_.list) std::printf("%3u  trap %#x\n", n, word);
    if (t.word == kBrk && shadow_ == 0)
        coverage_.add(static_cast<unsigned>(arm64::decode(word, ~u64{0}).id), code_.pc());
    code_.word(word);
}

void CaseMaker::list(unsigned n, const Drawn& d) const {
    const std::string text = arm64::disassemble(arm64::decode(d.word, ~u64{0}), code_.pc());
    std::printf("%3u  %-12s %08x  %s\n", n, std::string(info(d.id).name).c_str(), d.word, text.c_str());
}

void CaseMaker::emit(const Drawn& d) {
    const Traits& t = d.traits;
    if (!d.allocated) return code_.word(d.word);
    if (d.base != nullptr) access(d);
    if (t.system_write && field_rd(d.word) != 31) {
        const unsigned r = field_rd(d.word);
        if (system_register(d.word) == kFpcr) code_.word(kAndFpcr | r << 5 | r);
        if (system_register(d.word) == kFpsr) code_.word(kAndFpsr | r << 5 | r);
    }
    if (t.flow != Flow::Next) return emit_branch(d);
    if (t.signature == Signature::Load) return emit_authenticated_load(d);
    if (t.signature != Signature::None) return emit_signature(d);
    count(d);
    code_.word(d.word);
    if (t.exclusive == Exclusive::Load) emit_exclusive_store(d);
}

void CaseMaker::emit_branch(const Drawn& d) {
    const Traits& t = d.traits;
    if (t.signature == Signature::Branch) return emit_authenticated_branch(d);
    const unsigned skip = static_cast<unsigned>(below(3));
    const bool indirect = t.flow == Flow::Indirect;
    const u32 adr = 0x10000000 | t.target;  // ADR target, to be patched
    pending_.push_back({code_.bytes.size(), indirect ? adr : d.word, unit_ + skip});
    if (indirect) code_.word(adr);
    count(d);
    code_.word(d.word);
    shadow_ = std::max(shadow_, skip + 1);  // this unit's own end takes one off
}

/// Over one word that is not executed, to where the code is taken off the register again.
void CaseMaker::emit_authenticated_branch(const Drawn& d) {
    const u32 key = d.word >> 10 & 1, r = d.traits.target;
    const bool returns = (d.word >> 21 & 15) == 2, modified = returns || (d.word >> 24 & 1) != 0;
    const u32 modifier = returns ? 31 : field_rd(d.word);
    code_.word(with_offset(0x10000000 | r, 16));
    code_.word(modified ? kPacia | key << 10 | modifier << 5 | r : kPaciza | key << 10 | r);
    count(d);
    code_.word(d.word);
    code_.word(0);
    code_.word(kXpaci | r);
}

/// Makes the pointer canonical and lets a signature and its authentication meet. Where codes differ between
/// runs, a signature does not stand alone.
void CaseMaker::emit_signature(const Drawn& d) {
    const unsigned r = signed_register(d.word);
    code_.word(kAndLow32 | r << 5 | r);
    const bool authenticates = d.traits.signature == Signature::Authenticate;
    if (authenticates) code_.word(with_signature(d.word, Signature::Sign));
    count(d);
    code_.word(d.word);
    if (!authenticates && !limits_.signatures) code_.word(with_signature(d.word, Signature::Authenticate));
}

void CaseMaker::emit_authenticated_load(const Drawn& d) {
    const u32 key = d.word >> 23 & 1, r = d.base->reg;
    code_.word(kPacdza | key << 10 | r);
    count(d);
    code_.word(d.word);
    code_.word(kXpacd | r);  // without writeback, or after a fault
}

/// The store that belongs to an exclusive load follows at once: anything between may lose the monitor.
void CaseMaker::emit_exclusive_store(const Drawn& load) {
    const u32 shape = 0xffc00000 & ~0x00400000u, pair = 0x00200000;
    for (int tries = 0; tries < 400; tries++) {
        const u32 w = (load.word & (shape | pair | 31u << 5)) | static_cast<u32>(random() & 0x1f8000) |
                      (load.word & pair ? static_cast<u32>(random() & 0x7c00) : 0x7c00) |
                      static_cast<u32>(random() & 31);
        Drawn d{w, arm64::decode(w, ~u64{0}).id, traits(w), nullptr, true};
        if (d.id == Insn::Invalid || !allocated(w) || d.traits.exclusive != Exclusive::Store || !fits(d))
            continue;
        if (o_.list) list(unit_ - 1, d);
        count(d);
        code_.word(w);
        return;
    }
}

void CaseMaker::body() {
    std::vector<size_t> starts;
    const u64 seed = random();
    for (unsigned n = 0; n < o_.length; n++) {
        rng_ = seed + n;  // what is dropped changes nothing in the others
        Drawn d{};
        const Insn id = pool_[below(pool_.size())];
        const bool trapping = o_.faults && below(24) == 0;
        if (!draw(id, &d)) continue;
        starts.push_back(code_.bytes.size());
        unit_ = static_cast<unsigned>(starts.size());
        if (!(o_.only_case >= 0 && o_.drop.contains(n))) {
            if (trapping) {
                trap(n);
            } else {
                if (o_.list) list(n, d);
                emit(d);
            }
        }
        if (shadow_ != 0) shadow_--;
    }
    for (unsigned i = 0; i < 4; i++) starts.push_back(code_.bytes.size());
    resolve(starts);
}

void CaseMaker::resolve(const std::vector<size_t>& starts) {
    for (const Pending& p : pending_) {
        const i64 offset =
            static_cast<i64>(starts[std::min<size_t>(p.to, starts.size() - 1)]) - static_cast<i64>(p.at);
        // ADR: the low two bits of its immediate are 0
        code_.patch(p.at, with_offset(p.word, offset));
    }
}

}  // namespace vm::fuzz::a64
