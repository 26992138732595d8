#include "test_guest.h"

#include <algorithm>

namespace vm::test {

size_t TestGuest::find(std::string_view register_name) const {
    return static_cast<size_t>(std::ranges::find(registers, register_name, &Register::name) -
                               registers.begin());
}

std::span<const TestGuest* const> test_guests() {
    static const TestGuest* const all[] = {&rv64_guest(), &a64_guest()};
    return all;
}

}  // namespace vm::test
