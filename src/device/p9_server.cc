#include "device/p9_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace vm::device::p9 {
namespace {

constexpr u32 kLeastMessage = 4096;
constexpr unsigned kMostNames = 16;  // of one walk
constexpr u64 kBasicAttributes = 0x7ff;
constexpr u8 kLockSuccess = 0, kUnlock = 2;
constexpr u32 kRemoveDirectory = 0x200;
// Which attributes Tsetattr changes
constexpr u32 kSetMode = 1, kSetUser = 2, kSetGroup = 4, kSetSize = 8, kSetAtime = 0x10, kSetMtime = 0x20,
              kSetAtimeTo = 0x80, kSetMtimeTo = 0x100;

struct Dirent {
    u64 inode, next;
    u16 bytes;
    u8 type;
    char name[];
};

}  // namespace

// ---- messages

/// The data of reads and writes stay where the guest has them; all else is copied before it is looked at.
size_t Server::serve(Parts request, Parts reply) {
    const u64 given = bytes_of(request), room = bytes_of(reply);
    u8 head[kHeaderBytes];
    if (copy_from(request, 0, head, sizeof head) != sizeof head || room < kReadReplyHeader) return 0;
    const u32 size = load_raw<u32>(head);
    const Type type = static_cast<Type>(head[4]);
    out_.assign(kHeaderBytes, 0);
    Writer out(out_);
    size_t data = 0;
    int error = EINVAL;
    if (size >= kHeaderBytes && size <= given && size <= max_message_) {
        in_.resize(std::min<size_t>(size, type == Type::Write ? kWriteHeader : size) - kHeaderBytes);
        copy_from(request, kHeaderBytes, in_.data(), in_.size());
        Reader in(in_);
        error = type == Type::Read ? read(in, reply, &data)
                : type == Type::Write
                    ? write(in, slice(request, kWriteHeader, size - std::min<u64>(size, kWriteHeader)), out)
                    : dispatch(type, in, out);
        if (error == 0 && type == Type::Read) out.number(static_cast<u32>(data));
        if (error == 0 && out_.size() + data > std::min<u64>(room, max_message_)) error = EMSGSIZE;
    }
    if (error != 0) {
        out_.resize(kHeaderBytes);
        out.number(static_cast<u32>(error));
        data = 0;
    }
    store_raw<u32>(&out_[0], static_cast<u32>(out_.size() + data));
    out_[4] = static_cast<u8>((error != 0 ? static_cast<u8>(Type::Lerror) : head[4]) + 1);
    out_[5] = head[5];
    out_[6] = head[6];
    copy_to(reply, 0, out_.data(), out_.size());
    return out_.size() + data;
}

int Server::dispatch(Type type, Reader& in, Writer& out) {
    static const std::map<Type, Handler> kHandlers = {
        {Type::Version, &Server::version},     {Type::Attach, &Server::attach},
        {Type::Walk, &Server::walk},           {Type::Lopen, &Server::lopen},
        {Type::Lcreate, &Server::lcreate},     {Type::Readdir, &Server::readdir},
        {Type::Clunk, &Server::clunk},         {Type::Remove, &Server::remove},
        {Type::Flush, &Server::flush},         {Type::Statfs, &Server::statfs},
        {Type::Getattr, &Server::getattr},     {Type::Setattr, &Server::setattr},
        {Type::Symlink, &Server::symlink},     {Type::Mknod, &Server::mknod},
        {Type::Mkdir, &Server::mkdir},         {Type::Link, &Server::link},
        {Type::Renameat, &Server::renameat},   {Type::Unlinkat, &Server::unlinkat},
        {Type::Readlink, &Server::readlink},   {Type::Fsync, &Server::fsync},
        {Type::Lock, &Server::lock},           {Type::Getlock, &Server::getlock},
        {Type::Xattrwalk, &Server::xattrwalk}, {Type::Xattrcreate, &Server::xattrcreate}};
    const auto handler = kHandlers.find(type);
    // Authentication and renaming by fid: clients do without.
    return handler == kHandlers.end() ? EOPNOTSUPP : (this->*handler->second)(in, out);
}

void Server::reset() {
    fids_.clear();
    attribute_bytes_ = 0;
    max_message_ = kMaxMessage;
}

Server::Fid* Server::find(u32 fid) {
    const auto it = fids_.find(fid);
    return it == fids_.end() ? nullptr : &it->second;
}

