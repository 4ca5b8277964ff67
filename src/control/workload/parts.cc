#include "control/workload/parts.h"

#include <signal.h>
#include <string.h>

#include <charconv>

namespace fulcrum::control {

Result<std::shared_ptr<const oci::ImageConfig>> ImageConfigs::get(const std::string& image_id) {
  if (image_id.empty()) return std::make_shared<const oci::ImageConfig>();
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = configs_.find(image_id); it != configs_.end()) return it->second;
  }
  const auto image = TRY(images_.resolve(image_id));
  auto parsed = std::make_shared<const oci::ImageConfig>(TRY(oci::parse_image_config(image.config)));
  const std::lock_guard lock(mutex_);
  if (configs_.size() >= kMost) configs_.erase(configs_.begin());
  configs_[image_id] = parsed;
  return parsed;
}

std::string files_directory(const Parts& parts, const std::string& uid) { return parts.run_dir + "/files/" + uid; }

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

Result<int> stop_signal(const api::Workload& workload, const oci::ImageConfig& image) {
  if (!workload.intent.stop_signal.empty()) return parse_signal(workload.intent.stop_signal);
  if (!workload.spec.stop_signal.empty()) return parse_signal(workload.spec.stop_signal);
  if (!image.config.stop_signal.empty()) return parse_signal(image.config.stop_signal);
  return SIGTERM;
}

std::chrono::nanoseconds stop_timeout(const api::Workload& workload) {
  if (workload.intent.stop_timeout) return workload.intent.stop_timeout->ns;
  if (workload.spec.stop_timeout) return workload.spec.stop_timeout->ns;
  return std::chrono::seconds(10);
}

bool is_transient(Code code) {
  switch (code) {
    case Code::cancelled:
    case Code::unknown:
    case Code::deadline_exceeded:
    case Code::resource_exhausted:
    case Code::aborted:
    case Code::internal:
    case Code::unavailable: return true;
    case Code::invalid_argument:
    case Code::not_found:
    case Code::already_exists:
    case Code::permission_denied:
    case Code::failed_precondition:
    case Code::out_of_range:
    case Code::unimplemented:
    case Code::data_loss:
    case Code::unauthenticated: return false;
  }
  return false;
}

}  // namespace fulcrum::control
