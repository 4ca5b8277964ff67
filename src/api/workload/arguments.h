// What a workload runs, out of its declaration and its image.
#pragma once

#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "api/workload/spec.h"

namespace fulcrum::api {

/// Program and arguments; empty when neither says what to run. An entrypoint of the workload's own drops the image's command.
inline std::vector<std::string> arguments(const WorkloadSpec& spec, const oci::ImageRunConfig& image) {
  auto words = spec.entrypoint ? spec.entrypoint->words : image.entrypoint;
  const auto& command = !spec.command.empty() || spec.entrypoint ? spec.command.words : image.cmd;
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

}  // namespace fulcrum::api
