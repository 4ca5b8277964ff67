// One stage of a build while its instructions are carried out.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "image/build/cache.h"
#include "image/build/cache_source.h"
#include "image/build/copy_plan.h"
#include "image/build/executor.h"
#include "image/build/host.h"
#include "image/build/image_config_edit.h"
#include "image/image_store.h"

namespace fulcrum::image::build {

/// What a stage is after some of its steps: an image that has not been recorded.
struct StageState {
  ConfigState config;
  oci::ImageConfig image;          ///< history, diffIDs and platform; its `config` member is filled by image_config()
  std::vector<ImageLayer> layers;  ///< lowest first
  ImageId from;                    ///< the image that it began with; empty: scratch
  std::optional<ImageId> base;     ///< the image that it still is, as long as no step was carried out
  std::string parent;              ///< key of the last step, for the cache's index
};

/// The image's config as it would be recorded now.
oci::ImageConfig image_config(const StageState& state);
/// Its ID.
ImageId image_id(const StageState& state);

/// At most so many at once.
class Slots {
 public:
  explicit Slots(unsigned count);
  /// Held until it is dropped.
  class Slot {
   public:
    explicit Slot(int fd) : fd_(fd) {}
    Slot(Slot&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    int fd_;
  };
  [[nodiscard]] Result<Slot> take(const StopSource& stop);

 private:
  UniqueFd free_;  ///< an eventfd that counts down
};

/// A stage that others may wait for.
class StageResult {
 public:
  StageResult();
  void set(StageState state);
  /// Blocks until it is there; cancelled when `stop` fires, which a failed stage sees to.
  [[nodiscard]] Result<const StageState*> wait(const StopSource& stop) const;
  const StageState* get() const { return state_.get(); }

 private:
  UniqueFd done_;
  std::unique_ptr<StageState> state_;  ///< not changed once done_ has fired
};

/// What the stages of one build share.
struct BuildShared {
  ImageStore& store;
  const BuildSpec& spec;
  BuildHost& host;
  BuildEvents& events;
  const StopSource& stop;
  Lease& lease;
  const std::vector<CacheSource>& cache_sources;
  std::string scratch;  ///< a folder on the layers' file system
  Slots slots;
  std::vector<StageResult> results;  ///< by index in the Dockerfile
  std::mutex mutex{};                ///< protects what follows
  std::vector<std::string> hits{};   ///< keys of cached steps that were used
  std::optional<FailedCommand> failed{};

  /// A new folder in `scratch` with `upper` and `work`.
  [[nodiscard]] Result<std::string> workspace() const;
  /// Folders to mount, top-most first, never none. They must be protected.
  [[nodiscard]] Result<std::vector<std::string>> lowers(const std::vector<ImageLayer>& layers) const;
};

class StageBuild {
 public:
  StageBuild(BuildShared& shared, const PlannedStage& planned, std::size_t first_number);
  /// All of the stage.
  [[nodiscard]] Result<StageState> run();

 private:
  Result<> begin();
  Result<> begin_on_image(const std::string& reference);
  Result<> protect(const std::vector<ImageLayer>& layers);
  Result<> step(const Instruction& instruction);
  Result<> carry_out(Instruction instruction);
  Result<> change_config(const Instruction& instruction);
  Result<> run_command(const Run& run);
  Result<std::optional<BuiltLayer>> execute(const RunStep& step);
  Result<> change_workdir(const Instruction& instruction);
  Result<> transfer(const Instruction& instruction);
  Result<std::vector<ImageLayer>> source_layers(const std::string& from);
  Result<std::optional<BuiltLayer>> copy(const CopyPlan& plan, const std::string& chown);
  Result<std::optional<BuiltLayer>> make_folder(const std::string& path);

  /// The result of a step that is known: by its key, or by a cache source's history.
  Result<std::optional<KnownStep>> find(const std::string& key, const std::string& comment);
  Result<std::optional<KnownStep>> find_by_key(const std::string& key);
  bool protect_known(const KnownStep& known);
  /// Records a new step in the state, and in the cache under each of `keys`.
  Result<> finish(std::initializer_list<std::string> keys, const std::string& comment, const std::optional<BuiltLayer>& layer);
  Result<> reuse(const KnownStep& known);
  void append(const KnownStep& step);
  /// A key out of these, what files there are, and the epoch.
  std::string key_of(std::initializer_list<std::string_view> parts) const;
  Result<> tell(BuildEvent::Kind kind, std::string text = {}, std::string id = {});
  std::string now() const;

  BuildShared& shared_;
  const PlannedStage& planned_;
  const Stage& stage_;
  std::size_t number_;
  StageState state_;
  std::vector<CacheMatch> matches_;  ///< of the cache sources
};

}  // namespace fulcrum::image::build
