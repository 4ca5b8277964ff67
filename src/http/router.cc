#include "http/router.h"

#include <algorithm>

#include "http/message.h"

namespace fulcrum::http {
namespace {

constexpr std::size_t kMaxSegments = 64;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

/// "v1.41" → "1.41"; empty for anything else.
std::string_view version_of(std::string_view segment) {
  if (!segment.starts_with('v')) return {};
  segment.remove_prefix(1);
  const auto dot = segment.find('.');
  if (dot == std::string_view::npos) return {};
  const auto digits = [](std::string_view text) {
    return !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return digits(segment.substr(0, dot)) && digits(segment.substr(dot + 1)) ? segment : std::string_view();
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options) {
  FULCRUM_ASSERT(pattern.starts_with('/') && handler);
  Entry entry{.segments = {}, .route = routes_.size()};
  bool many = false;
  for (const auto segment : split(pattern)) {
    const bool variable = segment.starts_with('{');
    FULCRUM_ASSERT(variable == segment.ends_with('}'));
    if (!variable) {
      entry.segments.push_back({Segment::Kind::literal, std::string(segment)});
      continue;
    }
    const auto name = segment.substr(1, segment.size() - 2);
    if (!name.ends_with("...")) {
      entry.segments.push_back({Segment::Kind::one, std::string(name)});
      continue;
    }
    FULCRUM_ASSERT(!many);
    many = true;
    entry.segments.push_back({Segment::Kind::many, std::string(name.substr(0, name.size() - 3))});
  }
  for (const auto& route : routes_) FULCRUM_ASSERT(route.method != method || route.pattern != pattern);
  routes_.push_back({std::string(method), std::string(pattern), std::move(handler), options});
  // Literal < one < many, from the left; of two that agree so far the longer is the more specific.
  const auto more_specific = [](const Entry& a, const Entry& b) {
    const std::size_t common = std::min(a.segments.size(), b.segments.size());
    for (std::size_t i = 0; i < common; ++i)
      if (a.segments[i].kind != b.segments[i].kind) return a.segments[i].kind < b.segments[i].kind;
    return a.segments.size() > b.segments.size();
  };
  entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), entry, more_specific), std::move(entry));
}

bool Router::match(const std::vector<Segment>& pattern, std::size_t p, const std::vector<std::string>& path, std::size_t s,
                   Params& params) {
  for (; p < pattern.size(); ++p, ++s) {
    if (s >= path.size()) return false;
    const auto& segment = pattern[p];
    if (segment.kind == Segment::Kind::literal) {
      if (segment.text != path[s]) return false;
      continue;
    }
    if (path[s].empty()) return false;
    if (segment.kind == Segment::Kind::one) {
      params[segment.text] = path[s];
      continue;
    }
    // There is one `many` in a pattern, and all others take exactly one segment: so its length is known.
    const std::size_t behind = pattern.size() - p - 1;
    if (path.size() < s + 1 + behind) return false;
    const std::size_t end = path.size() - behind;
    std::string joined;
    for (; s < end; ++s) joined += (joined.empty() ? "" : "/") + path[s];
    params[segment.text] = std::move(joined);
    --s;
  }
  return s == path.size();
}

Result<Match> Router::find(std::string_view method, std::string_view raw_path) const {
  if (!raw_path.starts_with('/')) return fail(Code::invalid_argument, "path \"{}\" does not begin with /", raw_path.substr(0, 200));
  auto raw = split(raw_path);
  if (raw.size() > kMaxSegments) return fail(Code::invalid_argument, "path with more than {} segments", kMaxSegments);
  Match found;
  if (version_prefix_ && raw.size() > 1) {
    if (const auto version = version_of(raw.front()); !version.empty()) {
      found.version = version;
      raw.erase(raw.begin());
    }
  }
  std::vector<std::string> path;
  for (const auto segment : raw) {
    path.push_back(TRY(percent_decode(segment), "path"));
    if (path.back() == "." || path.back() == "..") return fail(Code::invalid_argument, "path with \"{}\" in it", path.back());
  }
  const auto try_method = [&](std::string_view wanted) {
    for (const auto& entry : entries_) {
      Params params;
      if (!match(entry.segments, 0, path, 0, params)) continue;
      const Route& route = routes_[entry.route];
      if (route.method == wanted) {
        found.route = &route;
        found.params = std::move(params);
        return true;
      }
      if (std::find(found.allowed.begin(), found.allowed.end(), route.method) == found.allowed.end()) found.allowed.push_back(route.method);
    }
    return false;
  };
  if (try_method(method) || (method == "HEAD" && try_method("GET"))) found.allowed.clear();
  std::sort(found.allowed.begin(), found.allowed.end());
  return found;
}

}  // namespace fulcrum::http
