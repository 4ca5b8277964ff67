#include "server/native/support.h"

#include <sys/timerfd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <ctime>

#include "base/log.h"
#include "base/unix_time.h"

namespace fulcrum::server::native {

namespace json = boost::json;

Result<> only(const http::Query& query, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : query.values())
    if (std::find(names.begin(), names.end(), name) == names.end())
      return fail(Code::invalid_argument, "query: unknown parameter {}", name);
  return {};
}

namespace {

/// "2024-05-01", "2024-05-01T10", "…T10:20", "…T10:20:30": by this machine's clock.
std::optional<Time> local_time(const std::string& text) {
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    return Time(std::chrono::seconds(::mktime(&parts)));
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Time>> time_parameter(const http::Query& query, std::string_view name, Time now) {
  const auto text = query.get(name);
  if (!text || text->empty()) return std::nullopt;
  if (text->find_first_not_of("0123456789.") == std::string::npos) {
    const auto time = parse_unix_time(*text);
    if (!time) return fail(Code::invalid_argument, "query: {}: \"{}\" is no time", name, *text);
    return *time;
  }
  if (const auto time = parse_time(*text)) return *time;
  if (const auto time = local_time(std::string(*text))) return *time;
  if (const auto ago = parse_duration(*text)) return now - *ago;
  return fail(Code::invalid_argument, "query: {}: \"{}\" is neither RFC 3339, nor seconds, nor a duration", name, *text);
}

Result<std::optional<Duration>> duration_parameter(const http::Query& query, std::string_view name) {
  const auto text = query.get(name);
  if (!text || text->empty()) return std::nullopt;
  std::int64_t seconds = 0;
  if (const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
      error == std::errc() && end == text->data() + text->size()) {
    if (seconds < 0 || seconds > 1'000'000'000) return fail(Code::invalid_argument, "query: {}: \"{}\" is out of range", name, *text);
    return Duration{std::chrono::seconds(seconds)};
  }
  return Duration{TRY(parse_duration(*text), "query: {}", name)};
}

void log_cut(const http::Request& request, const Error& error) {
  if (error.code == Code::cancelled || error.code == Code::unavailable) return;  // the daemon ends, or the client left
  log::warning("response cut", {{"method", request.method()}, {"target", request.target()}, {"error", error.message}});
}

control::Call call_of(const http::Request& request, const http::ResponseWriter& response) {
  return {.stop = request.stop(), .deadline = Deadline::never(), .client = response.client_gone()};
}

bool labels_match(const std::map<std::string, std::string>& labels, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& text) {
    const auto equals = text.find('=');
    const auto it = labels.find(text.substr(0, equals));
    return it != labels.end() && (equals == std::string::npos || it->second == text.substr(equals + 1));
  });
}

Result<> follow(store::Watch& watch, const http::Request& request, http::ResponseWriter& response,
                const std::function<Result<>(const store::Event&)>& tell) {
  for (;;) {
    const auto ready = wait_any(request.stop(), Deadline::never(), {{watch.fd(), POLLIN}, response.client_gone()});
    if (!ready || *ready == 1) return {};
    for (const auto& event : TRY(watch.next())) TRY(tell(event));
  }
}

Result<UniqueFd> every_second() {
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec period{.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
  if (!timer.valid() || ::timerfd_settime(timer.get(), 0, &period, nullptr) != 0) return fail_errno(errno, "timer");
  return timer;
}

namespace {

/// `path: message` lines of a refused document.
json::array violations_of(const Error& error) {
  json::array violations;
  if (error.code != Code::invalid_argument && error.code != Code::unimplemented) return violations;
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || line.substr(0, colon).find(' ') != std::string_view::npos) return {};
    violations.push_back({{"path", json::string(line.substr(0, colon))}, {"message", json::string(line.substr(colon + 2))}});
  }
  return violations;
}

}  // namespace

std::string error_body(const Error& error, int, const http::Request*) {
  json::object body{{"code", json::string(to_string(error.code))}};
  auto violations = violations_of(error);
  if (!violations.empty()) body["violations"] = std::move(violations);
  // The message may hold bytes that are no UTF-8 (file names); json_quote replaces them.
  auto text = json::serialize(body);
  text.insert(text.size() - 1, ",\"message\":" + http::json_quote(error.message));
  return text;
}

void add_routes(http::Router& router, Api& api) {
  add_workload_routes(router, api);
  add_action_routes(router, api);
  add_stream_routes(router, api);
  add_log_routes(router, api);
  add_file_routes(router, api);
  add_stats_routes(router, api);
  add_image_routes(router, api);
  add_registry_routes(router, api);
  add_build_routes(router, api);
  add_volume_routes(router, api);
  add_network_routes(router, api);
  add_secret_routes(router, api);
  add_event_routes(router, api);
  add_system_routes(router, api);
}

}  // namespace fulcrum::server::native
