#include "jit/host.h"

#include <cstring>

#include "backend/x86_64/convention.h"
#include "backend/x86_64/recover.h"
#include "backend/x86_64/stubs.h"
#include "backend/x86_64/x86_64.h"
#include "jit/side_table.h"
#include "osal/host.h"
#include "osal/memory.h"

namespace vm::jit {

namespace x64 = backend::x86_64;

namespace {

/// One entry of the return stack as generated code pushes it.
struct ReturnEntry {
    u64 host, guest_pc;
};

/// Of the return stack: what lies deeper is not returned to soon.
constexpr u64 kMostReturns = 1024;

x64::HostContext host_context(const osal::MachineContext& context) {
    x64::HostContext c{};
    context.read_gpr(c.gpr);
    context.read_vector(c.xmm);
    c.mxcsr = context.mxcsr();
    return c;
}

constexpr u64 kShadowStack = u64{1} << 63;

u64 number_of(const x64::HostFeatures& f) {
    return f.bits() | (osal::host_cpu().shadow_stack ? kShadowStack : 0);
}

}  // namespace

ReturnStack::~ReturnStack() {
    if (base_ != 0) osal::unmap_guarded(reinterpret_cast<void*>(base_), kBytes);
}

Result<void> ReturnStack::create() {
    auto map = osal::map_guarded(kBytes);
    if (!map) return std::unexpected(map.error());
    base_ = reinterpret_cast<u64>(*map);
    top_ = base_ + kBytes - x64::kReturnSentinels * sizeof(ReturnEntry);
    auto* sentinels = reinterpret_cast<ReturnEntry*>(top_);
    for (unsigned i = 0; i < x64::kReturnSentinels; i++) sentinels[i] = {0, backend::kNoPc};
    return {};
}

u64 ReturnStack::make_room(u64 addr, u64 sp) const {
    if (base_ == 0 || addr >= base_ || addr < base_ - osal::page_size() || sp < base_ || sp >= top_) return 0;
    const u64 half = align_down((top_ - base_) / 2, sizeof(ReturnEntry));
    const u64 up = top_ - half - align_down(sp, sizeof(ReturnEntry));
    std::memmove(reinterpret_cast<void*>(sp + up), reinterpret_cast<const void*>(sp), top_ - (sp + up));
    return sp + up;
}

u64 host_features() { return number_of(x64::HostFeatures::detect()); }

std::string feature_names(u64 features) {
    std::string text;
    const auto add = [&](std::string_view name) {
        if (!text.empty()) text += ' ';
        text += name;
    };
    u64 bit = u64{1} << std::size(x64::kHostFeatures);
    for (const x64::HostFeature& f : x64::kHostFeatures)
        if (features & (bit >>= 1)) add(f.name);
    if (features & kShadowStack) add("shadow-stack");
    return text;
}

struct Host::Impl {
    explicit Impl(const ir::StateLayout& l) : layout(l), pins(l), features(x64::HostFeatures::detect()) {}
    const ir::StateLayout& layout;
    x64::PinMap pins;
    x64::HostFeatures features;
    x64::StubTable table;
    u64 base = 0;  ///< executable address of the stubs
    x64::EnterFn enter = nullptr;
};

Host::Host(const ir::StateLayout& layout) : impl_(std::make_unique<Impl>(layout)) {
    x64::emit_stubs(layout, impl_->features, stub_code_, impl_->table);
}
Host::~Host() = default;

std::unique_ptr<backend::Compiler> Host::make_compiler(const backend::CompileOptions& options) const {
    backend::CompileOptions o = options;
    // With shadow stacks on, a RET must return to its own CALL: the return stack would be killed.
    if (osal::host_cpu().shadow_stack) o.disabled_opts |= backend::opt_bit(backend::JitOpt::ReturnStack);
    return x64::make_compiler(impl_->layout, o, impl_->features);
}

void Host::place_stubs(const u8* executable) {
    impl_->base = reinterpret_cast<u64>(executable);
    impl_->enter = reinterpret_cast<x64::EnterFn>(impl_->base + impl_->table.enter);
}

u32 Host::stub_offset(u32 target) const { return impl_->table.stub[target]; }
u64 Host::stub_address(u32 target) const { return impl_->base + stub_offset(target); }

u64 Host::features() const { return number_of(impl_->features); }

void Host::init_state(backend::VcpuState& state) const { x64::init_vcpu_state(state); }

void Host::clear_fast_lookup(backend::VcpuState& state) const { x64::clear_lookup(state); }

const u8* Host::fast_lookup(const backend::VcpuState& state, u64 pc) const {
    const backend::FastLookup& f = state.lookup[x64::lookup_index(pc, impl_->layout.pc_alignment)];
    return f.pc == (pc ^ backend::code_context(state)) ? static_cast<const u8*>(f.entry) : nullptr;
}

void Host::forget_fast_lookup(backend::VcpuState& state, u64 pc, const u8* entry) const {
    const unsigned align = impl_->layout.pc_alignment;
    for (unsigned page = 0; page < align; page++) {
        const u64 index = x64::lookup_index(pc + page * backend::kTlbPage, align);
        if (state.lookup[index].entry == entry) x64::clear_lookup(state, index);
    }
}

void Host::fill_fast_lookup(backend::VcpuState& state, u64 pc, const u8* entry) const {
    state.lookup[x64::lookup_index(pc, impl_->layout.pc_alignment)] = {pc ^ backend::code_context(state),
                                                                       entry};
}

void Host::code_addresses(const backend::VcpuState& state, std::vector<u64>& out) const {
    for (const backend::FastLookup& f : state.lookup)
        if (f.pc != backend::kNoPc) out.push_back(reinterpret_cast<u64>(f.entry));
    const auto* entry = reinterpret_cast<const ReturnEntry*>(state.return_sp);
    const auto* top = reinterpret_cast<const ReturnEntry*>(state.return_top);
    for (u64 n = 0; n < kMostReturns && entry + n < top; n++) out.push_back(entry[n].host);
}

void Host::enter(backend::VcpuState& state, const u8* entry) const {
    state.guest_mxcsr = x64::mxcsr_from_fpenv(state.fp) & ~(state.trap_nan ? x64::kMxcsrInvalidMask : 0);
    impl_->enter(&state, entry);
    x64::fpenv_from_mxcsr(state.guest_mxcsr, state.fp);
}

void Host::leave_by_fault(backend::VcpuState& state, const CodeSite& site, u64 code_base,
                          osal::MachineContext& context) const {
    recover_state(state, *this, site, code_base, context.pc(), context);
    context.set_pc(impl_->base + impl_->table.fault_exit);
}

void Host::invalid_operation(const CodeSite& site, u64 code_base, osal::MachineContext& context) const {
    const u64 start = code_base + site.code_offset;
    if (const backend::DirtySlot* trap = x64::find_trap(site.dirty, static_cast<u32>(context.pc() - start)))
        return context.set_pc(start + trap->host_end);
    context.set_mxcsr(context.mxcsr() | x64::kMxcsrInvalidMask);
    context.set_single_step(true);
}

void Host::masked_step_done(osal::MachineContext& context) const {
    context.set_mxcsr(context.mxcsr() & ~x64::kMxcsrInvalidMask);
    context.set_single_step(false);
}

void recover_state(backend::VcpuState& state, const Host& host, const CodeSite& site, u64 code_base,
                   u64 host_pc, const osal::MachineContext& context) {
    const u32 offset = static_cast<u32>(host_pc - code_base - site.code_offset);
    host.recover_registers(state, site, offset, context);
    state.pc = side_table_pc(site.side, site.pc, offset);
}

void Host::recover_registers(backend::VcpuState& state, const CodeSite& site, u32 offset,
                             const osal::MachineContext& context) const {
    x64::recover_state(state, impl_->layout, impl_->pins, host_context(context), site.dirty, offset);
}

}  // namespace vm::jit
