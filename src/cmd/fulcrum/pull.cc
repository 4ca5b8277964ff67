#include "cmd/fulcrum/pull.h"

#include <boost/json.hpp>
#include <cstdlib>

#include "base/sys.h"
#include "cmd/fulcrum/output.h"
#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

/// The registry of a reference, by docker's rule: the first part is one if it has a dot or colon, or is localhost.
std::string registry_of(const std::string& reference) {
  const auto slash = reference.find('/');
  const auto first = reference.substr(0, slash);
  if (slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost")) return first;
  return "docker.io";
}

std::string config_path() {
  if (const char* dir = std::getenv("DOCKER_CONFIG")) return std::string(dir) + "/config.json";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/root") + "/.docker/config.json";
}

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    const auto value = kDigits.find(c);
    if (value == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<unsigned>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

}  // namespace

json::value credentials_for(const std::string& reference) {
  const auto text = sys::read_file(config_path(), 1 << 20);
  if (!text) return nullptr;
  const auto config = schema::parse(*text);
  if (!config) return nullptr;
  const auto registry = registry_of(reference);
  const auto* auths = at(*config, "auths").if_object();
  if (auths == nullptr) return nullptr;
  for (const auto& key : {registry, "https://" + registry, "https://index." + registry + "/v1/"}) {
    const auto* entry = auths->if_contains(key);
    if (entry == nullptr) continue;
    const auto pair = decode_base64(text_at(*entry, "auth"));
    const auto colon = pair.find(':');
    if (colon != std::string::npos) return json::object{{"username", pair.substr(0, colon)}, {"password", pair.substr(colon + 1)}};
  }
  return nullptr;
}

Result<json::value> show_progress(http::ClientResponse& response, bool quiet) {
  Progress progress;
  json::value last;
  while (auto line = TRY(response.read_line())) {
    if (line->empty()) continue;
    auto value = TRY(schema::parse(*line), "progress");
    if (const auto& error = at(value, "error"); !error.is_null()) {
      if (error.is_object()) return std::unexpected(error_of(500, json::serialize(error)));
      return fail(Code::unknown, "{}", text_at(value, "error"));
    }
    if (!quiet) progress.update(value);
    last = std::move(value);
  }
  if (last.is_null()) return fail(Code::unavailable, "the connection to the engine was cut");
  return last;
}

Result<json::value> pull(Context& context, const PullWish& wish) {
  json::object body{{"reference", wish.reference}};
  if (!wish.platform.empty()) body["platform"] = wish.platform;
  if (wish.insecure) body["insecure"] = true;
  if (auto credentials = credentials_for(wish.reference); !credentials.is_null()) body["credentials"] = std::move(credentials);
  auto response = TRY(context.stream({.method = "POST", .target = "/v1/images/pull", .body = json::serialize(body)}));
  return TRY(show_progress(response, wish.quiet), "pull {}", wish.reference);
}

Result<> pull_if_needed(Context& context, const api::WorkloadSpec& spec, bool quiet, bool insecure) {
  if (spec.image.empty() || spec.pull == "never") return {};
  if (spec.pull == "missing") {
    const auto have = context.call("GET", "/v1/images/" + encode(spec.image));
    if (have) return {};
    if (have.error().code != Code::not_found) return std::unexpected(have.error());
    if (!quiet) note("image " + printable(spec.image) + " is not here: pulling it");
  }
  TRY(pull(context, {.reference = spec.image, .platform = spec.platform, .insecure = insecure, .quiet = quiet}));
  return {};
}

}  // namespace fulcrum::cli
