#include "debug/cpu_registers.h"

namespace vm::debug {

const CpuRegisters& cpu_registers(std::string_view isa) {
    return isa == "riscv64" ? kRiscv64Registers : kArm64Registers;
}

}  // namespace vm::debug
