// What calls of SBI return.
#pragma once

#include "base/bits.h"

namespace vm::riscv {

/// "Binary Encoding": errors
enum SbiError : i64 {
    kSuccess = 0,
    kFailed = -1,
    kNotSupported = -2,
    kInvalidParam = -3,
    kDenied = -4,
    kInvalidAddress = -5,
    kAlreadyAvailable = -6,
    kAlreadyStarted = -7,
    kAlreadyStopped = -8,
    kNoSharedMemory = -9,
};

struct SbiResult {
    i64 error = kSuccess;
    u64 value = 0;
};

}  // namespace vm::riscv
