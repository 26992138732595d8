// The registers of a guest ISA's vCPU as GDB numbers them.
#pragma once

#include "debug/target.h"
#include "engine/vcpu.h"

namespace vm::debug {

/// Those of user level. Values are in GDB's byte order and size (Register::bytes()); registers that a machine
/// adds behind them are not known here.
struct CpuRegisters {
    RegisterSet set;
    void (*read)(engine::Vcpu& vcpu, size_t number, u8* out) = nullptr;
    void (*write)(engine::Vcpu& vcpu, size_t number, const u8* in) = nullptr;
    /// RunControl::Options::watch_after, as GDB expects it of this ISA.
    bool watch_after = true;
};

/// By GuestIsa::name.
const CpuRegisters& cpu_registers(std::string_view isa);

extern const CpuRegisters kRiscv64Registers, kArm64Registers;

}  // namespace vm::debug
