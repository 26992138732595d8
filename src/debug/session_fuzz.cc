// libFuzzer: any bytes from a debugger, and a guest that stops now and then.
#include <cstdlib>

#include "debug/fake_target_test.h"
#include "debug/session.h"

extern "C" int LLVMFuzzerTestOneInput(const vm::u8* data, size_t size) {
    using namespace vm;
    using namespace vm::debug;
    test::FakeTarget target;
    PacketReader answers;
    Session session(target, [&](std::string_view bytes) {
        answers.feed(bytes);
        while (const auto item = answers.next())
            if (item->kind == PacketReader::Item::Kind::Damaged) std::abort();  // what we say is well-formed
    });
    // Pieces begin with a byte: their size, or what happens to the guest. Payloads without a frame get one.
    while (size != 0 && !session.over()) {
        const u8 what = *data++;
        size--;
        if (what == 0xff) {
            target.pending = RunControl::Event{0x2a, {.why = RunControl::Why::Watch, .address = 0x1000}};
            session.poll();
            continue;
        }
        if (what == 0xfe) {
            target.ended = RunControl::Ended{.by_signal = true, .code = 64};
            session.poll();
            continue;
        }
        const size_t n = std::min<size_t>(what & 0x7f, size);
        const std::string_view piece(reinterpret_cast<const char*>(data), n);
        data += n;
        size -= n;
        session.receive(what & 0x80 ? std::string(piece) : frame(piece));
    }
    return 0;
}
