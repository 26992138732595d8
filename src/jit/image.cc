#include "jit/image.h"

#define XXH_INLINE_ALL
#ifndef NDEBUG
#define XXH_NO_INLINE_HINTS 1  // at -Og GCC 12 cannot inline through its function pointers
#endif
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
constexpr u32 kFormat = 5;
constexpr u64 kFilePage = 4096;
constexpr u32 kAlignment = 8;  ///< of a block's code, as in the code cache
constexpr u32 kThunk = 8;      ///< bytes: jmp [rip + disp32], padding
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
    Hash128 payload;  ///< of the hashes of all sections, one after the other
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
    v.region = t.region;
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
void prefetch(std::span<const BlockRef> refs, u64 i, const u8* code_memory) {
    static constexpr u64 kAhead = 12, kCodeAhead = 4, kLine = 64, kLines = 7;
    if (i + kAhead >= refs.size()) return;
    if (const Translation* t = refs[i + kAhead].live)
        for (u64 n = 0; n < kLines; n++) __builtin_prefetch(reinterpret_cast<const u8*>(t) + n * kLine);
    if (const Translation* t = refs[i + kCodeAhead].live) __builtin_prefetch(code_memory + t->code_offset);
}

/// Writes sections side by side, each through a small buffer, and hashes what it writes.
class SectionWriter {
  public:
    SectionWriter() { XXH3_128bits_reset(&hash_); }

    void begin(osal::NewFile& file, u64 at) {
        file_ = &file;
        begin_ = at_ = at;
    }
    void put(const void* data, u64 n) {
        if (n > kBuffer - used_) {
            flush();
            if (n > kBuffer) return emit(data, n);
        }
        std::memcpy(buffer_ + used_, data, n);
        used_ += n;
    }
    template <class T>
    void put(std::span<const T> records) {
        if (!records.empty()) put(records.data(), records.size_bytes());
    }
    void fill(u8 byte, u64 n) {
        for (; n != 0; n--) put(&byte, 1);
    }
    u64 bytes() const { return at_ - begin_ + used_; }
    Hash128 finish() {
        flush();
        const XXH128_hash_t h = XXH3_128bits_digest(&hash_);
        return {h.low64, h.high64};
    }

  private:
    static constexpr u64 kBuffer = u64{64} << 10;
    void flush() {
        emit(buffer_, used_);
        used_ = 0;
    }
    void emit(const void* data, u64 n) {
        if (n == 0) return;
        XXH3_128bits_update(&hash_, data, n);
        file_->write(at_, data, n);
        at_ += n;
    }
    XXH3_state_t hash_;
    osal::NewFile* file_ = nullptr;
    u64 begin_ = 0, at_ = 0, used_ = 0;
    u8 buffer_[kBuffer];
};

/// Lays the image out and writes it, every byte once.
class Builder {
  public:
    Builder(const ImageHost& host, std::span<const BlockRef> refs, std::span<const u64> pages)
        : host_(host), refs_(refs), pages_(pages), index_(refs) {}

    void write(const ImageKey& key, const Hash128& guest_hash, osal::NewFile& file) {
        measure();
        place_sections();
        for (unsigned s = 0; s < kSections; s++) out_[s].begin(file, header_.sections[s].at);
        out_[Pages].put(pages_);
        out_[Code].put(host_.stubs);
        for (u64 i = 0; i < refs_.size(); i++) {
            prefetch(refs_, i, host_.code_memory);
            put_block(i);
        }
        out_[Blocks].put(&total_, sizeof total_);
        out_[Code].fill(kFiller, total_.code - out_[Code].bytes());
        header_.sections[Code].bytes = align_up(total_.code + u64{slots_} * kThunk, kFilePage);
        for (u32 s = 0; s < slots_; s++) thunk(s);
        out_[Code].fill(kFiller, header_.sections[Code].bytes - out_[Code].bytes());
        Hash128 hashes[kSections];
        for (unsigned s = 0; s < kSections; s++) hashes[s] = out_[s].finish();
        std::memcpy(header_.magic, kMagic, sizeof kMagic);
        header_.format = kFormat;
        header_.stub_bytes = static_cast<u32>(host_.stubs.size());
        header_.key = key;
        header_.guest_hash = guest_hash;
        header_.slots = slots_;
        header_.payload = hash128(hashes, sizeof hashes);
        header_.self = hash128(&header_, offsetof(Header, self));
        file.write(0, &header_, sizeof header_);
    }

