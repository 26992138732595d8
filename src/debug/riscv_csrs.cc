#include "debug/riscv_csrs.h"

#include "base/format.h"
#include "riscv/registers.h"

namespace vm::debug {

std::vector<CsrName> csr_names() {
    std::vector<CsrName> out{
        {0x100, "sstatus"}, {0x104, "sie"},       {0x105, "stvec"},         {0x106, "scounteren"},
        {0x10a, "senvcfg"}, {0x10c, "sstateen0"}, {0x140, "sscratch"},      {0x141, "sepc"},
        {0x142, "scause"},  {0x143, "stval"},     {0x144, "sip"},           {0x14d, "stimecmp"},
        {0x180, "satp"},    {0x300, "mstatus"},   {0x301, "misa"},          {0x302, "medeleg"},
        {0x303, "mideleg"}, {0x304, "mie"},       {0x305, "mtvec"},         {0x306, "mcounteren"},
        {0x30a, "menvcfg"}, {0x30c, "mstateen0"}, {0x320, "mcountinhibit"}, {0x340, "mscratch"},
        {0x341, "mepc"},    {0x342, "mcause"},    {0x343, "mtval"},         {0x344, "mip"},
        {0x3a0, "pmpcfg0"}, {0x3a2, "pmpcfg2"}};
    for (u16 n = 0; n < 16; n++) out.push_back({static_cast<u16>(0x3b0 + n), fmt::format("pmpaddr{}", n)});
    for (unsigned n = 0; n < riscv::kHpmCounters; n++) {
        const unsigned number = n + riscv::kFirstHpm;
        out.push_back({static_cast<u16>(riscv::kCsrMhpmevent3 + n), fmt::format("mhpmevent{}", number)});
        out.push_back({static_cast<u16>(riscv::kCsrMhpmcounter3 + n), fmt::format("mhpmcounter{}", number)});
    }
    const CsrName rest[] = {{0xb00, "mcycle"},    {0xb02, "minstret"},  {0xc00, "cycle"},
                            {0xc01, "time"},      {0xc02, "instret"},   {0xda0, "scountovf"},
                            {0xf11, "mvendorid"}, {0xf12, "marchid"},   {0xf13, "mimpid"},
                            {0xf14, "mhartid"},   {0xf15, "mconfigptr"}};
    out.insert(out.end(), std::begin(rest), std::end(rest));
    return out;
}

}  // namespace vm::debug
