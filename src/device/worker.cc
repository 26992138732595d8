#include "device/worker.h"

#include <pthread.h>

#include <csignal>

namespace vm::device {

Worker::Worker(const char* name, std::function<void()> work) : work_(std::move(work)) {
    sigset_t all, old;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);  // a thread starts with its creator's mask
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    ::pthread_setname_np(thread_.native_handle(), name);
}

Worker::~Worker() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Worker::kick() {
    {
        const std::lock_guard lock(mutex_);
        if (kicked_) return;
        kicked_ = true;
    }
    wake_.notify_one();
}

void Worker::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return kicked_ || stop_; });
        if (stop_) return;
        kicked_ = false;
        lock.unlock();
        work_();
        lock.lock();
    }
}

}  // namespace vm::device
