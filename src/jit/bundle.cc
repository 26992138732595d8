#include "jit/bundle.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <new>
#include <variant>

#include "base/format.h"
#include "jit/host.h"
#include "osal/host.h"

namespace vm::jit {
namespace {

static_assert(std::has_unique_object_representations_v<BundleHeader> && sizeof(BundleHeader) % 8 == 0);
static_assert(std::has_unique_object_representations_v<BundleEntry>);

template <class T>
std::span<const u8> bytes_of(const T& record) {
    return {reinterpret_cast<const u8*>(&record), sizeof record};
}
std::span<const u8> bytes_of(const std::vector<BundleEntry>& table) {
    return {reinterpret_cast<const u8*>(table.data()), table.size() * sizeof(BundleEntry)};
}

/// A field of fixed size to text. Nothing if zeros are followed by something.
template <size_t N>
std::optional<std::string_view> text_of(const char (&field)[N]) {
    const std::string_view all(field, N);
    const size_t end = std::min(all.find('\0'), N);
    if (all.find_first_not_of('\0', end) != std::string_view::npos) return {};
    return all.substr(0, end);
}
/// `field` is zeros.
template <size_t N>
void set_text(char (&field)[N], std::string_view text) {
    assert(text.size() <= N);
    std::ranges::copy(text, field);
}

/// The words of `a` that `b` lacks, with commas between them.
std::string words_without(std::string_view a, std::string_view b) {
    std::string out;
    const std::string known = fmt::format(" {} ", b);
    while (!a.empty()) {
        const size_t end = std::min(a.find(' '), a.size());
        const std::string word = fmt::format(" {} ", a.substr(0, end));
        if (known.find(word) == std::string::npos)
            out += fmt::format("{}{}", out.empty() ? "" : ", ", a.substr(0, end));
        a.remove_prefix(std::min(end + 1, a.size()));
    }
    return out;
}

class Writer {
  public:
    explicit Writer(osal::NewFile& file) : file_(file) {}

    void add(const std::string& name, std::span<const u8> image) {
        BundleEntry e{};
        set_text(e.name, name);
        e.bytes = image.size();
        e.digest = digest({image});
        put(image);
        table_.push_back(e);
    }
    u64 entries() const { return table_.size(); }
    /// The size of it all.
    u64 finish(const Producer& producer, const SecretKey* key) {
        BundleHeader h{};
        std::ranges::copy(kBundleMagic, h.magic);
        h.format = kBundleFormat;
        h.is_signed = key != nullptr;
        h.images = table_.size();
        h.table_at = at_;
        set_text(h.build, producer.build);
        set_text(h.features, producer.features);
        if (key != nullptr) h.signer = key->public_key();
        const Digest all = digest({bytes_of(h), bytes_of(table_)});
        put(bytes_of(table_));
        put(all);
        if (key != nullptr) put(key->sign(all));
        file_.write(0, &h, sizeof h);
        return at_;
    }

