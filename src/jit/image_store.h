// The directory of images and profiles: loads, saves, keeps it below its limit. Files are found by the hash
// of their key.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "jit/image.h"
#include "jit/profile.h"
#include "osal/private_dir.h"

namespace vm::jit {

/// An image and the file that it lies in.
struct StoredImage {
    osal::MappedFile file;
    Image image;
};

class ImageStore {
  public:
    enum class Added { New, Replaced, Kept };
    struct Pruned {
        unsigned images = 0, unfinished = 0;
        u64 bytes = 0, left = 0;
    };
    /// `limit`: bytes of all images together. The directory is made when the first image is saved.
    ImageStore(std::string path, u64 limit) : dir_(std::move(path)), limit_(limit) {}
    const std::string& path() const { return dir_.path(); }

    Result<StoredImage> load(const ImageKey& key) const;
    /// Saves an image that lies in `file`. Keeps the one that is there if that has as many blocks.
    Result<Added> add(std::span<const u8> file, const Image& image) const;
    /// A file for the image, which publish() puts in place of an older one. Afterwards prune().
    Result<osal::NewFile> begin(const ImageKey& key) const;
    Result<Pruned> prune() const { return prune(limit_); }
    /// Checks one file of the directory, whatever its key.
    Result<StoredImage> load_named(const std::string& name) const;

    /// NotFound: there is none.
    Result<Profile> load_profile(const ImageKey& key) const;
    Result<Profile> load_named_profile(const std::string& name) const;
    Result<void> save(const Profile& profile) const;
    /// Saves it if there is none of its file that can be used.
    Result<Added> add(const Profile& profile) const;
    /// Checks a file of the directory, an image or a profile.
    Result<void> check(const std::string& name) const;

    Result<std::vector<osal::DirEntry>> list() const;
    Result<void> remove(const std::string& name) const { return dir_.remove(name); }
    /// Removes unfinished files of dead writers, and images and profiles, the longest unused first, until at
    /// most `limit` bytes are left.
    Result<Pruned> prune(u64 limit) const;

  private:
    osal::PrivateDir dir_;
    u64 limit_;
};

}  // namespace vm::jit
