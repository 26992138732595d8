// Threads under a debugger (EngineOptions::control). Without one none of this is called, but for
// begin_debugging().
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// The debugger sees the thread from now on, if there is one. Its registers are those it begins with.
void begin_debugging(Thread& t);
/// In place of Vcpu::run(): stands while the debugger wants it to.
engine::Exit run_debugged(Thread& t);
/// The guest is about to get `sig`: what it gets instead, 0: nothing.
int signal_to_debugger(Thread& t, int sig);

/// While it lives, the thread is in a call of the host, and may be looked at.
class HostCall {
  public:
    explicit HostCall(Thread& t) : t_(t) {
        if (t_.debugged && !t_.hidden) t_.control->away(*t_.debugged);
    }
    ~HostCall() {
        if (t_.debugged && !t_.hidden) t_.control->back(*t_.debugged);
    }
    HostCall(const HostCall&) = delete;
    HostCall& operator=(const HostCall&) = delete;

  private:
    Thread& t_;
};

/// While it lives, a vfork child runs on the thread: nobody sees it.
class HiddenThread {
  public:
    explicit HiddenThread(Thread& t);
    ~HiddenThread();
    HiddenThread(const HiddenThread&) = delete;
    HiddenThread& operator=(const HiddenThread&) = delete;

  private:
    Thread& t_;
};

}  // namespace vm::linux
