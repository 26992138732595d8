// The Linux ABI of one guest ISA, as data and a few functions: everything that differs between guest ISAs and
// is not the ISA itself. Linux handlers are written once against this.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "frontend/guest_isa.h"
#include "linux/elf.h"
#include "linux/vdso.h"

namespace vm::engine {
struct Exit;
}

namespace vm::linux {

class Thread;
struct PrctlOption;
struct SigInfo;

/// AT_HWCAP and AT_HWCAP2, which not every architecture has.
struct HwCaps {
    u64 hwcap = 0;
    std::optional<u64> hwcap2 = {};
};

/// One note of a core file beside the general registers.
struct CoreNote {
    std::string_view owner;  ///< "CORE", "LINUX"
    u32 type = 0;            ///< NT_…
    std::vector<u8> bytes;
};
/// A thread's registers as core files hold them: those of NT_PRSTATUS, and notes of their own.
struct CoreRegisters {
    std::vector<u64> general;
    std::vector<CoreNote> notes;
};

/// Guest ABI description. Slots are byte offsets into the guest area.
struct Abi {
    std::string_view name;                                         ///< "riscv64", also uname's machine
    ElfTarget elf;                                                 ///< what its programs are
    u16 arg_offset[6];                                             ///< system-call arguments
    u16 nr_offset;                                                 ///< system-call number
    u16 ret_offset;                                                ///< result
    u16 sp_offset, tls_offset;                                     ///< stack pointer, thread pointer
    u8 syscall_insn_bytes;                                         ///< to step back for a restart
    HwCaps (*hwcap)(const frontend::GuestIsa& isa, u64 features);  ///< of a CPU with `features`
    std::string_view platform;                                     ///< AT_PLATFORM or empty
    /// Number → index into the generic system-call table (linux/syscalls.def), or -1.
    int (*syscall_index)(u64 nr);
    /// Builds the signal frame on the guest stack and points the registers at the handler. False: the frame
    /// cannot be written (the caller kills the process with SIGSEGV).
    bool (*push_signal_frame)(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                              u64 old_mask);
    /// rt_sigreturn: restores registers and `*mask` from the frame. False: bad frame.
    bool (*pop_signal_frame)(Thread& t, u64* mask);
    /// Keeps what frames tell of a fault, in Thread::fault_address and fault_code, and corrects its address
    /// where the engine does not know better. The signal's si_code where that is not the usual one. Null:
    /// nothing of that.
    std::optional<i32> (*note_fault)(Thread& t, engine::Exit& e) = nullptr;
    u64 min_signal_stack = 2048;  ///< MINSIGSTKSZ, which sigaltstack checks
    u64 at_minsigstksz = 2048;    ///< AT_MINSIGSTKSZ
    const VdsoDescription* vdso;
    CoreRegisters (*core_registers)(Thread& t);
    /// What the registers of a new program hold that is not 0, besides pc and sp. Null: nothing.
    void (*init_registers)(Thread& t) = nullptr;
    /// Structures: true = asm-generic layouts (riscv64, arm64): struct stat 128 bytes, epoll_event 16 bytes,
    /// semid_ds without x86 padding; false = x86-64's.
    bool generic_structs = true;
    /// struct sigaction of rt_sigaction has a restorer field between flags and mask.
    bool sigaction_restorer = false;
    bool personality_32 = true;  ///< PER_LINUX32 may be set
    /// open(2) flags that differ between ISAs.
    u32 o_directory = 0200000, o_nofollow = 0400000, o_direct = 040000, o_largefile = 0100000;
    /// PROT_ bits besides the common ones. Null: none.
    u32 (*prot_bits)(const frontend::GuestIsa& isa, u64 features) = nullptr;
    /// PROT_ bits of the code of a program (a loader, or one without) with these Elf::features. Null: none.
    u32 (*code_prot)(const frontend::GuestIsa& isa, u64 features, u32 elf_features) = nullptr;
    /// Address bits that loads and stores ignore: programs keep tags there, and may ask Linux to take tagged
    /// addresses (Documentation/arch/arm64/tagged-address-abi.rst).
    u64 tag_bits = 0;
    /// Its own prctl options, beside those of syscalls/prctl.cc. Null: none.
    const std::span<const PrctlOption>* prctl_options = nullptr;
    /// Text of /proc/cpuinfo. Null: the host's.
    std::string (*cpuinfo)(const frontend::GuestIsa& isa, u64 features, unsigned cpus) = nullptr;

    /// `addr` without its tag. Addresses of the upper half, which are nobody's, stay as they are.
    u64 untagged(u64 addr) const {
        const u64 top_of_address = ~tag_bits ^ ~tag_bits >> 1;
        return addr & top_of_address ? addr : addr & ~tag_bits;
    }
};

extern const Abi kRiscv64Abi;  // linux/abi_riscv64.cc
extern const Abi kArm64Abi;    // linux/abi_arm64.cc

}  // namespace vm::linux
