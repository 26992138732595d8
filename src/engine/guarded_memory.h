// Guest memory as the interpreter sees it: identity mapped, every access guarded, faults shown to the owner
// first.
#pragma once

#include "engine/points.h"
#include "engine/vcpu.h"
#include "ir/interp.h"
#include "osal/guarded.h"

namespace vm::engine {

class GuardedMemory : public ir::Memory {
  public:
    explicit GuardedMemory(GuestMemory& owner) : owner_(owner) {}
    bool load(u64 addr, unsigned size, void* out) override;
    bool store(u64 addr, unsigned size, const void* in) override;
    bool rmw(ir::RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) override;
    bool cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) override;

    WatchGuard watch;  ///< a debugger's
    /// The last access that failed.
    const osal::MemFault& fault() const { return fault_; }
    u64 repeated = 0;  ///< accesses that were repeated because the owner changed something

  private:
    template <class Access>
    bool guarded(u64 addr, bool write, Access access);
    GuestMemory& owner_;
    osal::MemFault fault_;
};

}  // namespace vm::engine
