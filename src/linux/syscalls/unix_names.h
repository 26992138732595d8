// Names of AF_UNIX sockets, which are paths, between the guest's view and the host's.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "linux/syscalls.h"

namespace vm::linux::sys {

/// A socket's address as the kernel takes and gives it.
struct SocketName {
    sockaddr_storage bytes{};
    u32 size =
        0;  ///< given: of the address; taken: what the kernel says, which may be more than there is room for
    u64 address() const { return reinterpret_cast<u64>(&bytes); }
};

/// Do this process's socket names need translation at all?
bool translates_names(Call& c);
/// Reads the address that the guest gives; a path becomes the host's. `look`: Entry for bind. 0 or -errno.
i64 load_name(Call& c, u64 addr, u32 size, Look look, SocketName* name);
/// A name that the kernel gave becomes the guest's.
void name_for_guest(Call& c, SocketName* name);
/// Writes it to the guest, whose room is `room` bytes. 0 or -EFAULT.
i64 store_name(Call& c, u64 addr, u32 room, const SocketName& name);

}  // namespace vm::linux::sys
