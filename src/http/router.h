// From method and path to a handler.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::http {

class Request;
class ResponseWriter;

/// Answers one request. An Error returned before the response began becomes an error response; after that, the connection is cut.
using Handler = std::function<Result<>(Request&, ResponseWriter&)>;

struct RouteOptions {
  std::size_t max_body = 16 << 20;  ///< bytes of request body, then 413; uploads that are streamed raise it
};

/// A handler with what it was found by.
struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
  RouteOptions options;
};

/// Values of a pattern's variables, decoded.
using Params = std::map<std::string, std::string, std::less<>>;

/// What find() found. `route` is null when nothing matched; then `allowed` lists the methods that the path would take (405), or is empty
/// (404).
struct Match {
  const Route* route = nullptr;
  Params params;
  std::string version;  ///< "1.41" when the path began with /v1.41
  std::vector<std::string> allowed;
};

/// Patterns are literal segments, `{name}` for one segment, `{name...}` for one or more segments, anywhere but once in a pattern
/// ("/images/{name...}/json"). Literals win over `{name}`, which wins over `{name...}`, from the left. HEAD falls back to GET.
class Router {
 public:
  /// Adds a route. A malformed or repeated pattern is a programming error.
  void add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options = {});
  /// Also accept every path with a version before it, as Docker's API does: /v1.41/containers/json.
  void accept_version_prefix(bool on) { version_prefix_ = on; }
  /// Errors: invalid_argument for a path that cannot be decoded, or has "." or ".." segments.
  [[nodiscard]] Result<Match> find(std::string_view method, std::string_view raw_path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Segment {
    enum class Kind { literal, one, many } kind;
    std::string text;
  };
  struct Entry {
    std::vector<Segment> segments;
    std::size_t route;  ///< index in routes_
  };
  static bool match(const std::vector<Segment>& pattern, std::size_t p, const std::vector<std::string>& path, std::size_t s,
                    Params& params);

  std::vector<Route> routes_;
  std::vector<Entry> entries_;  ///< most specific first
  bool version_prefix_ = false;
};

}  // namespace fulcrum::http
