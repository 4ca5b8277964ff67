// From the body of a create to a WorkloadSpec. Every field either finds its place in the spec, or is refused by name: nothing is accepted
// and ignored.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/docker/container.h"
#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "base/error.h"
#include "server/docker/operation.h"

namespace fulcrum::server::docker {

/// What the names in a body are resolved with.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  /// Errors: not_found.
  [[nodiscard]] virtual Result<api::Workload> container(std::string_view reference) const = 0;
  /// The engine's name of a network that a client named by name or ID. Errors: not_found.
  [[nodiscard]] virtual Result<std::string> network(std::string_view reference) const = 0;
  /// Errors: invalid_argument.
  [[nodiscard]] virtual Result<api::Topology> runtime(std::string_view name) const = 0;
  /// Whether a path of the host is there.
  [[nodiscard]] virtual Result<bool> exists(const std::string& path) const = 0;
  virtual unsigned cpus() const = 0;
  virtual bool selinux() const = 0;
};

/// What a translation starts from.
struct SpecRequest {
  api::docker::CreateBody body;
  std::string name;      ///< without the slash; empty: made up
  std::string platform;  ///< os/arch[/variant] or empty
  std::string short_id;  ///< the host name of a container that is given none
  ApiVersion version = kMaxVersion;
};

struct SpecAnswer {
  api::WorkloadSpec spec;
  std::vector<std::string> warnings;
};

/// The whole translation. Errors: invalid_argument in Docker's words; unimplemented for what the engine does not have, naming the field.
[[nodiscard]] Result<SpecAnswer> container_spec(const SpecRequest& request, const oci::ImageConfig& image, const Surroundings& around);

/// Lays limits over those that are there: what is 0, empty or absent stays. For create (over none) and update.
[[nodiscard]] Result<> lay_over(const api::docker::Resources& given, api::Resources& limits);
/// Checks limits by Docker's rules and with its words.
[[nodiscard]] Result<> check_limits(const api::docker::Resources& given, unsigned cpus, bool update);
/// Errors: invalid_argument in Docker's words.
[[nodiscard]] Result<api::RestartPolicy> restart_policy(const api::docker::RestartPolicy& given);

}  // namespace fulcrum::server::docker
