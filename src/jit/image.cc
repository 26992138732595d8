#include "jit/image.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/format.h"
#include "osal/guarded.h"

namespace vm::jit {
namespace {

constexpr char kMagic[8] = {'V', 'M', 'I', 'M', 'A', 'G', 'E', '\n'};
constexpr u32 kFormat = 1;
constexpr u64 kPage = 4096;
constexpr u32 kAlignment = 16;  ///< of a block's code
constexpr u32 kThunk = 8;       ///< bytes: jmp [rip + disp32], padding
constexpr u64 kSlot = 8;
constexpr u32 kNone = ~u32{0};
constexpr u8 kFiller = 0xcc;  // int3

enum Section : unsigned { Pages, Blocks, Ranges, Links, StubCalls, Dirty, Side, Code, kSections };

struct SectionAt {
    u64 at, bytes;
};

struct Header {
    char magic[8];
    u32 format;
    u32 stub_bytes;
    ImageKey key;
    Hash128 guest_hash;
    SectionAt sections[kSections];
    u64 slots;
    Hash128 payload;  ///< of everything behind the header
    Hash128 self;     ///< of the header before this member
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) % 8 == 0);

BlockView view_of(const BlockRef& ref, const u8* code_memory) {
    if (ref.image != nullptr) return ref.image->view(ref.index);
    const Translation& t = *ref.live;
    BlockView v;
    v.pc = t.pc;
    v.mode = t.mode;
    v.guest_insns = t.guest_insns;
    v.code = {code_memory + t.code_offset, t.code_size};
    v.entry = static_cast<u32>(t.entry - v.code.data());
    v.ranges = t.ranges;
    v.stub_calls = t.stub_calls;
    v.dirty = t.dirty;
    v.side = t.side;
    v.links = t.links;
    return v;
}

/// Index of the block at (pc, mode) in constant time: every exit asks for its target.
class BlockIndex {
  public:
    explicit BlockIndex(std::span<const BlockRef> refs)
        : refs_(refs), mask_(std::bit_ceil(2 * refs.size() + 1) - 1), table_(mask_ + 1, kNone) {
        for (u32 i = 0; i < refs.size(); i++) {
            u64 at = hash(refs[i].pc);
            while (table_[at & mask_] != kNone) at++;
            table_[at & mask_] = i;
        }
    }
    u32 find(u64 pc, u32 mode) const {
        for (u64 at = hash(pc);; at++) {
            const u32 i = table_[at & mask_];
            if (i == kNone || (refs_[i].pc == pc && refs_[i].mode == mode)) return i;
        }
    }

  private:
    static u64 hash(u64 pc) { return pc * 0x9e3779b97f4a7c15 >> 32; }
    std::span<const BlockRef> refs_;
    u64 mask_;
    std::vector<u32> table_;
};

/// The records of a translation lie one after the other in an arena; blocks in the order of their addresses
/// jump about in it.
void prefetch(std::span<const BlockRef> refs, u64 i) {
    static constexpr u64 kAhead = 12, kLine = 64, kLines = 7;
    if (i + kAhead >= refs.size() || refs[i + kAhead].live == nullptr) return;
    const u8* p = reinterpret_cast<const u8*>(refs[i + kAhead].live);
    for (u64 n = 0; n < kLines; n++) __builtin_prefetch(p + n * kLine);
}

/// Lays out and fills the one buffer that becomes the file.
class Builder {
  public:
    Builder(const ImageHost& host, std::span<const BlockRef> refs, std::span<const u64> pages)
        : host_(host), refs_(refs), pages_(pages), index_(refs) {}

    osal::PageBuffer build(const ImageKey& key, const Hash128& guest_hash) {
        measure();
        place_sections();
        out_ = osal::PageBuffer(header_.sections[Code].at + header_.sections[Code].bytes);
        if (out_.data() == nullptr) return {};
        std::ranges::copy(pages_, table<u64>(Pages));
        std::ranges::copy(host_.stubs, table<u8>(Code));
        fill_blocks();
        relocate();
        for (u32 s = 0; s < slots_; s++) thunk(s);
        std::memcpy(header_.magic, kMagic, sizeof kMagic);
        header_.format = kFormat;
        header_.stub_bytes = static_cast<u32>(host_.stubs.size());
        header_.key = key;
        header_.guest_hash = guest_hash;
        header_.slots = slots_;
        header_.payload = hash128(out_.data() + sizeof header_, out_.size() - sizeof header_);
        header_.self = hash128(&header_, offsetof(Header, self));
        std::memcpy(out_.data(), &header_, sizeof header_);
        return std::move(out_);
    }

