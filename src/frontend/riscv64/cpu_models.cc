#include "frontend/riscv64/cpu_models.h"

#include <optional>

#include "base/format.h"
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

/// `ext` needs `needs` ("Extension implications" of each chapter).
struct Need {
    Ext ext, needs;
};
constexpr Need kNeeds[] = {{F, Zicsr}, {D, F},     {Zicntr, Zicsr}, {Zfhmin, F}, {Zfh, Zfhmin},
                           {Zfa, F},   {Zacas, A}, {Zawrs, A},      {Zcb, C},    {Zcmop, C}};

u64 with(u64 features, Ext ext) {
    features |= set_of(ext);
    for (const Need& n : kNeeds)
        if (n.ext == ext) features = with(features, n.needs);
    return features;
}
u64 without(u64 features, Ext ext) {
    features &= ~set_of(ext);
    for (const Need& n : kNeeds)
        if (n.needs == ext) features = without(features, n.ext);
    return features;
}

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return out;
}

std::optional<Ext> find_ext(std::string_view lower_name) {
    for (u32 e = 0; e < ExtCount_; ++e)
        if (lower(ext_name(static_cast<Ext>(e))) == lower_name) return static_cast<Ext>(e);
    return std::nullopt;
}

bool unknown(std::string* error, std::string_view what, std::string_view word) {
    *error = fmt::format("unknown RISC-V {} \"{}\" in --cpu", what, word);
    if (word == "v" || word.starts_with("zv") || word.starts_with("rva23"))
        *error = fmt::format("--cpu \"{}\" needs the vector extension, which is not supported", word);
    return false;
}

/// The next part of `text` up to `separator`, which is removed with it.
std::string_view take(std::string_view* text, char separator) {
    const auto n = text->find(separator);
    const std::string_view part = text->substr(0, n);
    text->remove_prefix(n == std::string_view::npos ? text->size() : n + 1);
    return part;
}

/// "rv64gc_zba": one letter each, then names after underscores.
bool parse_isa_string(std::string_view text, u64* features, std::string* error) {
    std::string_view rest = text.substr(4);
    *features = 0;
    for (char c : take(&rest, '_')) {
        const std::string_view letter(&c, 1);
        if (c == 'g') {
            *features |= kG;
        } else if (const auto ext = find_ext(letter)) {
            *features = with(*features, *ext);
        } else {
            return unknown(error, "extension", letter);
        }
    }
    while (!rest.empty()) {
        const std::string_view name = take(&rest, '_');
        const auto ext = find_ext(name);
        if (!ext) return unknown(error, "extension", name);
        *features = with(*features, *ext);
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
    const std::string all = lower(text);
    std::string_view rest = all;
    u64 f = 0;
    if (!parse_model(take(&rest, ','), &f, error)) return false;
    while (!rest.empty()) {
        const std::string_view word = take(&rest, ',');
        const bool on = word.starts_with('+');
        if (!on && !word.starts_with('-')) return unknown(error, "word (want +ext or -ext)", word);
        const auto ext = find_ext(word.substr(1));
        if (!ext) return unknown(error, "extension", word.substr(1));
        if (*ext == I) return unknown(error, "switch, the base ISA cannot be changed:", word);
        f = on ? with(f, *ext) : without(f, *ext);
    }
    *features = f;
    return true;
}

std::string isa_string(u64 features) {
    std::string out = "rv64";
    for (u32 e = 0; e < ExtCount_; ++e) {
        if (!bit(features, e)) continue;
        const std::string name = lower(ext_name(static_cast<Ext>(e)));
        if (name.size() > 1) out += '_';
        out += name;
    }
    return out;
}

}  // namespace vm::frontend::riscv64
