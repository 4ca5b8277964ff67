#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "base/units.h"

namespace fulcrum::log {
namespace {

std::atomic<Level> minimum{Level::info};
std::atomic<bool> as_json{false};

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warning: return "warning";
    case Level::error: return "error";
  }
  return "error";
}

void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      line += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

void append_value(std::string& line, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \"\\=\n\t\r") == std::string_view::npos;
  if (plain) {
    line += text;
  } else {
    append_quoted(line, text);
  }
}

}  // namespace

void set_level(Level level) { minimum = level; }
void set_json(bool on) { as_json = on; }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < minimum.load()) return;
  std::string line;
  const auto time = format_time(Clock::system().now());
  if (as_json) {
    line += "{\"time\":\"" + time + "\",\"level\":\"" + std::string(name(level)) + "\",\"msg\":";
    append_quoted(line, message);
    for (const auto& [key, value] : fields) {
      line += ',';
      append_quoted(line, key);
      line += ':';
      append_quoted(line, value);
    }
    line += "}\n";
  } else {
    line = time.substr(0, 23) + "Z " + std::string(name(level)) + " ";
    for (const char c : message) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    for (const auto& [key, value] : fields) {
      line += ' ';
      line += key;
      line += '=';
      append_value(line, value);
    }
    line += '\n';
  }
  // A log that cannot be written has nowhere to be reported.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fulcrum::log
