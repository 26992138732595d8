// What the generators of random programs share: options, coverage, the ELF file, the order of a program. The
// instructions of an ISA are the business of a Generator.
//
// A program runs random instruction sequences ("cases") and prints all registers after each. Case k:
// registers from an input table, a body of random instructions, registers to the output table. With --faults
// some pointers lead nowhere and some instructions trap: a handler for SIGILL, SIGTRAP, SIGBUS and SIGSEGV
// appends signal, si_addr and all saved registers to a log, steps over the instruction and returns; the log
// is printed too, and the scratch memory.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"

namespace vm::fuzz {

struct Options {
    u64 seed = 1;
    unsigned cases = 100, length = 24;
    int only_case = -1;
    std::set<unsigned> drop;                  ///< body instructions of the only case that are left out
    std::set<std::string, std::less<>> only;  ///< names of the encodings to draw from, if any
    bool qemu = false;                        ///< only what QEMU can be asked about
    bool list = false, faults = false;
    std::string out = "fuzz.elf", coverage, counted;
};

/// False: they make no sense.
bool parse_options(int argc, char** argv, Options* o);

/// Addresses of a program.
inline constexpr u64 kText = 0x100000, kScratch = 0x40000000;
inline constexpr u64 kForbidden = 0x50000000;  ///< never mapped, nor the MiB around it
inline constexpr u64 kSignalStackSize = 0x8000, kLog = 0x60000000, kLogSize = 0x400000;

/// splitmix64
inline u64 next_random(u64* s) {
    u64 z = (*s += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9, z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/// What is sure to be executed once by a program that reaches its end: how often each encoding, and where.
class Coverage {
  public:
    void add(unsigned id, u64 pc) { count_[id]++, at_.push_back({pc, id}); }
    u64 of(unsigned id) const {
        const auto it = count_.find(id);
        return it == count_.end() ? 0 : it->second;
    }
    const std::vector<std::pair<u64, unsigned>>& places() const { return at_; }

  private:
    std::map<unsigned, u64> count_;
    std::vector<std::pair<u64, unsigned>> at_;
};

/// Guest code as it grows.
class Code {
  public:
    explicit Code(u64 base = kText) : base_(base) {}
    std::vector<u8> bytes;
    u64 pc() const { return base_ + bytes.size(); }
    void raw(u32 w, unsigned length) {
        for (unsigned i = 0; i < length; i++) bytes.push_back(static_cast<u8>(w >> 8 * i));
    }
    void word(u32 w) { raw(w, 4); }
    void patch(size_t at, u32 w, unsigned length = 4) {
        for (unsigned i = 0; i < length; i++) bytes[at + i] = static_cast<u8>(w >> 8 * i);
    }

  private:
    u64 base_;
};

/// One register of a record: its name and its bytes.
struct Field {
    std::string name;
    unsigned bytes;
};

/// Where the parts of a program's data lie. The first pages are the scratch memory.
struct DataMap {
    u64 scratch_size;
    u64 signal_stack() const { return kScratch + align_up(scratch_size, 0x1000); }
    u64 log_pointer() const { return signal_stack() + kSignalStackSize; }  ///< end of the log
    u64 sigaction() const { return log_pointer() + 0x100; }
    u64 inputs() const { return log_pointer() + 0x1000; }
};

/// One ISA. Encodings are numbers 1 … encodings() - 1, those of the generated `Insn`.
class Generator {
  public:
    virtual ~Generator() = default;
    virtual std::string_view isa() const = 0;  ///< guest's name
    virtual unsigned encodings() const = 0;
    virtual std::string_view name(unsigned id) const = 0;
    virtual std::string_view extension(unsigned id) const = 0;
    /// Why QEMU is not asked about an encoding, or empty.
    virtual std::string not_in_qemu(unsigned id) const = 0;
    /// ELF header's e_machine and e_flags.
    virtual u16 machine() const = 0;
    virtual u32 elf_flags() const { return 0; }
    virtual DataMap data() const = 0;
    virtual std::vector<Field> record() const = 0;

    /// Code of a program, in this order.
    virtual void write_handler() = 0;  ///< and the calls that install it; with --faults only
    /// Case `index`: appends its record to `inputs`, of which it will be at `input`; its results go to
    /// `output`.
    virtual void write_case(unsigned index, std::vector<u8>& inputs, u64 input, u64 output) = 0;
    virtual void write_output(u64 address, u64 size) = 0;  ///< write(1, address, size)
    virtual void write_log_output() = 0;
    virtual void write_exit() = 0;  ///< exit(0)

    Code code;
    Coverage coverage;
    u64 record_size() const {
        u64 n = 0;
        for (const Field& f : record()) n += f.bytes;
        return n;
    }
};

/// The whole of a generator program. `make` gets the parsed options, which outlive the generator.
int generate(int argc, char** argv, Generator* (*make)(const Options&));

}  // namespace vm::fuzz
