#include "base/format.h"
#include "debug/target.h"

namespace vm::debug {

std::string target_xml(const RegisterSet& set) {
    std::string out =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n";
    out += fmt::format("<architecture>{}</architecture>\n", set.architecture);
    if (!set.os_abi.empty()) out += fmt::format("<osabi>{}</osabi>\n", set.os_abi);
    std::string_view feature;
    for (size_t n = 0; n < set.registers.size(); n++) {
        const Register& r = set.registers[n];
        if (r.feature != feature) {
            if (!feature.empty()) out += "</feature>\n";
            feature = r.feature;
            out += fmt::format("<feature name=\"{}\">\n", feature);
            if (const auto types = set.types.find(r.feature); types != set.types.end()) out += types->second;
        }
        const std::string group = r.group.empty() ? "" : fmt::format(" group=\"{}\"", r.group);
        out += fmt::format("<reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"{}/>\n", r.name, r.bits,
                           r.type, n, group);
    }
    if (!feature.empty()) out += "</feature>\n";
    return out + "</target>\n";
}

}  // namespace vm::debug
