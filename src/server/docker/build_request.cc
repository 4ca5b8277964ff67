#include "server/docker/build_request.h"

#include <boost/json.hpp>

#include "schema/schema.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace json = boost::json;

namespace {

/// The JSON object of a parameter; empty when it is not there.
Result<json::object> object_parameter(const http::Query& query, std::string_view name, std::string_view what) {
  const auto text = query.get_or(name, "");
  if (text.empty() || text == "null") return json::object();
  auto value = schema::parse(text);
  if (!value || !value->is_object()) return fail(Code::invalid_argument, "error reading {}: {} is no JSON object", what, name);
  return std::move(value->get_object());
}

Result<json::array> array_parameter(const http::Query& query, std::string_view name, std::string_view what) {
  const auto text = query.get_or(name, "");
  if (text.empty() || text == "null") return json::array();
  auto value = schema::parse(text);
  if (!value || !value->is_array()) return fail(Code::invalid_argument, "error reading {}: {} is no JSON array", what, name);
  return std::move(value->get_array());
}

std::string text_of(const json::value& value) { return std::string(value.get_string().data(), value.get_string().size()); }

Result<> refuse_unsupported(const http::Query& query) {
  const auto version = query.get_or("version", "1");
  if (version == "2")
    return fail(Code::unimplemented,
                "BuildKit is not part of this engine: set DOCKER_BUILDKIT=0 to build with docker, or use `fulcrum build`");
  if (version != "1" && !version.empty()) return fail(Code::invalid_argument, "invalid version \"{}\"", version);
  if (TRY(query.boolean("squash", false))) return fail(Code::invalid_argument, "squash is only supported with experimental mode");
  if (query.has("securityopt")) return fail(Code::invalid_argument, "security options are not supported on linux");
  const auto isolation = query.get_or("isolation", "");
  if (!isolation.empty() && isolation != "default") return fail(Code::invalid_argument, "unsupported isolation: \"{}\"", isolation);
  if (!TRY(array_parameter(query, "outputs", "outputs")).empty())
    return fail(Code::unimplemented, "outputs: images are built into the image store only; `docker save` writes them elsewhere");
  for (const auto* name : {"session", "cacheto"})
    if (!query.get_or(name, "").empty()) return fail(Code::unimplemented, "{}: only BuildKit has it", name);
  return {};
}

Result<std::map<std::string, api::Ulimit>> ulimits(const http::Query& query) {
  std::map<std::string, api::Ulimit> limits;
  for (const auto& item : TRY(array_parameter(query, "ulimits", "ulimit settings"))) {
    const auto* one = item.if_object();
    const auto* name = one == nullptr ? nullptr : one->if_contains("Name");
    if (name == nullptr || !name->is_string()) return fail(Code::invalid_argument, "error reading ulimit settings: Name is missing");
    api::Ulimit limit;
    for (const auto& [key, field] : {std::pair{"Soft", &limit.soft}, {"Hard", &limit.hard}}) {
      const auto* number = one->if_contains(key);
      if (number != nullptr && !number->is_int64()) return fail(Code::invalid_argument, "error reading ulimit settings: {}", key);
      if (number != nullptr) *field = number->get_int64();
    }
    limits[text_of(*name)] = limit;
  }
  return limits;
}

Result<api::Resources> resources(const http::Query& query) {
  api::Resources limits;
  const auto positive = [&](std::string_view name) -> Result<std::optional<std::int64_t>> {
    const auto value = query.get_or(name, "").empty() ? 0 : TRY(query.integer(name, 0, 0));
    return value == 0 ? std::nullopt : std::optional(value);
  };
  if (const auto memory = TRY(positive("memory"))) limits.memory = Size{*memory};
  if (const auto size = TRY(positive("shmsize"))) limits.shm_size = Size{*size};
  if (const auto shares = TRY(positive("cpushares"))) limits.cpu_shares = static_cast<std::uint64_t>(*shares);
  if (const auto period = TRY(positive("cpuperiod"))) limits.cpu_period = static_cast<std::uint64_t>(*period);
  if (const auto quota = query.get_or("cpuquota", "").empty() ? 0 : TRY(query.integer("cpuquota", 0)); quota > 0) limits.cpu_quota = quota;
  if (const auto swap = query.get_or("memswap", "").empty() ? 0 : TRY(query.integer("memswap", 0, -1)); swap != 0)
    limits.memory_swap = std::to_string(swap);
  limits.cpuset_cpus = query.get_or("cpusetcpus", "");
  limits.cpuset_mems = query.get_or("cpusetmems", "");
  limits.ulimits = TRY(ulimits(query));
  return limits;
}

Result<std::map<std::string, std::string>> extra_hosts(const http::Query& query) {
  std::map<std::string, std::string> hosts;
  for (const auto& line : query.all("extrahosts")) {
    // docker's command line joins them by commas in one parameter; a name has none.
    for (std::size_t at = 0; at < line.size();) {
      const auto end = std::min(line.find(',', at), line.size());
      const auto one = line.substr(at, end - at);
      at = end + 1;
      const auto colon = one.find_first_of(":=");
      if (colon == std::string::npos || colon == 0) return fail(Code::invalid_argument, "bad format for add-host: \"{}\"", one);
      hosts[one.substr(0, colon)] = one.substr(colon + 1);
    }
  }
  return hosts;
}

}  // namespace

Result<BuildOptions> parse_build_options(const http::Query& query) {
  TRY(refuse_unsupported(query));
  BuildOptions options;
  options.remote = query.get_or("remote", "");
  options.quiet = TRY(query.boolean("q", false));
  auto& request = options.request;
  request.dockerfile = query.get_or("dockerfile", "");
  for (auto& tag : query.all("t"))
    if (!tag.empty()) request.tags.push_back(std::move(tag));
  request.target = query.get_or("target", "");
  request.use_cache = !TRY(query.boolean("nocache", false));
  request.pull = TRY(query.boolean("pull", false));
  request.platform = query.get_or("platform", "");
  request.id = query.get_or("buildid", "");
  for (const auto* name : {"rm", "forcerm"}) TRY(query.boolean(name, true));  // the containers of steps always go
  for (const auto& [name, value] : TRY(object_parameter(query, "buildargs", "build args"))) {
    if (!value.is_string() && !value.is_null()) return fail(Code::invalid_argument, "error reading build args: {} is no string", name);
    request.args[std::string(name)] = value.is_null() ? std::nullopt : std::optional(text_of(value));
  }
  for (const auto& [name, value] : TRY(object_parameter(query, "labels", "labels"))) {
    if (!value.is_string()) return fail(Code::invalid_argument, "error reading labels: {} is no string", name);
    request.labels[std::string(name)] = text_of(value);
  }
  for (const auto& value : TRY(array_parameter(query, "cachefrom", "cache-from"))) {
    if (!value.is_string()) return fail(Code::invalid_argument, "error reading cache-from: not a list of names");
    request.cache_from.push_back(text_of(value));
  }
  request.limits.resources = TRY(resources(query));
  request.limits.cgroup_parent = query.get_or("cgroupparent", "");
  const auto network = query.get_or("networkmode", "");
  request.limits.network = network.empty() || network == "default" || network == "bridge" ? "" : engine_network_name(network);
  request.limits.extra_hosts = TRY(extra_hosts(query));
  return options;
}

}  // namespace fulcrum::server::docker
