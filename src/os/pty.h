// Pseudo-terminals.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::os {

/// Both ends of a pseudo-terminal.
struct Pty {
  UniqueFd master;
  UniqueFd terminal;
  std::string path;  ///< "/dev/pts/N" as seen in the devpts instance that it came from
};

/// Makes a pseudo-terminal out of an opened ptmx device. The terminal end is taken from the master (TIOCGPTPEER), never opened by
/// path, and both are checked to be what they claim.
[[nodiscard]] Result<Pty> open_pty(UniqueFd ptmx);
/// Sets the window size in character cells.
[[nodiscard]] Result<> set_window_size(int terminal, std::uint32_t height, std::uint32_t width);
/// Output goes through without a carriage return before each line feed (ONLCR off).
[[nodiscard]] Result<> leave_line_feeds(int terminal);
/// Makes `terminal` the controlling terminal of a new session (setsid must have happened).
[[nodiscard]] Result<> set_controlling_terminal(int terminal);

}  // namespace fulcrum::os
