// A server of 9P2000.L for one client: the guest's side of a shared folder (virtio_9p.h). Requests are
// answered one after the other; the guest is never trusted.
#pragma once

#include <map>

#include "device/iovec.h"
#include "device/p9_files.h"

namespace vm::device::p9 {

/// Not thread-safe.
class Server {
  public:
    static constexpr u32 kMaxMessage = 512 << 10;  ///< the largest that a client may choose
    static constexpr size_t kMostFids = 1 << 16;
    /// Of the extended attributes that are read or written at a time.
    static constexpr size_t kMostAttributes = 4 << 20;

    explicit Server(Files files) : files_(std::move(files)) {}
    /// Answers a request: how many bytes of `reply` were written; 0 if there is no way to answer it. Parts
    /// may change while they are read.
    size_t serve(Parts request, Parts reply);
    /// The client is gone: nothing is open any more.
    void reset();

  private:
    /// An extended attribute, or the list of their names.
    struct Attribute {
        std::vector<u8> value;
        std::string name;  ///< of one that is written; else empty
        u32 flags = 0;
        size_t written = 0;
    };
    struct Fid {
        NodePtr node;
        Owner owner;
        osal::Fd open;
        bool directory = false, writable = false, readable = false;
        std::unique_ptr<Attribute> attribute = nullptr;  ///< in place of an open file
        bool busy() const { return open.get() >= 0 || attribute != nullptr; }
    };
    using Handler = int (Server::*)(Reader&, Writer&);

    int dispatch(Type type, Reader& in, Writer& out);
    int read(Reader& in, Parts reply, size_t* bytes);
    int write(Reader& in, Parts request, Writer& out);
    Fid* find(u32 fid);
    Fid* find_directory(u32 fid);
    int put_qid(const Node& node, Writer& out);
    int open_reply(const Node& node, Writer& out);

    int version(Reader& in, Writer& out);
    int attach(Reader& in, Writer& out);
    int walk(Reader& in, Writer& out);
    int lopen(Reader& in, Writer& out);
    int lcreate(Reader& in, Writer& out);
    int readdir(Reader& in, Writer& out);
    int clunk(Reader& in, Writer& out);
    int remove(Reader& in, Writer& out);
    int flush(Reader& in, Writer& out);
    int statfs(Reader& in, Writer& out);
    int getattr(Reader& in, Writer& out);
    int setattr(Reader& in, Writer& out);
    int symlink(Reader& in, Writer& out);
    int mknod(Reader& in, Writer& out);
    int mkdir(Reader& in, Writer& out);
    int link(Reader& in, Writer& out);
    int renameat(Reader& in, Writer& out);
    int unlinkat(Reader& in, Writer& out);
    int readlink(Reader& in, Writer& out);
    int fsync(Reader& in, Writer& out);
    int xattrwalk(Reader& in, Writer& out);
    int xattrcreate(Reader& in, Writer& out);
    int keep(Fid& fid, std::unique_ptr<Attribute> attribute);
    int commit(const Fid& fid);
    void forget(Fid& fid);
    int lock(Reader& in, Writer& out);
    int getlock(Reader& in, Writer& out);

    Files files_;
    std::map<u32, Fid> fids_;
    size_t attribute_bytes_ = 0;  ///< of all fids
    u32 max_message_ = kMaxMessage;
    std::vector<u8> in_, out_;  ///< of the request that is served
};

}  // namespace vm::device::p9
