#include "device/net_reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "osal/file.h"

namespace vm::device {
namespace {

/// A guest that has room for as many frames as it says.
struct Guest final : NetPort {
    std::atomic<int> room = 0, taken = 0;
    bool receive(const NetHeader&, std::span<const u8>) override {
        if (room == 0) return false;
        room--;
        taken++;
        return true;
    }
    void set_link(bool) override {}
};

class NetReaderTest : public ::testing::Test {
  protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
        near_ = osal::Fd(ends[0]);
        far_ = osal::Fd(ends[1]);
        auto read = [this](std::span<u8> buffer, size_t* bytes) {
            const ssize_t n = ::read(near_.get(), buffer.data() + sizeof(NetHeader), 100);
            if (n == 0) return NetReader::Got::End;
            if (n < 0) return NetReader::Got::Nothing;
            *bytes = sizeof(NetHeader) + static_cast<size_t>(n);
            return NetReader::Got::Frame;
        };
        auto made = NetReader::create(near_.get(), read, [this] { ended_.set_value(); });
        ASSERT_TRUE(made) << made.error().message;
        reader_ = std::move(*made);
        ASSERT_TRUE(reader_->connect(guest_));
    }
    void TearDown() override { reader_->disconnect(); }
    void send() const { ASSERT_EQ(::write(far_.get(), "frame", 5), 5); }
    bool ends(std::future<void>& end) const {
        return end.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    }

    osal::Fd near_, far_;
    Guest guest_;
    std::promise<void> ended_;
    std::unique_ptr<NetReader> reader_;
};

TEST_F(NetReaderTest, FramesWaitForRoom) {
    auto end = ended_.get_future();
    for (int i = 0; i < 3; i++) send();
    guest_.room = 2;
    reader_->receive_possible();
    while (guest_.taken < 2) ::usleep(100);
    guest_.room = 1;
    while (guest_.taken < 3) {
        reader_->receive_possible();
        ::usleep(100);
    }
    far_ = osal::Fd();
    EXPECT_TRUE(ends(end));
}

TEST_F(NetReaderTest, TheEndIsToldWhileAFrameWaits) {
    auto end = ended_.get_future();
    send();
    ::usleep(20000);  // until it is read, and there is no room
    far_ = osal::Fd();
    EXPECT_TRUE(ends(end));
    guest_.room = 1;
    reader_->receive_possible();  // the end is not told again, or set_value() would throw
    EXPECT_EQ(guest_.taken, 0);
}

}  // namespace
}  // namespace vm::device
