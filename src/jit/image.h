// Images: the translations of one mapped file, in the form in which they lie on disk.
//
//  header │ pages │ blocks │ ranges │ links │ stub calls │ dirty │ side tables ║ stubs │ code │ thunks ║
//         └────────── tables, mapped read-only ───────────────────────────────┘ └─ page aligned, mapped
//                                                                                  executable and shared ─┘
// Code lies in the image as it runs: exits whose target is in the image jump there, the others to a thunk,
// `jmp [slot]`, whose slot lies behind the code in memory of the process. So no process ever writes to a page
// of code, and all share one copy. Guest addresses are part of the code: an image serves mappings at one
// address.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/compiler.h"
#include "base/bits.h"
#include "base/result.h"
#include "jit/translation.h"
#include "osal/file.h"

namespace vm::jit {

struct Hash128 {
    u64 low = 0, high = 0;
    bool operator==(const Hash128&) const = default;
};
Hash128 hash128(const void* data, u64 bytes);
/// The hash of the guest pages with these numbers, one after the other; nothing if one of them cannot be
/// read.
std::optional<Hash128> hash_guest_pages(std::span<const u64> pages);
std::string to_hex(const Hash128& h);

/// The program and the host processor that translations are made by and for.
struct Producer {
    std::string build;     ///< osal::build_id()
    std::string features;  ///< feature_names()
    Hash128 hash() const;
};

/// What must be equal for the translations in an image to be those that this process would make.
struct ImageKey {
    Hash128 producer;     ///< Producer::hash()
    Hash128 environment;  ///< guest ISA and options: see ImageSpace::make()
    Hash128 first_page;   ///< of the mapping
    u64 file_size = 0, file_mtime_ns = 0;
    u64 begin = 0, end = 0;  ///< guest addresses of the mapping
    u64 offset = 0;          ///< in the file
    u64 alone = 0;           ///< backend::CompileOptions::alone, 2 more with trap_nan
    u64 guarded = 0;         ///< see frontend::TranslateRequest::guarded
    bool operator==(const ImageKey&) const = default;
    bool contains(u64 pc) const { return pc - begin < end - begin; }
    /// Name of the file that holds the image.
    std::string file_name() const;
};
/// Could file_name() be this?
bool is_image_name(std::string_view name);
/// A hash in hexadecimal digits with this suffix.
bool is_cache_name(std::string_view name, std::string_view suffix);

// ---- records; each kind's array ends with one more record whose members say where the last one ends

struct ImageBlock {
    u64 pc;
    u32 mode;
    u32 guest_insns;
    u32 code;   ///< first byte, from the start of the code section (stubs included)
    u32 entry;  ///< from there
    u32 ranges, links, stub_calls, dirty, side;
    u32 region;  ///< 1: made by tier 2
};
struct ImageLink {
    u64 target_pc;
    u32 disp_offset, stub_offset, stub_return;  ///< as in backend::LinkSite
    u32 slot;                                   ///< kLinked: goes straight to its target
};
inline constexpr u32 kLinked = ~u32{0};

/// A translation as an image holds it.
struct BlockView {
    u64 pc = 0;
    u32 mode = 0;
    u32 guest_insns = 0;
    u32 entry = 0;
    bool region = false;
    std::span<const u8> code;
    std::span<const GuestRange> ranges;
    std::span<const StubCall> stub_calls;
    std::span<const backend::DirtySlot> dirty;
    std::span<const u8> side;
    std::span<const Link> links;             ///< of one in the code cache
    std::span<const ImageLink> image_links;  ///< of one in an image; `slot` is not read
};

class Image;

/// Where the translation of the block at (pc, mode) is to be found: in the code cache or in an image.
struct BlockRef {
    u64 pc = 0;
    u32 mode = 0;
    u32 index = 0;  ///< in `image`
    u32 code_size = 0, entry = 0;
    bool region = false;
    u32 ranges = 0, links = 0, stub_calls = 0, dirty = 0, side = 0;  ///< how many records
    const Image* image = nullptr;
    const Translation* live = nullptr;
    /// `code_memory`: Translation::code_offset counts from there.
    static BlockRef of(const Translation& t, const u8* code_memory);
    static BlockRef of(const Image& image, u32 index);
    bool operator==(const BlockRef& o) const { return pc == o.pc && mode == o.mode; }
};

/// What the host contributes to an image.
struct ImageHost {
    std::span<const u8> stubs;
    /// Offset of a stub in `stubs`, by Relocation::target.
    u32 (*stub_offset)(const void* ctx, u32 target) = nullptr;
    const void* ctx = nullptr;
    const u8* code_memory = nullptr;  ///< Translation::code_offset counts from here
};

/// Writes `blocks` (ascending, no two equal) as an image. `guest_hash`: of the pages in `pages` (guest page
/// numbers, ascending), one after the other. Errors are the file's.
void write_image(const ImageKey& key, const ImageHost& host, std::span<const BlockRef> blocks,
                 std::span<const u64> pages, const Hash128& guest_hash, osal::NewFile& file);

/// A verified image in memory that it does not own.
class Image {
  public:
    /// Checks everything that is later relied on: sizes, hashes, key. Says what is wrong. `key` nullptr: any.
    static Result<Image> parse(std::span<const u8> file, const ImageKey* key);

    const ImageKey& key() const;
    const Hash128& guest_hash() const;
    std::span<const u64> pages() const { return pages_; }
    u32 block_count() const { return static_cast<u32>(blocks_.size() - 1); }
    const ImageBlock& block(u32 i) const { return blocks_[i]; }
    std::span<const GuestRange> ranges(u32 i) const;
    std::span<const ImageLink> links(u32 i) const;
    std::span<const StubCall> stub_calls(u32 i) const;
    std::span<const backend::DirtySlot> dirty(u32 i) const;
    std::span<const u8> side(u32 i) const;
    BlockView view(u32 i) const;
    u32 code_size(u32 i) const { return blocks_[i + 1].code - blocks_[i].code; }
    std::span<const u8> code(u32 i) const;

    /// Where code, stubs included, lies in the file; page aligned.
    u64 code_at() const;
    u64 code_bytes() const;
    u32 stub_bytes() const;
    u32 slots() const;

    /// Index of the block at (pc, mode), or block_count().
    u32 find(u64 pc, u32 mode) const;
    /// Index of the block whose code contains `offset` (from code_at), or block_count().
    u32 find_code(u32 offset) const;
    /// Calls f(slot, offset from code_at of the exit's own stub) for every slot.
    template <class F>
    void each_slot(F f) const {
        for (u32 i = 0; i < block_count(); i++)
            for (const ImageLink& l : links(i))
                if (l.slot != kLinked) f(l.slot, block(i).code + l.stub_offset);
    }

  private:
    std::span<const u8> file_;
    std::span<const u64> pages_;
    std::span<const ImageBlock> blocks_;
    std::span<const GuestRange> ranges_;
    std::span<const ImageLink> links_;
    std::span<const StubCall> stub_calls_;
    std::span<const backend::DirtySlot> dirty_;
    std::span<const u8> side_;
    std::span<const u8> code_;
};

}  // namespace vm::jit
