#include "cli/boot_net.h"

#include <arpa/inet.h>

#include <charconv>
#include <filesystem>

#include "base/format.h"

namespace vm::cli {
namespace {

template <class... Args>
std::unexpected<Error> wrong(const std::string& text, fmt::format_string<Args...> format, Args&&... args) {
    return fail(ErrorKind::InvalidArgument,
                fmt::format("--net {}: {}", text, fmt::format(format, std::forward<Args>(args)...)));
}

std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0;;) {
        const size_t comma = text.find(',', at);
        out.push_back(text.substr(at, comma - at));
        if (comma == std::string::npos) return out;
        at = comma + 1;
    }
}

/// The part before `end`, which it and `end` are removed from; nothing if there is no such character.
std::optional<std::string> cut(std::string& text, char end) {
    const size_t at = text.find(end);
    if (at == std::string::npos) return std::nullopt;
    std::string part = text.substr(0, at);
    text.erase(0, at + 1);
    return part;
}

bool parse_port(const std::string& text, u16* out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    return error == std::errc() && end == text.data() + text.size() && *out != 0;
}

bool parse_address(const std::string& text, u32 fallback, u32* out) {
    in_addr a{};
    *out = fallback;
    if (text.empty()) return true;
    if (::inet_pton(AF_INET, text.c_str(), &a) != 1) return false;
    *out = ntohl(a.s_addr);
    return true;
}

/// tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT
Result<usernet::Forward> parse_forward(const std::string& text, std::string rule) {
    usernet::Forward f;
    const std::string whole = rule;
    const auto protocol = cut(rule, ':'), host = cut(rule, ':'), port = cut(rule, '-'),
               guest = cut(rule, ':');
    if (!protocol || !host || !port || !guest || (*protocol != "tcp" && *protocol != "udp"))
        return wrong(text, "hostfwd={} is not tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT", whole);
    f.udp = *protocol == "udp";
    if (!parse_address(*host, usernet::kLoopback, &f.host_address))
        return wrong(text, "'{}' is no IPv4 address", *host);
    if (!parse_address(*guest, usernet::kFirstGuest, &f.guest_address))
        return wrong(text, "'{}' is no IPv4 address", *guest);
    if ((f.guest_address & usernet::kNetmask) != usernet::kNetwork)
        return wrong(text, "'{}' is not in the guest's network 10.0.2.0/24", *guest);
    if (!parse_port(*port, &f.host_port)) return wrong(text, "'{}' is no port: 1 to 65535", *port);
    if (!parse_port(rule, &f.guest_port)) return wrong(text, "'{}' is no port: 1 to 65535", rule);
    return f;
}

Result<std::array<u8, 6>> parse_mac(const std::string& text, const std::string& value) {
    std::array<u8, 6> mac{};
    bool good = value.size() == 17;
    for (size_t i = 0; good && i < mac.size(); ++i) {
        const char* p = value.data() + 3 * i;
        const auto [end, error] = std::from_chars(p, p + 2, mac[i], 16);
        good = error == std::errc() && end == p + 2 && (i == 5 || *end == ':');
    }
    if (!good) return wrong(text, "'{}' is no address of a network card like 52:54:00:12:34:56", value);
    if ((mac[0] & 1) != 0 || mac == std::array<u8, 6>{})
        return wrong(text, "{} is the address of a group, not of a card", value);
    return mac;
}

Result<void> take_user_word(const std::string& text, const std::string& name, const std::string& value,
                            soc::NetCard& card) {
    if (name == "hostfwd") {
        auto f = parse_forward(text, value);
        if (!f) return std::unexpected(f.error());
        card.forwards.push_back(*f);
    } else if (name == "restrict") {
        if (value != "on" && value != "off") return wrong(text, "restrict= is on or off, not '{}'", value);
        card.restricted = value == "on";
    } else if (name == "mtu") {
        if (!parse_port(value, &card.mtu) || card.mtu < usernet::kMinMtu || card.mtu > usernet::kMaxMtu)
            return wrong(text, "mtu= is {} to {}, not '{}'", usernet::kMinMtu, usernet::kMaxMtu, value);
    } else {
        return wrong(text, "a user network has hostfwd=, restrict=, mtu=, mac= and bus=, not '{}'", name);
    }
    return {};
}

Result<soc::NetCard> parse_net(const std::string& text) {
    const std::vector<std::string> all = words(text);
    soc::NetCard card;
    if (all[0] != "user" && all[0] != "tap") return wrong(text, "it begins with user, tap or none");
    card.kind = all[0] == "tap" ? soc::NetCard::Kind::Tap : soc::NetCard::Kind::User;
    for (size_t i = 1; i < all.size(); ++i) {
        std::string value = all[i];
        const auto name = cut(value, '=');
        if (!name) return wrong(text, "'{}' is not NAME=VALUE", all[i]);
        if (*name == "mac") {
            auto mac = parse_mac(text, value);
            if (!mac) return std::unexpected(mac.error());
            card.mac = *mac;
        } else if (*name == "bus") {
            const auto bus = soc::virtio_bus(value);
            if (!bus) return wrong(text, "{}", bus.error().message);
            card.bus = *bus;
        } else if (card.kind == soc::NetCard::Kind::User) {
            if (auto r = take_user_word(text, *name, value, card); !r) return std::unexpected(r.error());
        } else if (*name == "ifname") {
            card.interface = value;
        } else {
            return wrong(text, "a tap network has ifname=, mac= and bus=, not '{}'", *name);
        }
    }
    if (card.kind == soc::NetCard::Kind::Tap && card.interface.empty())
        return wrong(text, "it needs ifname=, the name of a tap interface");
    return card;
}

}  // namespace

const char* const kNetHelp =
    "a network card (default: none). "
    "user[,hostfwd=tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT]...[,restrict=on]"
    "[,mtu=N]: connections of this process; the host is 10.0.2.2, HOSTADDR is 127.0.0.1 unless given. "
    "tap,ifname=NAME: that interface of the host. Both: [,mac=ADDRESS][,bus=mmio or pci]";

Result<std::vector<soc::NetCard>> parse_nets(const std::vector<std::string>& texts) {
    std::vector<soc::NetCard> cards;
    std::error_code ec;
    const auto own = std::filesystem::read_symlink("/proc/self/exe", ec);
    for (const std::string& text : texts) {
        if (text == "none") {
            if (texts.size() != 1) return wrong(text, "there are other --net options");
            return cards;
        }
        auto card = parse_net(text);
        if (!card) return std::unexpected(card.error());
        card->program = (own.parent_path() / "vm-usernet").string();
        cards.push_back(std::move(*card));
    }
    return cards;
}

}  // namespace vm::cli
