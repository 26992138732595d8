// User-mode networking as the other end of a network card's wire: connections of the guest are those of a
// process of ours, so neither rights nor interfaces are needed. The process is vm-usernet (src/usernet),
// which reads what the guest sends and holds nothing else of the machine.
#pragma once

#include <sys/types.h>

#include <string>

#include "device/net_reader.h"
#include "osal/file.h"
#include "usernet/protocol.h"

namespace vm::device {

struct NetUserOptions {
    bool restricted = false;  ///< no connections from the guest; forwarded ports stay
    u16 mtu = usernet::kMaxMtu;
    std::vector<usernet::Forward> forwards;
    std::string program;  ///< vm-usernet
};

/// Checksums that the guest leaves out are made here, and long segments go out as they are. What comes in has
/// never been on a wire: the guest need not look at its checksums.
class NetUser final : public NetBackend {
  public:
    /// `complain`: called once if the process ends before this object, on any thread.
    static Result<std::unique_ptr<NetUser>> start_process(const NetUserOptions& options,
                                                          std::function<void(const std::string&)> complain);
    ~NetUser() override;

    u64 features() const override;
    u16 mtu() const override { return mtu_; }
    void connect(NetPort& port) override;
    void disconnect() override { reader_->disconnect(); }
    void start(u64 features) override;
    void send(const NetHeader& header, std::span<u8> frame) override;
    void receive_possible() override { reader_->receive_possible(); }

  private:
    NetUser(osal::Fd socket, pid_t process, u16 mtu, std::function<void(const std::string&)> complain)
        : socket_(std::move(socket)), process_(process), mtu_(mtu), complain_(std::move(complain)) {}
    Result<void> wait_until_ready() const;
    NetReader::Got read(std::span<u8> buffer, size_t* bytes) const;
    void put(usernet::Message kind, std::span<const u8> bytes) const;
    void lost();

    osal::Fd socket_;
    const pid_t process_;
    const u16 mtu_;
    const std::function<void(const std::string&)> complain_;
    NetPort* port_ = nullptr;
    std::unique_ptr<NetReader> reader_;
};

}  // namespace vm::device
