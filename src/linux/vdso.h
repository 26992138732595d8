// The guest's vDSO: a small ELF image in the guest's memory that its C library calls for clocks instead of
// making a system call, and that unwinders and debuggers read.
//
// Requirement: the host's own clocks to the nanosecond (every clock, time namespaces too) at a fraction of a
// system call. Solution: the image's functions make the system call like any other code, but from an address
// that the engine was told about (engine::QuickCalls): it is answered inside run(), from the host's vDSO,
// without an exit, tracing or a look at signals. Whatever the answer cannot settle (a bad pointer, an unknown
// clock) is an ordinary system call. Limits: a pointer that cannot be written is EFAULT where a native vDSO
// faults. Measurement: src/linux/README.md.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "base/bits.h"

namespace vm::linux {

/// One function of the image.
struct VdsoFunction {
    std::string_view name;
    std::span<const u8> code;
    bool signal_return = false;  ///< handlers return here; unwound with `signal_cfi`
};

/// Instructions of four bytes as a function's code.
template <size_t N>
constexpr std::array<u8, N * 4> vdso_code(const u32 (&insns)[N]) {
    std::array<u8, N * 4> bytes{};
    for (size_t i = 0; i < N; i++)
        for (unsigned b = 0; b < 4; b++) bytes[i * 4 + b] = static_cast<u8>(insns[i] >> 8 * b);
    return bytes;
}

/// What the image of one ABI is made of.
struct VdsoDescription {
    std::string_view soname, version;  ///< of the symbols, as glibc asks for them
    u32 elf_flags = 0;                 ///< e_flags
    std::span<const VdsoFunction> functions;
    std::span<const u8> filler;  ///< one instruction that does nothing
    // DWARF call frame information
    u8 code_align = 1, return_column = 0;
    std::span<const u8> plain_cfi;   ///< of the functions' CIE
    u8 signal_return_column = 0;     ///< column of the interrupted pc
    std::span<const u8> signal_cfi;  ///< empty: unwinders are to know the signal_return function themselves
};

struct VdsoImage {
    std::vector<u8> bytes;
    u64 text_begin = 0, text_end = 0;  ///< offsets
    u64 sigreturn = 0;                 ///< offset of the signal_return function
};

/// The image, linked at 0, at most one page of 4096 bytes.
VdsoImage build_vdso(const VdsoDescription& d, u16 machine);

}  // namespace vm::linux