  private:
    template <class T>
    T* table(Section s) {
        return reinterpret_cast<T*>(out_.data() + header_.sections[s].at);
    }

    /// Sizes of all tables: in the end `total_` is the last record.
    void measure() {
        total_.code = static_cast<u32>(host_.stubs.size());
        for (u64 i = 0; i < refs_.size(); i++) {
            prefetch(refs_, i);
            const BlockRef& ref = refs_[i];
            total_.code = static_cast<u32>(align_up(total_.code, kAlignment));
            const BlockView b = view_of(ref, host_.code_memory);
            add(b);
            for (const Link& l : b.links) find_target(l.target_pc, ref.mode);
            for (const ImageLink& l : b.image_links) find_target(l.target_pc, ref.mode);
        }
        total_.code = static_cast<u32>(align_up(total_.code, kAlignment));
    }

    void find_target(u64 pc, u32 mode) {
        const u32 target = index_.find(pc, mode);
        targets_.push_back(target);
        slots_ += target == kNone;
    }

    void add(const BlockView& b) {
        total_.code += static_cast<u32>(b.code.size());
        total_.ranges += static_cast<u32>(b.ranges.size());
        total_.links += static_cast<u32>(b.links.size() + b.image_links.size());
        total_.stub_calls += static_cast<u32>(b.stub_calls.size());
        total_.dirty += static_cast<u32>(b.dirty.size());
        total_.side += static_cast<u32>(b.side.size());
    }

    void place_sections() {
        u64 at = sizeof(Header);
        const auto place = [&](Section s, u64 bytes, u64 alignment = 8) {
            at = align_up(at, alignment);
            header_.sections[s] = {at, bytes};
            at += bytes;
        };
        place(Pages, pages_.size_bytes());
        place(Blocks, (refs_.size() + 1) * sizeof(ImageBlock));
        place(Ranges, total_.ranges * sizeof(GuestRange));
        place(Links, total_.links * sizeof(ImageLink));
        place(StubCalls, total_.stub_calls * sizeof(StubCall));
        place(Dirty, total_.dirty * sizeof(backend::DirtySlot));
        place(Side, total_.side);
        place(Code, align_up(total_.code + u64{slots_} * kThunk, kPage), kPage);
    }

    void fill_blocks() {
        const ImageBlock last = total_;
        total_ = {};
        total_.code = static_cast<u32>(host_.stubs.size());
        ImageBlock* record = table<ImageBlock>(Blocks);
        for (u64 i = 0; i < refs_.size(); i++) {
            prefetch(refs_, i);
            const BlockView b = view_of(refs_[i], host_.code_memory);
            __builtin_prefetch(host_.code_memory + (i + 4 < refs_.size() && refs_[i + 4].live != nullptr
                                                        ? refs_[i + 4].live->code_offset
                                                        : 0));
            const u32 at = static_cast<u32>(align_up(total_.code, kAlignment));
            std::memset(table<u8>(Code) + total_.code, kFiller, at - total_.code);
            total_.code = at;
            *record = total_;
            record->pc = b.pc;
            record->mode = b.mode;
            record->guest_insns = b.guest_insns;
            record->entry = b.entry;
            record++;
            std::ranges::copy(b.code, table<u8>(Code) + total_.code);
            std::ranges::copy(b.ranges, table<GuestRange>(Ranges) + total_.ranges);
            std::ranges::copy(b.stub_calls, table<StubCall>(StubCalls) + total_.stub_calls);
            std::ranges::copy(b.dirty, table<backend::DirtySlot>(Dirty) + total_.dirty);
            std::ranges::copy(b.side, table<u8>(Side) + total_.side);
            ImageLink* link = table<ImageLink>(Links) + total_.links;
            for (const Link& l : b.links)
                *link++ = {l.target_pc, l.disp_offset, l.stub_offset, l.stub_return, kLinked};
            for (const ImageLink& l : b.image_links)
                *link++ = {l.target_pc, l.disp_offset, l.stub_offset, l.stub_return, kLinked};
            add(b);
        }
        *record = last;
        std::memset(table<u8>(Code) + total_.code, kFiller, header_.sections[Code].bytes - total_.code);
        total_ = last;
    }

    void set_rel32(u32 field, u32 target) { store_raw(table<u8>(Code) + field, target - (field + 4)); }