  private:
    /// Where the code of every block goes, and the sizes of all tables: `total_` is the last record.
    void measure() {
        total_.code = static_cast<u32>(host_.stubs.size());
        code_at_.reserve(refs_.size());
        for (const BlockRef& r : refs_) {
            total_.code = static_cast<u32>(align_up(total_.code, kAlignment));
            code_at_.push_back(total_.code);
            total_.code += r.code_size;
            total_.ranges += r.ranges;
            total_.links += r.links;
            total_.stub_calls += r.stub_calls;
            total_.dirty += r.dirty;
            total_.side += r.side;
        }
        total_.code = static_cast<u32>(align_up(total_.code, kThunk));
    }

    /// All but the size of the code, which is the last: how many exits need slots is not known yet.
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
        place(Code, 0, kFilePage);
    }

    void put_block(u64 i) {
        const BlockView b = view_of(refs_[i], host_.code_memory);
        record_.pc = b.pc;
        record_.mode = b.mode;
        record_.guest_insns = b.guest_insns;
        record_.entry = b.entry;
        record_.region = b.region;
        record_.code = code_at_[i];
        out_[Blocks].put(&record_, sizeof record_);
        out_[Ranges].put(b.ranges);
        out_[StubCalls].put(b.stub_calls);
        out_[Dirty].put(b.dirty);
        out_[Side].put(b.side);
        code_.assign(b.code.begin(), b.code.end());
        for (const StubCall& c : b.stub_calls)
            set_rel32(record_.code, c.offset, host_.stub_offset(host_.ctx, c.stub));
        for (const Link& l : b.links)
            put_link({l.target_pc, l.disp_offset, l.stub_offset, l.stub_return, kLinked}, b.mode);
        for (const ImageLink& l : b.image_links) put_link(l, b.mode);
        out_[Code].fill(kFiller, record_.code - out_[Code].bytes());
        out_[Code].put(code_.data(), code_.size());
        record_.ranges += static_cast<u32>(b.ranges.size());
        record_.links += static_cast<u32>(b.links.size() + b.image_links.size());
        record_.stub_calls += static_cast<u32>(b.stub_calls.size());
        record_.dirty += static_cast<u32>(b.dirty.size());
        record_.side += static_cast<u32>(b.side.size());
    }

    /// An exit of the block at hand: straight to its target if that is in the image, else through a slot.
    void put_link(ImageLink link, u32 mode) {
        const u32 target = index_.find(link.target_pc, mode);
        link.slot = target != kNone ? kLinked : slots_++;
        set_rel32(
            record_.code, link.disp_offset,
            target != kNone ? code_at_[target] + refs_[target].entry : total_.code + link.slot * kThunk);
        out_[Links].put(&link, sizeof link);
    }

    void set_rel32(u32 block, u32 field, u32 target) {
        store_raw(code_.data() + field, target - (block + field + 4));
    }

    void thunk(u32 slot) {
        const u64 at = total_.code + u64{slot} * kThunk;
        u8 p[kThunk] = {0xff, 0x25};  // jmp [rip + disp32]
        store_raw(p + 2, static_cast<u32>(header_.sections[Code].bytes + slot * kSlot - (at + 6)));
        out_[Code].put(p, sizeof p);
    }

    const ImageHost& host_;
    std::span<const BlockRef> refs_;
    std::span<const u64> pages_;
    BlockIndex index_;
    Header header_{};
    ImageBlock total_{}, record_{};
    u32 slots_ = 0;
    std::vector<u32> code_at_;  ///< of every block, from the start of the code section
    PodVector<u8> code_;        ///< of the block at hand
    SectionWriter out_[kSections];
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

/// Does the file end where its sections do, with their hashes right and nothing but zeros between them?
bool intact(std::span<const u8> file) {
    const Header& h = header_of(file);
    Hash128 hashes[kSections];
    u64 end = sizeof h;
    for (unsigned s = 0; s < kSections; s++) {
        const SectionAt& at = h.sections[s];
        if (at.at < end || at.at > file.size() || at.bytes > file.size() - at.at) return false;
        if (std::ranges::any_of(file.subspan(end, at.at - end), [](u8 b) { return b != 0; })) return false;
        hashes[s] = hash128(file.data() + at.at, at.bytes);
        end = at.at + at.bytes;
    }
    return end == file.size() && h.payload == hash128(hashes, sizeof hashes);
}

}  // namespace

Hash128 hash128(const void* data, u64 bytes) {
    const XXH128_hash_t h = XXH3_128bits(data, bytes);
    return {h.low64, h.high64};
}

