// A workload's changes as a new image.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/engine.h"
#include "image/image_store.h"

namespace fulcrum::control {

struct CommitRequest {
  std::optional<oci::ImageRunConfig> config;  ///< instead of its image's
  std::vector<std::string> changes;           ///< Dockerfile instructions
  std::string author;
  std::string message;
  std::string created_by;  ///< the history's command
  std::vector<image::Reference> tags;
  bool pause = true;  ///< freeze it, when it runs, while its files are read
};

/// Makes an image of what the workload runs on and what it changed there, and records the event. One that never ran adds no layer.
[[nodiscard]] Result<image::ImageId> commit_workload(Engine& engine, image::ImageStore& images, const api::Workload& workload,
                                                     const CommitRequest& request, const StopSource& stop);

}  // namespace fulcrum::control
