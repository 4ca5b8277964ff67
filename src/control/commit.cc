#include "control/commit.h"

#include <fcntl.h>

#include <utility>

#include "base/sys.h"
#include "image/image_archive.h"

namespace fulcrum::control {

namespace {

/// Pauses a running workload while its files are read, when asked to.
class Pause {
 public:
  static Result<Pause> hold(Engine& engine, const api::Workload& workload, bool wanted) {
    Pause pause(engine, workload);
    if (!wanted || workload.status.phase != api::Phase::running) return pause;
    TRY(engine.sandbox(workload).pause(WorkloadId(workload.metadata.uid)));
    pause.paused_ = true;
    return pause;
  }
  Pause(Pause&& other) noexcept : engine_(other.engine_), workload_(other.workload_), paused_(std::exchange(other.paused_, false)) {}
  ~Pause() {
    if (paused_) (void)engine_.sandbox(workload_).resume(WorkloadId(workload_.metadata.uid));  // the reconciler does it otherwise
  }

 private:
  Pause(Engine& engine, const api::Workload& workload) : engine_(engine), workload_(workload) {}
  Engine& engine_;
  const api::Workload& workload_;
  bool paused_ = false;
};

/// Where it wrote; nothing when it never ran.
Result<UniqueFd> upper_of(Engine& engine, const api::Workload& workload) {
  auto fd = sys::open(TRY(engine.sandbox(workload).upper(WorkloadId(workload.metadata.uid))), O_RDONLY | O_DIRECTORY);
  if (!fd && fd.error().code == Code::not_found) return UniqueFd();
  return fd;
}

}  // namespace

Result<image::ImageId> commit_workload(Engine& engine, image::ImageStore& images, const api::Workload& workload,
                                       const CommitRequest& request, const StopSource& stop) {
  const auto upper = TRY(upper_of(engine, workload));
  const image::CommitSpec spec{.base = image::ImageId(workload.status.image_id),
                               .upper = upper.get(),
                               .config = request.config,
                               .changes = request.changes,
                               .author = request.author,
                               .message = request.message,
                               .created_by = request.created_by,
                               .tags = request.tags};
  const auto paused = TRY(Pause::hold(engine, workload, request.pause));
  const auto id = TRY(image::commit_image(images, spec, stop));
  auto& objects = engine.objects();
  TRY(objects.record({objects.event(
      workload, "commit",
      {{"imageId", id.str()}, {"imageRef", request.tags.empty() ? "" : request.tags.front().familiar()}, {"comment", request.message}})}));
  return id;
}

}  // namespace fulcrum::control
