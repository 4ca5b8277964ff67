// The client's side of docs/streams.md: a terminal or pipes here, a process there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "http/stream.h"

namespace fulcrum::cli {

struct SessionOptions {
  bool tty = false;                           ///< raw mode here when standard input is a terminal; sizes are sent
  bool stdin_open = false;                    ///< send our standard input
  bool signal_proxy = true;                   ///< without a terminal: signals that we get are sent there
  std::string detach_keys = "ctrl-p,ctrl-q";  ///< empty: none
};

/// How a session ended.
struct SessionEnd {
  bool detached = false;  ///< by keys: the process goes on
  bool lost = false;      ///< the connection ended without telling an exit status
  int exit_code = 0;
};

/// Carries bytes, sizes and signals until the process ends or the user detaches. Errors: what an error frame said.
[[nodiscard]] Result<SessionEnd> run_session(http::Hijacked connection, const SessionOptions& options);

/// Prints a stream of frames (types 1 and 2) from a reader until it ends: logs.
[[nodiscard]] Result<> print_frames(const std::function<Result<std::size_t>(char*, std::size_t)>& read);

/// Bytes of "ctrl-p,ctrl-q" or "a,ctrl-[": invalid_argument for what is no key.
[[nodiscard]] Result<std::string> parse_detach_keys(std::string_view text);

}  // namespace fulcrum::cli