int Server::put_qid(const Node& node, Writer& out) {
    struct stat s {};
    if (const int e = files_.status(node, &s); e != 0) return e;
    out.qid(files_.qid(s));
    return 0;
}

// ---- sessions and fids

int Server::version(Reader& in, Writer& out) {
    const u32 size = in.number<u32>();
    const std::string version = in.text();
    if (!in.good() || size < kLeastMessage) return EINVAL;
    reset();
    max_message_ = std::min(size, kMaxMessage);
    out.number(max_message_);
    out.text(version == "9P2000.L" ? version : "unknown");
    return 0;
}

int Server::attach(Reader& in, Writer& out) {
    const u32 fid = in.number<u32>(), auth = in.number<u32>();
    in.text();  // the user's name: numbers count
    const std::string tree = in.text();
    const u32 user = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (auth != kNoFid) return EOPNOTSUPP;
    if (!tree.empty() && tree != "/") return ENOENT;
    if (fid == kNoFid || find(fid) != nullptr) return EINVAL;
    if (fids_.size() >= kMostFids) return ENFILE;
    if (const int e = put_qid(*files_.root(), out); e != 0) return e;
    fids_[fid] = Fid{.node = files_.root(), .owner = {user, user}, .open = osal::Fd()};
    return 0;
}

/// A walk that ends before its last name gives the names that it found, and no fid.
int Server::walk(Reader& in, Writer& out) {
    const u32 from = in.number<u32>(), to = in.number<u32>();
    const u16 count = in.number<u16>();
    std::vector<std::string> names;
    for (unsigned n = 0; n < std::min<unsigned>(count, kMostNames); n++) names.push_back(in.text());
    Fid* f = find(from);
    if (!in.good() || count > kMostNames || to == kNoFid) return EINVAL;
    if (f == nullptr) return EBADF;
    if (from == to ? f->attribute != nullptr : find(to) != nullptr) return EINVAL;
    if (fids_.size() >= kMostFids) return ENFILE;
    NodePtr node = f->node;
    std::vector<Qid> found;
    for (const std::string& name : names) {
        NodePtr next;
        struct stat s {};
        int e = files_.child(node, name, &next);
        if (e == 0) e = files_.status(*next, &s);
        if (e != 0 && found.empty()) return e;
        if (e != 0) break;
        found.push_back(files_.qid(s));
        node = std::move(next);
    }
    if (found.size() == names.size()) fids_[to] = Fid{.node = node, .owner = f->owner, .open = osal::Fd()};
    out.number(static_cast<u16>(found.size()));
    for (const Qid& q : found) out.qid(q);
    return 0;
}

int Server::clunk(Reader& in, Writer&) {
    const auto it = fids_.find(in.number<u32>());
    if (!in.good()) return EINVAL;
    if (it == fids_.end()) return EBADF;
    const int error = commit(it->second);
    forget(it->second);
    fids_.erase(it);
    return error;
}

int Server::remove(Reader& in, Writer&) {
    const auto it = fids_.find(in.number<u32>());
    if (!in.good()) return EINVAL;
    if (it == fids_.end()) return EBADF;
    const NodePtr node = it->second.node;
    forget(it->second);
    fids_.erase(it);  // in any case
    return files_.remove(*node);
}

/// What it wants to end was answered before.
int Server::flush(Reader&, Writer&) { return 0; }

// ---- open files

int Server::open_reply(const Node& node, Writer& out) {
    if (const int e = put_qid(node, out); e != 0) return e;
    out.number(u32{0});  // iounit: as much as a message holds
    return 0;
}

int Server::lopen(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const u32 flags = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr || f->busy()) return EBADF;
    struct stat s {};
    if (const int e = files_.status(*f->node, &s); e != 0) return e;
    if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(s.st_mode)) return ENOTDIR;
    osal::Fd fd;
    if (const int e = files_.reopen(*f->node, flags, &fd); e != 0) return e;
    f->directory = S_ISDIR(s.st_mode);
    f->readable = (flags & O_ACCMODE) != O_WRONLY;
    f->writable = (flags & O_ACCMODE) != O_RDONLY;
    f->open = std::move(fd);
    return open_reply(*f->node, out);
}

int Server::lcreate(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text();
    const u32 flags = in.number<u32>(), mode = in.number<u32>(), group = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr || f->busy()) return EBADF;
    NodePtr made;
    osal::Fd fd;
    if (const int e = files_.create(f->node, name, flags, mode, {f->owner.user, group}, &made, &fd); e != 0)
        return e;
    f->node = made;
    f->open = std::move(fd);
    struct stat s {};
    f->directory = ::fstat(f->open.get(), &s) == 0 && S_ISDIR(s.st_mode);
    f->readable = (flags & O_ACCMODE) != O_WRONLY;
    f->writable = (flags & O_ACCMODE) != O_RDONLY;
    return open_reply(*made, out);
}

