// Names for what host code of this project refers to: registers that hold guest registers, and fields of the
// vCPU state.
#pragma once

#include <map>
#include <string>

#include "ir/ir.h"

namespace vm::test {

/// `$a0` and `$a0.32` for the host register in which guest register a0 lives at block borders, `$fa0` for a
/// vector register; `state[exit_site]` and `state[$ra]` for memory operands in the vCPU state.
class HostNames {
  public:
    explicit HostNames(const ir::StateLayout& layout);
    /// The operands of one instruction, renamed.
    std::string rename(const std::string& operands) const;

  private:
    std::string state_field(long offset) const;
    std::string memory_operand(const std::string& inside, bool gs) const;
    std::string registers(const std::string& text) const;

    std::map<std::string, std::string> register_names_;
    std::map<long, std::string> fields_;  ///< by offset of their first byte
};

}  // namespace vm::test
