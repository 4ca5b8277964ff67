// Linux capabilities: names, and applying the five sets to the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::os {

/// A set of capabilities, one bit each.
using CapabilitySet = std::uint64_t;

/// All names this program knows, "CAP_CHOWN" first; the index is the capability's number.
std::span<const std::string_view> capability_names();
/// The number of "CAP_NET_RAW" (either case).
std::optional<unsigned> capability_number(std::string_view name);
/// The bits of these names; names that are unknown go to `unknown`.
CapabilitySet capability_set(std::span<const std::string> names, std::vector<std::string>* unknown);

/// The sets of a process, as the OCI specification has them.
struct CapabilitySets {
  CapabilitySet bounding = 0;
  CapabilitySet effective = 0;
  CapabilitySet inheritable = 0;
  CapabilitySet permitted = 0;
  CapabilitySet ambient = 0;
};
/// The calling thread's own sets (bounding and ambient are left 0).
[[nodiscard]] Result<CapabilitySets> current_capabilities();
/// Makes every permitted capability effective.
[[nodiscard]] Result<> raise_permitted_capabilities();
/// Drops from the bounding set what is not in `keep`. Needs CAP_SETPCAP.
[[nodiscard]] Result<> limit_bounding_set(CapabilitySet keep);
/// Sets effective, permitted, inheritable and ambient. What the thread does not hold cannot be granted and is left out
/// (the specification asks for a warning, not an error); it is returned.
[[nodiscard]] Result<CapabilitySet> apply_capabilities(const CapabilitySets& wanted);

}  // namespace fulcrum::os
