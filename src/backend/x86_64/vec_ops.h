// Host vector instructions by their SSE names, with the id of their VEX form: Lowering::v2 and its relatives
// emit the one that the host has.
#pragma once

#include "backend/x86_64/emitter.h"

namespace vm::backend::x86_64 {

struct HostOp {
    u32 vex, sse;
    bool commutes = false;
};

/// Place of operand k among the operands of helpers (3: the result). Within one instruction also free for
/// vectors that find no register.
inline x86::Mem wide_mem(unsigned k) {
    return state_mem(static_cast<i32>(offsetof(VcpuState, wide)) + static_cast<i32>(16 * k), 16);
}

namespace hop {
inline constexpr HostOp paddb{HInst::kIdVpaddb, HInst::kIdPaddb, true};
inline constexpr HostOp paddw{HInst::kIdVpaddw, HInst::kIdPaddw, true};
inline constexpr HostOp paddd{HInst::kIdVpaddd, HInst::kIdPaddd, true};
inline constexpr HostOp paddq{HInst::kIdVpaddq, HInst::kIdPaddq, true};
inline constexpr HostOp psubb{HInst::kIdVpsubb, HInst::kIdPsubb};
inline constexpr HostOp psubw{HInst::kIdVpsubw, HInst::kIdPsubw};
inline constexpr HostOp psubd{HInst::kIdVpsubd, HInst::kIdPsubd};
inline constexpr HostOp psubq{HInst::kIdVpsubq, HInst::kIdPsubq};
inline constexpr HostOp pmullw{HInst::kIdVpmullw, HInst::kIdPmullw, true};
inline constexpr HostOp pmulld{HInst::kIdVpmulld, HInst::kIdPmulld, true};
inline constexpr HostOp pmulhw{HInst::kIdVpmulhw, HInst::kIdPmulhw, true};
inline constexpr HostOp pmulhuw{HInst::kIdVpmulhuw, HInst::kIdPmulhuw, true};
inline constexpr HostOp pmulhrsw{HInst::kIdVpmulhrsw, HInst::kIdPmulhrsw, true};
inline constexpr HostOp pmuludq{HInst::kIdVpmuludq, HInst::kIdPmuludq, true};
inline constexpr HostOp pmuldq{HInst::kIdVpmuldq, HInst::kIdPmuldq, true};
inline constexpr HostOp pmaddwd{HInst::kIdVpmaddwd, HInst::kIdPmaddwd, true};
inline constexpr HostOp pcmpeqb{HInst::kIdVpcmpeqb, HInst::kIdPcmpeqb, true};
inline constexpr HostOp pcmpeqw{HInst::kIdVpcmpeqw, HInst::kIdPcmpeqw, true};
inline constexpr HostOp pcmpeqd{HInst::kIdVpcmpeqd, HInst::kIdPcmpeqd, true};
inline constexpr HostOp pcmpeqq{HInst::kIdVpcmpeqq, HInst::kIdPcmpeqq, true};
inline constexpr HostOp pcmpgtb{HInst::kIdVpcmpgtb, HInst::kIdPcmpgtb};
inline constexpr HostOp pcmpgtw{HInst::kIdVpcmpgtw, HInst::kIdPcmpgtw};
inline constexpr HostOp pcmpgtd{HInst::kIdVpcmpgtd, HInst::kIdPcmpgtd};
inline constexpr HostOp pcmpgtq{HInst::kIdVpcmpgtq, HInst::kIdPcmpgtq};
inline constexpr HostOp pminsb{HInst::kIdVpminsb, HInst::kIdPminsb, true};
inline constexpr HostOp pminsw{HInst::kIdVpminsw, HInst::kIdPminsw, true};
inline constexpr HostOp pminsd{HInst::kIdVpminsd, HInst::kIdPminsd, true};
inline constexpr HostOp pminub{HInst::kIdVpminub, HInst::kIdPminub, true};
inline constexpr HostOp pminuw{HInst::kIdVpminuw, HInst::kIdPminuw, true};
inline constexpr HostOp pminud{HInst::kIdVpminud, HInst::kIdPminud, true};
inline constexpr HostOp pmaxsb{HInst::kIdVpmaxsb, HInst::kIdPmaxsb, true};
inline constexpr HostOp pmaxsw{HInst::kIdVpmaxsw, HInst::kIdPmaxsw, true};
inline constexpr HostOp pmaxsd{HInst::kIdVpmaxsd, HInst::kIdPmaxsd, true};
inline constexpr HostOp pmaxub{HInst::kIdVpmaxub, HInst::kIdPmaxub, true};
inline constexpr HostOp pmaxuw{HInst::kIdVpmaxuw, HInst::kIdPmaxuw, true};
inline constexpr HostOp pmaxud{HInst::kIdVpmaxud, HInst::kIdPmaxud, true};
inline constexpr HostOp paddsb{HInst::kIdVpaddsb, HInst::kIdPaddsb, true};
inline constexpr HostOp paddsw{HInst::kIdVpaddsw, HInst::kIdPaddsw, true};
inline constexpr HostOp paddusb{HInst::kIdVpaddusb, HInst::kIdPaddusb, true};
inline constexpr HostOp paddusw{HInst::kIdVpaddusw, HInst::kIdPaddusw, true};
inline constexpr HostOp psubsb{HInst::kIdVpsubsb, HInst::kIdPsubsb};
inline constexpr HostOp psubsw{HInst::kIdVpsubsw, HInst::kIdPsubsw};
inline constexpr HostOp psubusb{HInst::kIdVpsubusb, HInst::kIdPsubusb};
inline constexpr HostOp psubusw{HInst::kIdVpsubusw, HInst::kIdPsubusw};
inline constexpr HostOp pavgb{HInst::kIdVpavgb, HInst::kIdPavgb, true};
inline constexpr HostOp pavgw{HInst::kIdVpavgw, HInst::kIdPavgw, true};
inline constexpr HostOp pand{HInst::kIdVpand, HInst::kIdPand, true};
inline constexpr HostOp por{HInst::kIdVpor, HInst::kIdPor, true};
inline constexpr HostOp pxor{HInst::kIdVpxor, HInst::kIdPxor, true};
inline constexpr HostOp pandn{HInst::kIdVpandn, HInst::kIdPandn};
inline constexpr HostOp pabsb{HInst::kIdVpabsb, HInst::kIdPabsb};
inline constexpr HostOp pabsw{HInst::kIdVpabsw, HInst::kIdPabsw};
inline constexpr HostOp pabsd{HInst::kIdVpabsd, HInst::kIdPabsd};
inline constexpr HostOp psignd{HInst::kIdVpsignd, HInst::kIdPsignd};
inline constexpr HostOp psllw{HInst::kIdVpsllw, HInst::kIdPsllw};
inline constexpr HostOp pslld{HInst::kIdVpslld, HInst::kIdPslld};
inline constexpr HostOp psllq{HInst::kIdVpsllq, HInst::kIdPsllq};
inline constexpr HostOp psrlw{HInst::kIdVpsrlw, HInst::kIdPsrlw};
inline constexpr HostOp psrld{HInst::kIdVpsrld, HInst::kIdPsrld};
inline constexpr HostOp psrlq{HInst::kIdVpsrlq, HInst::kIdPsrlq};
inline constexpr HostOp psraw{HInst::kIdVpsraw, HInst::kIdPsraw};
inline constexpr HostOp psrad{HInst::kIdVpsrad, HInst::kIdPsrad};
inline constexpr HostOp pslldq{HInst::kIdVpslldq, HInst::kIdPslldq};
inline constexpr HostOp psrldq{HInst::kIdVpsrldq, HInst::kIdPsrldq};
inline constexpr HostOp pshufb{HInst::kIdVpshufb, HInst::kIdPshufb};
inline constexpr HostOp pshufd{HInst::kIdVpshufd, HInst::kIdPshufd};
inline constexpr HostOp pshuflw{HInst::kIdVpshuflw, HInst::kIdPshuflw};
inline constexpr HostOp pshufhw{HInst::kIdVpshufhw, HInst::kIdPshufhw};
inline constexpr HostOp shufps{HInst::kIdVshufps, HInst::kIdShufps};
inline constexpr HostOp palignr{HInst::kIdVpalignr, HInst::kIdPalignr};
inline constexpr HostOp pblendw{HInst::kIdVpblendw, HInst::kIdPblendw};
inline constexpr HostOp punpcklbw{HInst::kIdVpunpcklbw, HInst::kIdPunpcklbw};
inline constexpr HostOp punpcklwd{HInst::kIdVpunpcklwd, HInst::kIdPunpcklwd};
inline constexpr HostOp punpckldq{HInst::kIdVpunpckldq, HInst::kIdPunpckldq};
inline constexpr HostOp punpcklqdq{HInst::kIdVpunpcklqdq, HInst::kIdPunpcklqdq};
inline constexpr HostOp punpckhbw{HInst::kIdVpunpckhbw, HInst::kIdPunpckhbw};
inline constexpr HostOp punpckhwd{HInst::kIdVpunpckhwd, HInst::kIdPunpckhwd};
inline constexpr HostOp punpckhdq{HInst::kIdVpunpckhdq, HInst::kIdPunpckhdq};
inline constexpr HostOp punpckhqdq{HInst::kIdVpunpckhqdq, HInst::kIdPunpckhqdq};
inline constexpr HostOp packsswb{HInst::kIdVpacksswb, HInst::kIdPacksswb};
inline constexpr HostOp packssdw{HInst::kIdVpackssdw, HInst::kIdPackssdw};
inline constexpr HostOp packuswb{HInst::kIdVpackuswb, HInst::kIdPackuswb};
inline constexpr HostOp packusdw{HInst::kIdVpackusdw, HInst::kIdPackusdw};
inline constexpr HostOp phaddd{HInst::kIdVphaddd, HInst::kIdPhaddd};
inline constexpr HostOp pmovsxbw{HInst::kIdVpmovsxbw, HInst::kIdPmovsxbw};
inline constexpr HostOp pmovsxwd{HInst::kIdVpmovsxwd, HInst::kIdPmovsxwd};
inline constexpr HostOp pmovsxdq{HInst::kIdVpmovsxdq, HInst::kIdPmovsxdq};
inline constexpr HostOp pmovzxbw{HInst::kIdVpmovzxbw, HInst::kIdPmovzxbw};
inline constexpr HostOp pmovzxwd{HInst::kIdVpmovzxwd, HInst::kIdPmovzxwd};
inline constexpr HostOp pmovzxdq{HInst::kIdVpmovzxdq, HInst::kIdPmovzxdq};
inline constexpr HostOp pclmulqdq{HInst::kIdVpclmulqdq, HInst::kIdPclmulqdq};
inline constexpr HostOp gf2p8affineqb{HInst::kIdVgf2p8affineqb, HInst::kIdGf2p8affineqb};
inline constexpr HostOp aesenc{HInst::kIdVaesenc, HInst::kIdAesenc};
inline constexpr HostOp aesenclast{HInst::kIdVaesenclast, HInst::kIdAesenclast};
inline constexpr HostOp aesdec{HInst::kIdVaesdec, HInst::kIdAesdec};
inline constexpr HostOp aesdeclast{HInst::kIdVaesdeclast, HInst::kIdAesdeclast};
inline constexpr HostOp aesimc{HInst::kIdVaesimc, HInst::kIdAesimc};
inline constexpr HostOp addps{HInst::kIdVaddps, HInst::kIdAddps};
inline constexpr HostOp addpd{HInst::kIdVaddpd, HInst::kIdAddpd};
inline constexpr HostOp subps{HInst::kIdVsubps, HInst::kIdSubps};
inline constexpr HostOp subpd{HInst::kIdVsubpd, HInst::kIdSubpd};
inline constexpr HostOp mulps{HInst::kIdVmulps, HInst::kIdMulps};
inline constexpr HostOp mulpd{HInst::kIdVmulpd, HInst::kIdMulpd};
inline constexpr HostOp divps{HInst::kIdVdivps, HInst::kIdDivps};
inline constexpr HostOp divpd{HInst::kIdVdivpd, HInst::kIdDivpd};
inline constexpr HostOp sqrtps{HInst::kIdVsqrtps, HInst::kIdSqrtps};
inline constexpr HostOp sqrtpd{HInst::kIdVsqrtpd, HInst::kIdSqrtpd};
inline constexpr HostOp minps{HInst::kIdVminps, HInst::kIdMinps};
inline constexpr HostOp minpd{HInst::kIdVminpd, HInst::kIdMinpd};
inline constexpr HostOp maxps{HInst::kIdVmaxps, HInst::kIdMaxps};
inline constexpr HostOp maxpd{HInst::kIdVmaxpd, HInst::kIdMaxpd};
inline constexpr HostOp andps{HInst::kIdVandps, HInst::kIdAndps, true};
inline constexpr HostOp andpd{HInst::kIdVandpd, HInst::kIdAndpd, true};
inline constexpr HostOp orps{HInst::kIdVorps, HInst::kIdOrps, true};
inline constexpr HostOp orpd{HInst::kIdVorpd, HInst::kIdOrpd, true};
inline constexpr HostOp xorps{HInst::kIdVxorps, HInst::kIdXorps, true};
inline constexpr HostOp xorpd{HInst::kIdVxorpd, HInst::kIdXorpd, true};
inline constexpr HostOp andnps{HInst::kIdVandnps, HInst::kIdAndnps};
inline constexpr HostOp cmpps{HInst::kIdVcmpps, HInst::kIdCmpps};
inline constexpr HostOp cmppd{HInst::kIdVcmppd, HInst::kIdCmppd};
inline constexpr HostOp roundps{HInst::kIdVroundps, HInst::kIdRoundps};
inline constexpr HostOp roundpd{HInst::kIdVroundpd, HInst::kIdRoundpd};
inline constexpr HostOp cvtps2dq{HInst::kIdVcvtps2dq, HInst::kIdCvtps2dq};
inline constexpr HostOp cvttps2dq{HInst::kIdVcvttps2dq, HInst::kIdCvttps2dq};
inline constexpr HostOp cvtdq2ps{HInst::kIdVcvtdq2ps, HInst::kIdCvtdq2ps};
inline constexpr HostOp cvtps2pd{HInst::kIdVcvtps2pd, HInst::kIdCvtps2pd};
inline constexpr HostOp cvtpd2ps{HInst::kIdVcvtpd2ps, HInst::kIdCvtpd2ps};
inline constexpr HostOp movhlps{HInst::kIdVmovhlps, HInst::kIdMovhlps};
inline constexpr HostOp ptest{HInst::kIdVptest, HInst::kIdPtest};
inline constexpr HostOp unpckhpd{HInst::kIdVunpckhpd, HInst::kIdUnpckhpd};
inline constexpr HostOp unpcklpd{HInst::kIdVunpcklpd, HInst::kIdUnpcklpd};
}  // namespace hop

}  // namespace vm::backend::x86_64
