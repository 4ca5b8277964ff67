// HostConfig: namespaces, rights, restart policy, logs, and where on the continuum it runs.
#include <algorithm>

#include "sandbox/namespace/spec.h"
#include "server/docker/notation.h"
#include "server/docker/spec_parts.h"

namespace fulcrum::server::docker {

namespace {

Result<bool> truth(std::string_view text, std::string_view option) {
  if (text == "true" || text == "1" || text == "t" || text == "T" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "0" || text == "f" || text == "F" || text == "False" || text == "FALSE") return false;
  return invalid("invalid --security-opt 2: \"{}\"", option);
}

Result<> put_security_option(const std::string& option, api::Security& security) {
  if (option == "no-new-privileges") {
    security.no_new_privileges = true;
    return {};
  }
  if (option == "disable") {
    security.selinux.emplace_back("disable");
    return {};
  }
  const auto separator = option.find(option.find('=') != std::string::npos ? '=' : ':');
  if (separator == std::string::npos) return invalid("invalid --security-opt 1: \"{}\"", option);
  const auto key = option.substr(0, separator);
  const auto value = option.substr(separator + 1);
  if (key == "seccomp") {
    security.seccomp = value == "builtin" ? std::string() : value;
  } else if (key == "apparmor") {
    security.apparmor = value;
  } else if (key == "label") {
    security.selinux.push_back(value);
  } else if (key == "no-new-privileges") {
    security.no_new_privileges = TRY(truth(value, option));
  } else if (key == "systempaths" && value == "unconfined") {
    security.masked_paths.emplace();
    security.readonly_paths.emplace();
  } else if (key == "writable-cgroups") {
    if (TRY(truth(value, option))) return refused("SecurityOpt: writable-cgroups is not supported; Privileged has them");
  } else {
    return invalid("invalid --security-opt 2: \"{}\"", option);
  }
  return {};
}

Result<> put_security(SpecWork& work) {
  const auto& host = work.host();
  auto& security = work.spec.security;
  security.privileged = host.privileged;
  security.cap_add = host.cap_add;
  security.cap_drop = host.cap_drop;
  // The names alone: what this machine hands out is asked later.
  if (const auto known = sandbox::make_capabilities({.cap_add = host.cap_add}, {}); !known)
    return invalid("invalid CapAdd: {}", known.error().message);
  if (const auto known = sandbox::make_capabilities({.cap_drop = host.cap_drop}, {}); !known)
    return invalid("invalid CapDrop: {}", known.error().message);
  security.read_only_root = host.readonly_rootfs;
  security.sysctls = host.sysctls;
  security.masked_paths = host.masked_paths;
  security.readonly_paths = host.readonly_paths;
  for (const auto& option : host.security_opt) TRY(put_security_option(option, security));
  if (!host.userns_mode.empty() && host.userns_mode != "host" && host.userns_mode != "auto")
    return invalid("invalid user namespace mode: {}", host.userns_mode);
  security.userns = host.userns_mode;
  return {};
}

bool joins(const std::string& mode) { return mode.starts_with("container:") && mode.size() > 10; }

Result<> put_namespaces(SpecWork& work) {
  const auto& host = work.host();
  auto& namespaces = work.spec.namespaces;
  const auto is_one_of = [](const std::string& mode, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), mode) != words.end();
  };
  if (!is_one_of(host.ipc_mode, {"", "private", "shareable", "none", "host"}) && !joins(host.ipc_mode))
    return invalid("invalid IPC mode: {}", host.ipc_mode);
  if (!is_one_of(host.pid_mode, {"", "host"}) && !joins(host.pid_mode)) return invalid("invalid PID mode: {}", host.pid_mode);
  if (!is_one_of(host.uts_mode, {"", "host"})) return invalid("invalid UTS mode: {}", host.uts_mode);
  if (!is_one_of(host.cgroupns_mode, {"", "private", "host"})) return invalid("invalid cgroup namespace mode: {}", host.cgroupns_mode);
  if (!host.cgroup.empty()) return refused("Cgroup: joining another cgroup is not supported; use CgroupParent");
  namespaces.ipc = host.ipc_mode == "private" ? std::string() : pinned(host.ipc_mode, work.around);
  namespaces.pid = pinned(host.pid_mode, work.around);
  namespaces.uts = host.uts_mode;
  namespaces.cgroup = host.cgroupns_mode;
  if (host.shm_size < 0) return invalid("SHM size can not be less than 0");
  if (host.shm_size != 0) work.spec.resources.shm_size = Size{host.shm_size};
  return {};
}

