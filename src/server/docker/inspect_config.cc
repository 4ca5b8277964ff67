// What runs in it.
#include <algorithm>

#include "control/workload/attachments.h"
#include "server/docker/container_inspect.h"

namespace fulcrum::server::docker {

namespace {

using api::docker::ContainerConfig;
using api::docker::HealthConfig;

std::string_view variable_name(std::string_view variable) { return variable.substr(0, variable.find('=')); }

/// What was given first, then what the image has besides: Docker's order.
std::vector<std::string> view_environment(const api::Environment& given, const std::vector<std::string>& image) {
  std::vector<std::string> out;
  for (const auto& [name, value] : given.variables) out.push_back(value ? name + "=" + *value : name);
  const auto count = static_cast<std::ptrdiff_t>(out.size());
  for (const auto& variable : image) {
    const bool hidden =
        std::any_of(out.begin(), out.begin() + count, [&](const auto& mine) { return variable_name(mine) == variable_name(variable); });
    if (!hidden) out.push_back(variable);
  }
  return out;
}

HealthConfig image_health(const oci::Healthcheck& health) {
  return {.test = health.test,
          .interval = health.interval,
          .timeout = health.timeout,
          .start_period = health.start_period,
          .start_interval = health.start_interval,
          .retries = health.retries};
}

std::optional<HealthConfig> view_health(const std::optional<api::Health>& given, const oci::ImageConfig& image) {
  std::optional<HealthConfig> out;
  if (image.config.healthcheck) out = image_health(*image.config.healthcheck);
  if (!given) return out;
  if (given->disable) return HealthConfig{.test = {"NONE"}};
  if (!out) out.emplace();
  if (!given->command.empty()) {
    out->test = {given->shell ? "CMD-SHELL" : "CMD"};
    out->test.insert(out->test.end(), given->command.words.begin(), given->command.words.end());
  } else if (!given->http.empty() || given->tcp) {  // Docker has no such probes: told as what they do
    out->test = {given->tcp ? "TCP" : "HTTP", fmt::format("{}{}", given->port.value_or(80), given->http)};
  }
  const auto put = [](const std::optional<Duration>& time, std::int64_t& ns) {
    if (time) ns = time->ns.count();
  };
  put(given->interval, out->interval);
  put(given->timeout, out->timeout);
  put(given->start_period, out->start_period);
  put(given->start_interval, out->start_interval);
  if (given->retries) out->retries = *given->retries;
  return out;
}

oci::StringSet view_exposed(const api::WorkloadSpec& spec, const oci::ImageConfig& image) {
  auto ports = image.config.exposed_ports;
  for (const auto& text : spec.expose) ports[text.find('/') == std::string::npos ? text + "/tcp" : text];
  for (const auto& port : spec.ports)
    for (unsigned i = 0; i < port.count; ++i) ports[fmt::format("{}/{}", port.port + i, port.protocol)];
  return ports;
}

std::optional<std::int64_t> view_stop_timeout(const std::optional<Duration>& timeout) {
  if (!timeout) return std::nullopt;
  if (timeout->ns >= std::chrono::hours(24 * 36500)) return -1;
  return std::chrono::ceil<std::chrono::seconds>(timeout->ns).count();
}

}  // namespace

ContainerConfig view_config(const api::Workload& workload, const oci::ImageConfig& image) {
  const auto& spec = workload.spec;
  ContainerConfig out;
  const bool own_name = spec.network != "host" && !spec.network.starts_with("container:") && spec.namespaces.uts != "host";
  out.hostname = !spec.hostname.empty() || !own_name ? spec.hostname : control::host_name(workload);
  out.domainname = spec.domainname;
  out.user = spec.user.empty() ? image.config.user : spec.user;
  out.attach_stdin = out.attach_stdout = out.attach_stderr = false;
  if (auto ports = view_exposed(spec, image); !ports.empty()) out.exposed_ports = std::move(ports);
  out.tty = spec.tty;
  out.open_stdin = spec.stdin_open;
  out.stdin_once = spec.stdin_once;
  out.env = view_environment(spec.env, image.config.env);
  const bool image_command = spec.command.empty() && !spec.entrypoint;
  out.cmd = api::docker::Words{image_command ? image.config.cmd : spec.command.words};
  out.entrypoint = api::docker::Words{spec.entrypoint ? spec.entrypoint->words : image.config.entrypoint};
  out.healthcheck = view_health(spec.health, image);
  out.image = spec.image;
  out.volumes = image.config.volumes;
  for (const auto& mount : spec.volumes)
    if (mount.type == "volume" && mount.source.empty()) out.volumes[mount.target];
  out.working_dir = spec.working_dir.empty() ? image.config.working_dir : spec.working_dir;
  out.network_disabled = false;
  if (!image.config.on_build.empty()) out.on_build = image.config.on_build;
  out.labels = container_labels(spec, image.config);
  out.stop_signal = spec.stop_signal.empty() ? image.config.stop_signal : spec.stop_signal;
  out.stop_timeout = view_stop_timeout(spec.stop_timeout);
  out.shell = image.config.shell;
  return out;
}

}  // namespace fulcrum::server::docker
