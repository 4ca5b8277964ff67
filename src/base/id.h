// Strongly typed strings, so that a workload's ID cannot be handed in where a digest is wanted.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace fulcrum {

/// A string with a meaning. `using ImageId = Id<struct ImageIdTag>;`
template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string value_;
};

using WorkloadId = Id<struct WorkloadIdTag>;
using Digest = Id<struct DigestTag>;  ///< "sha256:<64 hex digits>"

}  // namespace fulcrum

template <class Tag>
struct std::hash<fulcrum::Id<Tag>> {
  std::size_t operator()(const fulcrum::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
