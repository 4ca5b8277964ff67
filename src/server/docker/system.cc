// The engine: ping, version, info.
#include "api/docker/system_schema.h"
#include "base/sys.h"
#include "control/lifecycle.h"
#include "server/docker/support.h"
#include "server/docker/system_info.h"

namespace fulcrum::server::docker {

namespace {

/// "Builder-Version: 1" tells clients to build through POST /build: there is no BuildKit here.
Result<> ping(Api&, Request& request, ResponseWriter& response) {
  auto& headers = response.headers();
  headers.set("Builder-Version", "1");
  headers.set("Swarm", "inactive");
  headers.set("Cache-Control", "no-cache, no-store, must-revalidate");
  headers.set("Pragma", "no-cache");
  return response.send(200, "text/plain; charset=utf-8", request.method() == "HEAD" ? "" : "OK");
}

Result<> version(Api& api, Request&, ResponseWriter& response) {
  return response.send_json(200, schema::encode_text(system_version(api.native.facts)));
}

std::int64_t threads() {
  const auto status = sys::read_file("/proc/self/status", 1 << 16).value_or("");
  const auto at = status.find("\nThreads:");
  return at == std::string::npos ? 0 : std::strtoll(status.c_str() + at + 9, nullptr, 10);
}

Result<Counts> count(Api& api) {
  Counts counts{.events_listeners = api.event_listeners, .threads = threads()};
  for (const auto& workload : TRY(api.native.engine.objects().workloads()).items) {
    if (workload.status.phase == api::Phase::paused) {
      ++counts.paused;
    } else if (control::is_active(workload.status.phase)) {
      ++counts.running;
    } else {
      ++counts.stopped;
    }
  }
  counts.images = static_cast<std::int64_t>(TRY(api.native.images.list()).size());
  counts.fds = static_cast<std::int64_t>(TRY(sys::list_directory("/proc/self/fd")).size());
  return counts;
}

Result<> info(Api& api, Request& request, ResponseWriter& response) {
  auto& objects = api.native.engine.objects();
  const auto id = TRY(control::engine_id(objects));
  const auto counts = TRY(count(api));
  auto answer = system_info(api.native.facts, api.native.topologies, id, counts, objects.clock().now());
  if (version_of(request) >= ApiVersion{1, 44}) answer.cdi_spec_dirs.emplace();
  return response.send_json(200, schema::encode_text(answer));
}

constexpr Operation kOperations[] = {
    {.method = "GET", .path = "/_ping", .handle = ping},
    {.method = "HEAD", .path = "/_ping", .handle = ping},
    {.method = "GET", .path = "/version", .handle = version},
    {.method = "GET", .path = "/info", .handle = info},
};

}  // namespace

std::span<const Operation> system_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
