// What the rest of the house knows of a guest ISA: a value with functions, one per front end.
#pragma once

#include <string>
#include <string_view>

#include "ir/interp.h"
#include "ir/ir.h"

namespace vm::frontend {

/// Reads guest code bytes. Returns how many of `size` bytes at `pc` could be read (executable and mapped),
/// from the front; 0 means a fetch fault there. Must not fault.
using FetchFn = u64 (*)(void* ctx, u64 pc, void* out, u64 size);

/// A private, unwritable, executable mapping of a file: its bytes are the file's.
struct CodeFile {
    u64 begin = 0, end = 0;  ///< guest addresses
    u64 offset = 0;          ///< of `begin` in the file
    u64 size = 0, mtime_ns = 0;
    bool guarded = false;  ///< see TranslateRequest::guarded
    bool operator==(const CodeFile&) const = default;
};

/// A bit of TranslateRequest::mode that all ISAs leave alone: the block counts its instructions whatever the
/// engine's options say. Machines switch it on while their guest wants to know.
inline constexpr u32 kModeCounts = u32{1} << 20;

struct TranslateRequest {
    u64 pc = 0;
    u32 mode = 0;                     ///< mode bits of the block key, from GuestIsa::mode_of
    u32 max_insns = 64;               ///< stop after so many guest instructions (1 = single step)
    bool count_instructions = false;  ///< emit Icount 1 at the start of every instruction
    bool if_convert = true;           ///< branches over one or two register instructions become selects
    bool forward_state = false;       ///< see ir::Builder::forward_state
    bool follow_jumps = true;         ///< continue past direct unconditional jumps
    /// The block is of a whole machine: `pc` is a physical address, what depends on the virtual one is
    /// computed when it runs (GuestAddr, exits), the block stays on its page, and what only privileged
    /// software may do is left to the machine as an Illegal exit at its pc.
    bool system = false;
    /// Code at or behind this address is not to be read (system: the end of the page).
    u64 code_end = ~u64{0};
    bool shared_memory = true;  ///< other threads or processes may see what accesses are not one
    u64 features =
        ~u64{0};  ///< ISA-defined extension bits (--cpu); a missing one makes its encodings undefined
    FetchFn fetch = nullptr;
    void* fetch_ctx = nullptr;
    /// Does the page of `pc` admit indirect branches only where its code says so (PROT_BTI)? nullptr: none
    /// does. ctx: fetch_ctx.
    bool (*guarded)(void* ctx, u64 pc) = nullptr;
    /// Does a block begin at `pc` already? Then this one ends before it, if it has stop_after … stop_after +
    /// stop_span instructions by then. nullptr: never.
    bool (*known)(void* ctx, u64 pc) = nullptr;
    u32 stop_after = 1, stop_span = 0;
};

/// One guest ISA. Instances are immutable and live for the whole process; every function is thread-safe.
struct GuestIsa {
    std::string_view name;  ///< "riscv64"
    const ir::StateLayout* layout = nullptr;
    /// Fills `out` (cleared first) with a verified block for the request; undefined, unsupported and
    /// unfetchable instructions become Exit(Illegal/Unsupported/FetchFault) at their own pc. Never fails.
    void (*translate)(const TranslateRequest& request, ir::Block& out) = nullptr;
    /// Mode bits the block key needs for the current state.
    u32 (*mode_of)(const u8* guest_area, const ir::FpEnv& fp) = nullptr;
    /// Text of the instruction at `code` ("addi a0,a0,1"); `*length` becomes its size in bytes (at least 1).
    std::string (*disassemble)(u64 pc, const u8* code, u64 size, unsigned* length) = nullptr;
    /// Parses "--cpu MODEL[,±feature]" into feature bits; false with `*error` naming the bad word.
    bool (*parse_cpu)(std::string_view text, u64* features, std::string* error) = nullptr;
    /// An access to `address` faulted. True: the guest area is such now that mode_of gives another mode, in
    /// which the instruction is to be tried again. nullptr: never.
    bool (*retry_fault)(u8* guest_area, u64 address) = nullptr;
    /// Bits of a pc that are no part of the address: in them an indirect branch says how it came.
    u64 branch_marks = 0;
    /// Takes the marks off `*pc`. False: its code may not be entered by such a branch; the guest gets an
    /// Illegal exit there, with the value bad_branch. Of the request fetch, guarded and features count.
    bool (*arrive)(const TranslateRequest& request, u64* pc) = nullptr;
    u64 bad_branch = 0;
    /// Quiet NaNs go through sums and roots as IEEE 754 says, the first of two (CompileOptions::trap_nan).
    bool nans_pass = false;
    u16 slot_pc_link = 0;  ///< slot of the link register, for debuggers
    u16 slot_sp = 0;       ///< slot of the stack pointer
};

}  // namespace vm::frontend
