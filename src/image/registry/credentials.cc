#include "image/registry/credentials.h"

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "base/process.h"
#include "base/sys.h"
#include "image/reference.h"
#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxConfig = 1 << 20;
constexpr auto kHelperTimeout = std::chrono::seconds(30);
constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";
constexpr std::string_view kTokenUser = "<token>";  ///< a helper's way to say "the secret is an identity token"
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string text_member(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
}

/// The names under which the docker CLI may have stored a registry.
std::vector<std::string> keys_of(const std::string& domain) {
  if (domain != kDefaultDomain) return {domain};
  return {std::string(kDockerHubKey), "index.docker.io", domain, "registry-1.docker.io"};
}

/// "https://host/v1/" → "host".
std::string_view host_of_key(std::string_view key) {
  if (key.starts_with("https://")) key.remove_prefix(8);
  if (key.starts_with("http://")) key.remove_prefix(7);
  return key.substr(0, key.find('/'));
}

Result<Credential> from_entry(const json::object& entry, const std::string& domain) {
  Credential out{.username = text_member(entry, "username"),
                 .password = text_member(entry, "password"),
                 .identity_token = text_member(entry, "identitytoken"),
                 .registry_token = text_member(entry, "registrytoken")};
  const auto encoded = text_member(entry, "auth");
  if (!encoded.empty()) {
    const auto decoded = TRY(decode_base64(encoded), "auths[{}].auth", printable(domain));
    const auto colon = decoded.find(':');
    if (colon == std::string::npos) return fail(Code::invalid_argument, "auths[{}].auth is not base64 of user:password", printable(domain));
    out.username = decoded.substr(0, colon);
    out.password = decoded.substr(colon + 1);
    while (out.password.ends_with('\0')) out.password.pop_back();  // old docker versions padded with NUL
  }
  return out;
}

Result<Credential> from_helper(const std::string& helper, const std::string& key, const Bounds& bounds) {
  const bool plain = !helper.empty() && std::all_of(helper.begin(), helper.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (!plain) return fail(Code::invalid_argument, "credential helper \"{}\" is not a plain name", printable(helper));
  const auto program = "docker-credential-" + helper;
  const auto deadline = Deadline::earlier(bounds.deadline, Deadline::in(kHelperTimeout));
  const auto output = TRY(run({.argv = {program, "get"}}, key, bounds.stop, deadline, kMaxConfig), "{}", program);
  if (!output.status.ok()) {
    const auto said = output.out + output.err;
    if (said.find("credentials not found") != std::string::npos) return Credential{};
    return fail(Code::failed_precondition, "{} get: exit status {}: {}", program, output.status.shell_code(), printable(said));
  }
  json::error_code error;
  const auto value = json::parse(output.out, error);
  if (error || !value.is_object()) return fail(Code::failed_precondition, "{} get: the answer is not a JSON object", program);
  const auto user = text_member(value.get_object(), "Username");
  const auto secret = text_member(value.get_object(), "Secret");
  if (user == kTokenUser) return Credential{.identity_token = secret};
  return Credential{.username = user, .password = secret};
}

Result<std::optional<Credential>> from_helpers(const json::object& config, const std::string& domain, const Bounds& bounds) {
  const auto keys = keys_of(domain);
  if (const auto* helpers = config.if_contains("credHelpers"); helpers != nullptr && helpers->is_object()) {
    for (const auto& key : keys) {
      const auto helper = text_member(helpers->get_object(), key);
      if (!helper.empty()) return TRY(from_helper(helper, keys.front(), bounds));
    }
  }
  if (const auto store = text_member(config, "credsStore"); !store.empty()) {
    auto found = TRY(from_helper(store, keys.front(), bounds));
    if (!found.empty()) return found;
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return fail(Code::invalid_argument, "not base64: wrong length");
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return fail(Code::invalid_argument, "not base64: wrong character");
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  return out;
}

std::string encode_base64(std::string_view data) {
  std::string out;
  for (std::size_t at = 0; at < data.size(); at += 3) {
    const auto byte = [&](std::size_t i) {
      return at + i < data.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(data[at + i])) : 0U;
    };
    const auto bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (std::size_t i = 0; i < 4; ++i) out += at + i > data.size() ? '=' : kAlphabet[bits >> (18 - 6 * i) & 63];
  }
  return out;
}

Result<Credential> find_credential(std::string_view config_json, const std::string& domain, const Bounds& bounds) {
  json::error_code error;
  const auto value = json::parse(json::string_view(config_json.data(), config_json.size()), error);
  if (error || !value.is_object()) return fail(Code::invalid_argument, "docker config.json is not a JSON object");
  const auto& config = value.get_object();
  if (auto found = TRY(from_helpers(config, domain, bounds))) return *std::move(found);
  const auto* auths = config.if_contains("auths");
  if (auths == nullptr || !auths->is_object()) return Credential{};
  const auto keys = keys_of(domain);
  for (const auto& key : keys) {
    const auto* entry = auths->get_object().if_contains(key);
    if (entry != nullptr && entry->is_object()) return from_entry(entry->get_object(), domain);
  }
  for (const auto& [key, entry] : auths->get_object()) {
    const std::string host(host_of_key(std::string_view(key.data(), key.size())));
    if (entry.is_object() && std::find(keys.begin(), keys.end(), host) != keys.end()) return from_entry(entry.get_object(), domain);
  }
  return Credential{};
}

Result<Credential> credential_for(const Options& options, const std::string& domain, const Bounds& bounds) {
  if (const auto found = options.credentials.find(domain); found != options.credentials.end()) return found->second;
  if (options.docker_config.empty()) return Credential{};
  const auto text = sys::read_file(options.docker_config, kMaxConfig);
  if (!text && text.error().code == Code::not_found) return Credential{};
  if (!text) return std::unexpected(text.error());
  return TRY(find_credential(*text, domain, bounds), "{}", options.docker_config);
}

}  // namespace fulcrum::image::registry
