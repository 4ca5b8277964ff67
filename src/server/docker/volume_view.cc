#include "server/docker/volume_view.h"

#include <algorithm>

#include "base/units.h"
#include "control/workload/mounts.h"

namespace fulcrum::server::docker {

namespace wire = api::docker;

namespace {

constexpr std::size_t kLongestName = 128;

/// As Docker's local driver says it.
Result<> check_volume_name(const std::string& name) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (name.size() == 1)
    return fail(Code::invalid_argument, "volume name is too short, names should be at least two alphanumeric characters");
  const auto right = [&](char c) { return kFirst.find(c) != std::string_view::npos || c == '_' || c == '.' || c == '-'; };
  if (!name.empty() && (kFirst.find(name[0]) == std::string_view::npos || !std::all_of(name.begin(), name.end(), right)))
    return fail(
        Code::invalid_argument,
        "\"{}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended "
        "to pass a host directory, use absolute path",
        name.substr(0, 2 * kLongestName));
  if (name.size() > kLongestName) return fail(Code::invalid_argument, "volume name is too long, {} characters at most", kLongestName);
  return {};
}

}  // namespace

std::map<std::string, std::string> volume_labels(const api::Volume& volume) {
  auto labels = volume.spec.labels;
  labels.erase(std::string(control::kAnonymousLabel));
  if (volume.anonymous) labels.emplace(kAnonymousVolume, "");
  return labels;
}

wire::Volume volume_view(const api::Volume& volume) {
  return {.created_at = format_time(volume.metadata.created),
          .driver = volume.spec.driver,
          .labels = volume_labels(volume),
          .mountpoint = volume.mountpoint,
          .name = volume.spec.name,
          .options = volume.spec.options,
          .usage_data = {}};
}

Result<api::VolumeSpec> volume_spec(const wire::VolumeCreate& wish) {
  TRY(check_volume_name(wish.name));
  if (!wish.driver.empty() && wish.driver != "local")
    return fail(Code::not_found, "error looking up volume plugin {}: plugin \"{}\" not found", wish.driver, wish.driver);
  api::VolumeSpec spec{.name = wish.name, .options = wish.driver_opts.value_or(std::map<std::string, std::string>{}), .labels = {}};
  if (wish.labels) spec.labels = *wish.labels;
  return spec;
}

}  // namespace fulcrum::server::docker
