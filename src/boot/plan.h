// Where firmware, kernel, initial RAM disk and device tree lie in a RISC-V machine's memory, and where its
// harts begin.
#pragma once

#include <array>
#include <map>

#include "boot/program.h"
#include "mem/guest_ram.h"

namespace vm::boot {

/// Who serves the kernel in M-mode.
enum class Firmware : u8 {
    BuiltIn,  ///< vm itself: one hart enters the kernel in S-mode
    File,     ///< a firmware: all harts enter it in M-mode
    None,     ///< nobody: all harts enter the kernel in M-mode
};

struct Request {
    u64 ram = 0, ram_size = 0;
    Firmware firmware = Firmware::BuiltIn;
    const Program* firmware_file = nullptr;  ///< with Firmware::File
    const Program* kernel = nullptr;         ///< may be missing with Firmware::File
    std::span<const u8> initrd;              ///< empty: none
};

/// A part of memory that something was put to.
struct Place {
    u64 end = 0;
    std::string what;
};

struct Plan {
    bool machine_mode = false;  ///< all harts begin in M-mode; else one, in S-mode
    u64 entry = 0;
    u64 kernel_entry = 0;  ///< where the firmware is to go on; the same without a firmware
    u64 tree = 0;          ///< of the device tree, for which there are kTreeRoom bytes; a1
    u64 dynamic_info = 0;  ///< of OpenSBI's struct, in a2; 0: there is none
    u64 initrd = 0;
    std::map<u64, Place> places;  ///< by their begin; apart

    struct Copy {
        u64 address = 0;
        std::span<const u8> bytes;
    };
    std::vector<Copy> copies;  ///< of the request's programs and RAM disk, which live longer
};

inline constexpr u64 kTreeRoom = (u64{1} << 20) - mem::kPage;

/// An error says what does not fit, or lies on what.
Result<Plan> plan(const Request& request);

/// Writes all but the device tree. `ram` is the request's, and still zero.
void put(const Plan& plan, mem::GuestRam& ram);

}  // namespace vm::boot
