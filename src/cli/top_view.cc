#include "cli/top_view.h"

#include <sys/time.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/format.h"

namespace vm::cli {
namespace {

using nlohmann::ordered_json;
using Rate = std::optional<double>;  ///< a second

/// Two samples of one process.
struct Between {
    const TopSample& now;
    const TopSample* before;

    double seconds() const {
        return before != nullptr && now.at_ns > before->at_ns
                   ? static_cast<double>(now.at_ns - before->at_ns) / 1e9
                   : 0;
    }
    /// Nothing where a counter fell: another program was executed.
    Rate rate(u64 to, u64 from) const {
        const double s = seconds();
        if (s == 0 || to < from) return {};
        return static_cast<double>(to - from) / s;
    }
    Rate jit(u64 jit::Stats::*member) const {
        return before != nullptr ? rate(now.jit.*member, before->jit.*member) : Rate();
    }
    /// The same vCPU in the sample before.
    const TopVcpu* earlier(const TopVcpu& v) const {
        if (before == nullptr) return nullptr;
        const auto it = std::ranges::find_if(
            before->vcpus, [&](const TopVcpu& b) { return b.identity == v.identity && b.tid == v.tid; });
        return it != before->vcpus.end() ? &*it : nullptr;
    }
    /// The same device in the sample before.
    const TopDevice* earlier(const TopDevice& d) const {
        if (before == nullptr) return nullptr;
        const auto it =
            std::ranges::find_if(before->devices, [&](const TopDevice& o) { return o.name == d.name; });
        return it != before->devices.end() ? &*it : nullptr;
    }
    Rate percent(const std::optional<u64>& to, const std::optional<u64>& from) const {
        if (!to || !from) return {};
        const Rate ticks = rate(*to, *from);
        if (!ticks) return {};
        return *ticks * 100 / static_cast<double>(osal::ticks_per_second());
    }
    Rate vcpu_percent(const TopVcpu& v) const {
        const TopVcpu* b = earlier(v);
        return b != nullptr ? percent(v.user_ticks, b->user_ticks) : Rate();
    }
    Rate tier2_percent() const {
        return before != nullptr && before->places.tid == now.places.tid
                   ? percent(now.tier2_ticks, before->tier2_ticks)
                   : Rate();
    }
};

const char* tier_name(engine::Tier tier) {
    switch (tier) {
        case engine::Tier::Auto: return "auto";
        case engine::Tier::Interp: return "interp";
        case engine::Tier::One: return "1";
        case engine::Tier::Two: return "2";
    }
    return "?";
}

const char* state_name(jit::BackgroundState state) {
    switch (state) {
        case jit::BackgroundState::None: return "not running";
        case jit::BackgroundState::Asleep: return "asleep";
        case jit::BackgroundState::Watching: return "watching";
        case jit::BackgroundState::Compiling: return "compiling";
    }
    return "?";
}

/// Share of the recent samples that fell on `place`.
double lately(const jit::HotPlace& place, const jit::HotPlaces& all) {
    return all.weight == 0 ? 0 : static_cast<double>(place.weight) / static_cast<double>(all.weight);
}

/// Length in bytes of the character that `text` begins with; 0 if it is none or a terminal might obey it.
size_t character(std::string_view text) {
    const auto byte = [&](size_t i) { return i < text.size() ? static_cast<u8>(text[i]) : u8{0}; };
    const auto more = [&](size_t n) {
        for (size_t i = 1; i <= n; i++)
            if ((byte(i) & 0xc0) != 0x80) return false;
        return true;
    };
    const u8 first = byte(0);
    if (first < 0x80) return first >= ' ' && first != 0x7f;
    if (first >= 0xc2 && first < 0xe0) return more(1) && (first != 0xc2 || byte(1) >= 0xa0) ? 2 : 0;
    if (first >= 0xe0 && first < 0xf0) return more(2) && (first != 0xe0 || byte(1) >= 0xa0) ? 3 : 0;
    if (first >= 0xf0 && first < 0xf5) return more(3) && (first != 0xf0 || byte(1) >= 0x90) ? 4 : 0;
    return 0;
}

}  // namespace

std::string printable(std::string_view text, size_t columns) {
    std::string out;
    while (!text.empty() && text.back() == 0) text.remove_suffix(1);
    for (; !text.empty() && columns != 0; columns--) {
        const size_t n = character(text);
        if (n != 0)
            out += text.substr(0, n);
        else
            out += text[0] == 0 ? ' ' : '?';
        text.remove_prefix(std::max<size_t>(n, 1));
    }
    return out;
}

std::string short_count(double value) {
    if (value < 99999.5) return fmt::format("{:.0f}", value);
    const char* unit = "kMGTPE";
    for (value /= 1000; value >= 999.5 && unit[1] != 0; unit++) value /= 1000;
    return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, *unit);
}

