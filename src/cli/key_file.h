// Key files of `vm cache`: a line of text each, a word that says which kind it is and the key in hexadecimal.
#pragma once

#include <string>

#include "jit/crypto.h"

namespace vm::cli {

/// Makes NAME.key, for its owner's eyes alone, and NAME.pub. Fails, and leaves nothing, if one of them
/// exists.
Result<jit::PublicKey> make_key_files(const std::string& name);
/// May be a pipe.
Result<jit::SecretKey> read_secret_key(const std::string& path);
Result<jit::PublicKey> read_public_key(const std::string& path);

}  // namespace vm::cli