std::optional<Hash128> hash_guest_pages(std::span<const u64> pages) {
    static constexpr u64 kPagesAtOnce = 16;
    const auto buffer = std::make_unique_for_overwrite<u8[]>(kPagesAtOnce * kFilePage);
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (u64 i = 0; i < pages.size();) {
        u64 n = 1;
        while (n < kPagesAtOnce && i + n < pages.size() && pages[i + n] == pages[i] + n) n++;
        if (osal::guarded_copy_in(buffer.get(), pages[i] * kFilePage, n * kFilePage)) return {};
        XXH3_128bits_update(&state, buffer.get(), n * kFilePage);
        i += n;
    }
    const XXH128_hash_t h = XXH3_128bits_digest(&state);
    return Hash128{h.low64, h.high64};
}

std::string to_hex(const Hash128& h) { return fmt::format("{:016x}{:016x}", h.high, h.low); }

Hash128 Producer::hash() const {
    const std::string text = fmt::format("{} {}", build, features);
    return hash128(text.data(), text.size());
}

std::string ImageKey::file_name() const {
    static_assert(std::has_unique_object_representations_v<ImageKey>);
    return to_hex(hash128(this, sizeof *this)) + ".vmi";
}

bool is_cache_name(std::string_view name, std::string_view suffix) {
    constexpr size_t kDigits = 2 * sizeof(Hash128);
    return name.size() == kDigits + suffix.size() && name.ends_with(suffix) &&
           name.find_first_not_of("0123456789abcdef") == kDigits;
}

bool is_image_name(std::string_view name) { return is_cache_name(name, ".vmi"); }

BlockRef BlockRef::of(const Translation& t, const u8* code_memory) {
    BlockRef r;
    r.pc = t.pc;
    r.mode = t.mode;
    r.code_size = t.code_size;
    r.entry = static_cast<u32>(t.entry - (code_memory + t.code_offset));
    r.region = t.region;
    r.ranges = static_cast<u32>(t.ranges.size());
    r.links = static_cast<u32>(t.links.size());
    r.stub_calls = static_cast<u32>(t.stub_calls.size());
    r.dirty = static_cast<u32>(t.dirty.size());
    r.side = static_cast<u32>(t.side.size());
    r.live = &t;
    return r;
}

BlockRef BlockRef::of(const Image& image, u32 index) {
    const ImageBlock &b = image.block(index), &next = image.block(index + 1);
    BlockRef r;
    r.pc = b.pc;
    r.mode = b.mode;
    r.index = index;
    r.code_size = static_cast<u32>(image.code(index).size());
    r.entry = b.entry;
    r.region = b.region != 0;
    r.ranges = next.ranges - b.ranges;
    r.links = next.links - b.links;
    r.stub_calls = next.stub_calls - b.stub_calls;
    r.dirty = next.dirty - b.dirty;
    r.side = next.side - b.side;
    r.image = &image;
    return r;
}

void write_image(const ImageKey& key, const ImageHost& host, std::span<const BlockRef> blocks,
                 std::span<const u64> pages, const Hash128& guest_hash, osal::NewFile& file) {
    std::make_unique<Builder>(host, blocks, pages)->write(key, guest_hash, file);
}

Result<Image> Image::parse(std::span<const u8> file, const ImageKey* key) {
    if (file.size() < sizeof(Header)) return damaged("is too short for an image");
    const Header& h = header_of(file);
    if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0) return damaged("is no image");
    if (h.format != kFormat) return damaged("is an image of another format");
    if (h.self != hash128(&h, offsetof(Header, self))) return damaged("has a damaged header");
    if (key != nullptr && h.key != *key) return damaged("is an image of something else");
    if (!intact(file)) return damaged("is damaged");
    Image i;
    i.file_ = file;
    // The hashes say that it is what was written; what follows guards against a writer with a bug.
    if (!section(file, Pages, i.pages_) || !section(file, Blocks, i.blocks_) ||
        !section(file, Ranges, i.ranges_) || !section(file, Links, i.links_) ||
        !section(file, StubCalls, i.stub_calls_) || !section(file, Dirty, i.dirty_) ||
        !section(file, Side, i.side_) || !section(file, Code, i.code_) || i.blocks_.size() < 2 ||
        h.sections[Code].at % kFilePage || i.code_.size() % kFilePage || i.code_.size() >= u64{1} << 31 ||
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
            a.dirty > b.dirty || a.side > b.side || a.region > 1)
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
    v.region = b.region != 0;
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
