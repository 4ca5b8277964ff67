// What the files of validate() share. Private to this folder.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "api/oci/runtime_spec.h"
#include "schema/violation.h"

namespace fulcrum::oci {

/// Collects violations.
class Checker {
 public:
  template <class... Args>
  void add(std::string path, fmt::format_string<Args...> format, Args&&... args) {
    violations_.push_back({std::move(path), fmt::format(format, std::forward<Args>(args)...)});
  }
  /// For the kernel a NUL ends a string: what follows it would be lost without a word.
  void no_nul(const std::string& path, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) add(path, "contains a NUL byte");
  }
  void absolute(const std::string& path, std::string_view value) {
    no_nul(path, value);
    if (!value.starts_with('/')) add(path, "\"{}\" is not an absolute path", value);
  }
  template <class Range>
  void one_of(const std::string& path, std::string_view value, const Range& allowed) {
    if (std::find(std::begin(allowed), std::end(allowed), value) == std::end(allowed)) add(path, "\"{}\" is not known", value);
  }
  Result<> result() const {
    if (violations_.empty()) return {};
    return std::unexpected(schema::to_error(violations_));
  }

 private:
  schema::Violations violations_;
};

inline std::string at(std::string_view path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

/// Does a CPU or node list ("0-3,7") parse? At most `kMaxListNumber`.
inline constexpr std::uint32_t kMaxListNumber = 65535;
bool valid_number_list(std::string_view list);

void check_process(Checker& c, const Process& process, const std::string& path);
void check_resources(Checker& c, const Resources& resources, const std::string& path);
void check_mappings(Checker& c, const std::vector<IdMapping>& mappings, const std::string& path);
void check_mounts(Checker& c, const Spec& spec);
void check_hooks(Checker& c, const Hooks& hooks);
void check_linux(Checker& c, const Spec& spec);
void check_seccomp(Checker& c, const Seccomp& seccomp, const std::string& path);

}  // namespace fulcrum::oci
