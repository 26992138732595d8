#include "engine/stats.h"

#include "base/format.h"

namespace vm::engine {

Stats& Stats::operator+=(const Stats& o) {
    runs += o.runs;
    enters += o.enters;
    interpreted += o.interpreted;
    interpreted_insns += o.interpreted_insns;
    lookups += o.lookups;
    indirect_lookups += o.indirect_lookups;
    indirect_misses += o.indirect_misses;
    faults += o.faults;
    repeated_faults += o.repeated_faults;
    safepoints += o.safepoints;
    mode_changes += o.mode_changes;
    return *this;
}

std::string to_json(const Stats& s, const jit::Stats& j, u64 live, u64 used, u64 limit, u64 icount) {
    const auto ratio = [](u64 a, u64 b) {
        return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    };
    std::string out = "{\n";
    const auto put = [&](const char* name, u64 v) { out += fmt::format("  \"{}\": {},\n", name, v); };
    put("runs", s.runs);
    put("enters", s.enters);
    put("interpreted_blocks", s.interpreted);
    put("interpreted_insns", s.interpreted_insns);
    put("lookups", s.lookups);
    put("indirect_lookups", s.indirect_lookups);
    put("indirect_misses", s.indirect_misses);
    put("faults", s.faults);
    put("repeated_faults", s.repeated_faults);
    put("safepoints", s.safepoints);
    put("mode_changes", s.mode_changes);
    put("translations", j.translations);
    put("translations_live", live);
    put("translated_insns", j.guest_insns);
    put("guest_bytes", j.guest_bytes);
    put("host_bytes", j.host_bytes);
    put("side_table_bytes", j.side_bytes);
    out += fmt::format("  \"host_per_guest_byte\": {:.2f},\n", ratio(j.host_bytes, j.guest_bytes));
    put("links", j.links);
    put("unlinks", j.unlinks);
    put("invalidated", j.invalidated);
    put("code_syncs", j.syncs);
    put("evicted_segments", j.evicted_segments);
    put("evicted_translations", j.evicted);
    put("refused_blocks", j.refused);
    put("retried_translations", j.retried);
    put("images_loaded", j.images_loaded);
    put("images_rejected", j.images_rejected);
    put("images_dropped", j.images_dropped);
    put("images_saved", j.images_saved);
    put("image_translations", j.image_blocks);
    put("image_translations_adopted", j.adopted);
    put("image_load_ns_total", j.load_ns);
    put("image_save_ns_total", j.save_ns);
    put("code_bytes_used", used);
    put("code_bytes_limit", limit);
    put("translate_ns_total", j.block_ns.sum());
    put("decode_ns_total", j.decode_ns);
    put("passes_ns_total", j.passes_ns);
    put("compile_ns_total", j.compile_ns);
    put("install_ns_total", j.install_ns);
    put("translate_block_ns_median", j.block_ns.quantile(0.5));
    put("translate_block_ns_p90", j.block_ns.quantile(0.9));
    out += fmt::format("  \"translate_insn_ns_median\": {:.3f},\n",
                       static_cast<double>(j.insn_ps.quantile(0.5)) / 1000);
    put("regions", j.regions);
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
