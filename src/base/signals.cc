#include "base/signals.h"

#include <signal.h>
#include <string.h>

#include <cctype>
#include <charconv>
#include <utility>

namespace fulcrum {

Result<int> parse_signal(std::string_view text) {
  std::string_view name = text;
  int number = 0;
  if (const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      error == std::errc() && end == name.data() + name.size()) {
    if (number >= 1 && number <= SIGRTMAX) return number;
    return fail(Code::invalid_argument, "\"{}\" is not a signal", text);
  }
  std::string upper(name);
  for (auto& c : upper) c = static_cast<char>(::toupper(static_cast<unsigned char>(c)));
  if (upper.starts_with("SIG")) upper.erase(0, 3);
  for (int signo = 1; signo < SIGRTMIN; ++signo) {
    const char* known = ::sigabbrev_np(signo);
    if (known != nullptr && upper == known) return signo;
  }
  for (const auto& [other, signo] : {std::pair("IOT", SIGABRT), std::pair("CLD", SIGCHLD), std::pair("POLL", SIGIO)})
    if (upper == other) return signo;
  const bool from_min = upper.starts_with("RTMIN");
  const bool from_max = upper.starts_with("RTMAX");
  if (from_min || from_max) {
    int offset = 0;
    const std::string rest = upper.substr(5);
    const char* begin = rest.data() + (rest.starts_with('+') ? 1 : 0);
    const bool plain = rest.empty();
    if (plain || (std::from_chars(begin, rest.data() + rest.size(), offset).ec == std::errc() && (from_min ? offset >= 0 : offset <= 0))) {
      const int signo = (from_min ? 34 : 64) + offset;  // as every container engine counts: 34 to 64
      if (signo >= 34 && signo <= 64) return signo;
    }
  }
  return fail(Code::invalid_argument, "\"{}\" is not a signal", text);
}

std::string signal_name(int signo) {
  const char* known = signo > 0 && signo < SIGRTMIN ? ::sigabbrev_np(signo) : nullptr;
  return known != nullptr ? std::string("SIG") + known : fmt::format("{}", signo);
}

}  // namespace fulcrum
