#include "report.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/clock.h"
#include "base/sys.h"
#include "base/units.h"

namespace fulcrum::oci_cli {
namespace {

std::string now() {
  // To the second, as logrus writes it.
  auto text = format_time(Clock::system().now());
  const auto dot = text.find('.');
  return dot == std::string::npos ? text : text.substr(0, dot) + "Z";
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(text.data(), text.size())); }

void put(int fd, const std::string& text) { (void)!::write(fd, text.data(), text.size()); }

}  // namespace

Result<> Report::open(const std::string& path, const std::string& format, bool debug) {
  if (!format.empty() && format != "text" && format != "json") return fail(Code::invalid_argument, "invalid log-format: {}", format);
  json_ = format == "json";
  debug_ = debug;
  if (!path.empty() && path != "/dev/stderr") file_ = TRY(sys::open(path, O_WRONLY | O_CREAT | O_APPEND, 0644), "log");
  return {};
}

void Report::line(std::string_view level, std::string_view message) const {
  const auto text = json_ ? fmt::format("{{\"level\":\"{}\",\"msg\":{},\"time\":\"{}\"}}\n", level, quoted(message), now())
                          : fmt::format("time=\"{}\" level={} msg={}\n", now(), level, quoted(message));
  put(file_.valid() ? file_.get() : STDERR_FILENO, text);
}

void Report::debug(std::string_view message) const {
  if (debug_) line("debug", message);
}

void Report::warning(std::string_view message) const { line("warning", message); }

void Report::error(std::string_view message) const {
  line("error", message);
  if (file_.valid()) put(STDERR_FILENO, std::string(message) + "\n");
}

}  // namespace fulcrum::oci_cli
