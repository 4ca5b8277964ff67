// The parts of container_spec(), one for each kind of field. Each fills in what it knows of and leaves the rest of the spec alone.
#pragma once

#include "server/docker/container_spec.h"

namespace fulcrum::server::docker {

/// Where the parts read and write.
struct SpecWork {
  const SpecRequest& request;
  const oci::ImageConfig& image;
  const Surroundings& around;
  api::WorkloadSpec& spec;
  std::vector<std::string>& warnings;

  const api::docker::ContainerConfig& config() const { return request.body.config; }
  const api::docker::HostConfig& host() const { return request.body.host_config; }
};

[[nodiscard]] Result<> put_config(SpecWork& work);      ///< Config
[[nodiscard]] Result<> put_host(SpecWork& work);        ///< HostConfig but for what follows
[[nodiscard]] Result<> put_resources(SpecWork& work);   ///< limits and devices
[[nodiscard]] Result<> put_mounts(SpecWork& work);      ///< Binds, Mounts, Tmpfs, Volumes, VolumesFrom
[[nodiscard]] Result<> put_networking(SpecWork& work);  ///< NetworkMode, EndpointsConfig, ports, names

/// The mode that is meant: empty and "default" are "bridge".
std::string wanted_mode(const api::docker::HostConfig& host);
/// "container:NAME" with the name made the container's ID, where it is there; anything else as it is.
std::string pinned(const std::string& mode, const Surroundings& around);

/// 400
template <class... A>
std::unexpected<Error> invalid(fmt::format_string<A...> format, A&&... args) {
  return fail(Code::invalid_argument, format, std::forward<A>(args)...);
}
/// 501
template <class... A>
std::unexpected<Error> refused(fmt::format_string<A...> format, A&&... args) {
  return fail(Code::unimplemented, format, std::forward<A>(args)...);
}

}  // namespace fulcrum::server::docker
