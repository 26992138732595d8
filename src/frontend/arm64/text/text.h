// What the printers of operands share. Their oracle is `objdump -M no-aliases` of binutils.
#pragma once

#include <string>

#include "base/format.h"
#include "frontend/arm64/a64_decode.h"

namespace vm::frontend::arm64::text {

enum Role31 : u8 { kZero, kStack };  ///< what register number 31 means

/// x0 … x30, w0 … w30; xzr, wzr or sp, wsp.
void put_general(std::string& out, unsigned sf, unsigned r, Role31 role = kZero);
/// A hexadecimal immediate: #0x1f.
void put_immediate(std::string& out, u64 value);
/// A decimal one: #-16.
void put_number(std::string& out, i64 value);
/// An element of a vector register, of 2^size bytes: v3.s[1].
void put_element(std::string& out, unsigned r, unsigned size, u64 index);
/// `[base]`, `[base, #disp]`, `[base], #disp` or `[base, #disp]!`, as `mode` (AddressMode) says.
void put_address(std::string& out, unsigned base, unsigned mode, i64 disp);

}  // namespace vm::frontend::arm64::text