int Server::read(Reader& in, Parts reply, size_t* bytes) {
    Fid* f = find(in.number<u32>());
    const u64 offset = in.number<u64>();
    const u32 count = in.number<u32>();
    if (!in.good() || offset > INT64_MAX) return EINVAL;
    const u64 most = std::min<u64>(count, max_message_ - kReadReplyHeader);
    if (f != nullptr && f->attribute && f->attribute->name.empty()) {
        const std::vector<u8>& v = f->attribute->value;
        const u64 begin = std::min<u64>(offset, v.size()), n = std::min<u64>(most, v.size() - begin);
        *bytes = copy_to(reply, kReadReplyHeader, v.data() + begin, n);
        return 0;
    }
    if (f == nullptr || f->open.get() < 0 || !f->readable) return EBADF;
    if (f->directory) return EISDIR;
    const std::vector<iovec> to = slice(reply, kReadReplyHeader, most);
    if (to.size() > IOV_MAX) return EINVAL;
    const ssize_t n =
        ::preadv(f->open.get(), to.data(), static_cast<int>(to.size()), static_cast<off_t>(offset));
    if (n < 0) return errno;
    *bytes = static_cast<size_t>(n);
    return 0;
}

int Server::write(Reader& in, Parts data, Writer& out) {
    Fid* f = find(in.number<u32>());
    const u64 offset = in.number<u64>();
    const u32 count = in.number<u32>();
    if (!in.good() || offset > INT64_MAX || count > bytes_of(data)) return EINVAL;
    if (f != nullptr && f->attribute && !f->attribute->name.empty()) {
        Attribute& a = *f->attribute;
        if (offset > a.written || count > a.value.size() - offset) return ENOSPC;
        copy_from(data, 0, a.value.data() + offset, count);
        a.written = std::max<size_t>(a.written, offset + count);
        out.number(count);
        return 0;
    }
    if (f == nullptr || f->open.get() < 0 || !f->writable) return EBADF;
    const std::vector<iovec> from = slice(data, 0, count);
    if (from.size() > IOV_MAX) return EINVAL;
    const ssize_t n =
        ::pwritev(f->open.get(), from.data(), static_cast<int>(from.size()), static_cast<off_t>(offset));
    if (n < 0) return errno;
    out.number(static_cast<u32>(n));
    return 0;
}

