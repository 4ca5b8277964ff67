#include "server/docker/operation.h"

#include <array>
#include <charconv>

#include "server/docker/engine_operations.h"
#include "server/docker/support.h"
#include "version.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::array kTables{system_operations,
                             auth_operations,
                             disk_usage_operations,
                             plugin_operations,
                             event_operations,
                             swarm_operations,
                             container_operations,
                             container_create_operations,
                             container_list_operations,
                             container_verb_operations,
                             stream_operations,
                             exec_operations,
                             log_operations,
                             stats_operations,
                             archive_operations,
                             image_operations,
                             image_transfer_operations,
                             build_operations,
                             network_operations,
                             volume_operations};

std::string_view word(Standing standing) {
  switch (standing) {
    case Standing::works: return "works";
    case Standing::degrades: return "degrades";
    case Standing::refused: return "refused";
  }
  return "";
}

/// What every answer of this API carries.
void identify(http::Headers& headers) {
  headers.set("Api-Version", kMaxVersion.str());
  headers.set("Docker-Experimental", "false");
  headers.set("Ostype", "linux");
  headers.set("Server", fmt::format("Fulcrum/{} (linux)", kVersion));
}

Result<> check_version(const Request& request) {
  if (request.version().empty()) return {};
  const auto version = ApiVersion::parse(request.version());
  if (!version) return fail(Code::invalid_argument, "\"{}\" is no API version", request.version());
  if (*version > kMaxVersion)
    return fail(Code::invalid_argument, "client version {} is too new. Maximum supported API version is {}", version->str(),
                kMaxVersion.str());
  if (*version < kMinVersion)
    return fail(Code::invalid_argument,
                "client version {} is too old. Minimum supported API version is {}, please upgrade your client to a newer version",
                version->str(), kMinVersion.str());
  return {};
}

/// Where the engine has no words of its own for an operation: the row's note is the message.
Result<> refuse(const Operation& operation, ResponseWriter& response) {
  return response.send_json(operation.refusal_status, fmt::format(R"({{"message":{}}})", http::json_quote(operation.note)));
}

}  // namespace

std::optional<ApiVersion> ApiVersion::parse(std::string_view text) {
  ApiVersion version;
  const auto* end = text.data() + text.size();
  const auto [dot, major_error] = std::from_chars(text.data(), end, version.major);
  if (major_error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, minor_error] = std::from_chars(dot + 1, end, version.minor);
  if (minor_error != std::errc() || rest != end || version.major < 0 || version.minor < 0) return std::nullopt;
  return version;
}

std::string ApiVersion::str() const { return fmt::format("{}.{}", major, minor); }

ApiVersion version_of(const Request& request) { return ApiVersion::parse(request.version()).value_or(kMaxVersion); }

void add_routes(http::Router& router, Api& api) {
  for (const auto& table : kTables)
    for (const auto& operation : table()) {
      const auto handler = [&api, &operation](Request& request, ResponseWriter& response) -> Result<> {
        identify(response.headers());
        TRY(check_version(request));
        if (operation.handle == nullptr) return refuse(operation, response);
        auto handled = operation.handle(api, request, response);
        if (!handled && response.begun()) native::log_cut(request, handled.error());
        return handled;
      };
      router.add(operation.method, operation.path, handler, operation.options);
    }
}

std::string error_body(const Error& error, int, const Request*) {
  return fmt::format(R"({{"message":{}}})", http::json_quote(error.message));
}

std::string operations_json() {
  std::string json = "[";
  for (const auto& table : kTables)
    for (const auto& operation : table())
      json += fmt::format(R"({}{{"method":{},"path":{},"standing":{},"note":{}}})", json.size() == 1 ? "" : ",",
                          http::json_quote(operation.method), http::json_quote(operation.path), http::json_quote(word(operation.standing)),
                          http::json_quote(operation.note));
  return json + "]";
}

std::string operations_page() {
  std::string page =
      "# How each operation of Docker's API is answered\n\nPrinted from the tables in `src/server/docker/`; do not edit. `GET "
      "/v1/capabilities` says the same to programs. A note says\nwhat an operation that degrades means less, and what a refused one "
      "answers.\n\n"
      "| operation | standing | note |\n|---|---|---|\n";
  for (const auto& table : kTables)
    for (const auto& operation : table())
      page += fmt::format("| `{} {}` | {}{} | {} |\n", operation.method, operation.path, word(operation.standing),
                          operation.standing == Standing::refused ? fmt::format(" ({})", operation.refusal_status) : "", operation.note);
  return page;
}

}  // namespace fulcrum::server::docker
