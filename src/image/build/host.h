// What a build asks of the engine around it, and what it tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "base/wait.h"
#include "image/build/copy_plan.h"
#include "image/image_store.h"

namespace fulcrum::image::build {

/// One thing that happens in a build.
struct BuildEvent {
  enum class Kind : std::uint8_t {
    step,       ///< a step begins; `text` is its line of the Dockerfile
    triggers,   ///< the base image's ONBUILD instructions begin; `text` is their number
    pull,       ///< `text` says what of `id` is being fetched: `current` of `total` bytes
    running,    ///< the step's command runs, as `id`
    output,     ///< `text` is a piece of what the command printed
    removed,    ///< what ran as `id` is gone again
    cached,     ///< the step's result was known
    done,       ///< a step has ended; `id` is the ID of an image of everything so far
    stage_done  ///< a stage has ended; `id` is its image's ID
  };
  Kind kind = Kind::step;
  std::size_t stage = 0;   ///< index in the Dockerfile
  std::size_t number = 0;  ///< of the step, from 1 through all stages that are built
  std::string text;
  std::string id;
  bool error_output = false;  ///< of output: to the standard error stream
  std::uint64_t current = 0;
  std::uint64_t total = 0;
};

/// Hears how a build goes. Events of one stage come one after the other, those of different stages at the same time from several threads.
/// An error ends the build with that error. It may block, to hold a stage back.
class BuildEvents {
 public:
  virtual ~BuildEvents() = default;
  [[nodiscard]] virtual Result<> tell(const BuildEvent& event) = 0;
};

/// A command to run over layers.
struct RunStep {
  std::vector<std::string> lowers;  ///< top-most first, at least one
  oci::ImageConfig config;          ///< user, environment and working folder are those of the step
  std::vector<std::string> words;
  std::string network;  ///< "" (as the request says), default, none or host
};

/// How it ended. `upper` is there until discard().
struct StepOutcome {
  int exit_code = 0;
  std::string error;  ///< why it could not even be started; empty otherwise
  std::string upper;  ///< the overlay's upper folder, mounted by nobody any more
};

/// What a build needs from above the image store. Thread-safe.
class BuildHost {
 public:
  virtual ~BuildHost() = default;
  /// The local image for a reference; fetches it when it is not there, or `always`. `progress` hears of that.
  /// Errors: not_found and those of the registry.
  using PullProgress = std::function<void(const std::string& id, std::string_view status, std::uint64_t current, std::uint64_t total)>;
  [[nodiscard]] virtual Result<ImageId> find_image(const std::string& reference, const std::string& platform, const PullProgress& progress,
                                                   const StopSource& stop) = 0;
  /// A name for a run, before it begins.
  virtual std::string new_run() = 0;
  /// Runs a command to its end as `run`. Errors: when it could not be started, or `stop` fired; whatever there was is gone then.
  using Output = std::function<Result<>(bool error_output, std::string_view text)>;
  [[nodiscard]] virtual Result<StepOutcome> run_step(const std::string& run, const RunStep& step, const Output& output,
                                                     const StopSource& stop) = 0;
  /// Removes what is left of a run. Absence is success.
  virtual void discard(const std::string& run) = 0;
  /// Fetches a URL into a file below `folder`.
  [[nodiscard]] virtual Result<Download> download(const std::string& url, const std::string& folder, const StopSource& stop) = 0;
};

}  // namespace fulcrum::image::build
