#include "sandbox/shim/runtime_error.h"

#include <array>
#include <utility>

namespace fulcrum::sandbox::shim {
namespace {

struct Meaning {
  std::string_view words;
  Code code;
};

// The first that matches counts.
constexpr std::array kMeanings = {
    Meaning{"executable file not found", Code::not_found},        Meaning{"no such file or directory", Code::not_found},
    Meaning{"No such file or directory", Code::not_found},        Meaning{"ermission denied", Code::permission_denied},
    Meaning{"is a directory", Code::permission_denied},           Meaning{"xec format error", Code::permission_denied},
    Meaning{"No space left on device", Code::resource_exhausted}, Meaning{"Cannot allocate memory", Code::resource_exhausted},
    Meaning{"Too many open files", Code::resource_exhausted},     Meaning{"peration not permitted", Code::permission_denied},
    Meaning{"not available here", Code::unimplemented},           Meaning{"not supported", Code::unimplemented},
    Meaning{"nvalid argument", Code::invalid_argument},
};

// The last line that says something, without "time=… level=error msg=" or "ERRO[0000] ".
std::string_view essence(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (const auto line = text.rfind('\n'); line != std::string_view::npos) text.remove_prefix(line + 1);
  if (text.starts_with("ERRO[")) {
    if (const auto end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
  }
  if (const auto message = text.find("level=error msg=\""); message != std::string_view::npos) {
    text.remove_prefix(message + 17);
    if (text.ends_with('"')) text.remove_suffix(1);
  }
  for (const std::string_view prefix : {"fulcrum-oci: ", "error: "}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  return text;
}

}  // namespace

Error runtime_error(std::string_view printed) {
  const auto text = essence(printed);
  Error error{.code = Code::internal, .message = std::string(text.empty() ? "the runtime failed without a word" : text)};
  // Only a failed execution means "not there": a bind source that is missing is the caller's mistake.
  const bool program = text.find("exec: ") != std::string_view::npos || text.find("exec /") != std::string_view::npos;
  for (const auto& meaning : kMeanings) {
    if (text.find(meaning.words) == std::string_view::npos) continue;
    error.code = meaning.code;
    if (!program && (meaning.code == Code::not_found || meaning.code == Code::permission_denied)) error.code = Code::invalid_argument;
    break;
  }
  return error;
}

}  // namespace fulcrum::sandbox::shim
