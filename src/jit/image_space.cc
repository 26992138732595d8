#include "jit/image_space.h"

#include <algorithm>

#include "base/format.h"
#include "jit/jit.h"
#include "osal/host.h"

namespace vm::jit {

std::unique_ptr<ImageSpace> ImageSpace::make(const Host& host, const frontend::GuestIsa& isa,
                                             const Options& o) {
    const Producer producer{osal::build_id(), feature_names(host.features())};
    if (o.image_dir.empty() || producer.build.empty()) return nullptr;
    const std::string environment =
        fmt::format("{} guest {:x} without {:x} icount {} tier 2 {} {} {}", isa.name, o.features,
                    o.disabled_opts, o.count_instructions, o.background,
                    static_cast<unsigned>(o.region_policy.kind), fmt::join(o.region_policy.except, " "));
    ImageKey key;
    key.producer = producer.hash();
    key.environment = hash128(environment.data(), environment.size());
    return std::unique_ptr<ImageSpace>(new ImageSpace(ImageStore(o.image_dir, o.image_limit), key));
}

ImageSpace::~ImageSpace() {
    for (const auto& slot : images_) delete slot.load(std::memory_order_relaxed);
}

Attempt* ImageSpace::attempt(u64 pc) {
    auto it = attempts_.upper_bound(pc);
    if (it == attempts_.begin()) return nullptr;
    --it;
    return pc < it->second.key.end ? &it->second : nullptr;
}

void ImageSpace::forget(u64 begin, u64 end) {
    std::erase_if(attempts_,
                  [&](const auto& a) { return a.second.key.begin < end && begin < a.second.key.end; });
}

/// First fit in [begin, end) of the annex; 0 = none.
u64 ImageSpace::place(u64 bytes, u64 begin, u64 end) const {
    std::vector<std::pair<u64, u64>> taken;
    for (const auto& slot : images_)
        if (const LoadedImage* i = slot.load(std::memory_order_relaxed))
            taken.emplace_back(i->code_offset, i->code_offset + i->annex_bytes);
    std::ranges::sort(taken);
    u64 at = begin;
    for (const auto& [from, to] : taken) {
        if (from - at >= bytes) break;
        at = to;
    }
    return bytes <= end - at ? at : 0;
}

LoadedImage* ImageSpace::map(StoredImage stored, osal::CodeMemory& memory) {
    const auto free = std::ranges::find_if(
        images_, [](const auto& slot) { return slot.load(std::memory_order_relaxed) == nullptr; });
    if (free == images_.end()) return nullptr;
    const Image& image = stored.image;
    const u64 code_bytes = image.code_bytes();
    const u64 slot_bytes = align_up(u64{image.slots()} * sizeof(u64), osal::page_size());
    const u64 offset = place(code_bytes + slot_bytes, memory.size(), memory.size() + memory.annex());
    if (offset == 0) return nullptr;
    if (!memory.map_code_file(offset, stored.file.fd(), image.code_at(), code_bytes)) return nullptr;
    if (slot_bytes != 0 && !memory.map_annex_data(offset + code_bytes, slot_bytes)) {
        memory.clear_annex(offset, code_bytes);
        return nullptr;
    }
    auto loaded = std::make_unique<LoadedImage>();
    loaded->code_offset = static_cast<u32>(offset);
    loaded->annex_bytes = code_bytes + slot_bytes;
    loaded->slots = reinterpret_cast<u64*>(memory.rx() + offset + code_bytes);
    const u64 base = reinterpret_cast<u64>(memory.rx()) + offset;
    image.each_slot([&](u32 slot, u32 stub) { loaded->slots[slot] = base + stub; });
    stored.file.close_fd();
    loaded->stored = std::move(stored);
    free->store(loaded.get(), std::memory_order_release);
    return loaded.release();
}

void ImageSpace::free_dropped(u64 oldest_epoch, osal::CodeMemory& memory) {
    for (auto& slot : images_) {
        LoadedImage* i = slot.load(std::memory_order_relaxed);
        if (i == nullptr || !i->dropped || i->dropped_epoch > oldest_epoch) continue;
        slot.store(nullptr, std::memory_order_release);
        memory.clear_annex(i->code_offset, i->annex_bytes);
        delete i;
    }
}

LoadedImage* ImageSpace::find_block(u64 offset, u32* index) const {
    for (const auto& slot : images_) {
        LoadedImage* i = slot.load(std::memory_order_acquire);
        if (i == nullptr || offset - i->code_offset >= i->image().code_bytes()) continue;
        *index = i->image().find_code(static_cast<u32>(offset - i->code_offset));
        return *index != i->image().block_count() ? i : nullptr;
    }
    return nullptr;
}

bool ImageSpace::find(u64 offset, CodeSite& site) const {
    u32 index = 0;
    const LoadedImage* i = find_block(offset, &index);
    if (i == nullptr) return false;
    const ImageBlock& b = i->image().block(index);
    site = {b.pc, i->code_offset + b.code, i->image().side(index), i->image().dirty(index)};
    return true;
}

}  // namespace vm::jit
