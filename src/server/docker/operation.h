// Docker's API as a table: every operation that the Engine API's description names is one row, which says how it is answered. Routes,
// refusals and GET /v1/capabilities come from the same rows.
#pragma once

#include <compare>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/router.h"
#include "http/server.h"

namespace fulcrum::server::docker {

struct Api;

/// A version of the Engine API: 1.41.
struct ApiVersion {
  int major = 1;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  /// Nothing when it is not "N.N".
  static std::optional<ApiVersion> parse(std::string_view text);
  std::string str() const;
};

/// What clients may ask for; without a version in the path they get the newest.
inline constexpr ApiVersion kMinVersion{1, 24};
inline constexpr ApiVersion kMaxVersion{1, 47};

/// The version by which this request is answered: that of its path, or kMaxVersion. Valid: the server refuses the rest before.
ApiVersion version_of(const http::Request& request);

enum class Standing {
  works,     ///< as Docker's description says
  degrades,  ///< answered, but means less here: the note says what
  refused,   ///< answered with an error that the note explains
};

/// Answers one request; what http::Handler is for one Api.
using Handle = Result<> (*)(Api&, http::Request&, http::ResponseWriter&);

/// One row.
struct Operation {
  std::string_view method;
  std::string_view path;    ///< without the version: "/containers/{id}/json", as a http::Router pattern
  Handle handle = nullptr;  ///< null: refused
  Standing standing = Standing::works;
  std::string_view note = {};  ///< for degrades and refused: what, why, and what to use instead
  int refusal_status = 501;    ///< for refused: as the Docker engine answers where it cannot
  http::RouteOptions options = {};
};

// The rows, one file of handlers for each noun.
std::span<const Operation> system_operations();
std::span<const Operation> event_operations();
std::span<const Operation> swarm_operations();
std::span<const Operation> container_operations();
std::span<const Operation> container_create_operations();
std::span<const Operation> container_list_operations();
std::span<const Operation> container_verb_operations();
std::span<const Operation> stream_operations();
std::span<const Operation> exec_operations();
std::span<const Operation> log_operations();
std::span<const Operation> stats_operations();
std::span<const Operation> archive_operations();
std::span<const Operation> image_operations();
std::span<const Operation> image_transfer_operations();
std::span<const Operation> build_operations();
std::span<const Operation> network_operations();
std::span<const Operation> volume_operations();

}  // namespace fulcrum::server::docker
