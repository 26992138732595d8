// HTIF, the host interface of Berkeley's simulators: how bare test programs print and end. A word in memory,
// `tohost`, is a request; `fromhost` has the answer.
//
//   tohost   63…56 device   55…48 command   47…0 payload
//   0, 0     payload odd: the end, with exit code payload >> 1; even: the address of a system call
//            (number, three arguments; the result replaces the number)
//   1, 1     print the byte in the payload
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "base/result.h"
#include "mem/guest_ram.h"

namespace vm::device {

class Htif {
  public:
    struct Words {
        u64 tohost = 0;               ///< physical addresses, aligned to 8
        std::optional<u64> fromhost;  ///< without it, answers go nowhere
    };
    using Console = std::function<void(std::span<const u8>)>;
    using Exit = std::function<void(u64 code)>;

    /// Fails if the words are not where memory is.
    static Result<std::unique_ptr<Htif>> create(mem::GuestRam& ram, const Words& words, Console console,
                                                Exit exit);

    /// Somebody has stored to the page of tohost, or is about to: serves what is there. Fails if that is
    /// nothing that this device knows. Thread-safe.
    Result<void> look();

  private:
    Htif(mem::GuestRam& ram, const Words& words, Console console, Exit exit)
        : ram_(ram), words_(words), console_(std::move(console)), exit_(std::move(exit)) {}
    Result<void> system_call(u64 at);
    i64 write(u64 file, u64 buffer, u64 bytes);
    void answer(u64 value);

    mem::GuestRam& ram_;
    const Words words_;
    const Console console_;
    const Exit exit_;
    std::mutex mutex_;
};

}  // namespace vm::device
