// The Linux ABI of one guest ISA, as data and a few functions: everything that differs between guest ISAs and
// is not the ISA itself. Linux handlers are written once against this.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "frontend/guest_isa.h"
#include "linux/elf.h"
#include "linux/vdso.h"

namespace vm::linux {

class Thread;
struct SigInfo;

/// Guest ABI description. Slots are byte offsets into the guest area.
struct Abi {
    std::string_view name;                                      ///< "riscv64", also uname's machine
    ElfTarget elf;                                              ///< what its programs are
    u16 arg_offset[6];                                          ///< system-call arguments
    u16 nr_offset;                                              ///< system-call number
    u16 ret_offset;                                             ///< result
    u16 sp_offset, tls_offset;                                  ///< stack pointer, thread pointer
    u8 syscall_insn_bytes;                                      ///< to step back for a restart
    u64 (*hwcap)(const frontend::GuestIsa& isa, u64 features);  ///< AT_HWCAP for a CPU with `features`
    std::string_view platform;                                  ///< AT_PLATFORM or empty
    /// Number → index into the generic system-call table (linux/syscalls.def), or -1.
    int (*syscall_index)(u64 nr);
    /// Builds the signal frame on the guest stack and points the registers at the handler. False: the frame
    /// cannot be written (the caller kills the process with SIGSEGV).
    bool (*push_signal_frame)(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                              u64 old_mask);
    /// rt_sigreturn: restores registers and `*mask` from the frame. False: bad frame.
    bool (*pop_signal_frame)(Thread& t, u64* mask);
    const VdsoDescription* vdso;
    /// Registers as core files hold them: those of NT_PRSTATUS, and NT_PRFPREG.
    void (*core_registers)(Thread& t, std::vector<u64>* general, std::vector<u64>* fp);
    /// Structures: true = asm-generic layouts (riscv64, arm64): struct stat 128 bytes, epoll_event 16 bytes,
    /// semid_ds without x86 padding; false = x86-64's.
    bool generic_structs = true;
    /// struct sigaction of rt_sigaction has a restorer field between flags and mask.
    bool sigaction_restorer = false;
    /// open(2) flags that differ between ISAs.
    u32 o_directory = 0200000, o_nofollow = 0400000, o_direct = 040000, o_largefile = 0100000;
    /// riscv_hwprobe: value of `key` for a CPU with `features` (GuestIsa bits), nothing for an unknown key.
    /// Null: no such call.
    std::optional<u64> (*hwprobe)(const frontend::GuestIsa& isa, i64 key, u64 features) = nullptr;
    /// Text of /proc/cpuinfo. Null: the host's.
    std::string (*cpuinfo)(const frontend::GuestIsa& isa, u64 features, unsigned cpus) = nullptr;
};

extern const Abi kRiscv64Abi;  // linux/abi_riscv64.cc

}  // namespace vm::linux