/// The entries behind `offset`, which is what an earlier entry gave or 0.
int Server::readdir(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const u64 offset = in.number<u64>();
    const u32 count = std::min(in.number<u32>(), max_message_ - static_cast<u32>(kReadReplyHeader));
    if (!in.good() || offset > INT64_MAX) return EINVAL;
    if (f == nullptr || f->open.get() < 0 || !f->directory) return EBADF;
    if (::lseek(f->open.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return errno;
    struct stat s {};
    if (const int e = files_.status(*f->node, &s); e != 0) return e;
    alignas(Dirent) char buffer[32 << 10];
    const long n = ::syscall(SYS_getdents64, f->open.get(), buffer, std::min<size_t>(sizeof buffer, count));
    if (n < 0) return errno;
    std::vector<u8> entries;
    Writer list(entries);
    for (long at = 0; at < n;) {
        const auto& d = *reinterpret_cast<const Dirent*>(buffer + at);
        at += d.bytes;
        const std::string_view name = d.name;
        if (entries.size() + 13 + 8 + 1 + 2 + name.size() > count) break;
        struct stat entry = s;  // of the folder itself ".." is the folder
        if (name != ".." || f->node->parent != nullptr) entry.st_ino = d.inode;
        entry.st_mode = DTTOIF(d.type);
        list.qid(files_.qid(entry));
        list.number(d.next);
        list.number(d.type);
        list.text(name);
    }
    if (n > 0 && entries.empty()) return EINVAL;  // not even one fits
    out.number(static_cast<u32>(entries.size()));
    for (const u8 b : entries) out.number(b);
    return 0;
}

int Server::fsync(Reader& in, Writer&) {
    Fid* f = find(in.number<u32>());
    const u32 data_only = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr || f->open.get() < 0) return EBADF;
    return (data_only != 0 ? ::fdatasync(f->open.get()) : ::fsync(f->open.get())) == 0 ? 0 : errno;
}

/// The guest's kernel keeps its programs' locks apart before it asks; programs of the host see none of them.
int Server::lock(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    in.number<u8>();
    in.number<u32>();
    in.number<u64>();
    in.number<u64>();
    in.number<u32>();
    in.text();
    if (!in.good()) return EINVAL;
    if (f == nullptr || f->open.get() < 0) return EBADF;
    out.number(kLockSuccess);
    return 0;
}

int Server::getlock(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    in.number<u8>();
    const u64 start = in.number<u64>(), length = in.number<u64>();
    const u32 process = in.number<u32>();
    const std::string client = in.text();
    if (!in.good()) return EINVAL;
    if (f == nullptr || f->open.get() < 0) return EBADF;
    out.number(kUnlock);
    out.number(start);
    out.number(length);
    out.number(process);
    out.text(client);
    return 0;
}

// ---- names

int Server::symlink(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text(), target = in.text();
    const u32 group = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    NodePtr made;
    const int e = files_.make_symlink(f->node, name, target, {f->owner.user, group}, &made);
    return e != 0 ? e : put_qid(*made, out);
}

int Server::mknod(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text();
    const u32 mode = in.number<u32>();
    in.number<u64>();  // which device: none is made
    const u32 group = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    NodePtr made;
    const int e = files_.make_node(f->node, name, mode, {f->owner.user, group}, &made);
    return e != 0 ? e : put_qid(*made, out);
}

int Server::mkdir(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text();
    const u32 mode = in.number<u32>(), group = in.number<u32>();
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    NodePtr made;
    const int e = files_.make_directory(f->node, name, mode, {f->owner.user, group}, &made);
    return e != 0 ? e : put_qid(*made, out);
}

int Server::link(Reader& in, Writer&) {
    Fid* directory = find(in.number<u32>());
    Fid* file = find(in.number<u32>());
    const std::string name = in.text();
    if (!in.good()) return EINVAL;
    return directory == nullptr || file == nullptr ? EBADF : files_.link(*directory->node, *file->node, name);
}

int Server::renameat(Reader& in, Writer&) {
    Fid* from = find(in.number<u32>());
    const std::string old_name = in.text();
    Fid* to = find(in.number<u32>());
    const std::string new_name = in.text();
    if (!in.good()) return EINVAL;
    return from == nullptr || to == nullptr ? EBADF
                                            : files_.rename(*from->node, old_name, *to->node, new_name);
}

int Server::unlinkat(Reader& in, Writer&) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text();
    const u32 flags = in.number<u32>();
    if (!in.good() || (flags & ~kRemoveDirectory) != 0) return EINVAL;
    return f == nullptr ? EBADF : files_.unlink(*f->node, name, flags != 0);
}

int Server::readlink(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    std::string target;
    if (const int e = files_.read_link(*f->node, &target); e != 0) return e;
    out.text(target);
    return 0;
}

// ---- attributes

int Server::statfs(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    struct statfs s {};
    if (::fstatfs(f->node->fd.get(), &s) != 0) return errno;
    out.number(static_cast<u32>(s.f_type));
    out.number(static_cast<u32>(s.f_bsize));
    for (const u64 v : {u64{s.f_blocks}, u64{s.f_bfree}, u64{s.f_bavail}, u64{s.f_files}, u64{s.f_ffree}})
        out.number(v);
    u64 id = 0;
    std::memcpy(&id, &s.f_fsid, sizeof id);
    out.number(id);
    out.number(static_cast<u32>(s.f_namelen));
    return 0;
}

int Server::getattr(Reader& in, Writer& out) {
    Fid* f = find(in.number<u32>());
    in.number<u64>();  // which: all that there are
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    struct stat s {};
    if (const int e = files_.status(*f->node, &s); e != 0) return e;
    out.number(kBasicAttributes);
    out.qid(files_.qid(s));
    for (const u32 v : {u32{s.st_mode}, u32{s.st_uid}, u32{s.st_gid}}) out.number(v);
    const auto n = [](auto v) { return static_cast<u64>(v); };
    for (const u64 v : {n(s.st_nlink), n(s.st_rdev), n(s.st_size), n(s.st_blksize), n(s.st_blocks)})
        out.number(v);
    for (const timespec& t : {s.st_atim, s.st_mtim, s.st_ctim}) {
        out.number(n(t.tv_sec));
        out.number(n(t.tv_nsec));
    }
    for (int i = 0; i < 4; i++) out.number(u64{0});  // birth, generation, data version
    return 0;
}

