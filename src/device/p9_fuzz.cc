// libFuzzer: any messages to a 9P server of a small folder: type, length and bytes of each come from the
// input.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "device/p9_server.h"

namespace {

using namespace vm;
using namespace vm::device;

namespace fs = std::filesystem;

/// A folder beside a file that must stay as it is.
const fs::path& make_folder() {
    static const fs::path base = [] {
        // In memory where there is such a place: most of the time goes into the folder.
        std::string name = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path().string();
        name += "/vm-p9-fuzz-XXXXXX";
        const fs::path made = ::mkdtemp(name.data());
        std::ofstream(made / "outside") << "outside";
        static const fs::path gone = made;
        std::atexit([] { fs::remove_all(gone); });
        return made;
    }();
    std::error_code ec;
    fs::remove_all(base / "in", ec);
    fs::create_directory(base / "in");
    fs::create_directory(base / "in/d");
    fs::create_symlink("..", base / "in/l");
    std::ofstream(base / "in/f") << "data";
    return base;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fs::path& base = make_folder();
    p9::Server server(p9::Files::open((base / "in").string(), size % 8 == 7).value());
    // Version and attach, so that fid 0 is the folder.
    static constexpr u8 kBegin[] = {21,  0,   0,    0,    100,  0,    0,  0, 0, 1, 0,   8, 0, '9', 'P',
                                    '2', '0', '0',  '0',  '.',  'L',  23, 0, 0, 0, 104, 0, 0, 0,   0,
                                    0,   0,   0xff, 0xff, 0xff, 0xff, 0,  0, 0, 0, 0,   0, 0, 0};
    std::vector<u8> all(std::begin(kBegin), std::end(kBegin));
    all.insert(all.end(), data, data + size);
    std::vector<u8> reply(4096);
    for (std::size_t at = 0; at + p9::kHeaderBytes <= all.size();) {
        const u32 told = load_raw<u32>(&all[at]);
        const std::size_t n = std::clamp<std::size_t>(told, p9::kHeaderBytes, all.size() - at);
        const iovec in[] = {{&all[at], n / 2}, {&all[at + n / 2], n - n / 2}};
        const iovec out[] = {{reply.data(), 9}, {reply.data() + 9, reply.size() - 9}};
        const std::size_t written = server.serve(in, out);
        if (written > reply.size() || (written != 0 && load_raw<u32>(reply.data()) != written)) std::abort();
        at += n;
    }
    server.reset();
    if (fs::file_size(base / "outside") != 7 || std::distance(fs::directory_iterator(base), {}) != 2)
        std::abort();
    return 0;
}
