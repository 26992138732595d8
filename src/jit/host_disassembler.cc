#include "jit/host_disassembler.h"

#ifdef VM_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

namespace vm::jit {

#ifdef VM_HAVE_CAPSTONE

// Debian's libcapstone.a holds every architecture, with 1.2 MB of tables that the loader would relocate at
// each start of the program (1 ms). These stand in for the initializers of all but x86, so that the linker
// leaves the others out.
#define VM_NO_ARCH(arch)                                  \
    int arch##_global_init(void*) { return CS_ERR_ARCH; } \
    int arch##_option(void*, int, unsigned long) { return CS_ERR_ARCH; }
extern "C" {
VM_NO_ARCH(AArch64)
VM_NO_ARCH(ARM)
VM_NO_ARCH(EVM)
VM_NO_ARCH(M680X)
VM_NO_ARCH(M68K)
VM_NO_ARCH(Mips)
VM_NO_ARCH(PPC)
VM_NO_ARCH(Sparc)
VM_NO_ARCH(SystemZ)
VM_NO_ARCH(TMS320C64x)
VM_NO_ARCH(XCore)
}
#undef VM_NO_ARCH

HostDisassembler::HostDisassembler() {
    csh handle{};
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) return;
    handle_ = handle;
    insn_ = cs_malloc(handle);
}

HostDisassembler::~HostDisassembler() {
    if (insn_ == nullptr) return;
    cs_free(static_cast<cs_insn*>(insn_), 1);
    csh handle = handle_;
    cs_close(&handle);
}

std::string HostDisassembler::next(const u8* code, u64 size, u64 pc, u32* length) {
    auto* insn = static_cast<cs_insn*>(insn_);
    if (insn != nullptr && cs_disasm_iter(handle_, &code, &size, &pc, insn)) {
        *length = insn->size;
        return std::string(insn->mnemonic) + " " + insn->op_str;
    }
    *length = 1;
    return ".byte";
}

#else

HostDisassembler::HostDisassembler() = default;
HostDisassembler::~HostDisassembler() = default;
std::string HostDisassembler::next(const u8*, u64, u64, u32* length) {
    *length = 1;
    return ".byte";
}

#endif

}  // namespace vm::jit
