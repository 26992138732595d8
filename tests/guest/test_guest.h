// What tests must know of a guest besides its GuestIsa: its registers as the manual has them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/vcpu.h"
#include "frontend/guest_isa.h"

namespace vm::test {

/// Low and high half.
using RegisterValue = std::array<u64, 2>;

struct TestGuest {
    std::string_view name;  ///< what the files of its tests begin with: "rv64"
    const frontend::GuestIsa* isa = nullptr;
    struct Register {
        std::string name;
        unsigned bytes;       ///< 8 or 16
        bool status = false;  ///< control and status: not every value makes sense
    };
    std::vector<Register> registers;
    std::vector<u8> system_call;  ///< the instruction that ends a case
    void (*get)(engine::Vcpu& cpu, std::span<RegisterValue> out) = nullptr;
    /// All registers; what a program cannot see becomes as it is at its start.
    void (*set)(engine::Vcpu& cpu, std::span<const RegisterValue> values) = nullptr;

    /// The register that alone moves the one memory access of an instruction, if that may lie across a page
    /// border: a plain load or store whose value is not its address. Else registers.size().
    size_t (*base_register)(u32 word) = nullptr;
    /// Names of the encodings of the instruction table.
    std::vector<std::string_view> encodings;

    /// Index of a register; registers.size() if there is none of this name.
    size_t find(std::string_view register_name) const;
};

const TestGuest& rv64_guest();
const TestGuest& a64_guest();
/// Every guest.
std::span<const TestGuest* const> test_guests();

}  // namespace vm::test
