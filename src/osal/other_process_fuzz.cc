// libFuzzer: any bytes as a program file and as the files of /proc that OtherProcess reads.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "osal/other_process.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vm::osal;
    static const int fd = ::memfd_create("input", 0);
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    if (const auto file = read_program_file(fd, ".vm.exposed"); file && file->build_id.size() % 2 != 0)
        std::abort();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)parse_task_stat(text);
    (void)status_numbers(text, "NSpid");
    if (const auto place = find_file_place(text, 0x10000); place && place->path.size() > size) std::abort();
    return 0;
}
