#include "osal/other_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "osal/host.h"

namespace vm::osal {
namespace {

constexpr const char* kStat =
    "12 (a) R (b\n) S 1 12 12 0 -1 4194560 209 0 0 0 37 4 0 0 20 0 1 0 98765 4096 1 18446744073709551615 1 1 "
    "0\n";

TEST(OtherProcess, ReadsALineOfStat) {
    const auto s = parse_task_stat(kStat);
    ASSERT_TRUE(s);
    EXPECT_EQ(s->name, "a) R (b\n");
    EXPECT_EQ(s->state, 'S');
    EXPECT_EQ(s->user_ticks, 37u);
    EXPECT_EQ(s->start_ticks, 98765u);
    EXPECT_FALSE(s->of_kernel);
    EXPECT_FALSE(s->ended());
    EXPECT_TRUE(parse_task_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5")->of_kernel);
    EXPECT_TRUE(parse_task_stat("2 (x) Z 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5")->ended());
    const std::string text = kStat;
    for (size_t n = 0; n < text.find("98765"); n++) EXPECT_FALSE(parse_task_stat(text.substr(0, n))) << n;
    EXPECT_FALSE(parse_task_stat(")("));
    EXPECT_FALSE(parse_task_stat("2 (x) Z 0 0 0 0 -1 -3 0 0 0 0 0 0 0 0 20 0 1 0 5"));
}

TEST(OtherProcess, ReadsNumbersOfStatus) {
    const std::string_view text = "Name:\tUid: 5\nUidx:\t9\nUid:\t1 2\t3 4\nCapPrm:\t00ff\nEmpty:\n";
    EXPECT_EQ(status_numbers(text, "Uid"), (std::vector<u64>{1, 2, 3, 4}));
    EXPECT_EQ(status_numbers(text, "CapPrm", 16), std::vector<u64>{255});
    EXPECT_TRUE(status_numbers(text, "Empty").empty());
    EXPECT_TRUE(status_numbers(text, "Gid").empty());
    EXPECT_TRUE(status_numbers("", "Uid").empty());
}

TEST(OtherProcess, FindsTheFileOfAnAddress) {
    const std::string_view maps =
        "00010000-00012000 r--p 00000000 fe:00 123                        /tmp/a b (deleted)\n"
        "00012000-00013000 r-xp 00002000 fe:00 123                        /tmp/a b (deleted)\n"
        "broken line\n"
        "00020000-00021000 rw-p 00000000 00:00 0 \n"
        "7ffc0000-7ffd0000 rw-p 00000000 00:00 0                          [stack]";
    EXPECT_EQ(find_file_place(maps, 0x12010)->path, "/tmp/a b (deleted)");
    EXPECT_EQ(find_file_place(maps, 0x12010)->offset, 0x2010u);
    EXPECT_EQ(find_file_place(maps, 0x20000)->path, "");
    EXPECT_EQ(find_file_place(maps, 0x7ffcffff)->path, "[stack]");
    EXPECT_FALSE(find_file_place(maps, 0x13000));
    EXPECT_FALSE(find_file_place(maps, 0));
    EXPECT_FALSE(find_file_place("", 0));
    for (size_t n = 0; n < maps.size(); n++) (void)find_file_place(maps.substr(0, n), 0x12010);
}

TEST(OtherProcess, SaysWhatForbidsALook) {
    TraceRights r{.pid = 7, .their_users = {5, 5, 5, 5}, .our_users = {5, 5, 5, 5}, .memory = true};
    EXPECT_NE(why_refused(r).find("security module"), std::string::npos);
    r.yama_scope = 1;
    EXPECT_NE(why_refused(r).find("ptrace_scope is 1"), std::string::npos);
    r.yama_scope = 2;
    EXPECT_NE(why_refused(r).find("only root"), std::string::npos);
    r.their_capabilities = 1;
    EXPECT_NE(why_refused(r).find("capabilities"), std::string::npos);
    r.dumpable = false;
    EXPECT_NE(why_refused(r).find("DUMPABLE"), std::string::npos);
    r.their_users = {5, 0, 0, 0};
    EXPECT_NE(why_refused(r).find("belongs to user 0"), std::string::npos);
    r.yama_scope = 3;
    EXPECT_NE(why_refused(r).find("nobody"), std::string::npos);
    r.yama_scope = 0;
    r.our_capabilities = u64{1} << CAP_SYS_PTRACE;
    EXPECT_NE(why_refused(r).find("namespace"), std::string::npos);
}

/// A child that sleeps until it is killed.
class OtherProcessChild : public testing::Test {
  protected:
    void SetUp() override {
        word_ = 0x1122334455667788;
        pid_ = ::fork();
        if (pid_ == 0)
            for (;;) ::pause();
        word_ = 0;
    }
    void TearDown() override {
        end();
        reap();
    }
    void end() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
    }
    void reap() {
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    pid_t pid_ = 0;
    volatile u64 word_ = 0;
};

TEST_F(OtherProcessChild, IsReadAndEnds) {
    auto p = OtherProcess::open(pid_);
    ASSERT_TRUE(p) << p.error().message;
    u64 word = 0;
    const auto read = p->read(reinterpret_cast<u64>(&word_), &word, sizeof word);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(word, 0x1122334455667788u);
    EXPECT_FALSE(p->read(8, &word, sizeof word));
    EXPECT_EQ(p->threads(), (std::map<int, int>{{pid_, pid_}}));
    EXPECT_TRUE(p->user_ticks(pid_));
    EXPECT_FALSE(p->user_ticks(1));
    EXPECT_LT(p->age(), 60);
    EXPECT_FALSE(p->command_line().empty());

    const auto program = p->program(".text");
    ASSERT_TRUE(program) << program.error().message;
    EXPECT_EQ(program->build_id, build_id());
    ASSERT_TRUE(program->section);
    const auto headers = p->header_address();
    ASSERT_TRUE(headers);
    const u64 text = *headers - program->header_address + program->section->address;
    const u64 here = reinterpret_cast<u64>(&build_id);
    EXPECT_TRUE(here >= text && here < text + program->section->size);
    EXPECT_FALSE(p->program(".tex")->section);

    EXPECT_FALSE(p->ended());
    end();
    pollfd fd{p->pidfd(), POLLIN, 0};
    if (p->pidfd() >= 0) {
        EXPECT_EQ(::poll(&fd, 1, 10'000), 1);
    } else {
        ::usleep(100'000);
    }
    EXPECT_TRUE(p->ended());  // nobody has waited for it yet
    const auto zombie = OtherProcess::open(pid_);
    ASSERT_FALSE(zombie);
    EXPECT_NE(zombie.error().message.find("has ended"), std::string::npos);
    const int pid = pid_;
    reap();
    EXPECT_TRUE(p->ended());
    EXPECT_FALSE(p->read(reinterpret_cast<u64>(&word_), &word, sizeof word));
    const auto none = OtherProcess::open(pid);
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().message.find("there is no process"), std::string::npos);
}

TEST(OtherProcess, AThreadIsNoProcess) {
    std::thread([] {
        const auto p = OtherProcess::open(::gettid());
        ASSERT_FALSE(p);
        EXPECT_NE(p.error().message.find("is a thread of process"), std::string::npos);
    }).join();
}

/// A file that lies in memory.
struct MemoryFile {
    explicit MemoryFile(const std::string& bytes) : fd(::memfd_create("test", MFD_CLOEXEC)) {
        EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    ~MemoryFile() { ::close(fd); }
    int fd;
};

TEST(ProgramFile, SurvivesAnyBytes) {
    const int self = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(self, 0);
    std::string head(4096, 0);
    ASSERT_EQ(::read(self, head.data(), head.size()), 4096);
    ::close(self);
    for (const size_t n : {0, 1, 16, 63, 64, 100, 500}) {
        const MemoryFile file(head.substr(0, n));
        EXPECT_FALSE(read_program_file(file.fd, ".text")) << n;
    }
    std::minstd_rand random(3);
    for (int i = 0; i < 3000; i++) {
        std::string bytes = head;
        for (int k = 0; k < 4; k++) bytes[random() % 1024] = static_cast<char>(random());
        const MemoryFile file(bytes);
        (void)read_program_file(file.fd, ".text");
    }
}

}  // namespace
}  // namespace vm::osal
