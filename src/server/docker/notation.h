// What a client wrote in one of several ways that mean the same ("-v x:/y" and "--mount source=x,target=/y"), kept beside the spec so that
// inspect shows it again as it was written. Whatever carries meaning is in the spec; this is only its notation.
#pragma once

#include <string_view>

#include "api/docker/container.h"
#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::server::docker {

/// The annotation of a workload that holds it: JSON, {"Config":{…},"HostConfig":{…}}.
inline constexpr std::string_view kNotationKey = "fulcrum.docker.notation";

/// Compares what was written with what the spec would be shown as, and keeps the members that differ only in notation. Error: internal
/// when the spec cannot be shown.
[[nodiscard]] Result<> keep_notation(const api::docker::CreateBody& body, const oci::ImageConfig& image, api::WorkloadSpec& spec);

}  // namespace fulcrum::server::docker
