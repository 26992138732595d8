#include "linux/debugging.h"

namespace vm::linux {

void begin_debugging(Thread& t) {
    if (t.control == nullptr) return;
    t.debugged.emplace(*t.control, static_cast<u64>(t.tid), [&t] { t.vcpu().request_safepoint(); });
    t.control->enter(*t.debugged, t.vcpu());
}

engine::Exit run_debugged(Thread& t) {
    if (t.debugged && !t.hidden) return t.control->run(*t.debugged);
    // Nobody looks at this thread, but it comes upon the breakpoints of the others.
    engine::Exit e = t.vcpu().run();
    if (e.reason == ir::ExitReason::DebugBreak || e.reason == ir::ExitReason::DebugWatch)
        e = t.vcpu().step(false);
    if (e.reason == ir::ExitReason::Next) e.reason = ir::ExitReason::Safepoint;
    return e;
}

int signal_to_debugger(Thread& t, int sig) {
    return t.debugged && !t.hidden ? t.control->signal(*t.debugged, sig) : sig;
}

HiddenThread::HiddenThread(Thread& t) : t_(t) {
    if (!t_.debugged) return;
    t_.control->leave(*t_.debugged);
    t_.hidden = true;
}

HiddenThread::~HiddenThread() {
    if (!t_.debugged) return;
    t_.hidden = false;
    t_.control->enter(*t_.debugged, t_.vcpu());
    t_.control->back(*t_.debugged);
}

}  // namespace vm::linux
