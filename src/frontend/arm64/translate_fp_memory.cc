// Loads and stores of SIMD and floating-point registers. Manual: "Loads and Stores", the encodings with V
// = 1. size: log2 of the bytes. What is loaded is followed by zeros.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

/// Floats where the host has them, so that a value goes straight into a vector register.
Type Translator::vector_mem_type(unsigned size) {
    constexpr Type t[] = {Type::I8, Type::I16, Type::F32, Type::F64, Type::V128};
    return t[size];
}

Value Translator::vector_data(unsigned size, unsigned r) {
    return size == 4 ? v(r) : scalar(vector_mem_type(size), r);
}
void Translator::store_vector(unsigned size, Value at, i64 disp, Value data) {
    store(vector_mem_type(size), at, disp, data);
}
Value Translator::load_vector(unsigned size, Value at, i64 disp) {
    const Type t = vector_mem_type(size);
    return load(t, t, at, disp, false);
}
bool Translator::set_loaded(unsigned size, unsigned r, Value loaded) {
    return size == 4 ? set_v(r, loaded) : set_scalar(r, loaded);
}

bool Translator::STR_v_imm(const Decoded& d) {
    const Address a = address(d, d.size);
    store_vector(d.size, a.base, a.disp, vector_data(d.size, d.rt));
    write_back(d, a);
    return true;
}
bool Translator::LDR_v_imm(const Decoded& d) {
    const Address a = address(d, d.size);
    const Value loaded = load_vector(d.size, a.base, a.disp);
    write_back(d, a);
    return set_loaded(d.size, d.rt, loaded);
}

bool Translator::STR_v_reg(const Decoded& d) {
    store_vector(d.size, register_address(d, d.size), 0, vector_data(d.size, d.rt));
    return true;
}
bool Translator::LDR_v_reg(const Decoded& d) {
    return set_loaded(d.size, d.rt, load_vector(d.size, register_address(d, d.size), 0));
}
bool Translator::LDR_v_lit(const Decoded& d) {
    return set_loaded(d.size, d.rt, load_vector(d.size, literal(d), 0));
}

bool Translator::STP_v(const Decoded& d) {
    const Address a = pair_address(d, d.size);
    store_vector(d.size, a.base, a.disp, vector_data(d.size, d.rt));
    store_vector(d.size, a.base, a.disp + (i64{1} << d.size), vector_data(d.size, d.rt2));
    write_back(d, a);
    return true;
}
bool Translator::LDP_v(const Decoded& d) {
    const Address a = pair_address(d, d.size);
    const Value first = load_vector(d.size, a.base, a.disp);
    const Value second = load_vector(d.size, a.base, a.disp + (i64{1} << d.size));
    write_back(d, a);
    set_loaded(d.size, d.rt, first);
    return set_loaded(d.size, d.rt2, second);
}

}  // namespace vm::frontend::arm64
