// A tap interface of the host as the other end of a network card's wire: the host's network is the guest's.
#pragma once

#include <string>

#include "device/net_reader.h"
#include "osal/file.h"

namespace vm::device {

/// Checksums and segmentation are left to the host's kernel, in both directions.
class NetTap final : public NetBackend {
  public:
    /// An interface that is there already (`ip tuntap add dev NAME mode tap user USER`), which this process
    /// may use and nobody else does. `complain`: called once if it goes away, on any thread.
    static Result<std::unique_ptr<NetTap>> open(const std::string& interface,
                                                std::function<void(const std::string&)> complain);

    u64 features() const override;
    void connect(NetPort& port) override;
    void disconnect() override { reader_->disconnect(); }
    void start(u64 features) override;
    void send(const NetHeader& header, std::span<u8> frame) override;
    void receive_possible() override { reader_->receive_possible(); }

  private:
    NetTap(osal::Fd fd, std::string interface, std::function<void(const std::string&)> complain)
        : fd_(std::move(fd)), interface_(std::move(interface)), complain_(std::move(complain)) {}
    NetReader::Got read(std::span<u8> buffer, size_t* bytes) const;
    void lost();

    const osal::Fd fd_;
    const std::string interface_;
    const std::function<void(const std::string&)> complain_;
    NetPort* port_ = nullptr;
    std::unique_ptr<NetReader> reader_;
};

}  // namespace vm::device
