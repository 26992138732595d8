#include "backend/x86_64/features.h"

#include <cpuid.h>

namespace vm::backend::x86_64 {

HostFeatures HostFeatures::detect() {
    __builtin_cpu_init();
    HostFeatures f;
    f.sse41 = __builtin_cpu_supports("sse4.1");
    f.ssse3 = __builtin_cpu_supports("ssse3");
    f.popcnt = __builtin_cpu_supports("popcnt");
    f.lzcnt = __builtin_cpu_supports("lzcnt");
    f.bmi1 = __builtin_cpu_supports("bmi");
    f.bmi2 = __builtin_cpu_supports("bmi2");
    f.pclmul = __builtin_cpu_supports("pclmul");
    f.avx = __builtin_cpu_supports("avx");
    f.fma = f.avx && __builtin_cpu_supports("fma");
    f.sse42 = __builtin_cpu_supports("sse4.2") && f.sse41 && f.ssse3;
    f.aes = __builtin_cpu_supports("aes") && f.sse42;
    f.gfni = __builtin_cpu_supports("gfni") && f.sse42;
    f.avx2 = f.avx && __builtin_cpu_supports("avx2");
    f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512cd");
    f.vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
    f.bitalg = f.avx512 && __builtin_cpu_supports("avx512bitalg");
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    f.f16c = f.avx && __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
    f.sha = f.sse42 && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA);
    f.cx16 =
        __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_CMPXCHG16B);  // Clang knows no name for this one
    f.lahf = __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LAHF_LM);
    return f;
}

}  // namespace vm::backend::x86_64
