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

Result<Profile> parse_profile(Result<osal::MappedFile> file, const ImageKey* key, const std::string& name) {
    if (!file) return std::unexpected(file.error());
    auto profile = Profile::parse({file->data(), file->size()}, key);
    if (!profile) profile.error().message = fmt::format("{} {}", name, profile.error().message);
    return profile;
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

Result<Profile> ImageStore::load_profile(const ImageKey& key) const {
    const std::string name = Profile::file_name(key);
    return parse_profile(dir_.open(name), &key, name);
}

Result<Profile> ImageStore::load_named_profile(const std::string& name) const {
    auto profile = parse_profile(dir_.open(name), nullptr, name);
    if (profile && Profile::file_name(profile->key()) != name)
        return fail(ErrorKind::InvalidArgument, fmt::format("{} is a profile of another name", name));
    return profile;
}

Result<void> ImageStore::save(const Profile& profile) const {
    if (auto r = dir_.create(); !r) return r;
    auto out = dir_.begin(Profile::file_name(profile.key()));
    if (!out) return std::unexpected(out.error());
    const std::vector<u8> bytes = profile.bytes();
    out->write(0, bytes.data(), bytes.size());
    return out->publish();
}

Result<ImageStore::Added> ImageStore::add(const Profile& profile) const {
    if (load_profile(profile.key())) return Added::Kept;
    if (auto r = save(profile); !r) return std::unexpected(r.error());
    return Added::New;
}

Result<void> ImageStore::check(const std::string& name) const {
    if (is_profile_name(name)) {
        const auto profile = load_named_profile(name);
        return profile ? Result<void>{} : std::unexpected(profile.error());
    }
    const auto stored = load_named(name);
    return stored ? Result<void>{} : std::unexpected(stored.error());
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
