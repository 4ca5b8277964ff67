// Build arguments: what ARG declared, what the request gave, what is allowed where (docker's rules).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fulcrum::image::build {

/// HTTP_PROXY and its likes: may be given without ARG, and stay out of the history and of cache keys.
bool is_predefined_arg(std::string_view name);

/// The arguments as one stage sees them. A value that is absent means "declared without a default".
class BuildArgs {
 public:
  using Values = std::map<std::string, std::optional<std::string>>;
  BuildArgs() = default;
  /// `given`: --build-arg; NAME without a value means "unset, but known". `platform`: TARGETPLATFORM and its likes (platform_args): FROM
  /// sees them, a stage only after its own ARG.
  explicit BuildArgs(Values given, std::map<std::string, std::string> platform = {})
      : given_(std::move(given)), platform_(std::move(platform)) {}

  /// A stage's own view: nothing is allowed in it yet.
  BuildArgs for_stage() const;
  /// What a stage declared counts as consumed.
  void merge_consumed(const BuildArgs& stage) { consumed_.insert(stage.consumed_.begin(), stage.consumed_.end()); }

  /// ARG in a stage (words already expanded).
  void declare(const std::string& name, const std::optional<std::string>& value);
  /// ARG before the first FROM.
  void declare_global(const std::string& name, const std::optional<std::string>& value);

  /// What FROM sees.
  std::vector<std::string> globals() const;
  /// What this stage's instructions see, as "NAME=value" sorted, without names that `environment` sets.
  std::vector<std::string> allowed(std::span<const std::string> environment) const;
  /// Whether the name belongs in the history and the cache key of RUN.
  bool counts(std::string_view name) const;
  /// Names given but never declared, sorted; predefined ones are fine.
  std::vector<std::string> unconsumed() const;
  /// "[Warning] One or more build-args [x y] were not consumed\n", or nothing.
  std::string unconsumed_warning() const;

 private:
  std::optional<std::string> value_of(const std::string& name, const Values& declared) const;
  std::vector<std::string> all_of(const Values& declared) const;

  Values given_;
  std::map<std::string, std::string> platform_;
  Values allowed_;
  Values globals_;
  std::set<std::string> consumed_;
};

/// TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT and the same for BUILD….
std::map<std::string, std::string> platform_args(std::string_view target, std::string_view build);

}  // namespace fulcrum::image::build