std::string short_time(u64 ns) {
    double value = static_cast<double>(ns);
    if (value < 999.5) return fmt::format("{:.0f} ns", value);
    const char* const units[] = {"us", "ms", "s"};
    size_t unit = 0;
    for (value /= 1000; value >= 999.5 && unit < 2; unit++) value /= 1000;
    return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[unit]);
}

std::string short_bytes(u64 bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1024;
    const char* unit = "KMGTPE";
    for (; value >= 1024 && unit[1] != 0; unit++) value /= 1024;
    return fmt::format("{:.1f} {}iB", value, *unit);
}

std::string clock_text(double seconds) {
    const auto s = static_cast<u64>(std::clamp(seconds, 0.0, 1e12));
    const u64 days = s / 86400;
    return days != 0 ? fmt::format("{}d {:02}:{:02}:{:02}", days, s / 3600 % 24, s / 60 % 60, s % 60)
                     : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

// ---------------------------------------------------------------------------------------------- text

namespace {

std::string rate_text(const Rate& rate) {
    if (!rate) return "-";
    return *rate < 9.95 && *rate != 0 ? fmt::format("{:.1f}", *rate) : short_count(*rate);
}
std::string percent_text(const Rate& percent) { return percent ? fmt::format("{:.1f}", *percent) : "-"; }
/// "1234 (+5.0/s)"
std::string with_rate(u64 total, const Rate& rate) {
    const std::string text = short_count(static_cast<double>(total));
    return rate && *rate != 0 ? fmt::format("{} (+{}/s)", text, rate_text(rate)) : text;
}

std::vector<std::string> vcpu_lines(const Between& b, size_t most) {
    std::vector<std::string> out{fmt::format("{:>9} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}", "TID", "CPU%",
                                             "ENTERS/s", "INTERP/s", "LOOKUPS/s", "FAULTS/s", "SAFEPTS/s")};
    std::vector<const TopVcpu*> order;
    for (const TopVcpu& v : b.now.vcpus) order.push_back(&v);
    std::ranges::sort(order, [&](const TopVcpu* x, const TopVcpu* y) {
        const double px = b.vcpu_percent(*x).value_or(-1), py = b.vcpu_percent(*y).value_or(-1);
        return px != py ? px > py : x->tid < y->tid;
    });
    const size_t shown = order.size() <= most ? order.size() : std::max<size_t>(most, 2) - 1;
    for (size_t i = 0; i < shown; i++) {
        const TopVcpu& v = *order[i];
        const TopVcpu* e = b.earlier(v);
        const auto rate = [&](u64 engine::Stats::*member) {
            return rate_text(e != nullptr ? b.rate(v.stats.*member, e->stats.*member) : Rate());
        };
        using S = engine::Stats;
        out.push_back(fmt::format("{:>9} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}", v.tid,
                                  percent_text(b.vcpu_percent(v)), rate(&S::enters),
                                  rate(&S::interpreted_insns), rate(&S::lookups), rate(&S::faults),
                                  rate(&S::safepoints)));
    }
    if (shown < order.size()) out.push_back(fmt::format("{:>9} and {} more", "", order.size() - shown));
    if (b.now.unlisted != 0) out.push_back(fmt::format("{:>9} and {} not listed", "", b.now.unlisted));
    return out;
}

const char* hart_state(const engine::HartCounters& h) {
    return h.started == 0 ? "stopped" : h.waiting_since != 0 ? "wfi" : "running";
}

/// Of a machine: what each hart does, in order.
std::vector<std::string> hart_lines(const Between& b) {
    std::vector<std::string> out;
    std::vector<const TopVcpu*> order;
    for (const TopVcpu& v : b.now.vcpus)
        if (v.hart) order.push_back(&v);
    if (order.empty()) return out;
    std::ranges::sort(order, {}, [](const TopVcpu* v) { return v->hart->id; });
    out.push_back(fmt::format("{:>5} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "HART", "TID", "STATE",
                              "EXITS/s", "WFI/s", "TRAPS/s", "IRQS/s", "PRIV/s", "TLBMISS/s"));
    for (const TopVcpu* v : order) {
        const TopVcpu* e = b.earlier(*v);
        const auto rate = [&](u64 engine::HartCounters::*member) {
            return rate_text(e != nullptr && e->hart ? b.rate((*v->hart).*member, (*e->hart).*member)
                                                     : Rate());
        };
        using H = engine::HartCounters;
        out.push_back(
            fmt::format("{:>5} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", v->hart->id, v->tid,
                        hart_state(*v->hart), rate(&H::exits), rate(&H::waits), rate(&H::traps),
                        rate(&H::interrupts), rate(&H::privileged),
                        rate_text(e != nullptr ? b.rate(v->stats.tlb_misses, e->stats.tlb_misses) : Rate())));
    }
    return out;
}

std::vector<std::string> device_lines(const Between& b) {
    std::vector<std::string> out;
    if (b.now.devices.empty()) return out;
    out.push_back(fmt::format("{:>16} {:>11} {:>11} {:>11} {:>11} {:>11}", "DEVICE", "REQUESTS", "REQUESTS/s",
                              "BYTES", "BYTES/s", "IRQS/s"));
    for (const TopDevice& d : b.now.devices) {
        const TopDevice* e = b.earlier(d);
        const auto total = [](const std::optional<u64>& v) {
            return v ? short_count(static_cast<double>(*v)) : std::string("-");
        };
        const auto rate = [&](std::optional<u64> TopDevice::*member) {
            return rate_text(e != nullptr && d.*member && e->*member ? b.rate(*(d.*member), *(e->*member))
                                                                     : Rate());
        };
        out.push_back(fmt::format("{:>16} {:>11} {:>11} {:>11} {:>11} {:>11}", printable(d.name, 16),
                                  total(d.requests), rate(&TopDevice::requests), total(d.bytes),
                                  rate(&TopDevice::bytes), rate(&TopDevice::interrupts)));
    }
    return out;
}

std::vector<std::string> jit_lines(const Between& b) {
    using S = jit::Stats;
    const S& j = b.now.jit;
    const auto counter = [&](u64 S::*member) { return with_rate(j.*member, b.jit(member)); };
    std::vector<std::string> out;
    out.push_back(fmt::format("translated   {} blocks, {} guest instructions, {} of guest code",
                              counter(&S::translations), counter(&S::guest_insns),
                              short_bytes(j.guest_bytes)));
    out.push_back(fmt::format("code cache   {} of {}; links {}, invalidated {}, evicted {}, code syncs {}",
                              short_bytes(b.now.code_bytes), short_bytes(b.now.code_limit),
                              counter(&S::links), counter(&S::invalidated), counter(&S::evicted),
                              counter(&S::syncs)));
    out.push_back(fmt::format("images       {} loaded, {} saved, {} of {} translations adopted",
                              j.images_loaded, j.images_saved, counter(&S::adopted),
                              short_count(static_cast<double>(j.image_blocks))));
    std::string tier2 = fmt::format("tier 2       {} regions", counter(&S::regions));
    if (b.now.tier2) {
        tier2 += fmt::format(", {} pending; its thread is {}", b.now.places.pending,
                             state_name(b.now.places.state));
        if (b.now.places.tid != 0)
            tier2 += fmt::format(" ({}, {}% CPU)", b.now.places.tid, percent_text(b.tier2_percent()));
    }
    out.push_back(std::move(tier2));
    if (b.now.timings)
        out.push_back(
            fmt::format("compiling    a block {}, 99th percentile {}; a region {}, 99th percentile {}",
                        short_time(j.block_ns.quantile(0.5)), short_time(j.block_ns.quantile(0.99)),
                        short_time(j.region_ns.quantile(0.5)), short_time(j.region_ns.quantile(0.99))));
    if (b.now.exact_icount)
        out.push_back(fmt::format(
            "executed     {} guest instructions",
            with_rate(b.now.icount, b.before != nullptr ? b.rate(b.now.icount, b.before->icount) : Rate())));
    return out;
}

std::string file_text(const std::optional<osal::FilePlace>& file) {
    if (!file) return "not mapped";
    if (file->path.empty()) return "anonymous memory";
    return fmt::format("{}+{:#x}", file->path, file->offset);
}

std::vector<std::string> place_lines(const TopSample& s) {
    std::vector<std::string> out;
    if (s.places.count == 0) return out;
    out.push_back(
        fmt::format("{:>16} {:>8} {:>7} {:>6}  {}", "HOT PC", "SAMPLES", "LATELY", "REGION", "WHERE"));
    for (u32 i = 0; i < s.places.count; i++) {
        const jit::HotPlace& p = s.places.places[i];
        out.push_back(fmt::format("{:>16x} {:>8} {:>6.1f}% {:>6}  {}", p.pc,
                                  short_count(static_cast<double>(p.samples)), 100 * lately(p, s.places),
                                  p.region != 0 ? "yes" : "no", file_text(s.files[i])));
    }
    return out;
}

}  // namespace

std::string top_text(const TopSample& now, const TopSample* before, const TextSize& size) {
    const Between b{now, before};
    std::vector<std::string> lines;
    lines.push_back(fmt::format("process {}: {} guest, tier {}, up {}, {} vCPUs", now.pid, now.isa,
                                tier_name(now.tier), clock_text(now.age_s), now.vcpus.size() + now.unlisted));
    lines.push_back(now.command);
    const auto append = [&](std::vector<std::string> more) {
        lines.emplace_back();
        lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
    append(jit_lines(b));
    for (const auto& more : {hart_lines(b), device_lines(b)})
        if (!more.empty()) append(more);
    const std::vector<std::string> places = place_lines(now);
    // Of many vCPUs those are left out that do least, so that the places are seen.
    constexpr size_t kFewest = 4;
    const size_t others = lines.size() + 2 + (places.empty() ? 0 : places.size() + 1) + (now.unlisted != 0);
    append(vcpu_lines(b, std::max(size.lines - std::min(size.lines, others), kFewest)));
    if (!places.empty()) append(places);
    std::string out;
    for (size_t i = 0; i < std::min(lines.size(), size.lines); i++)
        out += printable(lines[i], size.columns) + "\n";
    return out;
}

// ---------------------------------------------------------------------------------------------- JSON

namespace {

ordered_json json_of(const Rate& rate) { return rate ? ordered_json(*rate) : ordered_json(); }

template <class S>
void add_totals(ordered_json& out, std::span<const engine::Counter<S>> counters, const S& s) {
    for (const auto& c : counters) out[c.name] = s.*c.member;
}

template <class S>
void add_rates(ordered_json& out, std::span<const engine::Counter<S>> counters, const Between& b, const S& to,
               const S& from) {
    for (const auto& c : counters) out[c.name] = json_of(b.rate(to.*c.member, from.*c.member));
}

ordered_json vcpu_json(const Between& b, const TopVcpu& v) {
    ordered_json totals = ordered_json::object(), rates;
    add_totals(totals, engine::run_counters(), v.stats);
    if (const TopVcpu* e = b.earlier(v)) add_rates(rates, engine::run_counters(), b, v.stats, e->stats);
    ordered_json out{{"tid", v.tid},
                     {"user_cpu_percent", json_of(b.vcpu_percent(v))},
                     {"totals", std::move(totals)},
                     {"rates", std::move(rates)}};
    if (v.hart)
        out["hart"] = {{"id", v.hart->id},
                       {"state", hart_state(*v.hart)},
                       {"exits", v.hart->exits},
                       {"waits", v.hart->waits},
                       {"wait_ns", v.hart->wait_ns},
                       {"traps", v.hart->traps},
                       {"interrupts", v.hart->interrupts},
                       {"privileged", v.hart->privileged},
                       {"sbi_calls", v.hart->sbi_calls}};
    return out;
}

ordered_json device_json(const Between& b, const TopDevice& d) {
    const TopDevice* e = b.earlier(d);
    ordered_json out{{"name", d.name}}, rates = ordered_json::object();
    const std::pair<const char*, std::optional<u64> TopDevice::*> counters[] = {
        {"requests", &TopDevice::requests},
        {"bytes", &TopDevice::bytes},
        {"interrupts", &TopDevice::interrupts}};
    for (const auto& [name, member] : counters) {
        if (!(d.*member)) continue;
        out[name] = *(d.*member);
        rates[name] = json_of(e != nullptr && e->*member ? b.rate(*(d.*member), *(e->*member)) : Rate());
    }
    out["rates"] = std::move(rates);
    return out;
}

ordered_json place_json(const TopSample& s, u32 i) {
    const jit::HotPlace& p = s.places.places[i];
    ordered_json out{
        {"pc", fmt::format("{:#x}", p.pc)}, {"samples", p.samples}, {"lately", lately(p, s.places)},
        {"region", p.region != 0},          {"file", nullptr},      {"offset", nullptr}};
    if (const auto& file = s.files[i]; file && !file->path.empty()) {
        out["file"] = file->path;
        out["offset"] = file->offset;
    }
    return out;
}

}  // namespace

std::string top_json(const TopSample& now, const TopSample* before) {
    const Between b{now, before};
    timeval wall{};
    ::gettimeofday(&wall, nullptr);
    std::string command = now.command;
    while (!command.empty() && command.back() == 0) command.pop_back();
    std::ranges::replace(command, '\0', ' ');
    ordered_json totals = ordered_json::object(), rates;
    add_totals(totals, engine::run_counters(), now.run);
    add_totals(totals, engine::jit_counters(), now.jit);
    if (before != nullptr) {
        add_rates(rates, engine::run_counters(), b, now.run, before->run);
        add_rates(rates, engine::jit_counters(), b, now.jit, before->jit);
    }
    ordered_json vcpus = ordered_json::array(), devices = ordered_json::array(),
                 places = ordered_json::array();
    for (const TopVcpu& v : now.vcpus) vcpus.push_back(vcpu_json(b, v));
    for (const TopDevice& d : now.devices) devices.push_back(device_json(b, d));
    for (u32 i = 0; i < now.places.count; i++) places.push_back(place_json(now, i));
    ordered_json out{{"pid", now.pid},
                     {"time", static_cast<double>(wall.tv_sec) + static_cast<double>(wall.tv_usec) / 1e6},
                     {"seconds", b.seconds()},
                     {"command", command},
                     {"isa", now.isa},
                     {"tier", tier_name(now.tier)},
                     {"uptime_seconds", now.age_s},
                     {"vcpus", std::move(vcpus)},
                     {"vcpus_not_listed", now.unlisted},
                     {"devices", std::move(devices)},
                     {"totals", std::move(totals)},
                     {"rates", std::move(rates)},
                     {"code_bytes_used", now.code_bytes},
                     {"code_bytes_limit", now.code_limit},
                     {"timings", nullptr},
                     {"icount", now.exact_icount ? ordered_json(now.icount) : ordered_json()},
                     {"tier2", nullptr}};
    if (now.timings)
        out["timings"] = {{"translate_block_ns_median", now.jit.block_ns.quantile(0.5)},
                          {"translate_block_ns_p99", now.jit.block_ns.quantile(0.99)},
                          {"region_ns_median", now.jit.region_ns.quantile(0.5)},
                          {"region_ns_p99", now.jit.region_ns.quantile(0.99)}};
    if (now.tier2)
        out["tier2"] = {{"state", state_name(now.places.state)},
                        {"tid", now.places.tid},
                        {"user_cpu_percent", json_of(b.tier2_percent())},
                        {"pending", now.places.pending},
                        {"samples", now.places.samples},
                        {"places", std::move(places)}};
    return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace vm::cli
