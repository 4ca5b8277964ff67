// From flags to a WorkloadSpec.
#include <charconv>
#include <cstdlib>

#include "api/workload/short_forms.h"
#include "base/sys.h"
#include "base/words.h"
#include "cmd/fulcrum/spec_flags.h"
#include "schema/scalars.h"

namespace fulcrum::cli {
namespace {

/// Keeps the value of a Result, or its message in the list of problems.
template <class T>
std::optional<T> keep(Result<T> result, std::string_view flag, std::string& problems) {
  if (result) return std::move(*result);
  if (!problems.empty()) problems += '\n';
  problems += std::string(flag) + ": " + result.error().message;
  return std::nullopt;
}

template <class T>
Result<T> number(const std::string& text) {
  T value{};
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (err != std::errc() || end != text.data() + text.size() || text.empty())
    return fail(Code::invalid_argument, "\"{}\" is not a number", text);
  return value;
}

template <class T>
void set_number(std::optional<T>& target, const std::string& text, std::string_view flag, std::string& problems) {
  if (!text.empty()) target = keep(number<T>(text), flag, problems);
}

void set_size(std::optional<Size>& target, const std::string& text, std::string_view flag, std::string& problems) {
  if (text.empty()) return;
  if (const auto bytes = keep(parse_size(text), flag, problems)) target = Size{*bytes};
}

/// Docker takes bare numbers as seconds in some places.
Result<Duration> duration(const std::string& text) {
  if (text.find_first_not_of("0123456789") == std::string::npos) return Duration{TRY(parse_duration(text + "s"))};
  return Duration{TRY(parse_duration(text))};
}

void set_duration(std::optional<Duration>& target, const std::string& text, std::string_view flag, std::string& problems) {
  if (!text.empty()) target = keep(duration(text), flag, problems);
}

void set_pairs(std::map<std::string, std::string>& target, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    const auto eq = word.find('=');
    target[word.substr(0, eq)] = eq == std::string::npos ? "" : word.substr(eq + 1);
  }
}

/// Lines of a file of NAME=value; # begins a comment line.
Result<std::vector<std::string>> file_lines(const std::string& path) {
  std::vector<std::string> out;
  for (auto& line : split(TRY(sys::read_file(path, 1 << 20)), '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    const auto first = line.find_first_not_of(" \t");
    if (first != std::string::npos && line[first] != '#') out.push_back(line.substr(first));
  }
  return out;
}

void add_variable(api::Environment& env, const std::string& word) {
  const auto eq = word.find('=');
  const auto name = word.substr(0, eq);
  std::erase_if(env.variables, [&](const auto& v) { return v.first == name; });
  if (eq != std::string::npos) {
    env.variables.emplace_back(name, word.substr(eq + 1));
  } else if (const char* ours = std::getenv(name.c_str())) {
    env.variables.emplace_back(name, ours);
  } else {
    env.variables.emplace_back(name, std::nullopt);
  }
}

Result<api::BlockDeviceLimit> device_limit(const std::string& text, bool size) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return fail(Code::invalid_argument, "\"{}\" is not device:rate", text);
  api::BlockDeviceLimit out{.path = text.substr(0, colon)};
  const auto rate = text.substr(colon + 1);
  out.rate = size ? static_cast<std::uint64_t>(TRY(parse_size(rate))) : TRY(number<std::uint64_t>(rate));
  return out;
}

}  // namespace

Result<api::WorkloadSpec> SpecFlags::spec(const std::string& image, const std::vector<std::string>& command) const {
  api::WorkloadSpec out;
  std::string problems;
  out.image = image;
  out.command.words = command;
  fill_process(out, problems);
  fill_network(out, problems);
  fill_storage(out, problems);
  fill_resources(out, problems);
  fill_security(out, problems);
  fill_health(out, problems);
  if (!problems.empty()) return std::unexpected(Error{Code::invalid_argument, std::move(problems)});
  return out;
}

