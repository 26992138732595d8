#include <algorithm>
#include <map>

#include "gen.h"

namespace vm::fuzz {
namespace {

std::set<unsigned> numbers(const std::string& list) {
    std::set<unsigned> out;
    for (size_t at = 0; at < list.size();) {
        out.insert(static_cast<unsigned>(std::stoul(list.substr(at))));
        const size_t comma = list.find(',', at);
        at = comma == std::string::npos ? list.size() : comma + 1;
    }
    return out;
}

std::set<std::string, std::less<>> words(const std::string& list) {
    std::set<std::string, std::less<>> out;
    for (size_t at = 0; at < list.size();) {
        const size_t comma = std::min(list.find(',', at), list.size());
        out.insert(list.substr(at, comma - at));
        at = comma + 1;
    }
    return out;
}

bool set_value(Options* o, const std::string& name, const std::string& v) {
    if (name == "--seed")
        o->seed = std::stoull(v);
    else if (name == "--cases")
        o->cases = static_cast<unsigned>(std::stoul(v));
    else if (name == "--length")
        o->length = static_cast<unsigned>(std::stoul(v));
    else if (name == "--case")
        o->only_case = std::stoi(v);
    else if (name == "--drop")
        o->drop = numbers(v);
    else if (name == "--only")
        o->only = words(v);
    else if (name == "--out")
        o->out = v;
    else if (name == "--coverage")
        o->coverage = v;
    else if (name == "--counted")
        o->counted = v;
    else
        return false;
    return true;
}

}  // namespace

bool parse_options(int argc, char** argv, Options* o) {
    const std::map<std::string, bool*> switches{
        {"--qemu", &o->qemu}, {"--faults", &o->faults}, {"--list", &o->list}};
    for (int i = 1; i < argc; i++) {
        const std::string a = argv[i];
        if (const auto it = switches.find(a); it != switches.end())
            *it->second = true;
        else if (i + 1 >= argc || !set_value(o, a, argv[++i]))
            return false;
    }
    return true;
}

}  // namespace vm::fuzz
