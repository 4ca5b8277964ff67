#include "control/workload/parts.h"

#include <signal.h>

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
