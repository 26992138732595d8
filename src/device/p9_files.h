// The files of a shared folder for a 9P server: what a name of the guest may lead to. Names are single
// components below a directory that is open already, and no symbolic link is ever followed, so that nothing
// outside the folder can be reached, whatever guest and host rename meanwhile. Functions return an errno, 0
// if all went well.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "device/p9_message.h"
#include "osal/file.h"

namespace vm::device::p9 {

/// A file, directory or symbolic link that the guest has named: a descriptor that only names it (O_PATH).
struct Node {
    osal::Fd fd;
    std::shared_ptr<Node> parent;  ///< none: the shared folder itself
    std::string name;              ///< in the parent, when it was looked up
};
using NodePtr = std::shared_ptr<Node>;

/// Whom new files belong to, where this process may give files away.
struct Owner {
    u32 user = kNoUser, group = kNoUser;
};

inline constexpr size_t kMostAttributeBytes = 64 << 10;  ///< of a value, and of a list of names (xattr(7))

/// Not thread-safe.
class Files {
  public:
    static Result<Files> open(const std::string& folder, bool read_only);

    NodePtr root() const { return root_; }
    bool read_only() const { return read_only_; }
    int status(const Node& node, struct stat* out) const;
    Qid qid(const struct stat& s);
    /// `name` "..": the parent, of the folder itself the folder.
    int child(const NodePtr& node, const std::string& name, NodePtr* out) const;
    /// For reading and writing, by the O_ flags of the guest. Plain files and directories only: what else
    /// there is belongs to the guest's own kernel.
    int reopen(const Node& node, u32 flags, osal::Fd* out) const;
    int create(const NodePtr& directory, const std::string& name, u32 flags, u32 mode, Owner owner,
               NodePtr* made, osal::Fd* out) const;
    int make_directory(const NodePtr& directory, const std::string& name, u32 mode, Owner owner,
                       NodePtr* made) const;
    int make_symlink(const NodePtr& directory, const std::string& name, const std::string& target,
                     Owner owner, NodePtr* made) const;
    /// Pipes, sockets and plain files; devices of the host are not a guest's to make.
    int make_node(const NodePtr& directory, const std::string& name, u32 mode, Owner owner,
                  NodePtr* made) const;
    int link(const Node& directory, const Node& file, const std::string& name) const;
    int rename(const Node& from, const std::string& old_name, const Node& to,
               const std::string& new_name) const;
    int unlink(const Node& directory, const std::string& name, bool directory_too) const;
    /// By the name that it was looked up by, if that still leads to it.
    int remove(const Node& node) const;
    int read_link(const Node& node, std::string* out) const;
    int set_mode(const Node& node, u32 mode) const;
    int set_owner(const Node& node, Owner owner) const;
    int set_size(const Node& node, u64 bytes) const;
    int set_times(const Node& node, const timespec times[2]) const;

    // Extended attributes: those of users ("user.…") alone. The others give rights on this host.
    int attribute(const Node& node, const std::string& name, std::vector<u8>* value) const;
    /// Names, each with a 0 behind it.
    int attributes(const Node& node, std::vector<u8>* names) const;
    /// `flags`: XATTR_CREATE, XATTR_REPLACE.
    int set_attribute(const Node& node, const std::string& name, std::span<const u8> value, u32 flags) const;
    int remove_attribute(const Node& node, const std::string& name) const;
    /// May the guest set it?
    int may_set_attribute(const Node& node, const std::string& name) const;

  private:
    Files(NodePtr root, bool read_only, u64 device)
        : root_(std::move(root)), read_only_(read_only), devices_{device} {}
    int has_attributes(const Node& node) const;
    int finish(const NodePtr& directory, const std::string& name, const u32* mode, Owner owner,
               NodePtr* made) const;

    NodePtr root_;
    bool read_only_;
    bool gives_away_ = false;   ///< this process may
    std::vector<u64> devices_;  ///< file systems seen, the root's first
};

}  // namespace vm::device::p9
