#include "device/htif.h"

#include <cerrno>

#include "base/format.h"

namespace vm::device {
namespace {

constexpr u64 kProxy = 0, kConsole = 1;   // devices
constexpr u64 kSystemCall = 0, kPut = 1;  // their commands
constexpr u64 kWrite = 64, kExit = 93;    // RISC-V Linux's numbers
constexpr u64 kCallWords = 4;

std::atomic_ref<u64> word(const mem::GuestRam& ram, u64 address) {
    return std::atomic_ref(*reinterpret_cast<u64*>(ram.at(address, 8)));
}

}  // namespace

Result<std::unique_ptr<Htif>> Htif::create(mem::GuestRam& ram, const Words& words, Console console,
                                           Exit exit) {
    const auto usable = [&](u64 address) { return address % 8 == 0 && ram.contains(address, 8); };
    if (!usable(words.tohost) || (words.fromhost && !usable(*words.fromhost)))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("tohost at {:#x} or fromhost is no aligned word of the machine's memory",
                                words.tohost));
    return std::unique_ptr<Htif>(new Htif(ram, words, std::move(console), std::move(exit)));
}

Result<void> Htif::look() {
    const std::lock_guard lock(mutex_);
    const u64 request = word(ram_, words_.tohost).exchange(0);
    if (request == 0) return {};
    const u64 device = request >> 56, command = bits(request, 55, 48), payload = bits(request, 47, 0);
    if (device == kProxy && command == kSystemCall) {
        if ((payload & 1) == 0) return system_call(payload);
        exit_(payload >> 1);
        return {};
    }
    if (device == kConsole && command == kPut) {
        const u8 byte = static_cast<u8>(payload);
        console_({&byte, 1});
        return {};
    }
    return fail(ErrorKind::Unsupported,
                fmt::format("the program asks HTIF device {} for command {}; there are exit and system calls "
                            "(0, 0) and printing (1, 1)",
                            device, command));
}

Result<void> Htif::system_call(u64 at) {
    u64 call[kCallWords];
    if (at % 8 != 0 || !ram_.read(at, call, sizeof call))
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("the program asks for an HTIF system call at {:#x}, where there is none", at));
    if (call[0] == kExit) {
        exit_(call[1]);
        return {};
    }
    const i64 result = call[0] == kWrite ? write(call[1], call[2], call[3]) : -ENOSYS;
    ram_.write(at, &result, sizeof result);
    answer(1);
    return {};
}

i64 Htif::write(u64 file, u64 buffer, u64 bytes) {
    if (file != 1 && file != 2) return -EBADF;
    const u8* from = ram_.at(buffer, bytes);
    if (from == nullptr) return -EFAULT;
    console_({from, bytes});
    return static_cast<i64>(bytes);
}

void Htif::answer(u64 value) {
    if (!words_.fromhost) return;
    ram_.wrote(ram_.at(*words_.fromhost, 8), 8);
    word(ram_, *words_.fromhost).store(value);
}

}  // namespace vm::device