void SpecFlags::fill_process(api::WorkloadSpec& spec, std::string& problems) const {
  spec.name = name_;
  if (const auto topology = keep(api::parse_topology(topology_), "--topology", problems)) spec.topology = *topology;
  spec.tty = tty;
  spec.stdin_open = interactive;
  spec.stdin_once = interactive;
  spec.init = init_;
  spec.auto_remove = remove_;
  spec.pull = pull_;
  spec.platform = platform_;
  if (has_entrypoint_) {
    spec.entrypoint.emplace();
    if (!entrypoint_.empty()) spec.entrypoint->words = {entrypoint_};
  }
  for (const auto& file : env_files_)
    if (const auto lines = keep(file_lines(file), "--env-file", problems))
      for (const auto& line : *lines) add_variable(spec.env, line);
  for (const auto& word : env_) add_variable(spec.env, word);
  for (const auto& file : label_files_)
    if (const auto lines = keep(file_lines(file), "--label-file", problems)) set_pairs(spec.labels, *lines);
  set_pairs(spec.labels, labels_);
  set_pairs(spec.annotations, annotations_);
  spec.working_dir = workdir_;
  spec.user = user_;
  spec.groups = groups_;
  spec.hostname = hostname_;
  spec.domainname = domainname_;
  spec.stop_signal = stop_signal_;
  set_duration(spec.stop_timeout, stop_timeout_, "--stop-timeout", problems);
  if (const auto restart = keep(api::parse_restart(restart_), "--restart", problems)) spec.restart = *restart;
  spec.log.driver = log_driver_;
  for (const auto& word : log_options_) {
    const auto eq = word.find('=');
    const auto key = word.substr(0, eq);
    const auto value = eq == std::string::npos ? "" : word.substr(eq + 1);
    if (key == "max-size") {
      set_size(spec.log.max_size, value, "--log-opt max-size", problems);
    } else if (key == "max-file") {
      set_number(spec.log.max_files, value, "--log-opt max-file", problems);
    } else {
      keep(Result<int>(fail(Code::invalid_argument, "\"{}\" is not max-size or max-file", key)), "--log-opt", problems);
    }
  }
}

void SpecFlags::fill_network(api::WorkloadSpec& spec, std::string& problems) const {
  for (const auto& word : networks_) {
    if (word == "none" || word == "host" || word.starts_with("container:")) {
      spec.network = word;
      continue;
    }
    if (auto attachment = keep(api::parse_network_attachment(word), "--network", problems)) spec.networks.push_back(std::move(*attachment));
  }
  const bool details = !aliases_.empty() || !ip_.empty() || !ip6_.empty() || !mac_.empty();
  if (details && spec.networks.empty()) spec.networks.push_back({.name = "default"});
  if (details) {
    auto& first = spec.networks[0];
    first.aliases.insert(first.aliases.end(), aliases_.begin(), aliases_.end());
    if (!ip_.empty()) first.ip = ip_;
    if (!ip6_.empty()) first.ip6 = ip6_;
    if (!mac_.empty()) first.mac = mac_;
  }
  for (const auto& word : ports_)
    if (auto port = keep(api::parse_port(word), "--publish", problems)) spec.ports.push_back(std::move(*port));
  spec.publish_all = publish_all_;
  spec.expose = expose_;
  spec.dns = dns_;
  spec.dns_search = dns_search_;
  spec.dns_options = dns_options_;
  for (const auto& word : hosts_) {
    const auto at = word.find_first_of(":=");
    if (at == std::string::npos) {
      keep(Result<int>(fail(Code::invalid_argument, "\"{}\" is not name:address", word)), "--add-host", problems);
    } else {
      spec.extra_hosts[word.substr(0, at)] = word.substr(at + 1);
    }
  }
}

void SpecFlags::fill_storage(api::WorkloadSpec& spec, std::string& problems) const {
  for (const auto& word : volumes_)
    if (auto mount = keep(api::parse_volume(word), "--volume", problems)) {
      if (mount->type == "bind" && !mount->source.starts_with('/')) {
        // Relative to where the user stands; the daemon knows no such place.
        char* here = ::realpath(".", nullptr);
        std::string source = mount->source.starts_with("~") && std::getenv("HOME") != nullptr
                                 ? std::getenv("HOME") + mount->source.substr(1)
                                 : std::string(here) + "/" + mount->source;
        std::free(here);
        mount->source = std::move(source);
      }
      spec.volumes.push_back(std::move(*mount));
    }
  for (const auto& word : mounts_)
    if (auto mount = keep(api::parse_mount(word), "--mount", problems)) spec.volumes.push_back(std::move(*mount));
  for (const auto& word : tmpfs_)
    if (auto mount = keep(api::parse_tmpfs(word), "--tmpfs", problems)) spec.volumes.push_back(std::move(*mount));
  for (const auto& word : secrets_)
    if (auto file = keep(api::parse_file_reference(word), "--secret", problems)) spec.secrets.push_back(std::move(*file));
  for (const auto& word : configs_)
    if (auto file = keep(api::parse_file_reference(word), "--config", problems)) spec.configs.push_back(std::move(*file));
}

