// Texts of general registers.
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {

void put_general(std::string& out, unsigned sf, unsigned r, Role31 role) {
    if (r != 31)
        out += fmt::format("{}{}", sf ? 'x' : 'w', r);
    else if (role == kStack)
        out += sf ? "sp" : "wsp";
    else
        out += sf ? "xzr" : "wzr";
}

// --- as wide as sf says
void put_Rd(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rd); }
void put_Rn(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rn); }
void put_Rm(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rm); }
void put_Ra(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.ra); }
void put_Rt(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rt); }
void put_Rt2(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rt2); }
void put_Rs(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rs); }
void put_Rs_1(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rs + 1u); }
void put_Rt_1(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rt + 1u); }
void put_RdSP(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rd, kStack); }
void put_RnSP(std::string& out, const Decoded& d, u64) { put_general(out, d.sf, d.rn, kStack); }

// --- always of 64 or 32 bits
void put_Xd(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rd); }
void put_Xn(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rn); }
void put_Xm(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rm); }
void put_Xa(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.ra); }
void put_Xt(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rt); }
void put_Xt2(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rt2); }
void put_XnSP(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rn, kStack); }
void put_XmSP(std::string& out, const Decoded& d, u64) { put_general(out, 1, d.rm, kStack); }
void put_Wd(std::string& out, const Decoded& d, u64) { put_general(out, 0, d.rd); }
void put_Wn(std::string& out, const Decoded& d, u64) { put_general(out, 0, d.rn); }
void put_Wm(std::string& out, const Decoded& d, u64) { put_general(out, 0, d.rm); }
void put_Ws(std::string& out, const Decoded& d, u64) { put_general(out, 0, d.rs); }

// --- of loads and stores
void put_Rz(std::string& out, const Decoded& d, u64) { put_general(out, d.size == 3, d.rt); }
void put_Rzs(std::string& out, const Decoded& d, u64) { put_general(out, d.size == 3, d.rs); }
void put_Rts(std::string& out, const Decoded& d, u64) { put_general(out, !d.opt, d.rt); }
void put_Rtq(std::string& out, const Decoded& d, u64) { put_general(out, !d.q, d.rt); }

/// RET: nothing for the usual register.
void put_retn(std::string& out, const Decoded& d, u64) {
    if (d.rn == 30) return;
    out += ' ';
    put_general(out, 1, d.rn);
}

}  // namespace vm::frontend::arm64::text
