// A thread of a device, so that the hart that notifies it goes on at once.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace vm::device {

/// Runs `work` after each kick; kicks while it runs lead to one more run. All signals are blocked in the
/// thread: those of the process go to others.
class Worker {
  public:
    /// `name`: up to 15 characters, as tools show it.
    Worker(const char* name, std::function<void()> work);
    /// Waits for the run in progress.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    void kick();

  private:
    void run();

    const std::function<void()> work_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool kicked_ = false, stop_ = false;
    std::thread thread_;
};

}  // namespace vm::device