void SpecFlags::fill_resources(api::WorkloadSpec& spec, std::string& problems) const {
  auto& r = spec.resources;
  set_number(r.cpus, cpus_, "--cpus", problems);
  set_size(r.memory, memory_, "--memory", problems);
  set_size(r.memory_reservation, memory_reservation_, "--memory-reservation", problems);
  if (!memory_swap_.empty()) r.memory_swap = memory_swap_;
  set_number(r.memory_swappiness, memory_swappiness_, "--memory-swappiness", problems);
  r.oom_kill_disable = oom_kill_disable_;
  set_number(r.oom_score_adj, oom_score_adj_, "--oom-score-adj", problems);
  set_number(r.cpu_shares, cpu_shares_, "--cpu-shares", problems);
  set_number(r.cpu_quota, cpu_quota_, "--cpu-quota", problems);
  set_number(r.cpu_period, cpu_period_, "--cpu-period", problems);
  r.cpuset_cpus = cpuset_cpus_;
  r.cpuset_mems = cpuset_mems_;
  set_number(r.pids, pids_, "--pids-limit", problems);
  set_number(r.blkio_weight, blkio_weight_, "--blkio-weight", problems);
  const auto limits = [&](std::vector<api::BlockDeviceLimit>& target, const Words& words, std::string_view flag, bool size) {
    for (const auto& word : words)
      if (auto limit = keep(device_limit(word, size), flag, problems)) target.push_back(std::move(*limit));
  };
  limits(r.blkio_weight_device, weight_device_, "--blkio-weight-device", false);
  limits(r.device_read_bps, read_bps_, "--device-read-bps", true);
  limits(r.device_write_bps, write_bps_, "--device-write-bps", true);
  limits(r.device_read_iops, read_iops_, "--device-read-iops", false);
  limits(r.device_write_iops, write_iops_, "--device-write-iops", false);
  set_size(r.shm_size, shm_size_, "--shm-size", problems);
  for (const auto& word : ulimits_)
    if (auto limit = keep(api::parse_ulimit(word), "--ulimit", problems)) r.ulimits.insert(std::move(*limit));
  r.device_cgroup_rules = device_rules_;
  spec.cgroup_parent = cgroup_parent_;
}

void SpecFlags::fill_security(api::WorkloadSpec& spec, std::string& problems) const {
  auto& s = spec.security;
  s.privileged = privileged_;
  s.cap_add = cap_add_;
  s.cap_drop = cap_drop_;
  s.read_only_root = read_only_;
  s.userns = userns_;
  set_pairs(s.sysctls, sysctls_);
  for (const auto& word : devices_)
    if (auto device = keep(api::parse_device(word), "--device", problems)) s.devices.push_back(std::move(*device));
  for (const auto& word : security_opt_) {
    const auto eq = word.find_first_of("=:");
    const auto key = word.substr(0, eq);
    const auto value = eq == std::string::npos ? "" : word.substr(eq + 1);
    if (key == "no-new-privileges" && (value.empty() || value == "true" || value == "false")) {
      s.no_new_privileges = value != "false";
    } else if (key == "seccomp" && value == "unconfined") {
      s.seccomp = value;
    } else if (key == "seccomp") {
      if (auto text = keep(sys::read_file(value, 1 << 20), "--security-opt seccomp", problems)) s.seccomp = std::move(*text);
    } else if (key == "apparmor") {
      s.apparmor = value;
    } else if (key == "label") {
      s.selinux.push_back(value);
    } else if (word == "systempaths=unconfined") {
      s.masked_paths.emplace();
      s.readonly_paths.emplace();
    } else {
      keep(Result<int>(fail(Code::invalid_argument, "\"{}\" is not known", word)), "--security-opt", problems);
    }
  }
  spec.namespaces = {.pid = pid_, .ipc = ipc_, .uts = uts_, .cgroup = cgroupns_};
}

void SpecFlags::fill_health(api::WorkloadSpec& spec, std::string& problems) const {
  api::Health health;
  if (!health_cmd_.empty()) {
    health.command.words = {health_cmd_};
    health.shell = true;
  }
  health.http = health_http_;
  health.tcp = health_tcp_;
  health.disable = no_health_;
  set_number(health.port, health_port_, "--health-port", problems);
  set_duration(health.interval, health_interval_, "--health-interval", problems);
  set_duration(health.timeout, health_timeout_, "--health-timeout", problems);
  set_duration(health.start_period, health_start_period_, "--health-start-period", problems);
  set_duration(health.start_interval, health_start_interval_, "--health-start-interval", problems);
  set_number(health.retries, health_retries_, "--health-retries", problems);
  if (health != api::Health{}) spec.health = std::move(health);
}

}  // namespace fulcrum::cli