Result<> put_log_option(const std::string& driver, const std::string& name, const std::string& value, api::LogOptions& log) {
  if (name == "max-size") {
    if (value == "-1") return refused("LogConfig: max-size -1: logs are always bounded; give a size");
    const auto size = parse_size(value);
    if (!size || *size <= 0) return invalid("invalid value for max-size: {}", value);
    log.max_size = Size{*size};
  } else if (name == "max-file") {
    const auto files =
        value.find_first_not_of("0123456789") == std::string::npos && !value.empty() && value.size() < 5 ? std::stoul(value) : 0;
    if (files < 1 || files > 1000) return invalid("invalid value for max-file: {}", value);
    log.max_files = static_cast<std::uint32_t>(files);
  } else if (name == "mode") {
    if (value != "blocking") return refused("LogConfig: mode {}: only blocking is supported", value);
  } else if (name == "compress") {
    if (value != "false") return refused("LogConfig: compress: files are not compressed");
  } else {
    return invalid("unknown log opt '{}' for {} log driver", name, driver);
  }
  return {};
}

Result<> put_log(SpecWork& work) {
  const auto& given = work.host().log_config;
  auto& log = work.spec.log;
  log.driver = given.type.empty() ? "json-file" : given.type;
  if (log.driver != "json-file" && log.driver != "local" && log.driver != "none")
    return invalid("logger: no log driver named '{}' is registered (json-file, local and none are)", given.type);
  if (log.driver == "none" && !given.config.empty())
    return invalid("unknown log opt '{}' for none log driver", given.config.begin()->first);
  for (const auto& [name, value] : given.config) TRY(put_log_option(log.driver, name, value, log));
  return {};
}

// Runtime and Isolation are both the switch of the continuum; they must not contradict each other.
Result<> put_topology(SpecWork& work) {
  const auto& host = work.host();
  auto& topology = work.spec.topology;
  topology = TRY(work.around.runtime(host.runtime));
  if (host.isolation.empty() || host.isolation == "default") return {};
  if (host.isolation != "process" && host.isolation != "hyperv")
    return invalid("invalid isolation ({}): default, process and hyperv are known", host.isolation);
  const auto wanted = host.isolation == "process" ? api::Topology::container : api::Topology::vm_container;
  if (!host.runtime.empty() && topology != wanted)
    return invalid("conflicting options: isolation {} and runtime {}", host.isolation, host.runtime);
  topology = wanted;
  return {};
}

Result<> put_terminal_size(SpecWork& work) {
  const auto& size = work.host().console_size;
  if (size.empty() || (size.size() == 2 && size[0] == 0 && size[1] == 0)) return {};
  if (size.size() != 2 || size[0] > 0xffff || size[1] > 0xffff) return invalid("invalid ConsoleSize: height and width are wanted");
  return {};
}

}  // namespace

Result<api::RestartPolicy> restart_policy(const api::docker::RestartPolicy& given) {
  const auto name = given.name.empty() ? std::string("no") : given.name;
  const auto retries = given.maximum_retry_count;
  if (name != "no" && name != "always" && name != "unless-stopped" && name != "on-failure")
    return invalid("invalid restart policy: unknown policy '{}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'", name);
  if (retries < 0) return invalid("invalid restart policy: maximum retry count cannot be negative");
  if (name != "on-failure" && retries != 0)
    return invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (retries > 1'000'000) return invalid("invalid restart policy: maximum retry count cannot be more than a million");
  return api::RestartPolicy{.name = name, .max_retries = static_cast<std::uint32_t>(retries)};
}

Result<> put_host(SpecWork& work) {
  const auto& host = work.host();
  auto& spec = work.spec;
  spec.restart = TRY(restart_policy(host.restart_policy));
  spec.auto_remove = host.auto_remove;
  if (spec.auto_remove && spec.restart.name != "no") return invalid("can't create 'AutoRemove' container with restart policy");
  if (host.oom_score_adj < -1000 || host.oom_score_adj > 1000)
    return invalid("Invalid value {}, range for oom score adj is [-1000, 1000]", host.oom_score_adj);
  if (host.oom_score_adj != 0) spec.resources.oom_score_adj = static_cast<std::int32_t>(host.oom_score_adj);
  if (!host.storage_opt.empty())
    return refused("StorageOpt: {}: the size of a root file system cannot be limited here", host.storage_opt.begin()->first);
  for (const auto& [name, value] : host.annotations) {
    if (name.empty()) return invalid("invalid Annotations: the empty string is not permitted as an annotation key");
    if (name == kNotationKey) return invalid("invalid Annotations: {} is the engine's own", name);
    spec.annotations[name] = value;
  }
  spec.groups = host.group_add;
  spec.init = host.init.value_or(false);
  TRY(put_security(work));
  TRY(put_namespaces(work));
  TRY(put_log(work));
  TRY(put_terminal_size(work));
  return put_topology(work);
}

}  // namespace fulcrum::server::docker
