// Runs a parsed Dockerfile: independent stages side by side, each step from the cache when its result is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "base/wait.h"
#include "image/build/build_args.h"
#include "image/build/dockerfile.h"
#include "image/build/host.h"
#include "image/build/plan.h"
#include "image/image_store.h"
#include "image/reference.h"

namespace fulcrum::image::build {

/// A build, decided.
struct BuildSpec {
  const Dockerfile& file;
  const Plan& plan;
  BuildArgs args;    ///< with the file's global arguments declared
  int context = -1;  ///< the folder that COPY and ADD take from
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<Reference> tags;
  bool use_cache = true;
  /// Images whose history is the cache, instead of what earlier builds left; those that are not there are passed over.
  std::vector<std::string> cache_from;
  oci::Platform platform = oci::host_platform();
  std::string platform_text;          ///< as the request had it, for FROM; empty: the host's
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH: what is made gets this time, and no file a later one
  unsigned parallel = 2;              ///< steps at work at once
};

struct BuiltImage {
  ImageId id;
  std::vector<std::string> unconsumed;  ///< --build-arg names that no ARG declared
};

/// The command of a step ended with this; the build's error says so in words.
struct FailedCommand {
  int exit_code = 0;
};

/// Builds, and gives the image its names. What steps made before an error stays as cache. `failed`, when given, is set when it was a
/// command that failed. Errors: invalid_argument (the Dockerfile), failed_precondition (a command failed), those of pulls, cancelled.
[[nodiscard]] Result<BuiltImage> build_image(ImageStore& store, const BuildSpec& spec, BuildHost& host, BuildEvents& events,
                                             const StopSource& stop, std::optional<FailedCommand>* failed = nullptr);

/// SOURCE_DATE_EPOCH among the arguments. Errors: invalid_argument when it is no number of seconds.
[[nodiscard]] Result<std::optional<std::int64_t>> source_date_epoch(const BuildArgs::Values& given);

}  // namespace fulcrum::image::build
