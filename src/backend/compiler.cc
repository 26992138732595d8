#include "backend/compiler.h"

namespace vm::backend {

/// Keeps the capacity: one CompiledBlock serves many compiles.
void CompiledBlock::clear() {
    code.clear();
    entry_offset = 0;
    relocations.clear();
    links.clear();
    side.clear();
    dirty.clear();
}

}  // namespace vm::backend
