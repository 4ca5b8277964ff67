#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

#include "api/workload/arguments.h"
#include "os/capabilities.h"
#include "sandbox/namespace/spec.h"

namespace fulcrum::sandbox {
namespace {

constexpr std::array<std::string_view, 14> kDefaultCapabilities = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",  "CAP_FOWNER",           "CAP_MKNOD",      "CAP_NET_RAW", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP",      "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",    "CAP_AUDIT_WRITE"};

constexpr std::array<std::string_view, 16> kLimits = {"as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
                                                      "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

std::string upper_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

// "net_admin" and "CAP_NET_ADMIN" are one; ALL stays.
Result<std::string> capability_name(const std::string& given, const char* field) {
  auto name = upper_case(given);
  if (name == "ALL" || name == "CAP_ALL") return std::string("ALL");
  if (!name.starts_with("CAP_")) name = "CAP_" + name;
  if (!os::capability_number(name)) return fail(Code::invalid_argument, "security.{}: \"{}\" is not a capability", field, given);
  return name;
}

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

void set_variable(std::vector<std::string>& list, std::string_view name, const std::optional<std::string>& value) {
  const auto found = std::ranges::find_if(list, [&](const auto& one) { return name_of(one) == name; });
  if (!value) {
    if (found != list.end()) list.erase(found);
    return;
  }
  auto text = std::string(name) + "=" + *value;
  if (found != list.end()) {
    *found = std::move(text);
  } else {
    list.push_back(std::move(text));
  }
}

}  // namespace

Result<std::vector<std::string>> make_arguments(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image) {
  auto words = api::arguments(spec, image);
  if (words.empty()) return fail(Code::invalid_argument, "command: neither the workload nor its image says what to run");
  return words;
}

void merge_environment(std::vector<std::string>& base, const api::Environment& given) {
  for (const auto& [name, value] : given.variables) set_variable(base, name, value);
}

std::vector<std::string> make_environment(const std::vector<std::string>& image, const api::Environment& given, const std::string& hostname,
                                          bool tty) {
  std::vector<std::string> list{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  if (!hostname.empty()) list.push_back("HOSTNAME=" + hostname);
  if (tty) list.emplace_back("TERM=xterm");
  for (const auto& variable : image) {
    const auto equals = variable.find('=');
    if (equals != std::string::npos) set_variable(list, name_of(variable), variable.substr(equals + 1));
  }
  merge_environment(list, given);
  return list;
}

Result<std::vector<std::string>> make_capabilities(const api::Security& security, const std::vector<std::string>& bounding) {
  if (security.privileged) return bounding;
  std::vector<std::string> names(kDefaultCapabilities.begin(), kDefaultCapabilities.end());
  std::vector<std::string> add, drop;
  for (const auto& given : security.cap_add) add.push_back(TRY(capability_name(given, "capAdd")));
  for (const auto& given : security.cap_drop) drop.push_back(TRY(capability_name(given, "capDrop")));
  const auto has = [](const auto& list, const std::string& name) { return std::ranges::find(list, name) != list.end(); };
  if (has(drop, "ALL")) names.clear();
  if (has(add, "ALL")) names = bounding;
  std::erase_if(names, [&](const auto& name) { return has(drop, name); });
  for (const auto& name : add) {
    if (name != "ALL" && !has(names, name)) names.push_back(name);
  }
  // A default that this machine does not hand out is no request of the user.
  std::erase_if(names, [&](const auto& name) { return !has(bounding, name) && !has(add, name); });
  return names;
}

oci::Capabilities capability_sets(const std::vector<std::string>& names) {
  return {.bounding = names, .effective = names, .inheritable = {}, .permitted = names, .ambient = {}};
}

Result<std::vector<oci::Rlimit>> make_rlimits(const std::map<std::string, api::Ulimit>& ulimits) {
  std::vector<oci::Rlimit> list;
  for (const auto& [name, limit] : ulimits) {
    if (std::ranges::find(kLimits, name) == kLimits.end()) return fail(Code::invalid_argument, "resources.ulimits.{}: no such limit", name);
    const auto value = [](std::int64_t n) { return n < 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(n); };
    if (value(limit.soft) > value(limit.hard)) return fail(Code::invalid_argument, "resources.ulimits.{}: soft is above hard", name);
    list.push_back({.type = "RLIMIT_" + upper_case(name), .hard = value(limit.hard), .soft = value(limit.soft)});
  }
  return list;
}

}  // namespace fulcrum::sandbox
