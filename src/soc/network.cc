#include "soc/network.h"

#include "device/net_tap.h"
#include "device/net_user.h"

namespace vm::soc {

Result<std::unique_ptr<device::NetBackend>> open_network(const NetCard& card,
                                                         std::function<void(const std::string&)> complain) {
    if (card.kind == NetCard::Kind::Tap) return device::NetTap::open(card.interface, std::move(complain));
    return device::NetUser::start_process(
        {.restricted = card.restricted, .mtu = card.mtu, .forwards = card.forwards, .program = card.program},
        std::move(complain));
}

std::array<u8, 6> mac_address(const NetCard& card, unsigned number) {
    return card.mac.value_or(std::array<u8, 6>{0x52, 0x54, 0x00, 0x12, 0x34, static_cast<u8>(0x56 + number)});
}

}  // namespace vm::soc
