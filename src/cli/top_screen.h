// The terminal while `vm top` redraws it: keys come at once and are not shown, the cursor is hidden. Put back
// when it is left, stopped or killed.
#pragma once

#include <termios.h>

#include <string>

#include "cli/top_view.h"

namespace vm::cli {

class TopScreen {
  public:
    enum class Event : u8 {
        Time,    ///< the interval is over
        Draw,    ///< the window has another size, or comes back
        Ended,   ///< the descriptor became readable
        Quit,    ///< by key, Ctrl-C, or because the terminal is gone
        Killed,  ///< by the signal `killer`
    };
    TopScreen();
    ~TopScreen();
    TopScreen(const TopScreen&) = delete;
    TopScreen& operator=(const TopScreen&) = delete;

    TextSize size() const;
    /// False: it could not be written.
    bool draw(const std::string& text);
    /// Waits until the monotonic time `until_ns`.
    Event wait(u64 until_ns, int ended_fd);
    int killer() const { return killer_; }

  private:
    void enter();
    void leave();
    Event signalled();
    int signals_ = -1;  ///< signalfd
    int killer_ = 0;
    bool keys_ = false;  ///< standard input is a terminal
    termios before_{};
    sigset_t mask_before_{};
};

}  // namespace vm::cli
