#include "engine/stats.h"

#include <iterator>

namespace vm::engine {
namespace {

constexpr double kNs = 1e-9;

using Kind = Metric::Kind;

template <class S>
void put_counters(std::span<const Counter<S>> counters, const S& s, const Figures& f, MetricSink& sink) {
    using When = typename Counter<S>::When;
    for (const Counter<S>& c : counters) {
        const bool counts = c.when == When::Always || (c.when == When::Timed ? f.timings : f.system);
        sink.put({counts ? c.metric : nullptr, c.name, Kind::Counter, c.help, c.scale}, s.*c.member);
    }
}

/// The histogram for Prometheus, its octaves for JSON if `key` says so.
void put_histogram(const char* name, const char* key, const char* help, const jit::Histogram& h, bool timings,
                   MetricSink& sink) {
    // Octave n has values of n bits. Those that are looked at always have the same borders.
    constexpr unsigned kOctaves = 41;
    Bucket octaves[kOctaves];
    for (unsigned n = 0; n < kOctaves; n++)
        octaves[n] = {n == 0 ? 0 : u64{1} << (n - 1), n == 0 ? 0 : (u64{1} << n) - 1, 0};
    h.each_octave([&](unsigned n, u64 count) { octaves[n].count = count; });
    sink.put({.name = nullptr, .key = key, .kind = Kind::Histogram}, {},
             HistogramValue{octaves, h.count(), h.sum()});
    if (!timings) return;
    // For Prometheus every second one, from 256 ns to 17 s.
    constexpr unsigned kFirst = 8, kLast = 34, kStep = 2;
    std::vector<Bucket> buckets;
    u64 count = 0;
    for (unsigned n = 0; n <= kLast; n++) {
        count += octaves[n].count;
        if (n < kFirst || (n - kFirst) % kStep != 0) continue;
        buckets.push_back({buckets.empty() ? 0 : buckets.back().upper + 1, octaves[n].upper, count});
        count = 0;
    }
    sink.put({.name = name, .key = nullptr, .kind = Kind::Histogram, .help = help, .scale = kNs}, {},
             HistogramValue{buckets, h.count(), h.sum()});
}

}  // namespace

std::span<const Counter<Stats>> run_counters() {
    using S = Stats;
    constexpr auto kMachine = Counter<S>::When::Machine;
    static constexpr Counter<S> kCounters[] = {
        {"runs", &S::runs, "vm_vcpu_runs_total", "Times that a vCPU's run loop was entered."},
        {"enters", &S::enters, "vm_vcpu_enters_total",
         "Times that generated code was entered from the run loop."},
        {"interpreted_blocks", &S::interpreted, "vm_vcpu_interpreted_blocks_total",
         "Blocks run by the interpreter."},
        {"interpreted_insns", &S::interpreted_insns, "vm_vcpu_interpreted_instructions_total",
         "Guest instructions run by the interpreter."},
        {"lookups", &S::lookups, "vm_vcpu_lookups_total", "Lookups of translations from the run loop."},
        {"indirect_lookups", &S::indirect_lookups, "vm_vcpu_indirect_lookups_total",
         "Lookups of translations from generated code that its own table did not answer."},
        {"indirect_misses", &S::indirect_misses, "vm_vcpu_indirect_misses_total",
         "Of the indirect lookups, those without a translation."},
        {"faults", &S::faults, "vm_vcpu_faults_total", "Host faults that were the guest's."},
        {"repeated_faults", &S::repeated_faults, "vm_vcpu_repeated_faults_total",
         "Host faults after which the access was repeated."},
        {"safepoints", &S::safepoints, "vm_vcpu_safepoints_total", "Runs that ended by request."},
        {"mode_changes", &S::mode_changes, "vm_vcpu_mode_changes_total",
         "Changes of what translations depend on besides their address."},
        {"tlb_misses", &S::tlb_misses, "vm_vcpu_tlb_misses_total",
         "Pages that were looked up in page tables.", 1, kMachine},
        {"device_accesses", &S::device_accesses, "vm_vcpu_device_accesses_total",
         "Accesses to registers of devices.", 1, kMachine},
    };
    static_assert(std::size(kCounters) == sizeof(Stats) / sizeof(u64));
    return kCounters;
}

std::span<const Counter<jit::Stats>> jit_counters() {
    using S = jit::Stats;
    constexpr auto kTimed = Counter<S>::When::Timed;
    static constexpr Counter<S> kCounters[] = {
        {"translations", &S::translations, "vm_jit_translations_total", "Translations that were made."},
        {"translated_insns", &S::guest_insns, "vm_jit_translated_instructions_total",
         "Guest instructions in them."},
        {"guest_bytes", &S::guest_bytes, "vm_jit_guest_code_bytes_total", "Guest code in them."},
        {"host_bytes", &S::host_bytes, "vm_jit_host_code_bytes_total", "Host code in them."},
        {"side_table_bytes", &S::side_bytes, "vm_jit_side_table_bytes_total", "Encoded side tables of them."},
        {"links", &S::links, "vm_jit_links_total", "Direct exits that were linked to their target."},
        {"unlinks", &S::unlinks, "vm_jit_unlinks_total", "Links that were taken back."},
        {"invalidated", &S::invalidated, "vm_jit_invalidated_translations_total",
         "Translations dropped because their bytes changed."},
        {"code_syncs", &S::syncs, "vm_jit_code_syncs_total", "Requests to look for changed code."},
        {"evicted_segments", &S::evicted_segments, "vm_jit_evicted_segments_total",
         "Segments of the code cache that were emptied."},
        {"evicted_translations", &S::evicted, "vm_jit_evicted_translations_total",
         "Translations lost with them."},
        {"collections", &S::collections, "vm_jit_collections_total",
         "Segments of the code cache that were put on probation or emptied at once."},
        {"suspended_translations", &S::suspended, "vm_jit_suspended_translations_total",
         "Translations put on probation."},
        {"promoted_translations", &S::promoted, "vm_jit_promoted_translations_total",
         "Translations on probation that were entered again and kept."},
        {"promoted_bytes", &S::promoted_bytes, "vm_jit_promoted_bytes_total", "Host code in them."},
        {"swept_translations", &S::swept, "vm_jit_swept_translations_total",
         "Translations whose memory was given back."},
        {"swept_bytes", &S::swept_bytes, "vm_jit_swept_bytes_total", "Memory of them."},
        {"mark_cycles", &S::mark_cycles, "vm_jit_mark_cycles_total", "Cycles of marking."},
        {"marked_translations", &S::marked, "vm_jit_marked_translations_total",
         "Translations found reachable, all cycles together."},
        {"refused_blocks", &S::refused, "vm_jit_refused_blocks_total",
         "Blocks that the compiler could not lower."},
        {"retried_translations", &S::retried, "vm_jit_retried_translations_total",
         "Translations thrown away because their bytes changed meanwhile."},
        {"images_loaded", &S::images_loaded, "vm_jit_images_loaded_total",
         "Files of translations that were loaded."},
        {"images_rejected", &S::images_rejected, "vm_jit_images_rejected_total",
         "Files of translations that did not fit."},
        {"images_dropped", &S::images_dropped, "vm_jit_images_dropped_total",
         "Loaded files of translations that were given up."},
        {"images_saved", &S::images_saved, "vm_jit_images_saved_total",
         "Files of translations that were written."},
        {"profiles_loaded", &S::profiles_loaded, "vm_jit_profiles_loaded_total",
         "Profiles that were loaded."},
        {"profiles_saved", &S::profiles_saved, "vm_jit_profiles_saved_total", "Profiles that were written."},
        {"image_translations", &S::image_blocks, "vm_jit_image_translations_total",
         "Translations in the files that were loaded."},
        {"image_translations_adopted", &S::adopted, "vm_jit_image_translations_adopted_total",
         "Of them, those that were looked up."},
        {"image_load_ns_total", &S::load_ns, "vm_jit_image_load_seconds_total",
         "Time of loading files of translations.", kNs, kTimed},
        {"image_save_ns_total", &S::save_ns, "vm_jit_image_save_seconds_total",
         "Time of writing files of translations.", kNs, kTimed},
        {"decode_ns_total", &S::decode_ns, "vm_jit_decode_seconds_total", "Time of decoding guest code.", kNs,
         kTimed},
        {"passes_ns_total", &S::passes_ns, "vm_jit_passes_seconds_total", "Time of passes over the IR.", kNs,
         kTimed},
        {"compile_ns_total", &S::compile_ns, "vm_jit_compile_seconds_total", "Time of making host code.", kNs,
         kTimed},
        {"install_ns_total", &S::install_ns, "vm_jit_install_seconds_total", "Time of installing host code.",
         kNs, kTimed},
        {"regions", &S::regions, "vm_jit_regions_total", "Translations that are regions of tier 2."},
        {"inlined_calls", &S::inlined_calls, "vm_jit_inlined_calls_total", "Calls inlined into regions."},
    };
    return kCounters;
}

Stats& Stats::operator+=(const Stats& o) {
    for (const auto& c : run_counters()) this->*c.member += o.*c.member;
    return *this;
}

void collect(const Figures& f, MetricSink& sink) {
    const jit::Stats& j = f.jit;
    const auto gauge = [&](const char* name, const char* key, const char* help, u64 v) {
        sink.put({.name = name, .key = key, .kind = Kind::Gauge, .help = help}, v);
    };
    // Of JSON only: what can be had from the histograms.
    const auto derived = [&](const char* key, u64 v) { gauge(nullptr, key, "", v); };
    put_counters(run_counters(), f.run, f, sink);
    put_counters(jit_counters(), j, f, sink);
    if (f.live_translations)
        gauge("vm_jit_live_translations", "translations_live", "Translations that can be entered.",
              *f.live_translations);
    sink.put(
        {.name = nullptr, .key = "host_per_guest_byte", .kind = Kind::Gauge},
        j.guest_bytes == 0 ? 0.0 : static_cast<double>(j.host_bytes) / static_cast<double>(j.guest_bytes));
    put_histogram("vm_jit_promote_seconds", nullptr, "Time of keeping a translation that was on probation.",
                  j.promote_ns, f.timings, sink);
    derived("promote_ns_total", j.promote_ns.sum());
    derived("promote_ns_median", j.promote_ns.quantile(0.5));
    derived("gc_pauses", j.pause_ns.count());
    derived("gc_pause_ns_total", j.pause_ns.sum());
    derived("gc_pause_ns_median", j.pause_ns.quantile(0.5));
    derived("gc_pause_ns_p99", j.pause_ns.quantile(0.99));
    derived("gc_pause_ns_max", j.pause_ns.quantile(1.0));
    put_histogram("vm_jit_gc_pause_seconds", "gc_pause_histogram", "What the collector made vCPUs wait.",
                  j.pause_ns, f.timings, sink);
    gauge("vm_jit_code_cache_used_bytes", "code_bytes_used", "Bytes used of the code cache.", f.code_bytes);
    gauge("vm_jit_code_cache_limit_bytes", "code_bytes_limit", "Limit of the code cache.", f.code_limit);
    put_histogram("vm_jit_block_seconds", nullptr, "Time of translating a block.", j.block_ns, f.timings,
                  sink);
    derived("translate_ns_total", j.block_ns.sum());
    derived("translate_block_ns_median", j.block_ns.quantile(0.5));
    derived("translate_block_ns_p90", j.block_ns.quantile(0.9));
    sink.put({.name = nullptr, .key = "translate_insn_ns_median", .kind = Kind::Gauge},
             static_cast<double>(j.insn_ps.quantile(0.5)) / 1000);
    put_histogram("vm_jit_region_seconds", nullptr, "Time of translating a region.", j.region_ns, f.timings,
                  sink);
    derived("region_ns_total", j.region_ns.sum());
    derived("region_ns_median", j.region_ns.quantile(0.5));
    derived("region_ns_p90", j.region_ns.quantile(0.9));
    put_histogram("vm_jit_lock_wait_seconds", nullptr,
                  "How long vCPUs waited for the lock of the translator.", j.lock_wait_ns, f.timings, sink);
    derived("lock_takes", j.lock_wait_ns.count());
    derived("lock_wait_ns_total", j.lock_wait_ns.sum());
    derived("lock_wait_ns_p99", j.lock_wait_ns.quantile(0.99));
    derived("lock_wait_ns_max", j.lock_wait_ns.quantile(1.0));
    sink.put({.name = f.exact_icount ? "vm_vcpu_instructions_total" : nullptr,
              .key = "icount",
              .help = "Guest instructions that were executed."},
             f.icount);
}

void collect(const HartCounters& h, u64 now_ns, MetricSink& sink) {
    const Label label{"hart", std::to_string(h.id)};
    const auto put = [&](const Metric& metric, u64 v) { sink.put(metric, Labels(&label, 1), v); };
    const u64 since = h.waiting_since;
    put({"vm_hart_started", "started", Kind::Gauge, "1: the hart is started."}, h.started);
    put({"vm_hart_waiting", "waiting", Kind::Gauge, "1: it waits for an interrupt."}, since != 0);
    put({"vm_hart_waits_total", "waits", Kind::Counter, "Times that it waited for an interrupt."}, h.waits);
    put({"vm_hart_wait_seconds_total", "wait_ns", Kind::Counter, "Time that it waited for interrupts.", kNs},
        h.wait_ns + (since != 0 && now_ns > since ? now_ns - since : 0));
    put({"vm_hart_traps_total", "traps", Kind::Counter, "Exceptions that it took."}, h.traps);
    put({"vm_hart_interrupts_total", "interrupts", Kind::Counter, "Interrupts that it took."}, h.interrupts);
    put({"vm_hart_exits_total", "exits", Kind::Counter, "Times that its run loop came back to the board."},
        h.exits);
    put({"vm_hart_privileged_instructions_total", "privileged", Kind::Counter,
         "Instructions of the privileged architecture that translations left to the hart."},
        h.privileged);
    put({"vm_hart_sbi_calls_total", "sbi_calls", Kind::Counter, "Calls of the built-in firmware."},
        h.sbi_calls);
}

}  // namespace vm::engine
