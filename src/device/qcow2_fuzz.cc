// libFuzzer: any bytes as a qcow2 image, and requests of a disk in it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "device/disk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vm;
    static const int fd = ::memfd_create("image", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(fd);
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
    const bool read_only = size != 0 && data[size - 1] % 2 == 0;
    auto disk =
        device::open_disk(device::DiskFormat::Qcow2, path,
                          {.read_only = read_only, .snapshot = read_only && size % 2 == 0 ? "1" : ""});
    if (!disk) return 0;
    static u8 buffer[1 << 16];
    const u64 bytes = (*disk)->size();
    for (u64 offset : {u64{0}, u64{4096}, bytes / 2, bytes - 512}) {
        const u64 n = std::min<u64>(sizeof buffer, bytes - std::min(offset, bytes));
        (void)(*disk)->read(offset, buffer, n);
        (void)(*disk)->write(offset, buffer, n / 3);
        (void)(*disk)->write_zeroes(offset, n / 5, n % 2 == 0);
        (void)(*disk)->discard(offset, n / 2);
        (void)(*disk)->flush();
        (void)(*disk)->read(offset, buffer, n);
    }
    return 0;
}
