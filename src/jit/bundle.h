// Bundles: images and profiles of a cache directory in one file, for other machines with the same vm and host
// features.
//
//  header │ image or profile │ … │ table: name, size and digest of each │ digest of header and table │
//  signature
//
// The table has a digest of every image, so the digest behind it vouches for every byte of the file; the
// signature, if there is one, is of that digest. What is imported will run: a digest shows that a file is
// what was written, only a signature shows by whom.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jit/crypto.h"
#include "jit/image_store.h"

namespace vm::jit {

inline constexpr char kBundleMagic[8] = {'V', 'M', 'B', 'U', 'N', 'D', 'L', 'E'};
inline constexpr u32 kBundleFormat = 1;
inline constexpr u64 kMaxBundleImages = u64{1} << 16;
inline constexpr u64 kMaxBundledImage = u64{1} << 30;  ///< bytes; each is read into memory

struct BundleHeader {
    char magic[8];
    u32 format;
    u32 is_signed;  ///< 0 or 1
    u64 images;     ///< how many, profiles too
    u64 table_at;
    char build[64];  ///< of the Producer, zeros behind the text
    char features[256];
    PublicKey signer;  ///< zeros: not signed
};
struct BundleEntry {  ///< ascending by name
    char name[40];    ///< zeros behind the text
    u64 bytes;
    Digest digest;
};

/// What makes and uses images here.
Producer this_producer();

struct Exported {
    u64 images = 0, profiles = 0, bytes = 0;  ///< bytes: of the bundle
    u64 of_others = 0, unusable = 0;          ///< left out: of another build or host; damaged
    std::optional<PublicKey> signer = {};
};
/// Writes a bundle of the images with these names, or of all that this vm can use if there are none. Fails if
/// there is nothing to write, or one of `names` cannot be used.
Result<Exported> export_images(const ImageStore& store, std::vector<std::string> names, const SecretKey* key,
                               const std::string& file);

struct Imported {
    u64 images = 0, profiles = 0, bytes = 0;
    u64 added = 0, replaced = 0, kept = 0;  ///< images; kept: the directory's own has as many translations
    u64 profiles_added = 0;                 ///< the directory had none of their files
    std::optional<PublicKey> signer = {};
};
/// Checks the whole bundle, then saves its images one by one. Fails (InvalidArgument) and changes nothing if
/// anything about it is wrong. `trusted`: fails if it was not signed with that key.
Result<Imported> import_images(const ImageStore& store, const std::string& file, const PublicKey* trusted);

}  // namespace vm::jit
