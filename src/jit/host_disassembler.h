// Text of host instructions, for people.
#pragma once

#include <string>

#include "base/bits.h"

namespace vm::jit {

class HostDisassembler {
  public:
    HostDisassembler();
    ~HostDisassembler();
    HostDisassembler(const HostDisassembler&) = delete;
    HostDisassembler& operator=(const HostDisassembler&) = delete;
    /// Text of the instruction at `code` (which runs at `pc`); `*length` becomes its size, at least 1.
    /// Without Capstone in the build, and for bytes that are no instruction: ".byte" and one byte.
    std::string next(const u8* code, u64 size, u64 pc, u32* length);

  private:
    u64 handle_ = 0;
    void* insn_ = nullptr;
};

}  // namespace vm::jit