  private:
    void put(std::span<const u8> bytes) {
        file_.write(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    osal::NewFile& file_;
    u64 at_ = sizeof(BundleHeader);
    std::vector<BundleEntry> table_;
};

/// Unsupported: it is of another build or host.
Result<StoredImage> usable(const ImageStore& store, const std::string& name, const Hash128& producer) {
    if (!is_image_name(name))
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is no name of an image", name));
    auto stored = store.load_named(name);
    if (stored && stored->image.key().producer != producer)
        return fail(ErrorKind::Unsupported,
                    fmt::format("{} is of another build of vm or another host", name));
    return stored;
}

/// A bundle from anywhere: nothing that it says is believed before it was checked.
class Reader {
  public:
    static Result<Reader> open(const std::string& path) {
        auto file = osal::InputFile::open(path);
        if (!file) return std::unexpected(file.error());
        return Reader(path, std::move(*file));
    }

    /// Everything but the images themselves.
    Result<void> check(const PublicKey* trusted, const Producer& self) {
        if (auto r = read_tables(); !r) return r;
        if (auto r = check_signature(trusted); !r) return r;
        if (auto r = check_producer(self); !r) return r;
        if (auto r = check_table(); !r) return r;
        producer_ = self.hash();
        const u64 largest = std::ranges::max(table_, {}, &BundleEntry::bytes).bytes;
        buffer_.reset(new (std::nothrow) u8[largest]);
        if (!buffer_) return fail(ErrorKind::Resource, fmt::format("{}: out of memory", path_));
        return {};
    }

    u64 images() const { return table_.size(); }
    u64 size() const { return file_.size(); }
    std::optional<PublicKey> signer() const {
        return header_.is_signed != 0 ? std::optional(header_.signer) : std::nullopt;
    }

    struct Loaded {
        std::span<const u8> file;
        std::variant<Image, Profile> what;
    };
    /// Reads and checks one; good until the next.
    Result<Loaded> load(u64 i) const {
        const BundleEntry& e = table_[i];
        if (auto r = file_.read(image_at_[i], buffer_.get(), e.bytes); !r) return std::unexpected(r.error());
        const std::span<const u8> bytes(buffer_.get(), e.bytes);
        const std::string name(*text_of(e.name));
        if (digest({bytes}) != e.digest) return bad(fmt::format("its image {} was changed", name));
        if (is_profile_name(name)) {
            auto profile = Profile::parse(bytes, nullptr);
            if (!profile) return bad(fmt::format("its profile {} {}", name, profile.error().message));
            if (Profile::file_name(profile->key()) != name)
                return bad(fmt::format("its profile {} is one of another name", name));
            return Loaded{bytes, std::move(*profile)};
        }
        auto image = Image::parse(bytes, nullptr);
        if (!image) return bad(fmt::format("its image {} {}", name, image.error().message));
        if (image->key().file_name() != name)
            return bad(fmt::format("its image {} is one of another name", name));
        if (image->key().producer != producer_)
            return bad(fmt::format("its image {} is of another build of vm or another host", name));
        return Loaded{bytes, *image};
    }

  private:
    Reader(std::string path, osal::InputFile file) : path_(std::move(path)), file_(std::move(file)) {}

    std::unexpected<Error> bad(std::string_view what) const {
        return fail(ErrorKind::InvalidArgument, fmt::format("{}: {}", path_, what));
    }

    /// Header, table and what is behind it: as long as they say, and with the digest that is there.
    Result<void> read_tables() {
        BundleHeader& h = header_;
        const u64 size = file_.size();
        if (size < sizeof h) return bad("is too short for a bundle of translations");
        if (auto r = file_.read(0, &h, sizeof h); !r) return r;
        if (!std::ranges::equal(h.magic, kBundleMagic)) return bad("is no bundle of translations");
        if (h.format != kBundleFormat)
            return bad(fmt::format("is a bundle of format {}, and this vm reads format {}", h.format,
                                   kBundleFormat));
        if (h.images == 0 || h.images > kMaxBundleImages || h.table_at < sizeof h ||
            h.table_at > kMaxBundleImages * kMaxBundledImage || h.is_signed > 1)
            return bad("has a damaged header");
        const u64 digest_at = h.table_at + h.images * sizeof(BundleEntry);
        const u64 end = digest_at + sizeof(Digest) + (h.is_signed != 0 ? sizeof(Signature) : 0);
        if (size < end) return bad(fmt::format("is cut short: {} bytes of {}", size, end));
        if (size > end) return bad(fmt::format("has {} bytes too many at its end", size - end));
        table_.resize(h.images);
        if (auto r = file_.read(h.table_at, table_.data(), table_.size() * sizeof(BundleEntry)); !r) return r;
        if (auto r = file_.read(digest_at, digest_.data(), digest_.size()); !r) return r;
        if (h.is_signed != 0)
            if (auto r = file_.read(digest_at + sizeof(Digest), signature_.data(), signature_.size()); !r)
                return r;
        if (digest({bytes_of(h), bytes_of(table_)}) != digest_)
            return bad("was changed after it was written");
        return {};
    }

    Result<void> check_signature(const PublicKey* trusted) const {
        if (header_.is_signed == 0) {
            if (trusted == nullptr) return {};
            return bad("is not signed, and only what was signed with the trusted key is to be imported");
        }
        if (trusted != nullptr && header_.signer != *trusted)
            return bad(fmt::format("is signed with the key {}, and the trusted one is {}",
                                   to_hex(header_.signer), to_hex(*trusted)));
        if (!verify(signature_, digest_, header_.signer)) return bad("has a wrong signature");
        return {};
    }

    Result<void> check_producer(const Producer& self) const {
        const auto build = text_of(header_.build), features = text_of(header_.features);
        // Only what is safe to print.
        if (!build || build->find_first_not_of("0123456789abcdef") != build->npos || !features ||
            features->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789- ") != features->npos)
            return bad("has a damaged header");
        if (*build != self.build)
            return bad(
                fmt::format("was written by another build of vm ({}, this one is {})", *build, self.build));
        if (*features == self.features) return {};
        const std::string more = words_without(*features, self.features);
        const std::string fewer = words_without(self.features, *features);
        return bad(fmt::format(
            "is for other host processors: {}{}{}", more.empty() ? "" : "this one lacks " + more,
            more.empty() || fewer.empty() ? "" : "; ", fewer.empty() ? "" : "those lack " + fewer));
    }

    Result<void> check_table() {
        u64 at = sizeof(BundleHeader);
        std::string_view last;
        for (u64 i = 0; i < table_.size(); i++) {
            const BundleEntry& e = table_[i];
            const auto name = text_of(e.name);
            if (!name || (!is_image_name(*name) && !is_profile_name(*name)))
                return bad(fmt::format("its image {} has a name that cannot be", i + 1));
            if (*name <= last) return bad("its images are not in order");
            if (e.bytes == 0 || e.bytes > kMaxBundledImage)
                return bad(fmt::format("its image {} has a size that cannot be", *name));
            image_at_.push_back(at);
            at += e.bytes;
            last = *name;
        }
        if (at != header_.table_at) return bad("its images are not as long as it says");
        return {};
    }

    std::string path_;
    osal::InputFile file_;
    BundleHeader header_{};
    std::vector<BundleEntry> table_;
    std::vector<u64> image_at_;
    Digest digest_{};
    Signature signature_{};
    Hash128 producer_;
    std::unique_ptr<u8[]> buffer_;  ///< as large as the largest image
};

}  // namespace

Producer this_producer() { return {osal::build_id(), feature_names(host_features())}; }

Result<Exported> export_images(const ImageStore& store, std::vector<std::string> names, const SecretKey* key,
                               const std::string& path) {
    if (auto r = prepare_crypto(); !r) return std::unexpected(r.error());
    const Producer self = this_producer();
    if (self.build.empty())
        return fail(ErrorKind::Unsupported, "this vm has no build id, so its translations are not kept");
    const bool all = names.empty();
    if (all) {
        auto entries = store.list();
        if (!entries) return std::unexpected(entries.error());
        for (osal::DirEntry& e : *entries) names.push_back(std::move(e.name));
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    auto file = osal::NewFile::create(path, 0666);
    if (!file) return std::unexpected(file.error());
    Writer out(*file);
    Exported done;
    for (const std::string& name : names) {
        if (is_profile_name(name)) {
            const auto profile = store.load_named_profile(name);
            if (profile && out.entries() < kMaxBundleImages) {
                out.add(name, profile->bytes());
                done.profiles++;
            } else if (!profile && !all) {
                return std::unexpected(profile.error());
            } else {
                done.unusable += !profile && profile.error().kind != ErrorKind::NotFound;
            }
            continue;
        }
        const auto stored = usable(store, name, self.hash());
        if (stored) {
            if (out.entries() == kMaxBundleImages || stored->file.size() > kMaxBundledImage)
                return fail(ErrorKind::Unsupported,
                            fmt::format("a bundle has up to {} images of up to {} bytes", kMaxBundleImages,
                                        kMaxBundledImage));
            out.add(name, {stored->file.data(), stored->file.size()});
            done.images++;
        } else if (!all) {
            return std::unexpected(stored.error());
        } else if (stored.error().kind == ErrorKind::Unsupported) {
            done.of_others++;
        } else if (stored.error().kind != ErrorKind::NotFound) {  // it may have been pruned meanwhile
            done.unusable++;
        }
    }
    if (done.images == 0 && (all || done.profiles == 0))
        return fail(
            ErrorKind::NotFound,
            fmt::format("{}: has nothing to export ({} images of other builds or hosts, {} not usable)",
                        store.path(), done.of_others, done.unusable));
    done.bytes = out.finish(self, key);
    if (key != nullptr) done.signer = key->public_key();
    if (auto r = file->publish(); !r) return std::unexpected(r.error());
    return done;
}

Result<Imported> import_images(const ImageStore& store, const std::string& path, const PublicKey* trusted) {
    if (auto r = prepare_crypto(); !r) return std::unexpected(r.error());
    auto bundle = Reader::open(path);
    if (!bundle) return std::unexpected(bundle.error());
    if (auto r = bundle->check(trusted, this_producer()); !r) return std::unexpected(r.error());
    for (u64 i = 0; i < bundle->images(); i++)
        if (auto r = bundle->load(i); !r) return std::unexpected(r.error());
    Imported done;
    done.bytes = bundle->size();
    done.signer = bundle->signer();
    for (u64 i = 0; i < bundle->images(); i++) {
        auto loaded = bundle->load(i);  // again: the file may have changed since
        if (!loaded) return std::unexpected(loaded.error());
        const Profile* profile = std::get_if<Profile>(&loaded->what);
        auto added =
            profile != nullptr ? store.add(*profile) : store.add(loaded->file, std::get<Image>(loaded->what));
        if (!added) return std::unexpected(added.error());
        if (profile != nullptr) {
            done.profiles++;
            done.profiles_added += *added == ImageStore::Added::New;
            continue;
        }
        done.images++;
        done.added += *added == ImageStore::Added::New;
        done.replaced += *added == ImageStore::Added::Replaced;
        done.kept += *added == ImageStore::Added::Kept;
    }
    return done;
}

}  // namespace vm::jit
