// Exit statuses for a program that could not be started, as a shell and docker have them.
#pragma once

#include "base/error.h"

namespace fulcrum::cli {

/// 127: the program is not there; 126: it cannot be executed; 125: the engine refused.
inline int status_of_start_failure(const Error& error) {
  const auto has = [&](std::string_view text) { return error.message.find(text) != std::string::npos; };
  if (!has("exec: \"")) return 125;
  if (has("not found in $PATH") || has("no such file or directory") || has("No such file or directory")) return 127;
  if (has("ermission denied") || has("xec format error") || has("s a directory")) return 126;
  return 125;
}

}  // namespace fulcrum::cli