int Server::setattr(Reader& in, Writer&) {
    Fid* f = find(in.number<u32>());
    const u32 which = in.number<u32>(), mode = in.number<u32>(), user = in.number<u32>(),
              group = in.number<u32>();
    const u64 size = in.number<u64>();
    timespec times[2];
    for (timespec& t : times) {
        t.tv_sec = static_cast<time_t>(in.number<u64>());
        t.tv_nsec = static_cast<long>(in.number<u64>());
        if (t.tv_nsec < 0 || t.tv_nsec > 999'999'999) t.tv_nsec = 0;
    }
    if (!in.good()) return EINVAL;
    if (f == nullptr) return EBADF;
    int e = 0;
    if ((which & (kSetUser | kSetGroup)) != 0)  // before the mode, which it may change
        e = files_.set_owner(
            *f->node, {(which & kSetUser) != 0 ? user : kNoUser, (which & kSetGroup) != 0 ? group : kNoUser});
    if (e == 0 && (which & kSetMode) != 0) e = files_.set_mode(*f->node, mode);
    if (e == 0 && (which & kSetSize) != 0) e = files_.set_size(*f->node, size);
    if (e != 0 || (which & (kSetAtime | kSetMtime)) == 0) return e;
    if ((which & kSetAtimeTo) == 0) times[0].tv_nsec = UTIME_NOW;
    if ((which & kSetMtimeTo) == 0) times[1].tv_nsec = UTIME_NOW;
    if ((which & kSetAtime) == 0) times[0].tv_nsec = UTIME_OMIT;
    if ((which & kSetMtime) == 0) times[1].tv_nsec = UTIME_OMIT;
    return files_.set_times(*f->node, times);
}

// ---- extended attributes

int Server::keep(Fid& fid, std::unique_ptr<Attribute> attribute) {
    if (attribute->value.size() > kMostAttributes - attribute_bytes_) return ENOMEM;
    attribute_bytes_ += attribute->value.size();
    fid.attribute = std::move(attribute);
    return 0;
}

void Server::forget(Fid& fid) {
    if (fid.attribute) attribute_bytes_ -= fid.attribute->value.size();
    fid.attribute.reset();
}

/// A new fid, whose data are the value, or, without a name, all names.
int Server::xattrwalk(Reader& in, Writer& out) {
    const Fid* f = find(in.number<u32>());
    const u32 to = in.number<u32>();
    const std::string name = in.text();
    if (!in.good() || to == kNoFid || find(to) != nullptr) return EINVAL;
    if (f == nullptr) return EBADF;
    if (fids_.size() >= kMostFids) return ENFILE;
    auto a = std::make_unique<Attribute>();
    const int e =
        name.empty() ? files_.attributes(*f->node, &a->value) : files_.attribute(*f->node, name, &a->value);
    if (e != 0) return e;
    Fid made{.node = f->node, .owner = f->owner, .open = osal::Fd()};
    out.number(u64{a->value.size()});
    if (const int full = keep(made, std::move(a)); full != 0) return full;
    fids_[to] = std::move(made);
    return 0;
}

/// The fid's data become the value when it is clunked.
int Server::xattrcreate(Reader& in, Writer&) {
    Fid* f = find(in.number<u32>());
    const std::string name = in.text();
    const u64 size = in.number<u64>();
    const u32 flags = in.number<u32>();
    if (!in.good() || (flags & ~u32{XATTR_CREATE | XATTR_REPLACE}) != 0) return EINVAL;
    if (f == nullptr || f->busy()) return EBADF;
    if (size > kMostAttributeBytes) return E2BIG;
    if (const int e = files_.may_set_attribute(*f->node, name); e != 0) return e;
    auto a = std::make_unique<Attribute>();
    a->value.resize(size);
    a->name = name;
    a->flags = flags;
    return keep(*f, std::move(a));
}

/// One without a value that is to be replaced is to be removed: so clients say it.
int Server::commit(const Fid& fid) {
    if (!fid.attribute || fid.attribute->name.empty()) return 0;
    const Attribute& a = *fid.attribute;
    if (a.written != a.value.size()) return EINVAL;
    return a.value.empty() && a.flags == XATTR_REPLACE
               ? files_.remove_attribute(*fid.node, a.name)
               : files_.set_attribute(*fid.node, a.name, a.value, a.flags);
}

}  // namespace vm::device::p9
