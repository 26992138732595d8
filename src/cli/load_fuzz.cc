// libFuzzer: any bytes as a program file. The parser's promises about what it accepts are checked, and what
// it accepts is loaded.
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/guests.h"
#include "linux/process.h"

namespace {
using namespace vm;

void require(bool promise) {
    if (!promise) std::abort();
}
void require_sentence(const std::string& text) {
    require(!text.empty() && text.back() != '.');
    for (const char c : text) require(static_cast<unsigned char>(c) >= ' ');
}
void check(const linux::Elf& e, u64 size) {
    const linux::ElfTarget& target = linux::find_guest(cli::guests(), e.machine)->abi->elf;
    u64 end = 0;
    bool entry = false;
    for (const linux::ElfSegment& s : e.loads) {
        require(s.memsz > 0 && s.filesz <= s.memsz && s.offset <= size && s.filesz <= size - s.offset);
        require(s.vaddr >= end && s.memsz <= target.task_size - s.vaddr &&
                s.vaddr % target.page_size == s.offset % target.page_size);
        require(s.align <= 1 || std::has_single_bit(s.align));
        end = s.vaddr + s.memsz;
        entry |= (s.flags & linux::kPfX) && e.entry >= s.vaddr && e.entry < end;
    }
    require(entry && e.low == e.loads.front().vaddr && e.high == end);
}
/// One file in memory, its bytes exchanged for each input.
struct File {
    int fd = ::memfd_create("input", 0);
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    void set(const std::uint8_t* data, std::size_t size) const {
        require(fd >= 0 && ::ftruncate(fd, 0) == 0 &&
                ::pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
    }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const File file;
    file.set(data, size);
    const auto targets = linux::elf_targets(cli::guests());
    if (auto d = linux::describe_elf(file.path, targets); !d) require_sentence(d.error().message);
    const auto elf = linux::parse_elf(file.fd, "input", targets);
    if (elf)
        check(*elf, size);
    else
        require_sentence(elf.error().message);
    const bool script =
        linux::file_kind({reinterpret_cast<const char*>(data), size}) == linux::FileKind::Script;
    if (!elf && !script) return 0;

    linux::RunOptions options;
    options.program = file.path;
    options.argv = {file.path};
    options.engine.tier = engine::Tier::Interp;
    const auto process = linux::Process::create(options, cli::guests());
    if (!process)
        require(!process.error().message.empty());  // may quote the file's own bytes; complain() escapes them
    return 0;
}
