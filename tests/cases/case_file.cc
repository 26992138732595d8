#include "case_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace vm::test {
namespace {

constexpr u64 kWindow = 0x400, kWindowBytes = 64;

bool number(std::string_view s, u64* out, int base = 16) {
    const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), *out, base);
    return ec == std::errc() && end == s.data() + s.size();
}

bool hex_bytes(std::string_view s, std::vector<u8>* out) {
    if (s.empty() || s.size() % 2 != 0) return false;
    for (size_t i = 0; i < s.size(); i += 2) {
        u64 v = 0;
        if (!number(s.substr(i, 2), &v)) return false;
        out->push_back(static_cast<u8>(v));
    }
    return true;
}

/// What registers and memory hold where a case says nothing; make.py has the same.
Snapshot background(const TestGuest& guest) {
    Snapshot s;
    for (u64 n = 1; const auto& r : guest.registers) {
        const u64 value = r.status ? 0 : 0x9e3779b97f4a7c15 * n;
        s.registers.push_back({value, r.bytes == 16 ? 0x9e3779b97f4a7c15 * (n + 64) : 0});
        n++;
    }
    s.memory.resize(kPages * kPage);
    for (u64 i = 0; i < kPages * kWindowBytes; i++)
        s.memory[i / kWindowBytes * kPage + kWindow + i % kWindowBytes] = static_cast<u8>(37 * i + 11);
    return s;
}

/// 1f, or up to 32 digits for a register of 16 bytes
bool register_value(std::string_view text, unsigned bytes, RegisterValue* out) {
    *out = {};
    const size_t low = std::min<size_t>(text.size(), 16);
    if (text.size() > 2 * bytes || !number(text.substr(text.size() - low), &(*out)[0])) return false;
    return low == text.size() || number(text.substr(0, text.size() - low), &(*out)[1]);
}

/// x5=ff, f0=1, fcsr=20, m0+1c=0011
bool item(const TestGuest& guest, std::string_view w, Snapshot* s) {
    const auto eq = w.find('=');
    if (eq == w.npos) return false;
    const std::string_view what = w.substr(0, eq), value = w.substr(eq + 1);
    u64 n = 0, offset = 0;
    if (what.starts_with('m')) {
        const auto plus = what.find('+');
        std::vector<u8> bytes;
        if (plus == what.npos || !number(what.substr(1, plus - 1), &n) ||
            !number(what.substr(plus + 1), &offset) || !hex_bytes(value, &bytes) || n >= kPages ||
            offset + bytes.size() > kWindowBytes)
            return false;
        std::copy(bytes.begin(), bytes.end(),
                  s->memory.begin() + static_cast<i64>(n * kPage + kWindow + offset));
        return true;
    }
    const size_t r = guest.find(what);
    return r < guest.registers.size() && register_value(value, guest.registers[r].bytes, &s->registers[r]);
}

/// r4:200404
bool access(std::string_view w, MemoryAccess* a) {
    const auto colon = w.find(':');
    u64 size = 0;
    if (colon == w.npos || (w[0] != 'r' && w[0] != 'w') || !number(w.substr(1, colon - 1), &size, 10) ||
        !number(w.substr(colon + 1), &a->addr))
        return false;
    a->write = w[0] == 'w';
    a->size = static_cast<unsigned>(size);
    return a->addr >= kData && a->addr + size <= kData + kPages * kPage;
}

bool parse(const TestGuest& guest, const std::string& line, Case* c) {
    std::istringstream words(line);
    std::string w;
    if (!(words >> c->name >> w) || !hex_bytes(w, &c->code)) return false;
    c->code.insert(c->code.end(), guest.system_call.begin(), guest.system_call.end());
    c->line = line;
    c->before = background(guest);
    while (words >> w && w != ">")
        if (!item(guest, w, &c->before)) return false;
    c->after = c->before;
    c->known = true;
    bool any = false;
    while (words >> w && w != "@") {
        any = true;
        if (w == "?")
            c->known = false;
        else if (w != "-" && !item(guest, w, &c->after))
            return false;
    }
    while (words >> w) {
        MemoryAccess a{};
        if (!access(w, &a)) return false;
        c->accesses.push_back(a);
    }
    return any;
}

}  // namespace

std::vector<Case> read_cases(const TestGuest& guest, const std::string& path, std::string* error) {
    std::vector<Case> out;
    std::ifstream in(path);
    if (!in) *error = "cannot read " + path;
    unsigned at = 0;
    for (std::string line; std::getline(in, line);) {
        ++at;
        if (line.empty() || line[0] == '#') continue;
        Case c;
        if (!parse(guest, line, &c)) {
            *error = path + ":" + std::to_string(at) + ": cannot parse: " + line;
            return {};
        }
        out.push_back(std::move(c));
    }
    if (out.empty() && error->empty()) *error = path + " has no cases";
    return out;
}

}  // namespace vm::test
