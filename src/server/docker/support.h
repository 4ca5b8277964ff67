// What the handlers of Docker's API share: versions, filters, and Docker's words for errors.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/docker/api.h"
#include "server/native/support.h"

namespace fulcrum::server::docker {

using http::Request;
using http::ResponseWriter;
using native::call_of;

/// The `filters` parameter: JSON, either {"label":["a","b=c"]} or, as old clients say it, {"label":{"a":true}}. Sorted, each value once.
class Filters {
 public:
  /// Errors: invalid_argument when it is no such JSON, or has a key that is not among `known` ("invalid filter 'x'").
  [[nodiscard]] static Result<Filters> parse(const http::Query& query, std::initializer_list<std::string_view> known);
  bool has(std::string_view key) const { return values_.contains(key); }
  /// The values of a key; empty when it is absent.
  const std::vector<std::string>& get(std::string_view key) const;
  /// True when the key is absent, or one of its values equals `value`.
  bool accepts(std::string_view key, std::string_view value) const;
  /// The same but for one key.
  Filters without(std::string_view key) const;
  /// True when the key is absent, or one of its values, as a regular expression, is found in `text` (or equals it).
  bool matches(std::string_view key, std::string_view text) const;
  /// A boolean key: true/1 or false/0; nothing when it is absent. Errors: invalid_argument.
  [[nodiscard]] Result<std::optional<bool>> boolean(std::string_view key) const;
  /// True when `labels` has all of the "key" and "key=value" under `label`, and none of those under `label!`.
  bool labels(const std::map<std::string, std::string>& labels) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// A switch in the query as Docker's engine reads it: absent, empty, 0, no, false and none (in any case) are false, all else is true.
bool flag(const http::Query& query, std::string_view name);
/// Seconds since the epoch, with up to nine digits behind a point ("1136073600.000000001"). Nothing when it is absent or empty. Errors:
/// invalid_argument.
[[nodiscard]] Result<std::optional<Time>> unix_time(const http::Query& query, std::string_view name);

/// The workload that a client calls a container: by name (also with a leading slash), ID or unique prefix. Errors: not_found
/// "No such container: x".
[[nodiscard]] Result<api::Workload> find_container(Api& api, std::string_view reference);

/// The network that a client names: by Docker's name, ID or unique prefix of the ID; bridge, host and none are always there. The spec
/// has the engine's name. Errors: not_found "network x not found", invalid_argument (ambiguous).
[[nodiscard]] Result<api::Network> find_network(Api& api, std::string_view reference);

/// A network's name as Docker's clients know it: the engine's default network is their "bridge".
std::string docker_network_name(std::string_view engine_name);
/// The way back, from a name that a client gave: "bridge" and "default" are the default network. "host", "none" and "container:x" are
/// the same words here and there.
std::string engine_network_name(std::string_view docker_name);

}  // namespace fulcrum::server::docker
