// Factory of the x86-64 back end.
#pragma once

#include <memory>

#include "backend/compiler.h"
#include "backend/options.h"
#include "backend/x86_64/convention.h"
#include "backend/x86_64/features.h"

namespace vm::backend::x86_64 {

/// A tier 1 compiler for guests with `layout` (which must outlive it). One per thread.
std::unique_ptr<Compiler> make_compiler(const ir::StateLayout& layout, const CompileOptions& options,
                                        const HostFeatures& features);

}  // namespace vm::backend::x86_64
