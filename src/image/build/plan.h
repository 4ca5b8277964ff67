// Which stages a build needs, in which order, and what each stands on.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "image/build/build_args.h"
#include "image/build/dockerfile.h"

namespace fulcrum::image::build {

/// Where FROM or `COPY --from` takes files from: an earlier stage, or an image.
struct Origin {
  std::optional<std::size_t> stage;
  std::string image;  ///< a reference when it is no stage; "scratch" only for FROM
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct PlannedStage {
  std::size_t index = 0;  ///< in Dockerfile::stages
  Origin base;
  std::string platform;                 ///< expanded; empty: the request's
  std::vector<Origin> copies;           ///< of `COPY --from`, in order of appearance, without repeats
  std::vector<std::size_t> depends_on;  ///< stages, ascending
};

struct PlanOptions {
  std::string target;  ///< a stage's name or number; empty: the last
  bool only_needed =
      true;  ///< leave out stages that the target does not need (false: every stage up to the target, as the classic builder)
  bool check_flags = true;  ///< refuse flags that this builder does not do (check_supported) in the stages that are built
};

struct Plan {
  std::size_t target = 0;
  std::vector<PlannedStage> stages;  ///< the needed ones, each after those it depends on; the target last
  std::size_t steps = 0;             ///< the N of "Step 1/N": globals, FROMs and instructions of the stages that are built
  /// The planned stage of a stage's index, or null when it is not needed.
  const PlannedStage* find(std::size_t index) const;
};

/// What an image's ONBUILD triggers copy from is not known here: a stage that only they name is left out when `only_needed`.
/// Resolves names and numbers (a stage can only use stages before it, so there are no cycles; its own number or a later one is an error).
/// Declares the file's global arguments in `args`. Errors: invalid_argument in docker's words: "target stage \"x\" could not be found",
/// "x stage name already used", "invalid from flag value 3: index out of bounds", "base name (${X}) should not be blank".
[[nodiscard]] Result<Plan> plan_build(const Dockerfile& file, BuildArgs& args, const PlanOptions& options);

/// What a `COPY --from` value means in stage `index`. A value with variables was expanded by the caller.
[[nodiscard]] Result<Origin> resolve_from(const Dockerfile& file, std::size_t index, const std::string& value);

}  // namespace fulcrum::image::build
