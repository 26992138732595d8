// prctl options that only arm64 has: pointer authentication (arch/arm64/kernel/pointer_auth.c) and tagged
// addresses (Documentation/arch/arm64/tagged-address-abi.rst). Those of SVE, SME and MTE are EINVAL like any
// unknown one, as on a processor without them.
#include <linux/prctl.h>
#include <sys/random.h>

#include <cerrno>

#include "frontend/arm64/state.h"
#include "linux/abi_arm64.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

namespace a64 = frontend::arm64;

static_assert(PR_PAC_APIAKEY == 1 << a64::kKeyIa && PR_PAC_APIBKEY == 1 << a64::kKeyIb &&
              PR_PAC_APDAKEY == 1 << a64::kKeyDa && PR_PAC_APDBKEY == 1 << a64::kKeyDb &&
              PR_PAC_APGAKEY == 1 << a64::kKeyGa);
constexpr u64 kAddressKeys = PR_PAC_APIAKEY | PR_PAC_APIBKEY | PR_PAC_APDAKEY | PR_PAC_APDBKEY,
              kAllKeys = kAddressKeys | PR_PAC_APGAKEY;

bool any(std::initializer_list<u64> values) {
    for (const u64 v : values)
        if (v) return true;
    return false;
}

i64 new_keys(Thread& t, u64 keys) {
    for (u8 k = 0; k < a64::kKeyCount; k++) {
        if (!(keys & u64{1} << k)) continue;
        u8 key[16];
        if (::getrandom(key, sizeof key, 0) != sizeof key) return -errno;
        std::memcpy(t.vcpu().guest() + a64::key_offset(static_cast<a64::Key>(k)), key, sizeof key);
    }
    return 0;
}

i64 reset_keys(Call& c) {
    const u64 keys = c.a[1];
    if (any({c.a[2], c.a[3], c.a[4]}) || !arm64_has(c.t, "pauth") || (keys & ~kAllKeys)) return -EINVAL;
    return new_keys(c.t, keys ? keys : kAllKeys);
}

i64 set_enabled_keys(Call& c) {
    const u64 keys = c.a[1], enabled = c.a[2];
    if (any({c.a[3], c.a[4]}) || !arm64_has(c.t, "pauth")) return -EINVAL;
    if ((keys & ~kAddressKeys) || (enabled & ~keys)) return -EINVAL;
    u8& off = c.t.vcpu().guest()[a64::kKeysOffOffset];
    off = static_cast<u8>((off & ~keys) | (keys & ~enabled));
    c.t.vcpu().state_changed();
    return 0;
}

i64 get_enabled_keys(Call& c) {
    if (any({c.a[1], c.a[2], c.a[3], c.a[4]}) || !arm64_has(c.t, "pauth")) return -EINVAL;
    return static_cast<i64>(arm64_enabled_keys(c.t));
}

i64 set_tagged_addresses(Call& c) {
    if (any({c.a[2], c.a[3], c.a[4]}) || (c.a[1] & ~u64{PR_TAGGED_ADDR_ENABLE})) return -EINVAL;
    c.t.takes_tags = c.a[1] & PR_TAGGED_ADDR_ENABLE;
    return 0;
}

i64 get_tagged_addresses(Call& c) {
    if (any({c.a[1], c.a[2], c.a[3], c.a[4]})) return -EINVAL;
    return c.t.takes_tags ? PR_TAGGED_ADDR_ENABLE : 0;
}

using enum PrctlOption::Kind;
#define OPTION(name, note, handler) \
    { name, #name, Ours, note, handler }
constexpr PrctlOption kOptions[] = {
    OPTION(PR_PAC_RESET_KEYS, "", reset_keys),
    OPTION(PR_PAC_SET_ENABLED_KEYS, "", set_enabled_keys),
    OPTION(PR_PAC_GET_ENABLED_KEYS, "", get_enabled_keys),
    OPTION(
        PR_SET_TAGGED_ADDR_CTRL,
        "without MTE; tags inside control blocks of io_submit, robust futex lists and arguments of ioctl are "
        "EFAULT",
        set_tagged_addresses),
    OPTION(PR_GET_TAGGED_ADDR_CTRL, "", get_tagged_addresses),
};
#undef OPTION

}  // namespace

constinit const std::span<const PrctlOption> kArm64PrctlOptions = kOptions;

u64 arm64_enabled_keys(Thread& t) { return kAddressKeys & ~u64{t.vcpu().guest()[a64::kKeysOffOffset]}; }

void arm64_init_registers(Thread& t) {
    if (arm64_has(t, "pauth")) new_keys(t, kAllKeys);
}

}  // namespace vm::linux
