// `vm cache export|import|keygen`: what is typed is in cache.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "jit/image_store.h"

namespace vm::cli {

struct BundleOptions {
    std::string file;
    std::vector<std::string> images;  ///< names; none: all
    std::optional<std::string> key, trust;
    std::string key_name;
};

/// Print what was done; the exit status.
Result<int> cache_export(const jit::ImageStore& store, const BundleOptions& options, bool json);
Result<int> cache_import(const jit::ImageStore& store, const BundleOptions& options, bool json);
Result<int> cache_keygen(const BundleOptions& options, bool json);

}  // namespace vm::cli
