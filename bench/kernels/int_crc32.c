// class: latency
// Table-driven CRC-32 over a 1 MiB buffer.
#include "kernel.h"
static u32 table[256];
static u8 data[1 << 20];
static u64 run(long scale) {
    u64 seed = 1;
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    for (size_t i = 0; i < sizeof data; i++) data[i] = (u8)next_random(&seed);
    u32 crc = ~0u;
    for (long r = 0; r < 40 * scale; r++)
        for (size_t i = 0; i < sizeof data; i++) crc = table[(crc ^ data[i]) & 255] ^ (crc >> 8);
    return ~crc;
}