    /// All calls of stubs and exits, now that everything has its place.
    void relocate() {
        const ImageBlock* record = table<ImageBlock>(Blocks);
        const StubCall* calls = table<StubCall>(StubCalls);
        ImageLink* links = table<ImageLink>(Links);
        u32 slot = 0;
        for (u64 i = 0; i < refs_.size(); i++) {
            const ImageBlock &r = record[i], &next = record[i + 1];
            for (u32 s = r.stub_calls; s < next.stub_calls; s++)
                set_rel32(r.code + calls[s].offset, host_.stub_offset(host_.ctx, calls[s].stub));
            for (u32 n = r.links; n < next.links; n++) {
                ImageLink& l = links[n];
                if (targets_[n] != kNone) {
                    const ImageBlock& to = record[targets_[n]];
                    set_rel32(r.code + l.disp_offset, to.code + to.entry);
                } else {
                    l.slot = slot++;
                    set_rel32(r.code + l.disp_offset, total_.code + l.slot * kThunk);
                }
            }
        }
    }

    void thunk(u32 slot) {
        const u64 at = total_.code + u64{slot} * kThunk;
        u8* p = table<u8>(Code) + at;
        p[0] = 0xff;  // jmp [rip + disp32]
        p[1] = 0x25;
        store_raw(p + 2, static_cast<u32>(header_.sections[Code].bytes + slot * kSlot - (at + 6)));
    }

    const ImageHost& host_;
    std::span<const BlockRef> refs_;
    std::span<const u64> pages_;
    BlockIndex index_;
    Header header_{};
    ImageBlock total_{};
    u32 slots_ = 0;
    std::vector<u32> targets_;  ///< of every exit: index of the block that it goes to, or kNone
    osal::PageBuffer out_;
};

std::unexpected<Error> damaged(const char* what) {
    return fail(ErrorKind::InvalidArgument, fmt::format("{}", what));
}

const Header& header_of(std::span<const u8> file) { return *reinterpret_cast<const Header*>(file.data()); }

template <class T>
bool section(std::span<const u8> file, Section s, std::span<const T>& out) {
    const SectionAt& at = header_of(file).sections[s];
    if (at.at > file.size() || at.bytes > file.size() - at.at || at.at % 8 || at.bytes % sizeof(T))
        return false;
    out = {reinterpret_cast<const T*>(file.data() + at.at), at.bytes / sizeof(T)};
    return true;
}

}  // namespace

Hash128 hash128(const void* data, u64 bytes) {
    const XXH128_hash_t h = XXH3_128bits(data, bytes);
    return {h.low64, h.high64};
}

std::optional<Hash128> hash_guest_pages(std::span<const u64> pages) {
    static constexpr u64 kPagesAtOnce = 16;
    const auto buffer = std::make_unique_for_overwrite<u8[]>(kPagesAtOnce * kPage);
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (u64 i = 0; i < pages.size();) {
        u64 n = 1;
        while (n < kPagesAtOnce && i + n < pages.size() && pages[i + n] == pages[i] + n) n++;
        if (osal::guarded_copy_in(buffer.get(), pages[i] * kPage, n * kPage)) return {};
        XXH3_128bits_update(&state, buffer.get(), n * kPage);
        i += n;
    }
    const XXH128_hash_t h = XXH3_128bits_digest(&state);
    return Hash128{h.low64, h.high64};
}

std::string to_hex(const Hash128& h) { return fmt::format("{:016x}{:016x}", h.high, h.low); }

std::string ImageKey::file_name() const {
    static_assert(std::has_unique_object_representations_v<ImageKey>);
    return to_hex(hash128(this, sizeof *this)) + ".vmi";
}

osal::PageBuffer build_image(const ImageKey& key, const ImageHost& host, std::span<const BlockRef> blocks,
                             std::span<const u64> pages, const Hash128& guest_hash) {
    return Builder(host, blocks, pages).build(key, guest_hash);
}

