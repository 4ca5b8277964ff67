#include "os/rootless_files.h"

#include <charconv>

#include "base/sys.h"
#include "os/namespaces.h"

namespace fulcrum::os {
namespace {

constexpr std::size_t kMaxPin = 256;

std::string boot_id() {
  auto text = sys::read_file("/proc/sys/kernel/random/boot_id", 128).value_or("-");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

std::string format_pin(const PinnedProcess& pin) { return fmt::format("{} {} {}\n", pin.pid, pin.start_time, pin.boot_id); }

std::optional<PinnedProcess> parse_pin(std::string_view text) {
  PinnedProcess pin;
  if (!text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  if (!take_number(text, pin.pid) || pin.pid <= 0 || !take_number(text, pin.start_time)) return std::nullopt;
  if (text.empty() || text.find_first_of(" \n") != std::string_view::npos) return std::nullopt;
  pin.boot_id = text;
  return pin;
}

namespace rootless {

Result<> write_pin(const std::string& path, pid_t pid) {
  const auto stat = process_stat(pid);
  if (!stat) return fail(Code::not_found, "process {} is gone", pid);
  return sys::write_file_atomic(path, format_pin({.pid = pid, .start_time = stat->start_time, .boot_id = boot_id()}), 0600);
}

std::optional<pid_t> read_pin(const std::string& path) {
  const auto text = sys::read_file(path, kMaxPin);
  if (!text) return std::nullopt;
  const auto pin = parse_pin(*text);
  if (!pin || pin->boot_id != boot_id()) return std::nullopt;
  const auto stat = process_stat(pin->pid);
  if (!stat || stat->start_time != pin->start_time || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return pin->pid;
}

}  // namespace rootless
}  // namespace fulcrum::os
