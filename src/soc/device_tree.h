// Writes a flattened device tree (Devicetree Specification 0.4), node by node.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::soc {

class DeviceTree {
  public:
    DeviceTree();
    /// Nodes nest: each open() has its close(). The root is open from the start.
    void open(const std::string& name);
    void close();
    void flag(const char* name);
    void cells(const char* name, std::initializer_list<u32> values) {
        cells(name, std::span(values.begin(), values.size()));
    }
    void cells(const char* name, std::span<const u32> values);
    void text(const char* name, std::string_view value);
    void texts(const char* name, std::span<const std::string> values);
    void bytes(const char* name, std::span<const u8> value);
    /// `reg` of one range, two cells each.
    void reg(u64 base, u64 size) { cells("reg", {high(base), low(base), high(size), low(size)}); }
    /// The blob, or what libfdt said of the first call that failed.
    Result<std::vector<u8>> finish();

    static constexpr u32 high(u64 v) { return static_cast<u32>(v >> 32); }
    static constexpr u32 low(u64 v) { return static_cast<u32>(v); }

  private:
    void done(int error) {
        if (error_ == 0) error_ = error;
    }
    std::vector<u8> blob_;
    int error_ = 0;
};

}  // namespace vm::soc
