#include "gen.h"

#include <cstdio>
#include <fstream>
#include <memory>

namespace vm::fuzz {
namespace {

void put(std::vector<u8>& v, u64 x, unsigned n) {
    for (unsigned i = 0; i < n; i++) v.push_back(static_cast<u8>(x >> 8 * i));
}

void write_elf(const Generator& g, const std::string& path, const std::vector<u8>& data, u64 data_size) {
    std::vector<u8> f;
    const std::vector<u8>& code = g.code.bytes;
    const u64 text_off = 0x1000, data_off = align_up(text_off + code.size(), 0x1000);
    put(f, 0x00010102464c457f, 8), put(f, 0, 8);
    put(f, 2, 2), put(f, g.machine(), 2), put(f, 1, 4), put(f, kText, 8), put(f, 64, 8), put(f, 0, 8);
    put(f, g.elf_flags(), 4);
    for (const unsigned n : {64u, 56u, 2u, 64u, 0u, 0u}) put(f, n, 2);
    auto segment = [&](u64 flags, u64 off, u64 addr, u64 size, u64 mem) {
        put(f, 1, 4), put(f, flags, 4);
        for (const u64 n : {off, addr, addr, size, mem, u64{0x1000}}) put(f, n, 8);
    };
    segment(5, text_off, kText, code.size(), code.size());
    segment(6, data_off, kScratch, data.size(), data_size);
    f.resize(text_off);
    f.insert(f.end(), code.begin(), code.end());
    f.resize(data_off);
    f.insert(f.end(), data.begin(), data.end());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(f.data()), static_cast<std::streamsize>(f.size()));
}

/// The registers of a record and the encodings, for run.py.
void describe(const Generator& g) {
    std::printf("{\"isa\": \"%s\", \"scratch\": %llu, \"record\": [", std::string(g.isa()).c_str(),
                static_cast<unsigned long long>(g.data().scratch_size));
    const char* comma = "";
    for (const Field& f : g.record()) {
        std::printf("%s[\"%s\", %u]", comma, f.name.c_str(), f.bytes);
        comma = ", ";
    }
    std::printf("], \"encodings\": [");
    comma = "";
    for (unsigned id = 1; id < g.encodings(); id++) {
        std::printf("%s[\"%s\", \"%s\", \"%s\"]", comma, std::string(g.name(id)).c_str(),
                    std::string(g.extension(id)).c_str(), g.not_in_qemu(id).c_str());
        comma = ",\n ";
    }
    std::printf("]}\n");
}

void write_coverage(const Generator& g, const Options& o) {
    if (!o.counted.empty()) {
        std::ofstream f(o.counted);
        for (const auto& [pc, id] : g.coverage.places()) f << std::hex << pc << ' ' << g.name(id) << '\n';
    }
    if (!o.coverage.empty()) {
        std::ofstream f(o.coverage);
        for (unsigned id = 1; id < g.encodings(); id++) f << g.name(id) << ' ' << g.coverage.of(id) << '\n';
    }
}

}  // namespace

int generate(int argc, char** argv, Generator* (*make)(const Options&)) {
    Options o;
    const bool description = argc == 2 && std::string_view(argv[1]) == "--describe";
    if (!description && !parse_options(argc, argv, &o)) {
        std::fprintf(stderr,
                     "usage: %s [--seed N] [--cases N] [--length N] [--case K [--drop I,J,…]] [--only "
                     "NAME,…] [--qemu] [--faults] "
                     "[--list] [--out FILE] [--coverage FILE] [--counted FILE]\n       %s --describe\n",
                     argv[0], argv[0]);
        return 2;
    }
    const std::unique_ptr<Generator> g(make(o));
    if (description) return describe(*g), 0;

    std::vector<u8> inputs;
    const unsigned first = o.only_case >= 0 ? static_cast<unsigned>(o.only_case) : 0,
                   last = o.only_case >= 0 ? first + 1 : o.cases;
    const DataMap map = g->data();
    const u64 record = g->record_size(), out_size = u64{last - first} * record,
              outputs = align_up(map.inputs() + out_size, 0x1000);
    if (o.faults) g->write_handler();
    for (unsigned k = first; k < last; k++) {
        const u64 at = u64{k - first} * record;
        g->write_case(k, inputs, map.inputs() + at, outputs + at);
    }
    g->write_output(outputs, out_size);
    g->write_output(kScratch, map.scratch_size);
    if (o.faults) g->write_log_output();
    g->write_exit();

    std::vector<u8> data;
    u64 s = o.seed;
    while (data.size() < map.scratch_size) put(data, next_random(&s), 8);
    data.resize(map.inputs() - kScratch);
    data.insert(data.end(), inputs.begin(), inputs.end());
    write_elf(*g, o.out, data, outputs + out_size - kScratch);
    write_coverage(*g, o);
    return 0;
}

}  // namespace vm::fuzz
