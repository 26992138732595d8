// What a whole machine tells the engine about one of its processors, and the engine's TLB in front of that.
#pragma once

#include "backend/vcpu_state.h"
#include "engine/points.h"
#include "engine/stats.h"
#include "ir/interp.h"
#include "osal/guarded.h"

namespace vm::engine {

/// Memory as one processor of a machine sees it. All functions are called by the vCPU's thread, inside run()
/// or step().
class HartMemory {
  public:
    virtual ~HartMemory() = default;
    enum class Access : u8 { Fetch, Load, Store };
    /// The 4 KiB page that a virtual address lies on.
    struct Page {
        u8* host = nullptr;                ///< where it is; nullptr: no RAM, `physical` may be a device
        u64 physical = 0;                  ///< of its first byte
        bool load = false, store = false;  ///< what is allowed besides the access that was asked for
        bool keep = true;                  ///< all of the page is so, and stays so until a flush
    };
    /// As the page tables say now for `bytes` at `address`, all on one page (of a fetch: for as much of the
    /// instruction as is there); counts as an access of that kind (A and D bits). False: it faults, and run()
    /// ends with FetchFault or MemoryFault.
    virtual bool page(u64 address, Access access, unsigned bytes, Page* out) = 0;
    /// The page at `host` holds code: stores to it are to come to page() one by one, or, once page() has
    /// allowed one, to store_to_code().
    virtual bool is_code(const u8* host) = 0;
    virtual void store_to_code(const u8* host) = 0;
    /// An access to a page that is no RAM; `bytes` is 1, 2, 4 or 8. False: nobody is there, as above.
    virtual bool device_load(u64 physical, unsigned bytes, u64* out) = 0;
    virtual bool device_store(u64 physical, unsigned bytes, u64 value) = 0;
    /// The instruction `bits` (of `bytes` bytes) at `pc` is none of user level. True: done, the vCPU goes on
    /// at its pc. False: run() ends with Illegal there; nothing was done.
    virtual bool execute(u64 pc, u32 bits, unsigned bytes) = 0;
    /// Its clock, as ir::Op::ReadTime with aux 2 gives it.
    virtual u64 time() = 0;
    /// For `vm top`; lives as long as the vCPU. nullptr: it does not count.
    virtual const HartCounters* counters() const { return nullptr; }
};

/// The interpreter's memory in a machine.
class TranslatedMemory final : public ir::Memory {
  public:
    TranslatedMemory(backend::VcpuState& state, HartMemory& hart, Stats& stats)
        : state_(state), hart_(hart), stats_(stats) {}
    bool load(u64 addr, unsigned size, void* out) override;
    bool store(u64 addr, unsigned size, const void* in) override;
    bool rmw(ir::RmwOp op, u64 addr, unsigned size, u64 operand, u64* old) override;
    bool cas(u64 addr, unsigned size, const void* expected, const void* desired, void* old) override;

    bool fault_write = false;  ///< the access that failed was a store
    WatchGuard watch;          ///< a debugger's; its pages are not in the TLB

    /// Fills the TLB for the page of `addr` and says where that is. False: an access of `size` bytes, all on
    /// that page, faults (fault_addr is set).
    bool find(u64 addr, unsigned size, bool write, HartMemory::Page* page);
    void flush();
    void flush(u64 addr);
    /// From any thread.
    void forbid_stores(u64 begin, u64 end);

  private:
    bool find_watched(u64 addr, HartMemory::Page* page);
    u8* ram(u64 addr, unsigned size, bool write, HartMemory::Page* page);
    bool fail(u64 addr, bool write);
    bool split(u64 addr, unsigned size, void* out, const void* in);
    bool device(const HartMemory::Page& page, u64 addr, unsigned size, void* out, const void* in);
    backend::VcpuState& state_;
    HartMemory& hart_;
    Stats& stats_;
};

}  // namespace vm::engine
