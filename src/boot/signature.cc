#include "boot/signature.h"

#include "base/format.h"

namespace vm::boot {

bool is_granularity(u64 bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16; }

Result<SymbolRange> check_signature(const Program& program, u64 ram, u64 ram_size) {
    if (!program.signature)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: it has no symbols begin_signature and end_signature", program.name));
    const SymbolRange r = *program.signature;
    if (r.begin < ram || r.end < r.begin || r.end - ram > ram_size)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{}: its signature at {:#x} to {:#x} is no range of the machine's memory",
                                program.name, r.begin, r.end));
    return r;
}

std::string signature_text(const mem::GuestRam& ram, const SymbolRange& range, u64 granularity) {
    std::string text;
    for (u64 line = range.begin; line < range.end; line += granularity) {
        for (u64 n = granularity; n-- > 0;) {
            const u8* byte = line + n < range.end ? ram.at(line + n, 1) : nullptr;
            text += fmt::format("{:02x}", byte != nullptr ? *byte : 0);
        }
        text += '\n';
    }
    return text;
}

}  // namespace vm::boot
