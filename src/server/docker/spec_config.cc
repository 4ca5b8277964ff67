// Config: what runs in it.
#include <algorithm>

#include "control/workload/parts.h"
#include "server/docker/spec_parts.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::size_t kMaxHostName = 64;
constexpr std::int64_t kShortestProbe = 1'000'000;  // a millisecond

// Docker's rules: a given entrypoint hides the image's command; [""] is none, and hides both; [] is none, and hides neither command.
Result<> put_command(SpecWork& work) {
  const auto& config = work.config();
  auto& spec = work.spec;
  const auto command = config.cmd ? config.cmd->words : std::vector<std::string>();
  spec.command.words = command;
  if (config.entrypoint) {
    const auto& words = config.entrypoint->words;
    spec.entrypoint = api::Command{words};
    if (words.size() == 1 && words.front().empty()) spec.entrypoint->words.clear();
    if (words.empty() && command.empty()) spec.command.words = work.image.config.cmd;
  }
  const bool from_image = !spec.entrypoint && (!work.image.config.entrypoint.empty() || !work.image.config.cmd.empty());
  const bool given = !spec.command.empty() || (spec.entrypoint && !spec.entrypoint->empty());
  if (!from_image && !given) return invalid("no command specified");
  return {};
}

Result<> put_environment(SpecWork& work) {
  for (const auto& text : work.config().env) {
    const auto equals = text.find('=');
    if (equals == 0 || text.empty()) return invalid("invalid environment variable: {}", text);
    const auto value = equals == std::string::npos ? std::nullopt : std::optional(text.substr(equals + 1));
    auto& variables = work.spec.env.variables;
    const auto name = text.substr(0, equals);
    std::erase_if(variables, [&](const auto& variable) { return variable.first == name; });
    variables.emplace_back(name, value);
  }
  return {};
}

Result<> check_probe_times(const api::docker::HealthConfig& health) {
  using H = api::docker::HealthConfig;
  constexpr std::pair<const char*, std::int64_t H::*> kTimes[] = {
      {"Interval", &H::interval}, {"Timeout", &H::timeout}, {"StartPeriod", &H::start_period}, {"StartInterval", &H::start_interval}};
  for (const auto& [name, member] : kTimes)
    if (health.*member != 0 && health.*member < kShortestProbe) return invalid("{} in Healthcheck cannot be less than 1ms", name);
  if (health.retries < 0) return invalid("Retries in Healthcheck cannot be negative");
  if (health.retries > 1'000'000) return invalid("Retries in Healthcheck cannot be more than a million");
  return {};
}

Result<> put_test(const SpecWork& work, const std::vector<std::string>& test, api::Health& health) {
  const auto& kind = test.front();
  if (kind == "CMD") {
    health.command.words.assign(test.begin() + 1, test.end());
  } else if (kind == "CMD-SHELL") {
    if (test.size() != 2) return invalid("Healthcheck: CMD-SHELL takes one command");
    const auto& shell = !work.config().shell.empty() ? work.config().shell : work.image.config.shell;
    health.shell = shell.empty();
    health.command.words = shell;
    health.command.words.push_back(test[1]);
  } else {
    return invalid("Unknown healthcheck type '{}' (expected 'CMD')", kind);
  }
  if (health.command.empty()) return invalid("Healthcheck: {} without a command", kind);
  return {};
}

Result<> put_health(SpecWork& work) {
  if (!work.config().healthcheck) return {};
  const auto& given = *work.config().healthcheck;
  TRY(check_probe_times(given));
  const bool none = !given.test.empty() && given.test.front() == "NONE";
  if (given.test.empty() && !work.image.config.healthcheck) return {};  // times of a check that is nowhere
  api::Health health;
  health.disable = none;
  if (!none && !given.test.empty()) TRY(put_test(work, given.test, health));
  const auto time = [](std::int64_t ns) { return ns == 0 ? std::nullopt : std::optional(Duration{std::chrono::nanoseconds(ns)}); };
  if (!none) {
    health.interval = time(given.interval);
    health.timeout = time(given.timeout);
    health.start_period = time(given.start_period);
    health.start_interval = time(given.start_interval);
    if (given.retries != 0) health.retries = static_cast<std::uint32_t>(given.retries);
  }
  if (health != api::Health{}) work.spec.health = health;
  return {};
}

Result<> put_stop(SpecWork& work) {
  const auto& config = work.config();
  if (!config.stop_signal.empty() && !control::parse_signal(config.stop_signal)) return invalid("invalid signal: {}", config.stop_signal);
  work.spec.stop_signal = config.stop_signal;
  if (!config.stop_timeout) return {};
  constexpr std::chrono::hours kForEver{24 * 36500};
  const std::chrono::seconds given(*config.stop_timeout);
  if (given > kForEver) return invalid("StopTimeout {} is too long", *config.stop_timeout);
  work.spec.stop_timeout = Duration{*config.stop_timeout < 0 ? std::chrono::nanoseconds(kForEver) : std::chrono::nanoseconds(given)};
  return {};
}

}  // namespace

Result<> put_config(SpecWork& work) {
  const auto& config = work.config();
  auto& spec = work.spec;
  if (config.args_escaped) return refused("ArgsEscaped: is for Windows only");
  if (config.on_build && !config.on_build->empty()) return refused("OnBuild: belongs to an image; commit it with changes instead");
  if (config.hostname.size() > kMaxHostName)
    return invalid("hostname \"{}\" is too long (maximum {} bytes)", config.hostname, kMaxHostName);
  if (!config.working_dir.empty() && !config.working_dir.starts_with('/'))
    return invalid("the working directory '{}' is invalid, it needs to be an absolute path", config.working_dir);
  spec.image = config.image;
  spec.labels = config.labels;
  for (const auto& [name, value] : work.image.config.labels) spec.labels.emplace(name, value);
  spec.working_dir = config.working_dir;
  spec.user = config.user;
  spec.hostname = config.hostname;
  spec.domainname = config.domainname;
  spec.tty = config.tty;
  spec.stdin_open = config.open_stdin;
  spec.stdin_once = config.stdin_once;
  TRY(put_command(work));
  TRY(put_environment(work));
  TRY(put_health(work));
  return put_stop(work);
}

}  // namespace fulcrum::server::docker
