// Tier 1 on one thread: decode → passes → compile into buffers. Also decodes for the interpreter.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/compiler.h"
#include "ir/region.h"
#include "jit/jit.h"

namespace vm::jit {

/// Reusable buffers and one compiler; not thread-safe.
class Worker {
  public:
    explicit Worker(Jit& jit);
    ~Worker();

    /// What becomes of a block: it is interpreted now and forgotten, so that nobody need tell when its bytes
    /// change; it is kept for the interpreter, an oracle, with every read of guest state as the front end
    /// made it; it is compiled.
    enum class Use : u8 { Once, Cached, Compiled };
    /// Decodes the block at (pc, mode), at most `max_insns` instructions. The result lives until the next
    /// call.
    const ir::Block& decode(u64 pc, u32 mode, unsigned max_insns, Use use = Use::Once);
    /// The one instruction that `bytes` begin, as if it lay at `pc`.
    const ir::Block& decode_bytes(u64 pc, u32 mode, std::span<const u8> bytes);
    /// Takes the marks of an indirect branch off `*pc` (GuestIsa::arrive). False: it may not go there.
    bool arrive(u64* pc);
    /// decode + passes + compile. False: not compilable (see `error`).
    bool compile(u64 pc, u32 mode);
    /// The same for the loop whose head is at `pc`, as a region; false also if there is none. Or, for tests,
    /// for whatever direct jumps reach from there. False also if the policy finds no loop worth it, of which
    /// `made_before` regions were made and dropped.
    bool compile_region(u64 pc, u32 mode, bool loop, u32 made_before, std::span<const CallTarget> targets);
    /// The calls through registers in the region that was compiled last.
    const std::vector<CallTarget>& indirect_calls() const { return indirect_calls_; }
    /// Whether the block that was compiled last jumps to its own start.
    bool loops() const { return block_.may_loop; }
    /// Where the back-edge leads that the instruction at `pc` is; `pc` if it is none. Safepoints before a
    /// branch leave at the branch.
    u64 back_edge_target(u64 pc, u32 mode);

    /// The bytes of `ranges` as they were read, one after the other. False if some were not read.
    bool gather_bytes(std::vector<u8>& out) const;

  private:
    friend class Jit;
    static bool known(void* self, u64 pc);
    static bool leads(void* self, u64 pc);
    void begin_reading();
    frontend::TranslateRequest block_request(u64 pc, u32 mode);
    void limit(frontend::TranslateRequest& request) const;
    struct Bounds;
    static const Bounds kInlineMost;
    bool collect(u64 head, u32 mode, const Bounds& most, bool calls, std::vector<ir::Block>& nodes);
    bool function_body(u64 entry, u32 mode, std::vector<ir::Block>& blocks);
    bool form_region(u64 head, u32 mode, bool loop, std::span<const CallTarget> targets);
    void note_indirect_calls(std::span<const CallTarget> targets);
    bool cut(const ir::Block& block) const;
    bool worthwhile(u64 head, u32 mode, u32 made_before) const;
    void summarize_region(u64 pc);
    void encode(u64 pc);
    bool noting_ = true;  ///< pages that are read are told to GuestMemory::note_code()
    u32 mode_ = 0;        ///< of the block that is decoded, for known(), and
    u64 begin_ = 0;       ///< its first pc
    static u64 fetch(void* self, u64 pc, void* out, u64 size);
    static bool guarded(void* self, u64 pc);
    frontend::TranslateRequest request();
    void note_pages(u64 begin, u64 end);

    struct NotedPage {
        u64 page;
        u32 gen;  ///< of the page before its bytes were read
    };
    struct Chunk {
        u64 pc;
        u32 size, at;  ///< bytes_[at ..]
    };
    Jit& jit_;
    void make_compiler();
    std::unique_ptr<backend::Compiler> compiler_;
    bool alone_ = true;          ///< what compiler_ assumes, see Jit::alone
    bool traps_ = true;          ///< the same, Jit::traps
    bool forward_state_ = true;  ///< the pass of this name is on
    ir::Block block_;            ///< of a region: what it covers, and for dumps all of its instructions
    ir::Region region_;
    unsigned inlined_ = 0;  ///< calls in it
    std::vector<CallTarget> indirect_calls_;
    std::vector<u64> leaders_;  ///< sorted: where blocks of the region in the making begin
    ir::Block decoded_;         ///< before passes, kept only for dumps
    backend::CompiledBlock code_;
    std::vector<u8> side_, guest_bytes_;
    std::vector<NotedPage> pages_;
    std::vector<Chunk> chunks_;
    std::vector<u8> bytes_;
    u64 sync_generation_ = 0;
    u64 decode_ns_ = 0, passes_ns_ = 0, compile_ns_ = 0;
    std::string error_;
};

}  // namespace vm::jit
