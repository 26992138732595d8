#include "engine/stats.h"

#include "base/format.h"

namespace vm::engine {

std::span<const Counter<Stats>> run_counters() {
    static constexpr Counter<Stats> kCounters[] = {
        {"runs", &Stats::runs},
        {"enters", &Stats::enters},
        {"interpreted_blocks", &Stats::interpreted},
        {"interpreted_insns", &Stats::interpreted_insns},
        {"lookups", &Stats::lookups},
        {"indirect_lookups", &Stats::indirect_lookups},
        {"indirect_misses", &Stats::indirect_misses},
        {"faults", &Stats::faults},
        {"repeated_faults", &Stats::repeated_faults},
        {"safepoints", &Stats::safepoints},
        {"mode_changes", &Stats::mode_changes},
    };
    static_assert(sizeof kCounters / sizeof *kCounters == sizeof(Stats) / sizeof(u64));
    return kCounters;
}

std::span<const Counter<jit::Stats>> jit_counters() {
    using S = jit::Stats;
    static constexpr Counter<S> kCounters[] = {
        {"translations", &S::translations},
        {"translated_insns", &S::guest_insns},
        {"guest_bytes", &S::guest_bytes},
        {"host_bytes", &S::host_bytes},
        {"side_table_bytes", &S::side_bytes},
        {"links", &S::links},
        {"unlinks", &S::unlinks},
        {"invalidated", &S::invalidated},
        {"code_syncs", &S::syncs},
        {"evicted_segments", &S::evicted_segments},
        {"evicted_translations", &S::evicted},
        {"collections", &S::collections},
        {"suspended_translations", &S::suspended},
        {"promoted_translations", &S::promoted},
        {"promoted_bytes", &S::promoted_bytes},
        {"swept_translations", &S::swept},
        {"swept_bytes", &S::swept_bytes},
        {"mark_cycles", &S::mark_cycles},
        {"marked_translations", &S::marked},
        {"refused_blocks", &S::refused},
        {"retried_translations", &S::retried},
        {"images_loaded", &S::images_loaded},
        {"images_rejected", &S::images_rejected},
        {"images_dropped", &S::images_dropped},
        {"images_saved", &S::images_saved},
        {"profiles_loaded", &S::profiles_loaded},
        {"profiles_saved", &S::profiles_saved},
        {"image_translations", &S::image_blocks},
        {"image_translations_adopted", &S::adopted},
        {"image_load_ns_total", &S::load_ns},
        {"image_save_ns_total", &S::save_ns},
        {"decode_ns_total", &S::decode_ns},
        {"passes_ns_total", &S::passes_ns},
        {"compile_ns_total", &S::compile_ns},
        {"install_ns_total", &S::install_ns},
        {"regions", &S::regions},
    };
    return kCounters;
}

Stats& Stats::operator+=(const Stats& o) {
    for (const auto& c : run_counters()) this->*c.member += o.*c.member;
    return *this;
}

std::string to_json(const Stats& s, const jit::Stats& j, u64 live, u64 used, u64 limit, u64 icount) {
    const auto ratio = [](u64 a, u64 b) {
        return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    };
    std::string out = "{\n";
    const auto put = [&](const char* name, u64 v) { out += fmt::format("  \"{}\": {},\n", name, v); };
    for (const auto& c : run_counters()) put(c.name, s.*c.member);
    for (const auto& c : jit_counters()) put(c.name, j.*c.member);
    put("translations_live", live);
    out += fmt::format("  \"host_per_guest_byte\": {:.2f},\n", ratio(j.host_bytes, j.guest_bytes));
    put("promote_ns_total", j.promote_ns.sum());
    put("promote_ns_median", j.promote_ns.quantile(0.5));
    put("gc_pauses", j.pause_ns.count());
    put("gc_pause_ns_total", j.pause_ns.sum());
    put("gc_pause_ns_median", j.pause_ns.quantile(0.5));
    put("gc_pause_ns_p99", j.pause_ns.quantile(0.99));
    put("gc_pause_ns_max", j.pause_ns.quantile(1.0));
    std::string octaves;
    j.pause_ns.each_octave([&](unsigned n, u64 count) {
        octaves +=
            fmt::format("{}\"{}\": {}", octaves.empty() ? "" : ", ", n == 0 ? 0 : u64{1} << (n - 1), count);
    });
    out += fmt::format("  \"gc_pause_histogram\": {{{}}},\n", octaves);
    put("code_bytes_used", used);
    put("code_bytes_limit", limit);
    put("translate_ns_total", j.block_ns.sum());
    put("translate_block_ns_median", j.block_ns.quantile(0.5));
    put("translate_block_ns_p90", j.block_ns.quantile(0.9));
    out += fmt::format("  \"translate_insn_ns_median\": {:.3f},\n",
                       static_cast<double>(j.insn_ps.quantile(0.5)) / 1000);
    put("region_ns_total", j.region_ns.sum());
    put("region_ns_median", j.region_ns.quantile(0.5));
    put("region_ns_p90", j.region_ns.quantile(0.9));
    put("lock_takes", j.lock_wait_ns.count());
    put("lock_wait_ns_total", j.lock_wait_ns.sum());
    put("lock_wait_ns_p99", j.lock_wait_ns.quantile(0.99));
    put("lock_wait_ns_max", j.lock_wait_ns.quantile(1.0));
    put("icount", icount);
    out.resize(out.size() - 2);
    return out + "\n}\n";
}

}  // namespace vm::engine
