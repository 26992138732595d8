// Network cards of a machine, by what their wire leads to.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "soc/riscv_virt_slots.h"
#include "usernet/protocol.h"

namespace vm::device {
class NetBackend;
}

namespace vm::soc {

struct NetCard {
    enum class Kind : u8 { User, Tap };
    Kind kind = Kind::User;
    std::optional<std::array<u8, 6>> mac;  ///< none: 52:54:00:12:34:56 for the first card, and so on
    VirtioBus bus = VirtioBus::Auto;
    std::string interface;                   ///< Tap
    bool restricted = false;                 ///< User: the guest reaches nothing, forwarded ports stay
    u16 mtu = usernet::kMaxMtu;              ///< User
    std::vector<usernet::Forward> forwards;  ///< User
    std::string program;                     ///< User: vm-usernet
};

/// What the card's wire leads to, opened or started. `complain`: told if it goes away, on any thread.
Result<std::unique_ptr<device::NetBackend>> open_network(const NetCard& card,
                                                         std::function<void(const std::string&)> complain);
std::array<u8, 6> mac_address(const NetCard& card, unsigned number);

}  // namespace vm::soc
