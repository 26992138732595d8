#include "device/net_reader.h"

#include <utility>

namespace vm::device {
namespace {

constexpr int kMostAtOnce = 64;  // frames, until the loop looks at other things

}  // namespace

NetReader::NetReader(Read read, std::function<void()> on_end)
    : read_(std::move(read)), on_end_(std::move(on_end)), buffer_(kBufferBytes) {}

Result<std::unique_ptr<NetReader>> NetReader::create(int fd, Read read, std::function<void()> on_end) {
    std::unique_ptr<NetReader> reader(new NetReader(std::move(read), std::move(on_end)));
    auto loop = osal::EventLoop::start("vm-net");
    if (!loop) return std::unexpected(loop.error());
    reader->loop_ = std::move(*loop);
    auto watch =
        reader->loop_->watch(fd, false, false, [r = reader.get()](auto ready) { r->work(ready.hangup); });
    if (!watch) return std::unexpected(watch.error());
    reader->watch_ = std::move(*watch);
    return reader;
}

Result<void> NetReader::connect(NetPort& port) {
    port_ = &port;
    return watch_->want(true, false);
}

void NetReader::disconnect() {
    loop_->stop();
    port_ = nullptr;
}

/// On the loop's thread.
void NetReader::work(bool hangup) {
    if (waiting_) {
        if (hangup) end();
        return;
    }
    for (int n = 0; n < kMostAtOnce; ++n) {
        if (pending_ == 0) {
            switch (read_(buffer_, &pending_)) {
                case Got::Frame: break;
                case Got::Nothing: return;
                case Got::End: return end();
            }
        }
        if (!deliver()) return wait_for_room();
    }
}

void NetReader::end() {
    (void)watch_->want(false, false);
    if (!std::exchange(ended_, true)) on_end_();
}

bool NetReader::deliver() {
    const std::span<const u8> all(buffer_.data(), pending_);
    NetHeader header;
    std::memcpy(&header, all.data(), sizeof header);
    if (!port_->receive(header, all.subspan(sizeof header))) return false;
    pending_ = 0;
    return true;
}

/// The guest may have made room since it was asked, so it is asked again when receive_possible() will look.
void NetReader::wait_for_room() {
    if (ended_) return;
    (void)watch_->want(false, false, true);
    waiting_ = true;
    if (deliver() && waiting_.exchange(false)) (void)watch_->want(true, false);
}

void NetReader::receive_possible() {
    if (!waiting_.exchange(false)) return;
    loop_->post([this] {
        if (ended_) return;
        if (pending_ != 0 && !deliver()) return wait_for_room();
        (void)watch_->want(true, false);
    });
}

}  // namespace vm::device
