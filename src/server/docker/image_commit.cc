#include "server/docker/image_commit.h"

#include <algorithm>

#include "api/docker/container_config_schema.h"
#include "api/docker/image_schema.h"
#include "control/commit.h"
#include "server/docker/container_state.h"
#include "server/docker/image_support.h"

namespace fulcrum::server::docker {

namespace {

std::string_view variable_name(std::string_view variable) { return variable.substr(0, variable.find('=')); }

/// Variables over others: those that were there keep their place.
void set_variables(std::vector<std::string>& env, const std::vector<std::string>& over) {
  for (const auto& variable : over) {
    const auto name = variable_name(variable);
    const auto old = std::find_if(env.begin(), env.end(), [&](const std::string& other) { return variable_name(other) == name; });
    if (old == env.end()) {
      env.push_back(variable);
    } else {
      *old = variable;
    }
  }
}

void set_health(std::optional<oci::Healthcheck>& health, const api::Health& over) {
  if (over.disable) {
    health = oci::Healthcheck{.test = {"NONE"}};
    return;
  }
  if (!health) health.emplace();
  if (!over.command.empty()) {
    health->test = {over.shell ? "CMD-SHELL" : "CMD"};
    health->test.insert(health->test.end(), over.command.words.begin(), over.command.words.end());
  }
  if (over.interval) health->interval = over.interval->ns.count();
  if (over.timeout) health->timeout = over.timeout->ns.count();
  if (over.start_period) health->start_period = over.start_period->ns.count();
  if (over.start_interval) health->start_interval = over.start_interval->ns.count();
  if (over.retries) health->retries = static_cast<int>(*over.retries);
}

void set_health(std::optional<oci::Healthcheck>& health, const api::docker::HealthConfig& over) {
  if (!health) health.emplace();
  if (!over.test.empty()) health->test = over.test;
  if (over.interval != 0) health->interval = over.interval;
  if (over.timeout != 0) health->timeout = over.timeout;
  if (over.start_period != 0) health->start_period = over.start_period;
  if (over.start_interval != 0) health->start_interval = over.start_interval;
  if (over.retries != 0) health->retries = static_cast<int>(over.retries);
}

void replace(std::string& value, const std::string& over) {
  if (!over.empty()) value = over;
}

/// Its body, when there is one that says something.
Result<std::optional<api::docker::ContainerConfig>> wanted_config(Request& request) {
  const auto text = TRY(request.read_body());
  if (text.empty() || text == "null" || text == "null\n") return std::nullopt;
  return TRY(schema::decode_text<api::docker::ContainerConfig>(text, schema::UnknownFields::ignore));
}

}  // namespace

oci::ImageRunConfig committed_config(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image) {
  auto config = image;
  replace(config.user, spec.user);
  replace(config.working_dir, spec.working_dir);
  replace(config.stop_signal, spec.stop_signal);
  if (spec.entrypoint) {
    config.entrypoint = spec.entrypoint->words;
    config.cmd = spec.command.words;
  } else if (!spec.command.empty()) {
    config.cmd = spec.command.words;
  }
  std::vector<std::string> given;
  for (const auto& [name, value] : spec.env.variables) {
    if (value) given.push_back(name + "=" + *value);
    if (!value) std::erase_if(config.env, [&](const std::string& variable) { return variable_name(variable) == name; });
  }
  set_variables(config.env, given);
  for (const auto& [name, value] : spec.labels) config.labels[name] = value;
  for (const auto& text : spec.expose) config.exposed_ports[text.find('/') == std::string::npos ? text + "/tcp" : text];
  for (const auto& port : spec.ports)
    for (unsigned i = 0; i < port.count; ++i) config.exposed_ports[fmt::format("{}/{}", port.port + i, port.protocol)];
  for (const auto& mount : spec.volumes)
    if (mount.type == "volume" && mount.source.empty()) config.volumes[mount.target];
  if (spec.health) set_health(config.healthcheck, *spec.health);
  return config;
}

oci::ImageRunConfig merged_config(const api::docker::ContainerConfig& wanted, oci::ImageRunConfig config) {
  replace(config.user, wanted.user);
  replace(config.working_dir, wanted.working_dir);
  replace(config.stop_signal, wanted.stop_signal);
  if (wanted.entrypoint) {
    config.entrypoint = wanted.entrypoint->words;
    config.cmd.clear();
  }
  if (wanted.cmd && !wanted.cmd->words.empty()) config.cmd = wanted.cmd->words;
  set_variables(config.env, wanted.env);
  for (const auto& [name, value] : wanted.labels) config.labels[name] = value;
  if (wanted.exposed_ports) config.exposed_ports.insert(wanted.exposed_ports->begin(), wanted.exposed_ports->end());
  config.volumes.insert(wanted.volumes.begin(), wanted.volumes.end());
  if (wanted.healthcheck) set_health(config.healthcheck, *wanted.healthcheck);
  if (wanted.on_build) config.on_build = *wanted.on_build;
  if (!wanted.shell.empty()) config.shell = wanted.shell;
  return config;
}

Result<> commit_container(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto container = TRY(find_container(api, query.get_or("container", "")));
  const auto wanted = TRY(wanted_config(request));
  const auto name = TRY(repo_and_tag(query.get_or("repo", ""), query.get_or("tag", "")));
  const auto image = TRY(api.native.images.resolve(container.status.image_id));
  control::CommitRequest commit{.config = committed_config(container.spec, TRY(oci::parse_image_config(image.config)).config),
                                .changes = query.all("changes"),
                                .author = std::string(query.get_or("author", "")),
                                .message = std::string(query.get_or("comment", "")),
                                .pause = TRY(query.boolean("pause", true))};
  for (const auto& word : commit.config->cmd) commit.created_by += (commit.created_by.empty() ? "" : " ") + word;
  if (wanted) commit.config = merged_config(*wanted, *commit.config);
  if (name) commit.tags.push_back(*name);
  const auto id = TRY(control::commit_workload(api.native.engine, api.native.images, container, commit, request.stop()));
  if (name) TRY(tell_image(api, "tag", TRY(find_image(api, id.str())), name->familiar()));
  return response.send_json(201, schema::encode_text(api::docker::CreatedId{.id = id.str()}));
}

}  // namespace fulcrum::server::docker
