#include <array>
#include <charconv>

#include "api/oci/checker.h"

namespace fulcrum::oci {
namespace {

/// Semantic Versioning 2.0, major version 1.
bool is_version_1(std::string_view text) {
  const auto core = text.substr(0, text.find_first_of("-+"));
  std::array<std::uint32_t, 3> numbers{};
  const char* at = core.data();
  const char* const end = core.data() + core.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at == end || *at != '.') return false;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc() || next == at) return false;
    at = next;
  }
  return at == end && numbers[0] == 1;
}

void check_root(Checker& c, const Spec& spec) {
  if (!spec.root) {
    c.add("root", "is required");
  } else if (spec.root->path.empty()) {
    c.add("root.path", "must not be empty");
  } else {
    c.no_nul("root.path", spec.root->path);
  }
}

void check_names(Checker& c, const Spec& spec) {
  constexpr std::size_t kMaxName = 64;  // __NEW_UTS_LEN
  const bool has_uts = spec.linux && spec.linux->find_namespace("uts") != nullptr;
  for (const auto& [path, value] : {std::pair{"hostname", &spec.hostname}, std::pair{"domainname", &spec.domainname}}) {
    c.no_nul(path, *value);
    if (value->size() > kMaxName) c.add(path, "is longer than {} bytes", kMaxName);
    if (!value->empty() && !has_uts) c.add(path, "needs a uts namespace of the container's own");
  }
}

}  // namespace

bool valid_number_list(std::string_view list) {
  while (!list.empty() && (list.back() == '\n' || list.back() == ' ')) list.remove_suffix(1);
  if (list.empty()) return false;
  while (true) {
    const auto comma = list.find(',');
    const auto range = list.substr(0, comma);
    const auto dash = range.find('-');
    std::uint32_t first = 0, last = 0;
    const auto number = [](std::string_view text, std::uint32_t& out) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
      return error == std::errc() && end == text.data() + text.size() && !text.empty() && out <= kMaxListNumber;
    };
    if (!number(range.substr(0, dash), first)) return false;
    if (dash != std::string_view::npos && (!number(range.substr(dash + 1), last) || last < first)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

void check_mappings(Checker& c, const std::vector<IdMapping>& mappings, const std::string& path) {
  constexpr std::size_t kMaxMappings = 340;  // UID_GID_MAP_MAX_EXTENTS
  if (mappings.size() > kMaxMappings) c.add(path, "has more than {} entries", kMaxMappings);
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const auto& m = mappings[i];
    if (m.size == 0) c.add(at(path, i) + ".size", "must be at least 1");
    constexpr std::uint64_t kIds = 0xffff'ffffU;  // the last value means "no id"
    if (std::uint64_t{m.container_id} + m.size > kIds || std::uint64_t{m.host_id} + m.size > kIds)
      c.add(at(path, i), "goes past the last ID");
  }
}

void check_hooks(Checker& c, const Hooks& hooks) {
  const std::array<std::pair<std::string_view, const std::vector<Hook>*>, 6> lists{{{"prestart", &hooks.prestart},
                                                                                    {"createRuntime", &hooks.create_runtime},
                                                                                    {"createContainer", &hooks.create_container},
                                                                                    {"startContainer", &hooks.start_container},
                                                                                    {"poststart", &hooks.poststart},
                                                                                    {"poststop", &hooks.poststop}}};
  for (const auto& [name, list] : lists) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto path = fmt::format("hooks.{}[{}]", name, i);
      const auto& hook = (*list)[i];
      c.absolute(path + ".path", hook.path);
      if (hook.timeout && *hook.timeout <= 0) c.add(path + ".timeout", "must be more than 0");
      for (const auto& text : hook.args) c.no_nul(path + ".args", text);
      for (const auto& text : hook.env) c.no_nul(path + ".env", text);
    }
  }
}

void check_mounts(Checker& c, const Spec& spec) {
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const auto& mount = spec.mounts[i];
    const auto path = at("mounts", i);
    if (mount.destination.empty()) c.add(path + ".destination", "must not be empty");
    c.no_nul(path + ".destination", mount.destination);
    c.no_nul(path + ".source", mount.source);
    c.no_nul(path + ".type", mount.type);
    bool bind = mount.type == "bind";
    bool idmap = !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
    for (const auto& option : mount.options) {
      c.no_nul(path + ".options", option);
      bind = bind || option == "bind" || option == "rbind";
      idmap = idmap || option == "idmap" || option == "ridmap";
    }
    if (bind && mount.source.empty()) c.add(path + ".source", "is required for a bind mount");
    if (!bind && mount.type.empty()) c.add(path + ".type", "is required unless the mount is a bind mount");
    if (idmap && !bind) c.add(path, "id-mapped mounts are only supported for bind mounts");
    if (mount.uid_mappings.empty() != mount.gid_mappings.empty())
      c.add(path, "id-mapped mounts must have both uid and gid mappings specified");
    check_mappings(c, mount.uid_mappings, path + ".uidMappings");
    check_mappings(c, mount.gid_mappings, path + ".gidMappings");
  }
}

Result<> validate(const Spec& spec) {
  Checker c;
  if (!is_version_1(spec.oci_version)) c.add("ociVersion", "\"{}\" is not a version 1.x.y", spec.oci_version);
  if (spec.process) check_process(c, *spec.process, "process");
  check_root(c, spec);
  check_names(c, spec);
  check_mounts(c, spec);
  if (spec.hooks) check_hooks(c, *spec.hooks);
  for (const auto& [key, value] : spec.annotations) {
    if (key.empty()) c.add("annotations", "has an empty key");
  }
  check_linux(c, spec);
  return c.result();
}

Result<> validate(const Process& process) {
  Checker c;
  check_process(c, process, "process");
  return c.result();
}

Result<> validate(const Resources& resources) {
  Checker c;
  check_resources(c, resources, "resources");
  return c.result();
}

}  // namespace fulcrum::oci
