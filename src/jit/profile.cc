#include "jit/profile.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/format.h"

namespace vm::jit {
namespace {

constexpr char kMagic[8] = {'V', 'M', 'P', 'L', 'A', 'C', 'E', 'S'};
constexpr u32 kFormat = 1;

struct Header {
    char magic[8];
    u32 format;
    u32 places;       ///< that follow
    Hash128 payload;  ///< of the key and the places
    ImageKey key;
};
static_assert(std::has_unique_object_representations_v<Header> && sizeof(Header) % 8 == 0);
static_assert(std::has_unique_object_representations_v<Profile::Place>);

auto order(const Profile::Place& p) { return std::pair(p.pc, p.mode); }

Hash128 hash_of(const ImageKey& key, std::span<const Profile::Place> places) {
    const Hash128 both[] = {hash128(&key, sizeof key), hash128(places.data(), places.size_bytes())};
    return hash128(both, sizeof both);
}

}  // namespace

ImageKey Profile::key_of(ImageKey key) {
    key.producer = key.environment = {};
    key.alone = key.guarded = 0;
    return key;
}

std::string Profile::file_name(const ImageKey& key) {
    const ImageKey own = key_of(key);
    return to_hex(hash128(&own, sizeof own)) + ".vmp";
}

bool is_profile_name(std::string_view name) { return is_cache_name(name, ".vmp"); }

Result<Profile> Profile::parse(std::span<const u8> file, const ImageKey* key) {
    const auto bad = [](const char* what) { return fail(ErrorKind::InvalidArgument, what); };
    Header h;
    if (file.size() < sizeof h) return bad("is too short for a profile");
    std::memcpy(&h, file.data(), sizeof h);
    if (!std::ranges::equal(h.magic, kMagic) || h.format != kFormat)
        return bad("is no profile, or one of another format");
    if (h.places > kMost || file.size() != sizeof h + h.places * sizeof(Place))
        return bad("has a wrong size");
    Profile p(h.key);
    p.places_.resize(h.places);
    if (h.places != 0) std::memcpy(p.places_.data(), file.data() + sizeof h, h.places * sizeof(Place));
    if (h.payload != hash_of(h.key, p.places_)) return bad("is damaged");
    if (p.key_ != h.key) return bad("is of a key that cannot be");
    for (size_t i = 0; i < p.places_.size(); i++)
        if (!h.key.contains(p.places_[i].pc) || p.places_[i].weight > kMaxWeight ||
            (i != 0 && order(p.places_[i - 1]) >= order(p.places_[i])))
            return bad("has places that cannot be");
    if (key != nullptr && key_of(*key) != h.key) return bad("is of another file");
    return p;
}

std::vector<u8> Profile::bytes() const {
    Header h{};
    std::ranges::copy(kMagic, h.magic);
    h.format = kFormat;
    h.places = static_cast<u32>(places_.size());
    h.key = key_;
    h.payload = hash_of(key_, places_);
    std::vector<u8> out(sizeof h + places_.size() * sizeof(Place));
    std::memcpy(out.data(), &h, sizeof h);
    if (!places_.empty()) std::memcpy(out.data() + sizeof h, places_.data(), places_.size() * sizeof(Place));
    return out;
}

u32 Profile::weight(u64 pc, u32 mode) const {
    const auto at = std::ranges::lower_bound(places_, std::pair(pc, mode), {}, order);
    return at != places_.end() && at->pc == pc && at->mode == mode ? at->weight : 0;
}

bool Profile::add(std::span<const SampledPlace> seen) {
    u64 samples = 0;
    for (const SampledPlace& s : seen) samples += s.samples;
    if (samples == 0) return false;
    const std::vector<Place> before = places_;
    for (u64 n = std::min<u64>(samples / kDecaySamples, 64); n > 0; n--)
        for (Place& p : places_) p.weight -= p.weight / 8;
    for (const SampledPlace& s : seen) {
        if (s.samples == 0 || !key_.contains(s.pc)) continue;
        auto at = std::ranges::lower_bound(places_, std::pair(s.pc, s.mode), {}, order);
        if (at == places_.end() || at->pc != s.pc || at->mode != s.mode)
            at = places_.insert(at, {s.pc, s.mode, 0});
        at->weight = s.cold ? 0 : std::min(at->weight + s.gained, kMaxWeight);
    }
    std::erase_if(places_, [](const Place& p) { return p.weight < kSampleWeight / 4; });
    while (places_.size() > kMost) places_.erase(std::ranges::min_element(places_, {}, &Place::weight));
    // Of a program whose loops are all known nothing is written run after run.
    const auto is_hot = [](const Place& p) { return p.weight >= kMaxWeight / 2; };
    return !std::ranges::equal(places_, before, [&](const Place& a, const Place& b) {
        return a == b || (order(a) == order(b) && is_hot(a) && is_hot(b));
    });
}

}  // namespace vm::jit
