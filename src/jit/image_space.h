// The images that a process has mapped: where they lie in the annex of the code memory, which file mappings
// were looked up, and how much was translated since. The jit's lock guards everything but find().
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "frontend/guest_isa.h"
#include "jit/arena.h"
#include "jit/host.h"
#include "jit/image_store.h"
#include "osal/memory.h"

namespace vm::jit {

struct Options;

struct LoadedImage {
    StoredImage stored;
    u32 code_offset = 0;  ///< of its code section, from the start of the code memory
    u64 annex_bytes = 0;  ///< code and slots
    u64* slots = nullptr;
    Arena arena;                        ///< of the translations below
    std::vector<Translation*> adopted;  ///< blocks that were looked up
    bool dropped = false;
    u64 dropped_epoch = 0;
    const Image& image() const { return stored.image; }
};

/// A file mapping that code ran in.
struct Attempt {
    ImageKey key;
    LoadedImage* image = nullptr;  ///< nullptr: there was none to use
    u32 fresh = 0;                 ///< translations made since it was read, or since the fork
    bool profile_read = false;
    std::optional<Profile> profile = {};  ///< of the file, as it was when code was first sampled in it
};

class ImageSpace {
  public:
    static constexpr u64 kBytes = u64{512} << 20;  ///< of address space

    /// nullptr if `options` name no directory, or this program cannot tell its builds apart.
    static std::unique_ptr<ImageSpace> make(const Host& host, const frontend::GuestIsa& isa,
                                            const Options& options);

    /// The mappings in the code memory end with it.
    ~ImageSpace();
    ImageSpace(const ImageSpace&) = delete;
    ImageSpace& operator=(const ImageSpace&) = delete;

    const ImageStore& store() const { return store_; }
    /// The part of a key that is the same for all images of this process.
    const ImageKey& key() const { return key_; }

    /// The attempt whose mapping contains `pc`, or nullptr.
    Attempt* attempt(u64 pc);
    std::map<u64, Attempt>& attempts() { return attempts_; }  ///< by first guest address
    /// Forgets attempts in [begin, end).
    void forget(u64 begin, u64 end);
    /// False: this key was tried so often in this process that it is not tried again.
    bool may_try(const ImageKey& key) { return ++tries_[key.file_name()] <= kMaxTries; }

    /// Maps code and slots into the annex. nullptr: no room, or the host refuses.
    LoadedImage* map(StoredImage stored, osal::CodeMemory& memory);
    /// Frees dropped images that no executor can be in.
    void free_dropped(u64 oldest_epoch, osal::CodeMemory& memory);
    void forked() {
        for (auto& [begin, a] : attempts_) a.fresh = 0;
    }

    /// The image and block that contain `offset` of the code memory. Lock-free, async-signal-safe.
    LoadedImage* find_block(u64 offset, u32* index) const;
    bool find(u64 offset, CodeSite& site) const;

  private:
    static constexpr unsigned kMaxImages = 256, kMaxTries = 64;
    ImageSpace(ImageStore store, const ImageKey& key) : store_(std::move(store)), key_(key) {}
    u64 place(u64 bytes, u64 begin, u64 end) const;

    ImageStore store_;
    ImageKey key_;
    std::map<u64, Attempt> attempts_;
    std::unordered_map<std::string, unsigned> tries_;
    std::array<std::atomic<LoadedImage*>, kMaxImages> images_{};
};

}  // namespace vm::jit
