#include "frontend/riscv64/cpu_models.h"

#include <array>

#include "base/format.h"
#include "frontend/features.h"
#include "frontend/riscv64/riscv64.h"
#include "frontend/riscv64/rv64_decode.h"

namespace vm::frontend::riscv64 {
namespace {

template <class... E>
constexpr u64 set_of(E... e) {
    return ((u64{1} << e) | ... | u64{0});
}

// RISC-V Profiles 1.0. Zifencei, which user-level profiles leave to the system, is always there.
constexpr u64 kG = set_of(I, M, A, F, D, Zicsr, Zifencei, Zicntr);
constexpr u64 kRva20 = kG | set_of(C);
constexpr u64 kRva22 = kRva20 | set_of(Zihintpause, Zba, Zbb, Zbs, Zicbom, Zicbop, Zicboz, Zfhmin);

struct Model {
    std::string_view name;
    u64 features;
};
constexpr Model kModels[] = {
    {"rv64", kRva20},  {"rva20", kRva20},    {"rva20u64", kRva20},
    {"rva22", kRva22}, {"rva22u64", kRva22}, {"max", set_of(ExtCount_) - 1},
};

// "Extension implications" of each chapter.
constexpr FeatureTable::Need kNeeds[] = {{F, Zicsr}, {D, F},     {Zicntr, Zicsr}, {Zfhmin, F}, {Zfh, Zfhmin},
                                         {Zfa, F},   {Zacas, A}, {Zawrs, A},      {Zcb, C},    {Zcmop, C}};

const FeatureTable& table() {
    static const auto names = [] {
        std::array<std::string_view, ExtCount_> out;
        for (u32 e = 0; e < ExtCount_; ++e) out[e] = ext_name(static_cast<Ext>(e));
        return out;
    }();
    static const FeatureTable t{names, kNeeds, I, "RISC-V"};
    return t;
}

bool unknown(std::string* error, std::string_view what, std::string_view word) {
    *error = fmt::format("unknown RISC-V {} \"{}\" in --cpu", what, word);
    if (word == "v" || word.starts_with("zv") || word.starts_with("rva23"))
        *error = fmt::format("--cpu \"{}\" needs the vector extension, which is not supported", word);
    return false;
}

/// "rv64gc_zba": one letter each, then names after underscores.
bool parse_isa_string(std::string_view text, u64* features, std::string* error) {
    std::string_view rest = text.substr(4);
    *features = 0;
    for (char c : take_until(&rest, '_')) {
        const std::string_view letter(&c, 1);
        if (c == 'g') {
            *features |= kG;
        } else if (const auto ext = table().find(letter)) {
            *features = table().with(*features, *ext);
        } else {
            return unknown(error, "extension", letter);
        }
    }
    while (!rest.empty()) {
        const std::string_view name = take_until(&rest, '_');
        const auto ext = table().find(name);
        if (!ext) return unknown(error, "extension", name);
        *features = table().with(*features, *ext);
    }
    if (!bit(*features, I)) return unknown(error, "base ISA", text);
    return true;
}

bool parse_model(std::string_view name, u64* features, std::string* error) {
    for (const Model& m : kModels) {
        if (m.name != name) continue;
        *features = m.features;
        return true;
    }
    if (name.starts_with("rv64")) return parse_isa_string(name, features, error);
    return unknown(error, "CPU model", name);
}

}  // namespace

u64 all_features() { return set_of(ExtCount_) - 1; }

bool parse_cpu(std::string_view text, u64* features, std::string* error) {
    const std::string all = to_lower(text);
    std::string_view rest = all;
    u64 f = 0;
    if (!parse_model(take_until(&rest, ','), &f, error)) return false;
    if (!table().apply(rest, &f, error)) return false;
    *features = f;
    return true;
}

std::string isa_string(u64 features) {
    std::string out = "rv64";
    for (u32 e = 0; e < ExtCount_; ++e) {
        if (!bit(features, e)) continue;
        const std::string name = to_lower(ext_name(static_cast<Ext>(e)));
        if (name.size() > 1) out += '_';
        out += name;
    }
    return out;
}

}  // namespace vm::frontend::riscv64
