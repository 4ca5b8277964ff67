#include "image/registry/failure.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <random>
#include <utility>

namespace fulcrum::image::registry {
namespace {

namespace json = boost::json;

Code code_from_status(int status) {
  switch (status) {
    case 401: return Code::unauthenticated;
    case 403: return Code::permission_denied;
    case 404: return Code::not_found;
    case 405:
    case 501: return Code::unimplemented;
    case 408:
    case 500:
    case 502:
    case 503:
    case 504: return Code::unavailable;
    case 413:
    case 429: return Code::resource_exhausted;
    case 416: return Code::out_of_range;
    default: return status >= 400 && status < 500 ? Code::invalid_argument : Code::unknown;
  }
}

std::string_view member_text(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) return {};
  return member->get_string();
}

/// One element of "errors".
std::string spec_error(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return {};
  std::string out(member_text(*object, "code"));
  if (const auto message = member_text(*object, "message"); !message.empty()) out += (out.empty() ? "" : ": ") + std::string(message);
  const auto* detail = object->if_contains("detail");
  if (detail != nullptr && !detail->is_null())
    out += " (" + (detail->is_string() ? std::string(detail->get_string()) : json::serialize(*detail)) + ")";
  return out;
}

/// What the body says, for people: the spec's errors, else an OAuth error, else its first line.
std::string body_text(const std::string& body) {
  json::error_code error;
  const auto value = json::parse(body, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return body.starts_with('<') ? std::string() : body.substr(0, body.find('\n'));
  std::string out;
  if (const auto* errors = object->if_contains("errors"); errors != nullptr && errors->is_array()) {
    for (const auto& element : errors->get_array()) {
      const auto text = spec_error(element);
      if (!text.empty() && out.size() < 1000) out += (out.empty() ? "" : "; ") + text;
    }
  }
  for (const std::string_view name : {"error_description", "details", "message", "error"}) {
    if (out.empty()) out = member_text(*object, name);
  }
  return out;
}

std::chrono::nanoseconds jittered(std::chrono::nanoseconds delay) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return delay * std::uniform_int_distribution<int>(75, 125)(random) / 100;
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) return out + "…";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

Error error_from(const Response& response, std::string_view what) {
  const auto said = printable(body_text(response.body), 1000);
  return {code_from_status(response.status),
          fmt::format("{}: the registry answered {}{}{}", what, response.status, said.empty() ? "" : ": ", said)};
}

Failure failure_from(const Response& response, std::string_view what) {
  Failure out{.error = error_from(response, what)};
  const auto code = out.error.code;
  out.retriable = code == Code::unavailable || response.status == 429;
  if (out.retriable) out.retry_after = parse_retry_after(response.headers.get("retry-after"), Clock::system().now());
  return out;
}

Failure failure_from(Error error, bool reached) {
  const bool never_connected = error.sys_errno == ECONNREFUSED || error.sys_errno == EHOSTUNREACH;
  const bool retriable = error.code == Code::unavailable && (reached || !never_connected);
  return {.error = std::move(error), .retriable = retriable};
}

std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view text, Time now) {
  if (text.empty()) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) return std::chrono::seconds(seconds);
  if (error == std::errc::result_out_of_range) return std::chrono::hours(24 * 365);
  const auto date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  const auto delay = Time(std::chrono::seconds(date)) - now;
  return std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(delay));
}

Result<> Retry::again(const Failure& failure, const Bounds& bounds) {
  if (!failure.retriable) return std::unexpected(failure.error);
  if (++failed_ >= policy_.tries) {
    auto error = failure.error;
    error.message += fmt::format(" (gave up after {} tries)", failed_);
    return std::unexpected(std::move(error));
  }
  std::chrono::nanoseconds delay = jittered(std::min(policy_.cap, policy_.base * (1U << std::min(failed_ - 1, 16U))));
  if (failure.retry_after) {
    if (*failure.retry_after > policy_.max_retry_after) {
      auto error = failure.error;
      error.message +=
          fmt::format(" (it asks to wait {} s)", std::chrono::duration_cast<std::chrono::seconds>(*failure.retry_after).count());
      return std::unexpected(std::move(error));
    }
    delay = std::max(delay, *failure.retry_after);
  }
  const auto paused = bounds.pause(delay);
  if (!paused && paused.error().code == Code::deadline_exceeded) {
    return fail(Code::deadline_exceeded, "{} ({})", failure.error.message, paused.error().message);
  }
  return paused;
}

}  // namespace fulcrum::image::registry
