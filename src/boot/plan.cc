#include "boot/plan.h"

#include <cstring>

#include "base/format.h"

namespace vm::boot {
namespace {

/// Where firmwares expect the kernel, and where Linux puts itself if it is linked for virtual addresses.
constexpr u64 kKernelOffset = 2 << 20;
/// Linux links vmlinux at virtual addresses in the last 2 GiB and gives them as physical ones; it runs where
/// it is put.
constexpr u64 kLinuxLinkBase = 0xffff'ffff'8000'0000;
constexpr u64 kTreeAlignment = u64{1} << 20;

/// What OpenSBI's fw_dynamic finds at a2 (OpenSBI, docs/firmware/fw_dynamic.md).
struct DynamicInfo {
    u64 magic = 0x4942534f;  ///< "OSBI"
    u64 version = 2;
    u64 next_address = 0;
    u64 next_mode = 1;  ///< S
    u64 options = 0;
    u64 boot_hart = 0;
};

class Planner {
  public:
    explicit Planner(const Request& r) : r_(r) {}

    Result<Plan> make() {
        Result<void> done;
        if (r_.firmware_file != nullptr) done = program(*r_.firmware_file, "firmware", r_.ram, &p_.entry);
        if (done && r_.kernel != nullptr) done = kernel(*r_.kernel);
        if (done) done = top();
        if (!done) return std::unexpected(done.error());
        p_.machine_mode = r_.firmware != Firmware::BuiltIn;
        if (r_.firmware != Firmware::File) p_.entry = p_.kernel_entry;
        return std::move(p_);
    }

  private:
    Result<void> claim(const std::string& what, u64 begin, u64 bytes) {
        if (begin < r_.ram || bytes > r_.ram_size || begin - r_.ram > r_.ram_size - bytes)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("the {} takes {} bytes at {:#x}, but memory is {} MiB at {:#x}", what,
                                    bytes, begin, r_.ram_size >> 20, r_.ram));
        auto next = p_.places.lower_bound(begin);
        const auto* other = next != p_.places.end() && next->first < begin + bytes ? &*next : nullptr;
        if (next != p_.places.begin() && std::prev(next)->second.end > begin) other = &*std::prev(next);
        if (other != nullptr)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("the {} at {:#x} to {:#x} lies on the {} at {:#x} to {:#x}; memory is {} "
                                    "MiB",
                                    what, begin, begin + bytes, other->second.what, other->first,
                                    other->second.end, r_.ram_size >> 20));
        p_.places.emplace_hint(next, begin, Place{.end = begin + bytes, .what = what});
        return {};
    }

    /// One that is linked nowhere goes to `at`.
    Result<void> program(const Program& program, const std::string& what, u64 at, u64* entry) {
        u64 shift = 0;
        if (program.kind != ProgramKind::Elf)
            shift = at;
        else if (program.segments.front().address >= kLinuxLinkBase)
            shift = r_.ram + kKernelOffset - program.segments.front().address;
        for (const Segment& s : program.segments) {
            if (auto r = claim(what, s.address + shift, s.memory); !r) return r;
            if (!s.bytes.empty()) p_.copies.push_back({s.address + shift, s.bytes});
        }
        *entry = program.entry + shift;
        return {};
    }

    Result<void> kernel(const Program& k) {
        if (r_.firmware == Firmware::None && k.kind != ProgramKind::Elf)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("{}: without firmware only an ELF program can be started", k.name));
        const bool linux = k.kind == ProgramKind::Linux;
        if (linux && k.text_offset > r_.ram_size)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("the kernel asks for {:#x} bytes of memory before it, of {} MiB",
                                    k.text_offset, r_.ram_size >> 20));
        return program(k, "kernel", r_.ram + (linux ? k.text_offset : kKernelOffset), &p_.kernel_entry);
    }

    /// The end of memory: RAM disk, device tree, OpenSBI's struct.
    Result<void> top() {
        const u64 end = r_.ram + r_.ram_size;
        p_.tree = align_down(end - mem::kPage - kTreeRoom, kTreeAlignment);
        if (auto r = claim("device tree", p_.tree, kTreeRoom); !r) return r;
        if (r_.firmware == Firmware::File) {
            p_.dynamic_info = p_.tree + kTreeRoom;
            if (auto r = claim("firmware's information", p_.dynamic_info, sizeof(DynamicInfo)); !r) return r;
        }
        if (r_.initrd.empty()) return {};
        if (r_.initrd.size() > p_.tree - r_.ram)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("{} MiB of memory do not hold an initial RAM disk of {} bytes",
                                    r_.ram_size >> 20, r_.initrd.size()));
        p_.initrd = align_down(p_.tree - r_.initrd.size(), mem::kPage);
        p_.copies.push_back({p_.initrd, r_.initrd});
        return claim("initial RAM disk", p_.initrd, r_.initrd.size());
    }

    const Request& r_;
    Plan p_;
};

}  // namespace

Result<Plan> plan(const Request& request) { return Planner(request).make(); }

void put(const Plan& plan, mem::GuestRam& ram) {
    for (const Plan::Copy& c : plan.copies) ram.write(c.address, c.bytes.data(), c.bytes.size());
    if (plan.dynamic_info == 0) return;
    const DynamicInfo info{.next_address = plan.kernel_entry};
    ram.write(plan.dynamic_info, &info, sizeof info);
}

}  // namespace vm::boot
