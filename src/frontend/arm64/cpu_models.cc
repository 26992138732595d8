#include "frontend/arm64/cpu_models.h"

#include <array>

#include "base/format.h"
#include "frontend/arm64/a64_decode.h"
#include "frontend/arm64/arm64.h"
#include "frontend/features.h"

namespace vm::frontend::arm64 {
namespace {

template <class... E>
constexpr u64 set_of(E... e) {
    return ((u64{1} << e) | ... | u64{0});
}

constexpr u64 kV8 = set_of(A64, FP, SIMD);
constexpr u64 kCrypto = set_of(AES, PMULL, SHA1, SHA256);
struct Model {
    std::string_view name;
    u64 features;
};
// Technical Reference Manuals of the cores; what a program at EL0 can see.
constexpr Model kModels[] = {
    {"armv8", kV8},
    {"cortex-a72", kV8 | kCrypto | set_of(CRC32)},
    {"neoverse-n1", kV8 | kCrypto | set_of(CRC32, LSE, RDM, FP16, DotProd, LRCPC, DPB, SSBS)},
    {"max", set_of(ExtCount_) - 1},
};

// Manual, "The Armv8 architecture extensions": what a feature requires.
constexpr FeatureTable::Need kNeeds[] = {
    {FP, SIMD},     {SIMD, FP},       {RDM, SIMD},     {AES, SIMD},     {PMULL, AES},    {SHA1, SIMD},
    {SHA256, SHA1}, {SHA512, SHA256}, {SHA3, SHA512},  {FP16, SIMD},    {DotProd, SIMD}, {FHM, FP16},
    {FCMA, SIMD},   {JSCVT, FP},      {LRCPC2, LRCPC}, {FlagM2, FlagM}, {FRINTTS, FP},   {DPB2, DPB},
    {I8MM, SIMD},   {BF16, SIMD},     {LSE2, LSE},
};

const FeatureTable& table() {
    static const auto names = [] {
        std::array<std::string_view, ExtCount_> out;
        for (u32 e = 0; e < ExtCount_; ++e) out[e] = ext_name(static_cast<Ext>(e));
        return out;
    }();
    static const FeatureTable t{names, kNeeds, A64, "AArch64"};
    return t;
}

}  // namespace

u64 all_features() { return set_of(ExtCount_) - 1; }

bool parse_cpu(std::string_view text, u64* features, std::string* error) {
    const std::string all = to_lower(text);
    std::string_view rest = all;
    const std::string_view name = take_until(&rest, ',');
    for (const Model& m : kModels) {
        if (m.name != name) continue;
        u64 f = m.features;
        if (!table().apply(rest, &f, error)) return false;
        *features = f;
        return true;
    }
    *error = fmt::format("unknown AArch64 CPU model \"{}\" in --cpu", name);
    if (name.starts_with("sve") || name == "neoverse-v1" || name == "a64fx")
        *error = fmt::format("--cpu \"{}\" needs SVE, which is not supported", name);
    return false;
}

std::string isa_string(u64 features) {
    std::string out;
    for (u32 e = 0; e < ExtCount_; ++e) {
        if (!bit(features, e)) continue;
        if (!out.empty()) out += ' ';
        out += to_lower(ext_name(static_cast<Ext>(e)));
    }
    return out;
}

}  // namespace vm::frontend::arm64
