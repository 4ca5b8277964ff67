// The Dockerfile instructions that `import --change` and `commit --change` take.
#pragma once

#include <string_view>

#include "api/oci/image_spec.h"
#include "base/error.h"

namespace fulcrum::image {

/// Applies one instruction to a config: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR, in
/// the forms that a Dockerfile has. Errors: invalid_argument, also for any other instruction.
[[nodiscard]] Result<> apply_change(oci::ImageRunConfig& config, std::string_view instruction);

}  // namespace fulcrum::image
