// The texts of files under /proc that describe the guest (proc_files.cc opens them).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "linux/process.h"

namespace vm::linux {

/// What the host's file holds, empty if it cannot be read.
std::string read_host_file(const std::string& path);

/// The numbers of a host's stat file by their field, counted from 1 as in proc(5); zeros if it cannot be
/// read.
std::array<u64, 64> proc_stat_fields(const std::string& path);
/// Is any page of [begin, end) present or swapped out?
u64 pages_in_use(u64 begin, u64 end, u64 page);
/// What the host knows of a mapping.
struct MappingUse {
    bool anonymous = false;  ///< it has pages of its own
    bool dont_dump = false;  ///< MADV_DONTDUMP
    bool deleted = false;    ///< of a file that has no name any more
};
std::vector<MappingUse> mapping_use(const AddressSpace& mm, const std::vector<Vma>& vmas);

// proc_status.cc. `path`: the host's file, whose other fields are kept; `tid`: the thread it is about.
std::string proc_stat_text(Thread& t, const std::string& path, int tid);
std::string proc_status_text(Thread& t, const std::string& path, int tid);
std::string proc_statm_text(Process& p, const std::string& path);
std::string proc_limits_text(const std::string& path);

// maps.cc: a line for each mapping of a snapshot.
std::vector<std::string> maps_lines(const std::vector<Vma>& vmas, const std::string& strip);
/// proc_mounts.cc: the text of /proc/self/`file` with the mounts that the guest can see, as it names them.
std::string mounts_for_guest(const FileView& files, std::string_view text, std::string_view file);
// proc_smaps.cc. `strip`: the directory that is the guest's root.
std::string proc_smaps_text(const AddressSpace& mm, const std::string& strip);
std::string proc_smaps_rollup_text(const AddressSpace& mm);
std::string proc_numa_maps_text(const AddressSpace& mm);

}  // namespace vm::linux
