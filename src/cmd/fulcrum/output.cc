#include "cmd/fulcrum/output.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "base/sys.h"
#include "cmd/fulcrum/context.h"
#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

/// Columns that a UTF-8 text takes, counting each code point as one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view colour_of(std::string_view cell) {
  if (cell.starts_with("running") || cell.starts_with("healthy")) return "green";
  if (cell.starts_with("failed") || cell.find("unhealthy") != std::string_view::npos) return "red";
  if (cell.starts_with("paused") || cell.starts_with("restarting") || cell.starts_with("starting")) return "yellow";
  if (cell.starts_with("stopped") || cell.starts_with("created")) return "dim";
  return "";
}

void write_or_exit(int fd, std::string_view text) {
  const auto written = sys::write_all(fd, text);
  if (written) return;
  if (written.error().sys_errno == EPIPE) ::_exit(141);  // what a shell shows for SIGPIPE
  ::_exit(1);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out;
}

void print(std::string_view text) { write_or_exit(STDOUT_FILENO, text); }
void print_line(std::string_view text) { print(std::string(text) + "\n"); }
void note(std::string_view text) { write_or_exit(STDERR_FILENO, std::string(text) + "\n"); }

bool colours() {
  static const bool on = [] {
    const char* term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr && (term == nullptr || std::strcmp(term, "dumb") != 0);
  }();
  return on;
}

std::string coloured(std::string_view text, std::string_view colour) {
  if (!colours() || colour.empty()) return std::string(text);
  const char* code = colour == "red" ? "31" : colour == "green" ? "32" : colour == "yellow" ? "33" : colour == "bold" ? "1" : "2";
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

void Table::print(int colour_column) const {
  std::vector<std::size_t> widths(rows_[0].size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string out;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const auto cell = printable(rows_[r][i]);
      const bool last = i + 1 == rows_[r].size();
      if (r == 0) {
        out += coloured(cell, "bold");
      } else {
        out += static_cast<int>(i) == colour_column ? coloured(cell, colour_of(cell)) : cell;
      }
      if (!last) out.append(widths[i] - width(cell) + 3, ' ');
    }
    out += '\n';
  }
  cli::print(out);
}

void print_json(const boost::json::value& value) { print(schema::pretty(value)); }

std::string ago(std::string_view time, Time now) {
  const auto then = parse_time(time);
  if (!then) return "";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *then).count();
  const auto form = [](std::int64_t n, std::string_view unit) { return fmt::format("{} {}{} ago", n, unit, n == 1 ? "" : "s"); };
  if (seconds < 1) return "just now";
  if (seconds < 60) return form(seconds, "second");
  if (seconds < 3600) return form(seconds / 60, "minute");
  if (seconds < 48 * 3600) return form(seconds / 3600, "hour");
  return form(seconds / 86400, "day");
}

std::string short_id(std::string_view id) {
  if (const auto colon = id.find(':'); colon != std::string_view::npos) id.remove_prefix(colon + 1);
  return std::string(id.substr(0, 12));
}

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (terminal_ && !bars_.empty()) draw();
}

void Progress::update(const boost::json::value& line) {
  const auto id = text_at(line, "id");
  if (id.empty()) return;
  auto bar = std::ranges::find(bars_, id, &Bar::id);
  if (bar == bars_.end()) bar = bars_.insert(bars_.end(), Bar{.id = id});
  const auto status = text_at(line, "status");
  const bool changed = status != bar->status;
  bar->status = status;
  if (const auto* n = at(line, "current").if_int64()) bar->current = *n;
  if (const auto* n = at(line, "total").if_int64()) bar->total = *n;
  if (!terminal_) {
    if (changed) note(printable(short_id(id) + ": " + status));
    return;
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::system().now().time_since_epoch()).count();
  if (changed || now - last_draw_ > 80) {
    draw();
    last_draw_ = now;
  }
}

void Progress::draw() {
  constexpr int kWidth = 30;
  std::string out = drawn_ > 0 ? fmt::format("\033[{}A", drawn_) : "";
  for (const auto& bar : bars_) {
    out += "\r\033[K" + printable(short_id(bar.id)) + "  " + printable(bar.status);
    if (bar.total > 0 && bar.current < bar.total) {
      const auto full = static_cast<std::size_t>(bar.current * kWidth / bar.total);
      out += "  [" + std::string(full, '=') + std::string(kWidth - full, ' ') + "]  " + format_size(bar.current) + "/" +
             format_size(bar.total);
    } else if (bar.total > 0) {
      out += "  " + format_size(bar.total);
    }
    out += '\n';
  }
  drawn_ = bars_.size();
  write_or_exit(STDERR_FILENO, out);
}

}  // namespace fulcrum::cli
