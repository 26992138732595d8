#include "cli/cache_bundle.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/format.h"
#include "cli/key_file.h"
#include "jit/bundle.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;

void print_json(const ordered_json& j) {
    fmt::print("{}\n", j.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

ordered_json key_or_null(const std::optional<jit::PublicKey>& key) {
    return key ? ordered_json(jit::to_hex(*key)) : ordered_json();
}

std::string signed_with(const std::optional<jit::PublicKey>& key) {
    return key ? "signed with " + jit::to_hex(*key) : "not signed";
}

/// The key in a file, if one was named.
template <class Key>
Result<std::optional<Key>> named_key(const std::optional<std::string>& file,
                                     Result<Key> (*read)(const std::string&)) {
    if (!file) return std::nullopt;
    auto key = read(*file);
    if (!key) return std::unexpected(key.error());
    return std::optional<Key>(std::move(*key));
}

}  // namespace

Result<int> cache_export(const jit::ImageStore& store, const BundleOptions& o, bool json) {
    const auto key = named_key(o.key, read_secret_key);
    if (!key) return std::unexpected(key.error());
    const auto r = jit::export_images(store, o.images, *key ? &**key : nullptr, o.file);
    if (!r) return std::unexpected(r.error());
    if (json)
        print_json({{"directory", store.path()},
                    {"file", o.file},
                    {"images", r->images},
                    {"profiles", r->profiles},
                    {"bytes", r->bytes},
                    {"left_out_other_builds_or_hosts", r->of_others},
                    {"left_out_not_usable", r->unusable},
                    {"signed_with", key_or_null(r->signer)}});
    else
        fmt::print(
            "{}: {} images, {} profiles, {} bytes, {}; left out {} of other builds or hosts, {} not usable\n",
            o.file, r->images, r->profiles, r->bytes, signed_with(r->signer), r->of_others, r->unusable);
    return 0;
}

Result<int> cache_import(const jit::ImageStore& store, const BundleOptions& o, bool json) {
    const auto trusted = named_key(o.trust, read_public_key);
    if (!trusted) return std::unexpected(trusted.error());
    const auto r = jit::import_images(store, o.file, *trusted ? &**trusted : nullptr);
    if (!r) return std::unexpected(r.error());
    if (json)
        print_json({{"directory", store.path()},
                    {"file", o.file},
                    {"images", r->images},
                    {"profiles", r->profiles},
                    {"bytes", r->bytes},
                    {"added", r->added},
                    {"replaced", r->replaced},
                    {"kept", r->kept},
                    {"profiles_added", r->profiles_added},
                    {"signed_with", key_or_null(r->signer)}});
    else
        fmt::print(
            "{}: {} images, {}; {} added, {} replaced, {} kept as they were in {}; {} profiles, {} added\n",
            o.file, r->images, signed_with(r->signer), r->added, r->replaced, r->kept, store.path(),
            r->profiles, r->profiles_added);
    return 0;
}

Result<int> cache_keygen(const BundleOptions& o, bool json) {
    const auto key = make_key_files(o.key_name);
    if (!key) return std::unexpected(key.error());
    const std::string secret_file = o.key_name + ".key", public_file = o.key_name + ".pub";
    if (json)
        print_json({{"secret_file", secret_file}, {"public_file", public_file}, {"key", jit::to_hex(*key)}});
    else
        fmt::print("{}: signs (export --key), keep it secret; {}: checks (import --trust), key {}\n",
                   secret_file, public_file, jit::to_hex(*key));
    return 0;
}

}  // namespace vm::cli
