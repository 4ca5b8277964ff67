#include "server/docker/notation.h"

#include <algorithm>

#include "api/docker/container_schema.h"
#include "server/docker/container_inspect.h"

namespace fulcrum::server::docker {

namespace {

namespace json = boost::json;

// Members that can be written in several ways, or that tell of the client alone. Those that update changes are never among them.
constexpr std::string_view kConfigNotation[] = {"AttachStdin", "AttachStdout", "AttachStderr", "NetworkDisabled", "MacAddress", "Shell"};
constexpr std::string_view kHostNotation[] = {"Binds",      "Mounts",          "Tmpfs",   "VolumesFrom", "VolumeDriver", "SecurityOpt",
                                              "ExtraHosts", "ContainerIDFile", "Devices", "ConsoleSize", "PortBindings", "LogConfig",
                                              "Ulimits",    "Isolation",       "Runtime", "Init"};

bool says_something(const json::value& value) {
  if (value.is_null()) return false;
  if (const auto* text = value.if_string()) return !text->empty();
  if (const auto* list = value.if_array()) return !list->empty();
  if (const auto* object = value.if_object()) return !object->empty();
  return true;
}

template <std::size_t N>
json::object differing(const json::object& written, const json::object& shown, const std::string_view (&names)[N]) {
  json::object out;
  for (const auto name : names) {
    const auto* mine = written.if_contains(name);
    const auto* theirs = shown.if_contains(name);
    const bool wrote = mine != nullptr && says_something(*mine);
    const bool shows = theirs != nullptr && says_something(*theirs);
    // What the client left out and the engine filled in stays filled in, but for the two ways to say a mount.
    const bool other_way = shows && (name == "Binds" || name == "Mounts");
    if (wrote && (!shows || *mine != *theirs)) out[name] = *mine;
    if (!wrote && other_way) out[name] = json::array();
  }
  return out;
}

}  // namespace

Result<> keep_notation(const api::docker::CreateBody& body, const oci::ImageConfig& image, api::WorkloadSpec& spec) {
  api::Workload workload;
  workload.spec = spec;
  auto written = body.host_config;
  if (written.log_config.type.empty()) written.log_config.type = spec.log.driver;
  const auto config =
      differing(schema::encode(body.config).as_object(), schema::encode(view_config(workload, image)).as_object(), kConfigNotation);
  const auto host = differing(schema::encode(written).as_object(), schema::encode(view_host_config(workload)).as_object(), kHostNotation);
  json::object kept;
  if (!config.empty()) kept["Config"] = config;
  if (!host.empty()) kept["HostConfig"] = host;
  if (!kept.empty()) spec.annotations[std::string(kNotationKey)] = json::serialize(kept);
  return {};
}

}  // namespace fulcrum::server::docker
