// The half of a network back end that brings frames to the guest: a descriptor that is read on a thread of
// its own while the guest has buffers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "device/virtio_net.h"
#include "osal/event_loop.h"

namespace vm::device {

class NetReader {
  public:
    enum class Got : u8 { Frame, Nothing, End };
    /// Reads one frame to buffer[sizeof(NetHeader)] and on, its header before it; `bytes`: both. Does not
    /// block.
    using Read = std::function<Got(std::span<u8> buffer, size_t* bytes)>;
    static constexpr size_t kBufferBytes = sizeof(NetHeader) + kMaxNetFrame;

    /// `on_end` is called once, on the reader's thread, when `read` said End, or when the other end went
    /// while a frame waits for the guest; nothing is read afterwards.
    static Result<std::unique_ptr<NetReader>> create(int fd, Read read, std::function<void()> on_end);
    NetReader(const NetReader&) = delete;
    NetReader& operator=(const NetReader&) = delete;

    // As NetBackend's.
    Result<void> connect(NetPort& port);
    void disconnect();
    void receive_possible();

  private:
    NetReader(Read read, std::function<void()> on_end);
    void work(bool hangup);
    void end();
    bool deliver();
    void wait_for_room();

    const Read read_;
    const std::function<void()> on_end_;
    NetPort* port_ = nullptr;
    std::vector<u8> buffer_;
    size_t pending_ = 0;                 ///< bytes of a frame in buffer_ that the guest had no room for
    std::atomic<bool> waiting_ = false;  ///< for that room
    bool ended_ = false;                 ///< on the loop's thread
    std::unique_ptr<osal::EventLoop::Watch> watch_;
    std::unique_ptr<osal::EventLoop> loop_;
};

}  // namespace vm::device
