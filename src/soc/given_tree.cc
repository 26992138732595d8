#include "soc/given_tree.h"

#include <libfdt.h>

#include "base/format.h"

namespace vm::soc {
namespace {

/// For /chosen and its properties, beside the command line.
constexpr size_t kMore = 512;

std::unexpected<Error> refuse(int error) {
    return fail(ErrorKind::InvalidArgument, fmt::format("no device tree: {}", fdt_strerror(error)));
}

/// The first error of several steps.
class Steps {
  public:
    void operator()(int result) {
        if (error_ == 0 && result < 0) error_ = result;
    }
    int error() const { return error_; }

  private:
    int error_ = 0;
};

int chosen(void* tree) {
    const int node = fdt_path_offset(tree, "/chosen");
    return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(tree, 0, "chosen") : node;
}

void drop(void* tree, int node, const char* name, Steps& step) {
    const int r = fdt_delprop(tree, node, name);
    if (r != -FDT_ERR_NOTFOUND) step(r);
}

}  // namespace

Result<std::vector<u8>> adopt_tree(std::span<const u8> blob, const std::string& append, u64 initrd_begin,
                                   u64 initrd_end, u64 most) {
    // A copy: libfdt wants it aligned to 8.
    std::vector<u8> given(blob.begin(), blob.end());
    // fdt_check_full() follows null pointers in older ones, whose names are paths (libfdt 1.6.1).
    constexpr u32 kOldest = 16;
    if (given.size() >= sizeof(fdt_header) && fdt_magic(given.data()) == FDT_MAGIC &&
        fdt_version(given.data()) < kOldest)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("a device tree of version {}; {} is the oldest that is read",
                                u32{fdt_version(given.data())}, kOldest));
    if (const int r = fdt_check_full(given.data(), given.size()); r != 0) return refuse(r);
    std::vector<u8> tree(given.size() + append.size() + kMore);
    Steps step;
    step(fdt_open_into(given.data(), tree.data(), static_cast<int>(tree.size())));
    if (step.error() != 0) return refuse(step.error());
    const int node = chosen(tree.data());
    step(node);
    if (step.error() == 0) {
        if (!append.empty()) step(fdt_setprop_string(tree.data(), node, "bootargs", append.c_str()));
        if (initrd_begin != initrd_end) {
            step(fdt_setprop_u64(tree.data(), node, "linux,initrd-start", initrd_begin));
            step(fdt_setprop_u64(tree.data(), node, "linux,initrd-end", initrd_end));
        } else {
            drop(tree.data(), node, "linux,initrd-start", step);
            drop(tree.data(), node, "linux,initrd-end", step);
        }
        step(fdt_pack(tree.data()));
    }
    // Not every tree of version 16 that was checked is whole once it is one of version 17.
    if (step.error() == 0) step(fdt_check_full(tree.data(), fdt_totalsize(tree.data())));
    if (step.error() != 0) return refuse(step.error());
    tree.resize(fdt_totalsize(tree.data()));
    if (tree.size() > most)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("a device tree of {} bytes; there is room for {}", tree.size(), most));
    return tree;
}

}  // namespace vm::soc