Result<Image> Image::parse(std::span<const u8> file, const ImageKey* key) {
    if (file.size() < sizeof(Header)) return damaged("is too short for an image");
    const Header& h = header_of(file);
    if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0) return damaged("is no image");
    if (h.format != kFormat) return damaged("is an image of another format");
    if (h.self != hash128(&h, offsetof(Header, self))) return damaged("has a damaged header");
    if (key != nullptr && h.key != *key) return damaged("is an image of something else");
    if (h.payload != hash128(file.data() + sizeof h, file.size() - sizeof h)) return damaged("is damaged");
    Image i;
    i.file_ = file;
    // The hashes say that it is what was written; what follows guards against a writer with a bug.
    if (!section(file, Pages, i.pages_) || !section(file, Blocks, i.blocks_) ||
        !section(file, Ranges, i.ranges_) || !section(file, Links, i.links_) ||
        !section(file, StubCalls, i.stub_calls_) || !section(file, Dirty, i.dirty_) ||
        !section(file, Side, i.side_) || !section(file, Code, i.code_) || i.blocks_.size() < 2 ||
        h.sections[Code].at % kPage || i.code_.size() % kPage || i.code_.size() >= u64{1} << 31 ||
        h.stub_bytes > i.code_.size())
        return damaged("has a table that cannot be");
    const ImageBlock& last = i.blocks_.back();
    if (last.code > i.code_.size() || last.ranges != i.ranges_.size() || last.links != i.links_.size() ||
        last.stub_calls != i.stub_calls_.size() || last.dirty != i.dirty_.size() ||
        last.side != i.side_.size() || h.slots > i.links_.size())
        return damaged("has tables that do not fit together");
    for (u64 n = 0; n + 1 < i.blocks_.size(); n++) {
        const ImageBlock &a = i.blocks_[n], &b = i.blocks_[n + 1];
        if (a.code > b.code || a.ranges > b.ranges || a.links > b.links || a.stub_calls > b.stub_calls ||
            a.dirty > b.dirty || a.side > b.side)
            return damaged("has a block that cannot be");
    }
    return i;
}

const ImageKey& Image::key() const { return header_of(file_).key; }
const Hash128& Image::guest_hash() const { return header_of(file_).guest_hash; }
std::span<const GuestRange> Image::ranges(u32 i) const {
    return ranges_.subspan(blocks_[i].ranges, blocks_[i + 1].ranges - blocks_[i].ranges);
}
std::span<const ImageLink> Image::links(u32 i) const {
    return links_.subspan(blocks_[i].links, blocks_[i + 1].links - blocks_[i].links);
}
std::span<const StubCall> Image::stub_calls(u32 i) const {
    return stub_calls_.subspan(blocks_[i].stub_calls, blocks_[i + 1].stub_calls - blocks_[i].stub_calls);
}
std::span<const backend::DirtySlot> Image::dirty(u32 i) const {
    return dirty_.subspan(blocks_[i].dirty, blocks_[i + 1].dirty - blocks_[i].dirty);
}
std::span<const u8> Image::side(u32 i) const {
    return side_.subspan(blocks_[i].side, blocks_[i + 1].side - blocks_[i].side);
}
std::span<const u8> Image::code(u32 i) const { return code_.subspan(blocks_[i].code, code_size(i)); }
BlockView Image::view(u32 i) const {
    const ImageBlock& b = blocks_[i];
    BlockView v;
    v.pc = b.pc;
    v.mode = b.mode;
    v.guest_insns = b.guest_insns;
    v.entry = b.entry;
    v.code = code(i);
    v.ranges = ranges(i);
    v.stub_calls = stub_calls(i);
    v.dirty = dirty(i);
    v.side = side(i);
    v.image_links = links(i);
    return v;
}
u64 Image::code_at() const { return header_of(file_).sections[Code].at; }
u64 Image::code_bytes() const { return code_.size(); }
u32 Image::stub_bytes() const { return header_of(file_).stub_bytes; }
u32 Image::slots() const { return static_cast<u32>(header_of(file_).slots); }

u32 Image::find(u64 pc, u32 mode) const {
    const auto all = blocks_.first(block_count());
    const auto it = std::lower_bound(
        all.begin(), all.end(), std::pair(pc, mode),
        [](const ImageBlock& b, const std::pair<u64, u32>& want) { return std::pair(b.pc, b.mode) < want; });
    return it != all.end() && it->pc == pc && it->mode == mode ? static_cast<u32>(it - all.begin())
                                                               : block_count();
}

u32 Image::find_code(u32 offset) const {
    const auto all = blocks_.first(block_count());
    const auto it = std::upper_bound(all.begin(), all.end(), offset,
                                     [](u32 at, const ImageBlock& b) { return at < b.code; });
    if (it == all.begin() || offset >= blocks_.back().code) return block_count();
    return static_cast<u32>(it - all.begin()) - 1;
}

}  // namespace vm::jit
