// One hart of a machine: its privileged architecture, its vCPU and its thread.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "device/bus.h"
#include "engine/hart_memory.h"
#include "engine/run_control.h"
#include "engine/stats.h"
#include "engine/vcpu.h"
#include "frontend/riscv64/hart_area.h"
#include "osal/timer.h"
#include "riscv/sbi.h"
#include "riscv/walker.h"

namespace vm::soc {

class RiscvHart final : private engine::HartMemory {
  public:
    /// What the hart needs of its board; lives longer.
    struct Board {
        engine::Engine* engine = nullptr;
        mem::GuestRam* ram = nullptr;
        device::Bus* bus = nullptr;
        osal::Timers* timers = nullptr;
        riscv::Sbi* sbi = nullptr;   ///< nullptr: a firmware in M-mode serves the kernel
        std::function<u64()> ticks;  ///< of the machine's timer, thread-safe
        u64 ns_per_tick = 100;
        engine::RunControl* control = nullptr;  ///< a debugger's; harts have their ids + 1 there
    };
    RiscvHart(const Board& board, const riscv::HartOptions& options);
    ~RiscvHart() override;

    /// Before run(): `stored` is called by the hart's thread soon after each store of it to the page of
    /// `physical`, and ends run() if it fails.
    void report_stores(u64 physical, std::function<Result<void>()> stored);

    /// The hart whose thread this is; nullptr: none's.
    static RiscvHart* current();
    u64 id() const { return hart_.options().hart_id; }
    /// The body of the hart's thread: returns after stop().
    Result<void> run();

    // --- from any thread
    riscv::HartStatus status() const;
    struct Start {
        u64 entry = 0;
        std::array<u64, 2> arguments{};  ///< a1 and, in M-mode, a2; a0 is the hart's id
        bool machine_mode = false;       ///< else S-mode, as firmware starts a kernel
    };
    /// Starts a hart that does not run yet. False: it does.
    bool start(const Start& start);
    /// Ends run().
    void stop();
    /// The level of an interrupt.
    void line(unsigned irq, bool high);
    /// For a hart without stimecmp: STI at `ticks`.
    void set_timer(u64 ticks);
    /// Queues a fence; served(ticket) when it was done.
    u64 post(const riscv::RemoteFence& fence);
    bool served(u64 ticket) const;
    /// Does what others have posted. On the hart's own thread.
    void serve();
    /// sbi_hart_stop of this hart, on its own thread.
    void halt();

    const engine::HartCounters* counters() const override { return &counters_; }
    // --- for a debugger, while the hart stands (RunControl::with)
    std::optional<u64> read_csr(u16 number) { return hart_.read_csr(number, vcpu_->fp()); }
    bool write_csr(u16 number, u64 value);
    riscv::Privilege privilege() const { return hart_.privilege(); }
    void set_privilege(riscv::Privilege privilege);
    u64 satp() const { return hart_.satp_of(hart_.context()); }
    /// Where a load would go if it were allowed; nothing: there is no page.
    std::optional<u64> physical(u64 address) const { return walker_.look_up(address, hart_.context()); }

  private:
    bool page(u64 address, Access access, unsigned bytes, Page* out) override;
    bool find_page(u64 address, Access access, unsigned bytes, Page* out);
    void store_to_code(const u8* page) override;
    bool is_code(const u8* host) override { return board_.ram->watched(host) || host == reported_page_; }
    bool device_load(u64 physical, unsigned bytes, u64* out) override;
    bool device_store(u64 physical, unsigned bytes, u64 value) override;

    Result<void> live();
    bool wait_for_start();
    bool execute(u64 pc, u32 bits, unsigned bytes) override;
    void execute(u64 pc);
    /// Instructions retired, as far as they are counted.
    u64 instret() const { return vcpu_ == nullptr ? 0 : vcpu_->icount() - not_retired_ - in_instruction_; }
    void privileged(u32 insn, u64 pc, unsigned bytes);
    bool is_call(u32 insn) const;
    bool is_cache_operation(u64 pc);
    void after(const riscv::Outcome& o);
    bool fetch(u64 pc, u32* insn, unsigned* bytes, u64* fault);
    void trap(u64 cause, u64 value, u64 pc);
    void fetch_fault(const engine::Exit& e);
    void memory_fault(const engine::Exit& e);
    void misaligned(const engine::Exit& e);
    void take_interrupt();
    void sleep();
    void suspend();
    void kick();
    void wake();
    bool idle();
    bool masks_interrupts() const { return member_ && board_.control->masks_interrupts(*member_); }
    void update_context();
    /// All that U and S-mode's contexts and rights depend on.
    struct Modes {
        u64 satp = 0, menvcfg = 0, senvcfg = 0;
        u32 mxr = 0;
        bool counting = false, known = true;
        bool operator==(const Modes&) const = default;
    };
    void look_at(const Modes& modes);
    void make_room_for_numbers();
    u64 time() override { return hart_.time(); }
    /// As what the vCPU knows memory that is seen through satp in `context`; at most kMostNumbers.
    u32 data_number(u64 satp, u32 context);
    engine::Vcpu::Context vcpu_context(u32 context, u32 fetches);
    u32 code_number(u64 satp, u32 context, u32 mode);
    void follow_counting() {
        if (hart_.counts_instructions() != counting_ || !hart_.traps_plainly()) update_context();
    }
    void set_field(frontend::riscv64::HartField f, u64 v) {
        vcpu_->set_reg(frontend::riscv64::hart_offset(f), v);
    }
    void flush(riscv::Flush what, u64 address);
    void flush_range(const riscv::RemoteFence& fence);
    void arm_timer();

    Board board_;
    engine::HartCounters counters_;
    riscv::Hart hart_;
    riscv::Walker walker_;
    std::unique_ptr<engine::Vcpu> vcpu_;
    std::unique_ptr<osal::Timer> timer_;                              ///< stimecmp
    std::unique_ptr<osal::Timer> sbi_timer_;                          ///< set_timer()
    std::unique_ptr<osal::Timer> counter_timer_;                      ///< hart_.check_counters() is due
    std::map<std::pair<u64, u32>, u32> data_numbers_, code_numbers_;  ///< of (satp, context and mode)
    struct Number {
        u64 satp = 0;
        u32 number = 0;  ///< 0: none
        u32 mode = 0;
    };
    std::array<Number, riscv::kContexts> last_data_{}, last_code_{};  ///< of each context

    Modes modes_{.known = false};                    ///< those that look_at() saw last, and what it found:
    engine::Vcpu::Context in_user_, in_supervisor_;  ///< the latter without SUM

    bool counting_ = false;  ///< instructions, in the present mode
    /// Instructions that were counted and trapped; 1: the present one was counted.
    u64 not_retired_ = 0, in_instruction_ = 0;
    std::atomic<bool> counters_due_{false};

    const u8* reported_page_ = nullptr;
    std::function<Result<void>()> stored_;
    bool has_stored_ = false;  ///< to that page

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> attention_{true};  ///< one of what follows changed, or an interrupt
    bool kicked_ = false, stop_ = false;
    riscv::HartStatus status_ = riscv::HartStatus::Stopped;
    Start start_;
    std::optional<engine::RunControl::Member> member_;  ///< with a debugger
    std::vector<riscv::RemoteFence> fences_;
    u64 posted_ = 0, served_ = 0;
};

}  // namespace vm::soc
