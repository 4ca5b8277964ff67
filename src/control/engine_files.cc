// A workload's files.
#include "base/sys.h"
#include "control/engine.h"
#include "sandbox/namespace/users.h"

namespace fulcrum::control {

namespace {

Result<sandbox::Files> files_of(Images& images, const api::Workload& workload) {
  if (workload.metadata.deleting) return fail(Code::failed_precondition, "workload {} is being removed", workload.spec.name);
  if (workload.status.image_id.empty())
    return fail(Code::failed_precondition, "workload {} has no files yet: its image is not here", workload.spec.name);
  return sandbox::Files{.id = WorkloadId(workload.metadata.uid), .layer_dirs = TRY(images.resolve(workload.status.image_id)).layer_dirs};
}

}  // namespace

Result<UniqueFd> Engine::root(const api::Workload& workload) {
  auto files = TRY(files_of(parts_.images, workload));
  if (!is_active(workload.status.phase)) files.mounts = TRY(volume_mounts(parts_, workload));
  return sandbox(workload).root(files);
}

Result<UniqueFd> Engine::bare_root(const api::Workload& workload) {
  auto files = TRY(files_of(parts_.images, workload));
  files.bare = true;
  return sandbox(workload).root(files);
}

Result<std::vector<image::Change>> Engine::changes(const api::Workload& workload, const StopSource& stop) {
  const auto files = TRY(files_of(parts_.images, workload));
  const auto folder = TRY(upper(workload));
  return image::list_changes(folder.get(), files.layer_dirs, stop);
}

Result<UniqueFd> Engine::upper(const api::Workload& workload) {
  const auto path = TRY(sandbox(workload).upper(WorkloadId(workload.metadata.uid)));
  auto folder = sys::open(path, O_RDONLY | O_DIRECTORY);
  if (folder || folder.error().code != Code::not_found) return folder;
  TRY(root(workload));  // makes it
  return sys::open(path, O_RDONLY | O_DIRECTORY);
}

Result<std::pair<uid_t, gid_t>> Engine::owner(const api::Workload& workload, int root) {
  const auto config = TRY(parts_.configs.get(workload.status.image_id));
  sandbox::UserFiles texts;
  for (const auto& [name, text] : {std::pair<const char*, std::string*>{"etc/passwd", &texts.passwd}, {"etc/group", &texts.group}})
    if (const auto file = sys::open_in_root(root, name, O_RDONLY | O_NONBLOCK))
      *text = TRY(sys::read_all(file->get(), 4 << 20), "{}", name);
  const auto ids = TRY(sandbox::find_user(workload.spec.user.empty() ? config->config.user : workload.spec.user, {}, texts));
  return std::pair<uid_t, gid_t>(ids.uid, ids.gid);
}

}  // namespace fulcrum::control
