// Builds of Dockerfiles as the API servers ask for them.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/build/step_runner.h"
#include "image/build/context.h"
#include "image/build/executor.h"
#include "image/registry/client.h"

namespace fulcrum::control {

/// What a client wants built. Defaults are docker's.
struct BuildRequest {
  std::string dockerfile;  ///< name within the context; empty: Dockerfile
  std::vector<std::string> tags;
  std::string target;
  image::build::BuildArgs::Values args;
  std::map<std::string, std::string> labels;
  bool use_cache = true;
  std::vector<std::string> cache_from;
  bool pull = false;     ///< fetch base images although they are there
  std::string platform;  ///< os/arch[/variant]; empty: the host's
  StepLimits limits;
  std::string id;  ///< by which cancel() finds it; may be empty
  /// The registry client for a base image; empty: the engine's own.
  std::function<std::optional<image::registry::Client>(const image::Reference& reference)> registry;
};

/// A build whose request and Dockerfile were found to be right.
struct PreparedBuild {
  BuildRequest request;
  image::build::Dockerfile file;
  image::build::BuildArgs args;
  image::build::Plan plan;
  std::vector<image::Reference> tags;
  oci::Platform platform;
  std::optional<std::int64_t> epoch;
  std::size_t steps = 0;  ///< the N of "Step 1/N"
};

/// Thread-safe.
class Builder {
 public:
  Builder(const Parts& parts, sandbox::Sandbox& sandbox, image::ImageStore& images, image::registry::Client& registry)
      : parts_(parts), sandbox_(sandbox), images_(images), registry_(registry) {}

  /// Where contexts are unpacked: a new folder, which the caller removes.
  [[nodiscard]] Result<std::string> context_folder() const { return images_.layers().scratch(); }
  /// Reads the Dockerfile out of the context and decides what is to be done. Errors: invalid_argument, unimplemented, not_found.
  [[nodiscard]] Result<PreparedBuild> prepare(BuildRequest request, image::build::BuildContext& context) const;
  /// Builds. Errors: see image::build::build_image().
  [[nodiscard]] Result<image::build::BuiltImage> build(const PreparedBuild& build, const image::build::BuildContext& context,
                                                       image::build::BuildEvents& events, const StopSource& stop,
                                                       std::optional<image::build::FailedCommand>* failed = nullptr);
  /// Ends the builds of that id. False: there is none.
  bool cancel(const std::string& id);

 private:
  const Parts& parts_;
  sandbox::Sandbox& sandbox_;
  image::ImageStore& images_;
  image::registry::Client& registry_;
  std::mutex mutex_;                                       ///< protects running_
  std::multimap<std::string, const StopSource*> running_;  ///< by the request's id
};

}  // namespace fulcrum::control
