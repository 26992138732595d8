// For tests of decoders: the installed cross binutils as the oracle.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/format.h"

namespace vm::frontend::test {

/// A temporary folder with an assembler and a disassembler in it. Their texts are those of one version.
class Binutils : public testing::Test {
  protected:
    static constexpr const char* kVersion = " 2.40";

    /// `tools`: what names of programs begin with. `package`: where Debian has them. `as_options`: of every
    /// call of the assembler.
    Binutils(std::string tools, std::string package, std::string as_options)
        : tools_(std::move(tools)), package_(std::move(package)), as_options_(std::move(as_options)) {}

    void SetUp() override {
        dir_ = testing::TempDir() + fmt::format("{}binutils-{}", tools_, getpid());
        std::filesystem::create_directories(dir_);
        if (run(tools_ + "objdump --version > version 2>&1") != 0)
            GTEST_SKIP() << fmt::format("{}objdump is not installed (Debian package {})", tools_, package_);
        std::string version;
        std::getline(std::ifstream(dir_ + "/version") >> std::ws, version);
        if (version.find(kVersion) == std::string::npos)
            GTEST_SKIP() << "the text of this version differs from" << kVersion << "'s: " << version;
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    int run(const std::string& command) {
        return std::system(fmt::format("cd '{}' && {}", dir_, command).c_str());
    }
    int assemble(const std::string& source, const std::string& object) {
        return run(fmt::format("{}as {} {} -o {}", tools_, as_options_, source, object));
    }

    /// objdump's lines for words of `size` bytes at addresses 0, size, ...: address → text.
    std::map<u64, std::string> disassemble_all(const std::vector<u32>& words, unsigned size,
                                               const std::string& options) {
        std::ofstream raw(dir_ + "/words", std::ios::binary);
        for (u32 w : words) raw.write(reinterpret_cast<const char*>(&w), size);
        raw.close();
        std::ofstream(dir_ + "/a.s") << ".text\n.incbin \"words\"\n";
        EXPECT_EQ(assemble("a.s", "a.o"), 0);
        EXPECT_EQ(
            run(fmt::format("{}objdump -Dz -j .text {} --no-show-raw-insn a.o > dump", tools_, options)), 0);
        std::map<u64, std::string> out;
        std::ifstream dump(dir_ + "/dump");
        for (std::string line; std::getline(dump, line);) {
            const size_t colon = line.find(":\t");
            if (colon != std::string::npos)
                out[std::stoull(line.substr(0, colon), nullptr, 16)] = line.substr(colon + 2);
        }
        return out;
    }

    std::string dir_;

  private:
    std::string tools_, package_, as_options_;
};

}  // namespace vm::frontend::test
