// Where the code of one mapped file was met running, kept between runs: a program that ends before tier 2 has
// seen enough of it is seen often enough in several runs. It names places and how they weigh, nothing that
// runs: a wrong one costs time.
//
//  header │ place │ place │ …        DIR/<hash of the key>.vmp; written whole, renamed
//
// Samples that two processes add at the same moment may count once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jit/hot_places.h"
#include "jit/image.h"

namespace vm::jit {

/// A place as a process leaves it.
struct SampledPlace {
    u64 pc = 0;
    u32 mode = 0;
    u32 samples = 0;  ///< taken in this process
    u32 gained = 0;   ///< what they weigh by now, as HotPlace::weight
    bool cold =
        false;  ///< there is no loop to compile: it is to be met as often again before it is tried again
};

class Profile {
  public:
    struct Place {
        u64 pc = 0;
        u32 mode = 0;
        u32 weight = 0;  ///< at most kMaxWeight
        bool operator==(const Place&) const = default;
    };
    static constexpr size_t kMost = 256;
    /// Twice what makes a loop hot.
    static constexpr u32 kMaxWeight = 8 * kSampleWeight;

    /// What is the same for all vms and options that run a file: `key` without those.
    static ImageKey key_of(ImageKey key);
    /// Of a file that has key_of(key).
    static std::string file_name(const ImageKey& key);

    explicit Profile(const ImageKey& key) : key_(key_of(key)) {}
    /// Checks all of it. Fails (InvalidArgument) if a byte is wrong, or if it is of another file than `key`.
    static Result<Profile> parse(std::span<const u8> file, const ImageKey* key);
    std::vector<u8> bytes() const;

    const ImageKey& key() const { return key_; }
    /// Ascending by pc and mode.
    std::span<const Place> places() const { return places_; }
    u32 weight(u64 pc, u32 mode) const;
    /// Adds what a process saw in this file. As in a process, all weights lose an eighth every kDecaySamples
    /// samples. False: nothing became different that matters.
    bool add(std::span<const SampledPlace> seen);

  private:
    static constexpr u32 kDecaySamples = 8;
    ImageKey key_;
    std::vector<Place> places_;
};

bool is_profile_name(std::string_view name);

}  // namespace vm::jit
