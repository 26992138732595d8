#include "jit/image_store.h"

#include <algorithm>

#include "base/format.h"

namespace vm::jit {
namespace {

Result<StoredImage> parse(Result<osal::MappedFile> file, const ImageKey* key, const std::string& name) {
    if (!file) return std::unexpected(file.error());
    auto image = Image::parse({file->data(), file->size()}, key);
    if (!image) {
        image.error().message = fmt::format("{} {}", name, image.error().message);
        return std::unexpected(image.error());
    }
    return StoredImage{std::move(*file), *image};
}

}  // namespace

Result<StoredImage> ImageStore::load(const ImageKey& key) const {
    const std::string name = key.file_name();
    return parse(dir_.open(name), &key, name);
}

Result<StoredImage> ImageStore::load_named(const std::string& name) const {
    auto stored = parse(dir_.open(name), nullptr, name);
    if (stored && stored->image.key().file_name() != name)
        return fail(ErrorKind::InvalidArgument, fmt::format("{} is an image of another name", name));
    return stored;
}

Result<osal::NewFile> ImageStore::begin(const ImageKey& key) const {
    if (auto r = dir_.create(); !r) return std::unexpected(r.error());
    return dir_.begin(key.file_name());
}

Result<ImageStore::Added> ImageStore::add(std::span<const u8> file, const Image& image) const {
    const auto old = load_named(image.key().file_name());
    if (old && old->image.block_count() >= image.block_count()) return Added::Kept;
    auto out = begin(image.key());
    if (!out) return std::unexpected(out.error());
    out->write(0, file.data(), file.size());
    if (auto r = out->publish(); !r) return std::unexpected(r.error());
    return old ? Added::Replaced : Added::New;
}

Result<std::vector<osal::DirEntry>> ImageStore::list() const {
    auto all = dir_.list();
    if (all) std::ranges::sort(*all, {}, [](const osal::DirEntry& e) { return e.name; });
    return all;
}

Result<ImageStore::Pruned> ImageStore::prune(u64 limit) const {
    Pruned done;
    auto swept = dir_.sweep();
    if (!swept) return std::unexpected(swept.error());
    done.unfinished = *swept;
    auto all = dir_.list();
    if (!all) return std::unexpected(all.error());
    for (const osal::DirEntry& e : *all) done.left += e.bytes;
    std::ranges::sort(*all, {}, [](const osal::DirEntry& e) { return e.used_s; });
    for (const osal::DirEntry& e : *all) {
        if (done.left <= limit) break;
        if (auto r = dir_.remove(e.name); !r && r.error().kind != ErrorKind::NotFound)
            return std::unexpected(r.error());
        done.images++;
        done.bytes += e.bytes;
        done.left -= e.bytes;
    }
    return done;
}

}  // namespace vm::jit
