// Files in and out of a workload: stat and archive (cp), changes, export, commit. Everything is relative to the sandbox's root descriptor.
#include <sys/stat.h>

#include <boost/json.hpp>

#include "base/sys.h"
#include "control/commit.h"
#include "control/lifecycle.h"
#include "image/diff.h"
#include "image/image_archive.h"
#include "server/native/archive.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

Result<std::string> path_parameter(const http::Query& query) {
  const std::string path(query.get_or("path", ""));
  if (path.empty()) return fail(Code::invalid_argument, "query: path is required");
  if (path.size() > 4095) return fail(Code::invalid_argument, "query: path is longer than 4095 bytes");
  return path;
}

Result<> stat(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"path", "follow"}));
  const auto path = TRY(path_parameter(request.query()));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  const auto root = TRY(api.engine.root(workload));
  return response.send_json(200, TRY(path_stat_json(root.get(), path, TRY(request.query().boolean("follow", false)))));
}

Result<> get_archive(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"path", "follow"}));
  const auto path = TRY(path_parameter(request.query()));
  const bool follow = TRY(request.query().boolean("follow", false));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  const auto root = TRY(api.engine.root(workload));
  response.headers().set("X-Fulcrum-Path-Stat", TRY(path_stat_json(root.get(), path, follow)));
  const auto begin = [&]() -> Result<> { return response.begin(200, "application/x-tar"); };
  return read_archive(root.get(), path, follow, begin, [&](std::string_view data) { return response.write(data); });
}

Result<> put_archive(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"path", "noOverwriteDirNonDir", "copyOwner"}));
  const auto path = TRY(path_parameter(request.query()));
  const bool strict = TRY(request.query().boolean("noOverwriteDirNonDir", false));
  const bool owner = TRY(request.query().boolean("copyOwner", true));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  const auto root = TRY(api.engine.root(workload));
  TRY(write_archive(root.get(), path, {.no_overwrite_dir_non_dir = strict, .keep_owner = owner},
                    [&](char* data, std::size_t size) { return request.body().read(data, size); }));
  return response.send_empty(204);
}

Result<> changes(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  boost::json::array items;
  for (const auto& change : TRY(api.engine.changes(workload, request.stop())))
    items.push_back({{"kind", std::string(1, static_cast<char>(change.kind))}, {"path", change.path}});
  return response.send_json(200, boost::json::serialize(boost::json::object{{"items", std::move(items)}}));
}

Result<> export_tree(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  const auto root = TRY(api.engine.bare_root(workload));
  const auto directory = TRY(sys::openat(root.get(), ".", O_RDONLY | O_DIRECTORY));
  TRY(response.begin(200, "application/x-tar"));
  return image::write_tree(directory.get(), [&](std::string_view data) { return response.write(data); }, {}, request.stop());
}

Result<> commit(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"reference", "author", "message", "change", "pause"}));
  const auto workload = TRY(api.engine.objects().find(request.param("name")));
  control::CommitRequest commit{.changes = query.all("change"),
                                .author = std::string(query.get_or("author", "")),
                                .message = std::string(query.get_or("message", "")),
                                .pause = TRY(query.boolean("pause", true))};
  if (const auto reference = query.get("reference"); reference && !reference->empty())
    commit.tags.push_back(TRY(image::Reference::parse(*reference)));
  const auto id = TRY(control::commit_workload(api.engine, api.images, workload, commit, request.stop()));
  return response.send_json(201, fmt::format(R"({{"id":"{}"}})", id.str()));
}

}  // namespace

void add_file_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler, http::RouteOptions options = {}) {
    router.add(method, path, bind(api, handler), options);
  };
  on("GET", "/v1/workloads/{name}/stat", stat);
  on("GET", "/v1/workloads/{name}/archive", get_archive);
  on("PUT", "/v1/workloads/{name}/archive", put_archive, {.max_body = std::size_t{64} << 30});
  on("GET", "/v1/workloads/{name}/changes", changes);
  on("GET", "/v1/workloads/{name}/export", export_tree);
  on("POST", "/v1/workloads/{name}/commit", commit);
}

}  // namespace fulcrum::server::native
