// Bundles: what is exported arrives, and nothing else is let in. Images here hold no code that could run.
#include "jit/bundle.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

namespace vm::jit {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using Bytes = std::vector<u8>;

Bytes contents(const fs::path& p) {
    std::ifstream in(p, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void overwrite(const fs::path& p, std::span<const u8> bytes) {
    std::ofstream(p, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// A bundle in memory, to be changed.
struct Forged {
    Bytes bytes;
    BundleHeader& header() { return *reinterpret_cast<BundleHeader*>(bytes.data()); }
    BundleEntry& entry(u64 i) {
        return *reinterpret_cast<BundleEntry*>(bytes.data() + header().table_at + i * sizeof(BundleEntry));
    }
    std::span<u8> image(u64 i) {
        u64 at = sizeof(BundleHeader);
        for (u64 n = 0; n < i; n++) at += entry(n).bytes;
        return std::span(bytes).subspan(at, entry(i).bytes);
    }
    u64 digest_at() { return header().table_at + header().images * sizeof(BundleEntry); }
    /// Makes the digest right again, as anyone can, but not the signature.
    void seal() {
        const std::span<const u8> all(bytes);
        const Digest d = digest({all.first(sizeof(BundleHeader)),
                                 all.subspan(header().table_at, header().images * sizeof(BundleEntry))});
        std::ranges::copy(d, bytes.begin() + static_cast<std::ptrdiff_t>(digest_at()));
    }
};

class Bundle : public ::testing::Test {
  protected:
    Bundle() {
        char name[] = "/tmp/vm-bundle-XXXXXX";
        root_ = ::mkdtemp(name);
        from_ = std::make_unique<ImageStore>(root_ + "/from", ~u64{0});
        to_ = std::make_unique<ImageStore>(root_ + "/to", ~u64{0});
        file_ = root_ + "/bundle";
        EXPECT_TRUE(prepare_crypto());
    }
    ~Bundle() override { fs::remove_all(root_); }

    static ImageKey key_of(u64 begin) {
        ImageKey k;
        k.producer = this_producer().hash();
        k.begin = begin;
        k.end = begin + 0x10000;
        return k;
    }
    /// Saves an image with so many blocks. Its name.
    static std::string put(const ImageStore& store, const ImageKey& key, unsigned blocks = 1) {
        const Bytes code(16 * blocks, 0xc3), stubs(16, 0xcc);
        std::vector<Translation> all(blocks);
        std::vector<BlockRef> refs;
        for (unsigned i = 0; i < blocks; i++) {
            all[i].pc = key.begin + 4 * i;
            all[i].code_offset = 16 * i;
            all[i].code_size = 16;
            all[i].entry = code.data() + 16 * i;
            refs.push_back(BlockRef::of(all[i], code.data()));
        }
        auto file = store.begin(key);
        EXPECT_TRUE(file);
        const u64 page = key.begin >> 12;
        write_image(key, {stubs, nullptr, nullptr, code.data()}, refs, {&page, 1}, {1, 2}, *file);
        EXPECT_TRUE(file->publish());
        return key.file_name();
    }
    Forged exported(const SecretKey* key = nullptr) {
        EXPECT_TRUE(export_images(*from_, {}, key, file_));
        return {contents(file_)};
    }
    /// What is said when the bundle is imported. Nothing may have changed.
    std::string refusal(const PublicKey* trusted = nullptr) {
        const auto r = import_images(*to_, file_, trusted);
        EXPECT_FALSE(r) << "was imported";
        EXPECT_FALSE(fs::exists(to_->path()));
        if (r) return "";
        EXPECT_EQ(r.error().kind, ErrorKind::InvalidArgument) << r.error().message;
        EXPECT_TRUE(r.error().message.starts_with(file_ + ": ")) << r.error().message;
        return r.error().message;
    }
    void expect_refused(std::span<const u8> bytes, const std::string& words,
                        const PublicKey* trusted = nullptr) {
        overwrite(file_, bytes);
        const std::string message = refusal(trusted);
        EXPECT_NE(message.find(words), std::string::npos) << message;
    }
    /// The same after a change that the digest then covers.
    void expect_forgery_refused(const std::string& words, const std::function<void(Forged&)>& change) {
        Forged f{contents(file_)};
        const Bytes good = f.bytes;
        change(f);
        f.seal();
        expect_refused(f.bytes, words);
        overwrite(file_, good);
    }
    Bytes stored(const ImageStore& store, const std::string& name) const {
        return contents(fs::path(store.path()) / name);
    }

    std::string root_, file_;
    std::unique_ptr<ImageStore> from_, to_;
};

TEST_F(Bundle, CarriesImagesToAnotherDirectory) {
    std::vector<std::string> names;
    for (u64 i = 1; i <= 5; i++) names.push_back(put(*from_, key_of(i << 20), static_cast<unsigned>(i) * 40));
    const auto out = export_images(*from_, {}, nullptr, file_);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->images, 5u);
    EXPECT_EQ(out->bytes, fs::file_size(file_));
    EXPECT_EQ(out->of_others + out->unusable, 0u);
    const auto in = import_images(*to_, file_, nullptr);
    ASSERT_TRUE(in) << in.error().message;
    EXPECT_EQ(in->images, 5u);
    EXPECT_EQ(in->added, 5u);
    EXPECT_EQ(in->bytes, out->bytes);
    EXPECT_FALSE(in->signer);
    EXPECT_EQ(to_->list()->size(), 5u);
    for (const std::string& n : names) EXPECT_EQ(stored(*to_, n), stored(*from_, n));
    EXPECT_EQ(std::distance(fs::directory_iterator(root_), {}), 3) << "something was left";
}

TEST_F(Bundle, HoldsTheNamedImagesAlone) {
    const std::string a = put(*from_, key_of(1 << 20)), b = put(*from_, key_of(2 << 20));
    const std::string unknown(32, '0');
    for (const std::string& bad : {unknown + ".vmi", unknown, std::string("../") + a, std::string()}) {
        EXPECT_FALSE(export_images(*from_, {a, bad}, nullptr, file_)) << bad;
        EXPECT_FALSE(fs::exists(file_));
    }
    const auto out = export_images(*from_, {b, b}, nullptr, file_);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->images, 1u);
    ASSERT_TRUE(import_images(*to_, file_, nullptr));
    EXPECT_EQ(to_->list()->at(0).name, b);
}

TEST_F(Bundle, LeavesOutWhatThisVmCannotUse) {
    const std::string good = put(*from_, key_of(1 << 20));
    ImageKey other = key_of(2 << 20);
    other.producer = Producer{"abc", ""}.hash();
    const std::string foreign = put(*from_, other);
    const std::string damaged = put(*from_, key_of(3 << 20));
    Bytes bytes = stored(*from_, damaged);
    bytes.back() ^= 1;
    overwrite(fs::path(from_->path()) / damaged, bytes);
    overwrite(fs::path(from_->path()) / "notes", bytes);
    const auto out = export_images(*from_, {}, nullptr, file_);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->images, 1u);
    EXPECT_EQ(out->of_others, 1u);
    EXPECT_EQ(out->unusable, 2u);
    EXPECT_FALSE(export_images(*from_, {foreign}, nullptr, file_));
    EXPECT_FALSE(export_images(*from_, {damaged}, nullptr, file_));
    EXPECT_TRUE(from_->remove(good));
    EXPECT_FALSE(export_images(*from_, {}, nullptr, file_)) << "nothing to export";
    EXPECT_FALSE(export_images(*to_, {}, nullptr, file_)) << "no directory";
    EXPECT_TRUE(import_images(*to_, file_, nullptr)) << "the older file should have stayed";
}

TEST_F(Bundle, TheImageWithMoreBlocksStays) {
    const ImageKey less = key_of(1 << 20), more = key_of(2 << 20), same = key_of(3 << 20),
                   broken = key_of(4 << 20);
    put(*from_, less, 10), put(*to_, less, 20);
    put(*from_, more, 20), put(*to_, more, 10);
    put(*from_, same, 10), put(*to_, same, 10);
    put(*from_, broken, 10), put(*to_, broken, 30);
    Bytes bytes = stored(*to_, broken.file_name());
    bytes[bytes.size() / 2] ^= 1;
    overwrite(fs::path(to_->path()) / broken.file_name(), bytes);
    put(*from_, key_of(5 << 20));
    ASSERT_TRUE(export_images(*from_, {}, nullptr, file_));
    const auto in = import_images(*to_, file_, nullptr);
    ASSERT_TRUE(in) << in.error().message;
    EXPECT_EQ(in->kept, 2u);
    EXPECT_EQ(in->replaced, 1u);
    EXPECT_EQ(in->added, 2u);
    EXPECT_EQ(to_->load(less)->image.block_count(), 20u);
    EXPECT_EQ(to_->load(more)->image.block_count(), 20u);
    EXPECT_EQ(to_->load(same)->image.block_count(), 10u);
    EXPECT_EQ(to_->load(broken)->image.block_count(), 10u);
    EXPECT_EQ(import_images(*to_, file_, nullptr)->kept, 5u);
}

TEST_F(Bundle, CarriesProfilesWhereThereIsNone) {
    const ImageKey known = key_of(1 << 20), unknown = key_of(2 << 20);
    put(*from_, known);
    const auto profile = [](const ImageKey& key, u32 samples) {
        Profile p(key);
        const SampledPlace s[] = {{.pc = key.begin, .samples = samples, .gained = samples * kSampleWeight}};
        p.add(s);
        return p;
    };
    for (const ImageKey& key : {known, unknown}) ASSERT_TRUE(from_->save(profile(key, 3)));
    const auto out = export_images(*from_, {}, nullptr, file_);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->images, 1u);
    EXPECT_EQ(out->profiles, 2u);
    ASSERT_TRUE(to_->save(profile(known, 1)));
    const auto in = import_images(*to_, file_, nullptr);
    ASSERT_TRUE(in) << in.error().message;
    EXPECT_EQ(in->images, 1u);
    EXPECT_EQ(in->profiles, 2u);
    EXPECT_EQ(in->profiles_added, 1u);
    EXPECT_EQ(to_->load_profile(known)->weight(known.begin, 0), kSampleWeight) << "its own stays";
    EXPECT_EQ(to_->load_profile(unknown)->weight(unknown.begin, 0), 3 * kSampleWeight);
}

TEST_F(Bundle, AProfileOfAnotherNameIsRefused) {
    put(*from_, key_of(1 << 20));
    ASSERT_TRUE(from_->save(Profile(key_of(1 << 20))));
    exported();
    const std::string own = Profile::file_name(key_of(1 << 20));
    expect_forgery_refused("is one of another name", [&](Forged& f) {
        for (u64 i = 0; i < 2; i++)
            if (f.entry(i).name == own) {
                f.entry(i).name[31] = f.entry(i).name[31] == '0' ? '1' : '0';
                return;
            }
    });
}

TEST_F(Bundle, AChangedByteAnywhereIsRefused) {
    put(*from_, key_of(1 << 20));
    put(*from_, key_of(2 << 20));
    const SecretKey secret = SecretKey::generate();
    for (const SecretKey* key : {static_cast<const SecretKey*>(nullptr), &secret}) {
        Forged f = exported(key);
        std::fstream file(file_, std::ios::binary | std::ios::in | std::ios::out);
        const auto put_byte = [&](u64 at, u8 byte) {
            file.seekp(static_cast<std::streamoff>(at));
            file.put(static_cast<char>(byte)).flush();
        };
        const u64 table_at = f.header().table_at;
        for (u64 at = 0; at < f.bytes.size();
             at += at >= sizeof(BundleHeader) && at + 97 < table_at ? 97 : 1) {
            put_byte(at, f.bytes[at] ^ 0x10);
            refusal();
            put_byte(at, f.bytes[at]);
            if (HasFailure()) FAIL() << "byte " << at;
        }
        ASSERT_TRUE(import_images(*to_, file_, nullptr)) << "nothing wrong with the original";
        fs::remove_all(to_->path());
    }
}

TEST_F(Bundle, AnyOtherLengthIsRefused) {
    put(*from_, key_of(1 << 20));
    put(*from_, key_of(2 << 20));
    const SecretKey secret = SecretKey::generate();
    for (const SecretKey* key : {static_cast<const SecretKey*>(nullptr), &secret}) {
        Forged f = exported(key);
        const Bytes& bytes = f.bytes;
        const u64 table_at = f.header().table_at;
        for (const u64 more : {1, 32, 64, 80, 4096}) {
            Bytes longer = bytes;
            longer.resize(bytes.size() + more);
            expect_refused(longer, "too many at its end");
        }
        overwrite(file_, bytes);
        for (u64 size = bytes.size() - 1; size != 0;
             size -= size > sizeof(BundleHeader) + 97 && size < table_at ? 97 : 1) {
            fs::resize_file(file_, size);
            refusal();
            if (HasFailure()) FAIL() << size << " bytes";
        }
    }
}

TEST_F(Bundle, ThoseOfOtherBuildsAndHostsAreRefused) {
    put(*from_, key_of(1 << 20));
    exported();
    const Producer self = this_producer();
    expect_forgery_refused("another build of vm (abcdef, this one is " + self.build + ")", [](Forged& f) {
        std::ranges::fill(f.header().build, 0);
        std::ranges::copy(std::string_view("abcdef"), f.header().build);
    });
    const auto with_features = [](const std::string& text) {
        return [text](Forged& f) {
            std::ranges::fill(f.header().features, 0);
            std::ranges::copy(text, f.header().features);
        };
    };
    ASSERT_FALSE(self.features.empty());
    const std::string first = self.features.substr(0, self.features.find(' '));
    const std::string rest = self.features.substr(std::min(first.size() + 1, self.features.size()));
    expect_forgery_refused("other host processors: this one lacks amx, apx",
                           with_features(self.features + " amx apx"));
    expect_forgery_refused("other host processors: those lack " + first, with_features(rest));
    expect_forgery_refused("this one lacks amx; those lack " + first, with_features("amx " + rest));
    // What must not reach a terminal.
    expect_forgery_refused("damaged header", with_features("\x1b[2J"));
    expect_forgery_refused("damaged header", [](Forged& f) { f.header().build[0] = '\n'; });
    expect_forgery_refused("damaged header", [](Forged& f) { f.header().build[63] = 'a'; });
    // A header that is right about images that are not.
    ImageKey other = key_of(1 << 20);
    other.producer = Producer{"abcdef", ""}.hash();
    const std::string name = put(*from_, other);
    const Bytes image = stored(*from_, name);
    expect_forgery_refused("of another build of vm or another host", [&](Forged& f) {
        ASSERT_EQ(f.image(0).size(), image.size());
        std::ranges::copy(image, f.image(0).begin());
        std::ranges::copy(name, f.entry(0).name);
        f.entry(0).digest = digest({image});
    });
}

TEST_F(Bundle, NamesAreThoseOfTheImages) {
    const std::string a = put(*from_, key_of(1 << 20)), b = put(*from_, key_of(2 << 20));
    exported();
    const auto with_name = [](u64 entry, const std::string& name) {
        return [=](Forged& f) {
            std::ranges::fill(f.entry(entry).name, 0);
            std::ranges::copy(name.substr(0, sizeof BundleEntry::name), f.entry(entry).name);
        };
    };
    const std::string digits(32, 'f');
    for (const std::string& bad :
         {std::string(), std::string("."), std::string(".."), std::string("/etc/passwd"),
          "../" + digits + ".vmi", "../../" + digits.substr(6) + ".vmi", digits, digits + ".vmj",
          digits + ".VMI", digits + "f.vmi", digits.substr(1) + ".vmi", digits.substr(1) + "/.vmi",
          digits.substr(1) + "F.vmi", digits.substr(1) + "\n.vmi", ".tmp-1-1-" + digits.substr(9) + ".vmi",
          std::string(40, 'f'), digits + ".vmi" + "\0x"s})
        expect_forgery_refused("has a name that cannot be", with_name(1, bad));
    expect_forgery_refused("is one of another name", with_name(1, digits + ".vmi"));
    expect_forgery_refused("not in order", with_name(1, std::min(a, b)));
    expect_forgery_refused("not in order", [](Forged& f) { std::swap(f.entry(0), f.entry(1)); });
}

TEST_F(Bundle, SizesAreBelievedWithinReason) {
    put(*from_, key_of(1 << 20));
    put(*from_, key_of(2 << 20));
    exported();
    for (const u64 images :
         {u64{0}, kMaxBundleImages + 1, u64{1} << 32, ~u64{0}, ~u64{0} / sizeof(BundleEntry)}) {
        Forged f{contents(file_)};
        const Bytes good = f.bytes;
        f.header().images = images;
        expect_refused(f.bytes, "damaged header");
        overwrite(file_, good);
    }
    for (const u64 at : {u64{0}, sizeof(BundleHeader) - 1, u64{1} << 60, ~u64{0}}) {
        Forged f{contents(file_)};
        const Bytes good = f.bytes;
        f.header().table_at = at;
        expect_refused(f.bytes, "damaged header");
        overwrite(file_, good);
    }
    for (const u64 size : {u64{0}, kMaxBundledImage + 1, u64{1} << 50, ~u64{0}})
        expect_forgery_refused("has a size that cannot be", [&](Forged& f) { f.entry(0).bytes = size; });
    for (const u64 size : {u64{1}, kMaxBundledImage})
        expect_forgery_refused("not as long as it says", [&](Forged& f) { f.entry(1).bytes = size; });
    // Sizes whose sum is right, of images that are not there.
    expect_forgery_refused("was changed", [](Forged& f) { f.entry(0).bytes--, f.entry(1).bytes++; });
    // A file of a terabyte that takes no room: refused by what it says, not read.
    Forged f{contents(file_)};
    f.header().images = 1000;
    f.header().table_at = u64{1} << 40;
    overwrite(file_, std::span(f.bytes).first(sizeof(BundleHeader)));
    std::error_code ec;
    fs::resize_file(file_, f.digest_at() + sizeof(Digest), ec);
    if (!ec) {
        const auto r = import_images(*to_, file_, nullptr);
        ASSERT_FALSE(r);
        EXPECT_NE(r.error().message.find("was changed"), std::string::npos) << r.error().message;
    }
}

TEST_F(Bundle, WhatIsNoImageIsRefused) {
    put(*from_, key_of(1 << 20));
    exported();
    const auto with_image = [](const std::function<void(std::span<u8>)>& change) {
        return [change](Forged& f) {
            change(f.image(0));
            f.entry(0).digest = digest({f.image(0)});
        };
    };
    expect_forgery_refused("is no image", with_image([](std::span<u8> i) { std::ranges::fill(i, 0); }));
    expect_forgery_refused("damaged header", with_image([](std::span<u8> i) { i[100] ^= 1; }));
    expect_forgery_refused("is damaged", with_image([](std::span<u8> i) { i.back() ^= 1; }));
    expect_refused(Bytes(4096, 0), "is no bundle");
    expect_refused(stored(*from_, from_->list()->at(0).name), "is no bundle");
    Forged f{exported()};
    f.header().format++;
    expect_refused(f.bytes, "is a bundle of format 2");
    fs::remove(file_);
    EXPECT_EQ(import_images(*to_, file_, nullptr).error().kind, ErrorKind::NotFound);
    fs::create_directory(file_);
    EXPECT_FALSE(import_images(*to_, file_, nullptr));
    EXPECT_FALSE(export_images(*from_, {}, nullptr, file_));
}

TEST_F(Bundle, SignaturesAreOfTheTrustedKey) {
    put(*from_, key_of(1 << 20));
    const SecretKey ours = SecretKey::generate(), other = SecretKey::generate();
    const Bytes plain = exported().bytes;
    const Bytes good = exported(&ours).bytes;
    const Bytes foreign = exported(&other).bytes;
    expect_refused(plain, "is not signed", &ours.public_key());
    expect_refused(foreign, "is signed with the key " + to_hex(other.public_key()), &ours.public_key());
    const auto forged = [&](const std::function<void(Forged&)>& change) {
        Forged f{good};
        change(f);
        f.seal();
        return f.bytes;
    };
    for (const PublicKey* trusted : {&ours.public_key(), static_cast<const PublicKey*>(nullptr)}) {
        // Another's signature, passed off as ours; ours of another bundle; none; a key that is no key.
        expect_refused(forged([&](Forged& f) {
                           f.bytes = foreign;
                           f.header().signer = ours.public_key();
                       }),
                       "has a wrong signature", trusted);
        expect_refused(forged([](Forged& f) { f.entry(0).name[0] ^= 1; }), "has a wrong signature", trusted);
        expect_refused(forged([](Forged& f) { f.bytes.back() ^= 1; }), "has a wrong signature", trusted);
    }
    const Bytes stripped = forged([](Forged& f) {
        f.header().is_signed = 0;
        f.bytes.resize(f.bytes.size() - sizeof(Signature));
    });
    expect_refused(stripped, "is not signed", &ours.public_key());
    expect_refused(forged([](Forged& f) { f.header().signer = {}; }), "has a wrong signature");
    expect_refused(forged([](Forged& f) { f.header().signer = {1}; }), "has a wrong signature");

    overwrite(file_, good);
    for (const PublicKey* trusted : {&ours.public_key(), static_cast<const PublicKey*>(nullptr)}) {
        const auto in = import_images(*to_, file_, trusted);
        ASSERT_TRUE(in) << in.error().message;
        EXPECT_EQ(in->signer, ours.public_key());
    }
}

TEST_F(Bundle, ADirectoryThatOthersCanWriteIsNotUsed) {
    put(*from_, key_of(1 << 20));
    exported();
    fs::create_directory(to_->path());
    fs::permissions(to_->path(), fs::perms::others_write, fs::perm_options::add);
    EXPECT_FALSE(import_images(*to_, file_, nullptr));
    EXPECT_TRUE(fs::is_empty(to_->path()));
}

TEST(Crypto, KeysAreTheirSeed) {
    ASSERT_TRUE(prepare_crypto());
    const SecretKey a = SecretKey::generate(), b = SecretKey::generate();
    EXPECT_NE(a.public_key(), b.public_key());
    const SecretKey again(a.seed());
    EXPECT_EQ(again.public_key(), a.public_key());
    const Digest d = digest({}), e = digest({d});
    EXPECT_TRUE(verify(again.sign(d), d, a.public_key()));
    EXPECT_FALSE(verify(a.sign(d), e, a.public_key()));
    EXPECT_FALSE(verify(a.sign(d), d, b.public_key()));
}

TEST(Crypto, DigestsAreBlake2b) {
    ASSERT_TRUE(prepare_crypto());
    // Python: hashlib.blake2b(b"abc", digest_size=32).hexdigest()
    const u8 text[] = {'a', 'b', 'c'};
    const std::span<const u8> all(text);
    EXPECT_EQ(to_hex(digest({all})), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    EXPECT_EQ(digest({all.first(1), {}, all.subspan(1)}), digest({all}));
    Digest d{};
    EXPECT_TRUE(from_hex(to_hex(digest({all})), d));
    EXPECT_EQ(d, digest({all}));
    for (const char* bad : {"", "bd", "zz"}) EXPECT_FALSE(from_hex(bad, d));
    EXPECT_FALSE(from_hex(std::string(64, 'g'), d));
    EXPECT_FALSE(from_hex(std::string(62, '0') + "0 ", d));
    EXPECT_FALSE(from_hex(std::string(66, '0'), d));
}

}  // namespace
}  // namespace vm::jit
