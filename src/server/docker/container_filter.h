// Which containers a list shows: the query of GET /containers/json.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/pattern.h"
#include "server/docker/container_view.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// Whether `child` was built on `base`: its layers and its history begin with those of the base.
bool built_on(const oci::ImageConfig& child, const oci::ImageConfig& base);

/// What a filter asks of the rest of the engine.
struct FilterLookups {
  std::function<Result<api::Workload>(const std::string& reference)> container;
  /// ID and config of an image; nothing when there is none of that name.
  std::function<std::optional<std::pair<std::string, oci::ImageConfig>>(const std::string& reference)> image;
  const NetworkIds& networks;
};

/// A container with what is needed to decide about it.
struct Candidate {
  const api::Workload& container;
  const oci::ImageConfig& image;
};

class ContainerFilter {
 public:
  /// Errors: invalid_argument (names the filter), not_found (before, since).
  [[nodiscard]] static Result<ContainerFilter> parse(const http::Query& query, const FilterLookups& lookups);

  enum class Verdict { show, skip, stop };
  /// Asked of each container in the order of the list, newest first, with the number of those shown so far.
  Verdict operator()(const Candidate& candidate, std::size_t shown);
  bool with_sizes() const { return sizes_; }

 private:
  Result<> parse_words(const FilterLookups& lookups);
  Result<> parse_images(const FilterLookups& lookups);
  Result<> parse_ports(std::string_view key, std::set<std::string>& ports) const;
  bool state_accepted(const api::Workload& container) const;
  bool image_accepted(const Candidate& candidate) const;
  bool mounts_accepted(const api::Workload& container) const;
  bool networks_accepted(const api::Workload& container) const;
  bool ports_accepted(const Candidate& candidate) const;

  Filters filters_;
  bool all_ = false;
  bool sizes_ = false;
  std::int64_t limit_ = 0;
  std::vector<Pattern> names_;
  std::vector<int> exited_;
  std::optional<bool> is_task_;
  std::string before_, since_;  ///< uids
  std::vector<std::pair<std::string, oci::ImageConfig>> ancestors_;
  std::set<std::string> networks_;  ///< the engine's names
  std::set<std::string> publish_, expose_;
};

}  // namespace fulcrum::server::docker
