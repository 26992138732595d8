#include "osal/io_ring.h"

#include <liburing.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace vm::osal {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(1);  ///< the host was short of memory

struct Operation {
    std::vector<iovec> parts;
    IoRing::Done done;
    int result = 0;
};

/// Who starts an operation also looks for ends, so that what ends at once needs no other thread; a thread of
/// the ring waits for the rest, and sleeps while nothing runs.
class Ring final : public IoRing {
  public:
    explicit Ring(const io_uring& ring) : ring_(ring) {
        sigset_t all, old;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &old);  // a thread starts with its creator's mask
        thread_ = std::thread([this] { wait(); });
        ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
        ::pthread_setname_np(thread_.native_handle(), "vm-io");
    }
    ~Ring() override {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
            if (!asleep_) wake();
        }
        changed_.notify_all();
        thread_.join();
        ::io_uring_queue_exit(&ring_);
    }

    bool read(int fd, u64 offset, std::vector<iovec> parts, Done done) override {
        if (parts.size() > IOV_MAX) return false;
        auto op = std::make_unique<Operation>(std::move(parts), std::move(done));
        return start(std::move(op), [&](io_uring_sqe* e, const Operation& o) {
            ::io_uring_prep_readv(e, fd, o.parts.data(), static_cast<unsigned>(o.parts.size()), offset);
        });
    }
    bool sync(int fd, Done done) override {
        auto op = std::make_unique<Operation>(std::vector<iovec>{}, std::move(done));
        return start(std::move(op), [&](io_uring_sqe* e, const Operation&) {
            ::io_uring_prep_fsync(e, fd, IORING_FSYNC_DATASYNC);
        });
    }

  private:
    using Ended = std::vector<std::unique_ptr<Operation>>;

    template <class Prepare>
    bool start(std::unique_ptr<Operation> op, Prepare prepare) {
        Ended ended;
        {
            const std::lock_guard lock(mutex_);
            io_uring_sqe* e = running_ < kDepth ? ::io_uring_get_sqe(&ring_) : nullptr;
            if (e == nullptr) return false;
            prepare(e, *op);
            ::io_uring_sqe_set_data(e, op.release());
            ++running_;
            // If the host is short of memory it stays in the queue; the next one, or the thread, tries again.
            (void)::io_uring_submit(&ring_);
            collect(ended);
            if (running_ != 0 && asleep_) changed_.notify_all();
        }
        finish(ended);
        return true;
    }

    /// An operation that does nothing ends the thread's wait in the kernel.
    void wake() {
        io_uring_sqe* e = ::io_uring_get_sqe(&ring_);
        if (e == nullptr) return;  // others are still to be submitted, and the thread does not wait before
        ::io_uring_prep_nop(e);
        ::io_uring_sqe_set_data(e, nullptr);
        (void)::io_uring_submit(&ring_);
    }
    void collect(Ended& ended) {
        io_uring_cqe* c = nullptr;
        while (::io_uring_peek_cqe(&ring_, &c) == 0) {
            std::unique_ptr<Operation> op(static_cast<Operation*>(::io_uring_cqe_get_data(c)));
            const int result = c->res;
            ::io_uring_cqe_seen(&ring_, c);
            if (op == nullptr) continue;  // wake()
            op->result = result;
            --running_;
            ended.push_back(std::move(op));
        }
    }
    static void finish(Ended& ended) {
        for (const auto& op : ended) op->done(op->result);
        ended.clear();
    }

    /// It enters the kernel without the lock, and does not touch the queues there.
    void wait() {
        Ended ended;
        std::unique_lock lock(mutex_);
        for (;;) {
            asleep_ = true;
            changed_.wait(lock, [&] { return stop_ || running_ != 0; });
            asleep_ = false;
            if (running_ == 0) return;
            const bool all = ::io_uring_sq_ready(&ring_) == 0 || ::io_uring_submit(&ring_) > 0;
            lock.unlock();
            if (!all)
                std::this_thread::sleep_for(kRetry);
            else
                (void)::syscall(SYS_io_uring_enter, ring_.ring_fd, 0, 1, IORING_ENTER_GETEVENTS, nullptr, 0);
            lock.lock();
            collect(ended);
            lock.unlock();
            finish(ended);
            lock.lock();
        }
    }

    io_uring ring_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned running_ = 0;
    bool stop_ = false, asleep_ = false;
    std::thread thread_;
};

}  // namespace

std::unique_ptr<IoRing> IoRing::create() {
    io_uring ring{};
    if (::io_uring_queue_init(kDepth, &ring, 0) != 0) return nullptr;
    return std::make_unique<Ring>(ring);
}

}  // namespace vm::osal
