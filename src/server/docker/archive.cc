// Files of a container: docker cp (archive), export and diff (changes).
#include "server/native/archive.h"

#include <sys/stat.h>

#include <array>

#include "api/docker/archive.h"
#include "base/sys.h"
#include "image/diff.h"
#include "image/registry/credentials.h"
#include "server/docker/path_stat.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::size_t kMaxUpload = std::size_t{64} << 30;

Result<std::string> path_parameter(const Request& request) {
  const std::string path(request.query().get_or("path", ""));
  if (path.empty()) return fail(Code::invalid_argument, "bad parameter: path cannot be empty");
  if (path.size() > 4095) return fail(Code::invalid_argument, "bad parameter: path is longer than 4095 bytes");
  return path.starts_with('/') ? path : "/" + path;
}

/// Docker's words for a path that is not there.
template <class T>
Result<T> found(Result<T> result, const Request& request) {
  if (result || result.error().code != Code::not_found) return result;
  return fail(Code::not_found, "Could not find the file {} in container {}", request.query().get_or("path", ""), request.param("id"));
}

Result<> set_path_stat(int root, const std::string& path, const Request& request, ResponseWriter& response) {
  const auto info = TRY(found(native::stat_path(root, path, false), request));
  const auto target = S_ISLNK(info.mode) ? TRY(native::follow_path(root, path)) : std::string();
  const auto text = schema::encode_text(path_stat(info, path, target));
  response.headers().set("X-Docker-Container-Path-Stat", image::registry::encode_base64(text));
  return {};
}

void tell(Api& api, const api::Workload& container, const char* action) {
  auto& objects = api.native.engine.objects();
  (void)objects.record({objects.event(container, action)});  // an event that is lost undoes nothing
}

Result<> stat(Api& api, Request& request, ResponseWriter& response) {
  const auto path = TRY(path_parameter(request));
  const auto container = TRY(find_container(api, request.param("id")));
  const auto root = TRY(api.native.engine.root(container));
  TRY(set_path_stat(root.get(), path, request, response));
  return response.send_empty(200);
}

Result<> get(Api& api, Request& request, ResponseWriter& response) {
  const auto path = TRY(path_parameter(request));
  const auto container = TRY(find_container(api, request.param("id")));
  const auto root = TRY(api.native.engine.root(container));
  TRY(set_path_stat(root.get(), path, request, response));
  const auto begin = [&]() -> Result<> { return response.begin(200, "application/x-tar"); };
  TRY(native::read_archive(root.get(), path, false, begin, [&](std::string_view data) { return response.write(data); }));
  tell(api, container, "archive-path");
  return {};
}

/// A path on a read-only volume, or on a read-only root.
Result<> check_writable(const api::Workload& container, const std::string& path) {
  const api::MountStatus* deepest = nullptr;
  for (const auto& mount : container.status.mounts) {
    const bool below = path == mount.target || path.starts_with(mount.target.ends_with('/') ? mount.target : mount.target + "/");
    if (below && (deepest == nullptr || mount.target.size() > deepest->target.size())) deepest = &mount;
  }
  if (deepest != nullptr) {
    if (deepest->read_only) return fail(Code::invalid_argument, "mounted volume is marked read-only");
  } else if (container.spec.security.read_only_root) {
    return fail(Code::invalid_argument, "container rootfs is marked read-only");
  }
  return {};
}

Result<> put(Api& api, Request& request, ResponseWriter& response) {
  const auto path = TRY(path_parameter(request));
  const auto container = TRY(find_container(api, request.param("id")));
  const auto root = TRY(api.native.engine.root(container));
  const auto info = TRY(found(native::stat_path(root.get(), path, true), request));
  if (!S_ISDIR(info.mode)) return fail(Code::invalid_argument, "extraction point is not a directory");
  TRY(check_writable(container, TRY(native::follow_path(root.get(), path))));
  native::WriteOptions options{.no_overwrite_dir_non_dir = flag(request.query(), "noOverwriteDirNonDir"), .keep_owner = true};
  if (flag(request.query(), "copyUIDGID")) options.owner = TRY(api.native.engine.owner(container, root.get()));
  const auto written =
      native::write_archive(root.get(), path, options, [&](char* data, std::size_t size) { return request.body().read(data, size); });
  if (!written && written.error().code == Code::failed_precondition) return fail(Code::invalid_argument, "{}", written.error().message);
  TRY(written);
  tell(api, container, "extract-to-dir");
  return response.send_empty(200);
}

Result<> export_container(Api& api, Request& request, ResponseWriter& response) {
  const auto container = TRY(find_container(api, request.param("id")));
  const auto root = TRY(api.native.engine.bare_root(container));
  const auto folder = TRY(sys::openat(root.get(), ".", O_RDONLY | O_DIRECTORY));
  TRY(response.begin(200, "application/x-tar"));
  TRY(image::write_tree(folder.get(), [&](std::string_view data) { return response.write(data); }, {}, request.stop()));
  tell(api, container, "export");
  return {};
}

Result<> changes(Api& api, Request& request, ResponseWriter& response) {
  const auto container = TRY(find_container(api, request.param("id")));
  const auto listed = TRY(api.native.engine.changes(container, request.stop()));
  std::string json;
  for (const auto& change : listed) json += (json.empty() ? "" : ",") + schema::encode_text(filesystem_change(change));
  return response.send_json(200, "[" + json + "]");
}

constexpr std::array kOperations{
    Operation{"HEAD", "/containers/{id}/archive", stat},
    Operation{"GET", "/containers/{id}/archive", get},
    Operation{.method = "PUT", .path = "/containers/{id}/archive", .handle = put, .options = {.max_body = kMaxUpload}},
    Operation{"GET", "/containers/{id}/export", export_container},
    Operation{"GET", "/containers/{id}/changes", changes},
};

}  // namespace

std::span<const Operation> archive_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
