// Building images: the context as the request's body, a line of JSON for each thing that happens.
#include <boost/json.hpp>
#include <mutex>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/prune.h"
#include "server/native/build_support.h"
#include "server/native/stop_when_gone.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;
using image::build::BuildEvent;

std::string_view word(BuildEvent::Kind kind) {
  switch (kind) {
    case BuildEvent::Kind::step: return "step";
    case BuildEvent::Kind::triggers: return "triggers";
    case BuildEvent::Kind::pull: return "pull";
    case BuildEvent::Kind::running: return "running";
    case BuildEvent::Kind::output: return "output";
    case BuildEvent::Kind::removed: return "removed";
    case BuildEvent::Kind::cached: return "cached";
    case BuildEvent::Kind::done: return "done";
    case BuildEvent::Kind::stage_done: return "stageDone";
  }
  return "";
}

/// Writes events as they come, of all stages mixed.
class EventLines final : public image::build::BuildEvents {
 public:
  EventLines(ResponseWriter& response, const control::PreparedBuild& build) : response_(response), build_(build) {}

  Result<> tell(const BuildEvent& event) override {
    json::object line{{"type", word(event.kind)}, {"stage", event.stage}, {"step", event.number}};
    if (event.kind == BuildEvent::Kind::step) line["steps"] = build_.steps;
    if (!event.text.empty()) line["text"] = http::valid_utf8(event.text);
    if (!event.id.empty()) line["id"] = event.id;
    if (event.error_output) line["errorOutput"] = true;
    if (event.kind == BuildEvent::Kind::pull) {
      line["current"] = event.current;
      line["total"] = event.total;
    }
    return write(line);
  }
  Result<> write(const json::object& line) {
    const auto text = json::serialize(line);
    const std::lock_guard lock(mutex_);
    return response_.write_line(text);
  }

 private:
  ResponseWriter& response_;
  const control::PreparedBuild& build_;
  std::mutex mutex_;  ///< a response has one writer
};

/// "NAME=value"; with `bare`, also "NAME".
Result<std::pair<std::string, std::optional<std::string>>> pair_of(const std::string& text, std::string_view what, bool bare) {
  const auto equals = text.find('=');
  if (equals == 0 || text.empty() || (equals == std::string::npos && !bare))
    return fail(Code::invalid_argument, "{}: \"{}\" is not NAME=value", what, text);
  if (equals == std::string::npos) return std::pair(text, std::optional<std::string>());
  return std::pair(text.substr(0, equals), std::optional(text.substr(equals + 1)));
}

Result<control::StepLimits> parse_limits(const http::Query& query) {
  control::StepLimits limits{.resources = {},
                             .cgroup_parent = std::string(query.get_or("cgroupParent", "")),
                             .network = std::string(query.get_or("network", "")),
                             .extra_hosts = {}};
  if (const auto memory = query.get("memory")) limits.resources.memory = Size{TRY(parse_size(*memory), "memory")};
  if (const auto size = query.get("shmSize")) limits.resources.shm_size = Size{TRY(parse_size(*size), "shmSize")};
  if (const auto cpus = query.get("cpus")) {
    const std::string text(*cpus);
    char* end = nullptr;
    limits.resources.cpus = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != '\0' || !(*limits.resources.cpus > 0)) return fail(Code::invalid_argument, "cpus: \"{}\"", text);
  }
  for (const auto& host : query.all("addHost")) {
    const auto [name, address] = TRY(pair_of(host, "addHost", false));
    limits.extra_hosts[name] = *address;
  }
  return limits;
}

Result<control::BuildRequest> parse_request(const http::Query& query) {
  TRY(only(query, {"file", "tag", "target", "arg", "label", "cache", "cacheFrom", "pull", "platform", "network", "memory", "shmSize",
                   "cpus", "addHost", "cgroupParent", "id", "remote"}));
  control::BuildRequest request;
  request.dockerfile = query.get_or("file", "");
  request.tags = query.all("tag");
  request.target = query.get_or("target", "");
  for (const auto& text : query.all("arg")) request.args.insert(TRY(pair_of(text, "arg", true)));
  for (const auto& text : query.all("label")) {
    const auto [name, value] = TRY(pair_of(text, "label", true));
    request.labels[name] = value.value_or("");
  }
  request.use_cache = TRY(query.boolean("cache", true));
  request.cache_from = query.all("cacheFrom");
  request.pull = TRY(query.boolean("pull", false));
  request.platform = query.get_or("platform", "");
  request.limits = TRY(parse_limits(query));
  request.id = query.get_or("id", "");
  return request;
}

Result<> build(Api& api, Request& request, ResponseWriter& response) {
  auto wanted = TRY(parse_request(request.query()));
  const auto folder = TRY(api.builder.context_folder());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(folder)); });
  const std::string remote(request.query().get_or("remote", ""));
  auto context = remote.empty() ? TRY(receive_context(request, folder)) : TRY(fetch_context(remote, folder, request.stop()));
  const auto prepared = TRY(api.builder.prepare(std::move(wanted), context));
  TRY(response.begin(200, "application/x-ndjson"));
  EventLines lines(response, prepared);
  for (const auto& warning : prepared.file.warnings) TRY(lines.write({{"type", "warning"}, {"text", warning}}));
  std::optional<image::build::FailedCommand> failed;
  const auto built = [&] {
    const StopWhenGone gone(request, response);
    return api.builder.build(prepared, context, lines, gone.stop(), &failed);
  }();
  if (!built) {
    json::object error{{"code", to_string(built.error().code)}, {"message", built.error().message}};
    if (failed) error["exitCode"] = failed->exit_code;
    return lines.write({{"type", "error"}, {"error", std::move(error)}});
  }
  TRY(tell_built(api, prepared, *built));
  json::array names;
  for (const auto& tag : prepared.tags) names.emplace_back(tag.familiar());
  for (const auto& name : built->unconsumed) TRY(lines.write({{"type", "warning"}, {"text", "build argument " + name + " was not used"}}));
  return lines.write({{"type", "built"}, {"id", built->id.str()}, {"names", std::move(names)}});
}

Result<> cache(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  json::array items;
  for (const auto& entry : TRY(image::build::list_cache(api.images)))
    items.push_back({{"id", entry.step.key},
                     {"text", entry.step.comment},
                     {"inUse", entry.in_use},
                     {"size", entry.bytes},
                     {"created", format_time(entry.step.added)},
                     {"used", format_time(entry.step.used)},
                     {"uses", entry.step.uses}});
  return response.send_json(200, json::serialize(json::object{{"items", std::move(items)}}));
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"all", "unusedFor", "keep"}));
  image::build::CachePrune spec{.all = TRY(query.boolean("all", false))};
  if (const auto unused = TRY(duration_parameter(query, "unusedFor"))) spec.unused_since = api.engine.objects().clock().now() - unused->ns;
  if (const auto keep = query.get("keep")) spec.keep_bytes = static_cast<std::uint64_t>(TRY(parse_size(*keep), "keep"));
  const auto pruned = TRY(image::build::prune_cache(api.images, spec));
  json::array ids;
  for (const auto& key : pruned.keys) ids.emplace_back(key);
  return response.send_json(200, json::serialize(json::object{{"deleted", std::move(ids)}, {"bytes", pruned.bytes}}));
}

}  // namespace

void add_build_routes(http::Router& router, Api& api) {
  router.add("POST", "/v1/build", bind(api, build), {.max_body = std::size_t{256} << 30});
  router.add("GET", "/v1/build/cache", bind(api, cache));
  router.add("POST", "/v1/build/prune", bind(api, prune));
}

}  // namespace fulcrum::server::native
