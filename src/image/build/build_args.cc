#include "image/build/build_args.h"

#include <algorithm>
#include <array>

#include "image/build/go_text.h"

namespace fulcrum::image::build {

namespace {
constexpr std::array<std::string_view, 10> kPredefined = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
                                                          "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};
}  // namespace

bool is_predefined_arg(std::string_view name) { return std::find(kPredefined.begin(), kPredefined.end(), name) != kPredefined.end(); }

BuildArgs BuildArgs::for_stage() const {
  auto out = *this;
  out.allowed_.clear();
  return out;
}

void BuildArgs::declare(const std::string& name, const std::optional<std::string>& value) {
  allowed_[name] = value;
  consumed_.insert(name);
}

void BuildArgs::declare_global(const std::string& name, const std::optional<std::string>& value) {
  declare(name, value);
  globals_[name] = value;
}

std::optional<std::string> BuildArgs::value_of(const std::string& name, const Values& declared) const {
  if (const auto given = given_.find(name); given != given_.end() && given->second) return given->second;
  if (const auto own = declared.find(name); own != declared.end() && own->second) return own->second;
  if (const auto global = globals_.find(name); global != globals_.end() && global->second) return global->second;
  if (const auto platform = platform_.find(name); platform != platform_.end() && declared.contains(name)) return platform->second;
  return std::nullopt;
}

std::vector<std::string> BuildArgs::all_of(const Values& declared) const {
  std::set<std::string> names(kPredefined.begin(), kPredefined.end());
  for (const auto& [name, value] : declared) names.insert(name);
  std::vector<std::string> out;
  for (const auto& name : names) {
    const bool known = declared.contains(name) || given_.contains(name);
    if (const auto value = value_of(name, declared); value && known) out.push_back(name + "=" + *value);
  }
  return out;
}

std::vector<std::string> BuildArgs::globals() const {
  auto seen = globals_;
  for (const auto& [name, value] : platform_) seen.emplace(name, value);
  return all_of(seen);
}

std::vector<std::string> BuildArgs::allowed(std::span<const std::string> environment) const {
  auto out = all_of(allowed_);
  std::erase_if(out, [&](const std::string& line) {
    const auto start = line.substr(0, line.find('=') + 1);
    return std::any_of(environment.begin(), environment.end(), [&](const std::string& set) { return set.starts_with(start); });
  });
  return out;
}

bool BuildArgs::counts(std::string_view name) const { return !is_predefined_arg(name) || allowed_.contains(std::string(name)); }

std::vector<std::string> BuildArgs::unconsumed() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : given_)
    if (!is_predefined_arg(name) && !consumed_.contains(name)) out.push_back(name);
  return out;
}

std::string BuildArgs::unconsumed_warning() const {
  const auto names = unconsumed();
  return names.empty() ? "" : "[Warning] One or more build-args " + go_list(names) + " were not consumed\n";
}

std::map<std::string, std::string> platform_args(std::string_view target, std::string_view build) {
  std::map<std::string, std::string> out;
  for (const auto& [prefix, platform] : {std::pair("TARGET", target), std::pair("BUILD", build)}) {
    const auto first = std::min(platform.find('/'), platform.size());
    const auto second = std::min(platform.find('/', first + 1), platform.size());
    const std::string name = prefix;
    out[name + "PLATFORM"] = platform;
    out[name + "OS"] = platform.substr(0, first);
    out[name + "ARCH"] = platform.substr(std::min(first + 1, platform.size()), second - std::min(first + 1, second));
    out[name + "VARIANT"] = platform.substr(std::min(second + 1, platform.size()));
  }
  return out;
}

}  // namespace fulcrum::image::build
