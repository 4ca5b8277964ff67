#include "image/registry/authorizer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <vector>

#include "image/registry/credentials.h"
#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxToken = 256 << 10;
constexpr auto kDefaultLifetime = std::chrono::seconds(60);  // the token specification's
constexpr auto kMargin = std::chrono::seconds(5);
constexpr std::string_view kClient = "fulcrum";

std::string origin_of(const Url& url) { return url.scheme + "://" + url.authority(); }

/// The scopes of both texts, each once, in a fixed order.
std::vector<std::string> merged_scopes(std::string_view ours, std::string_view theirs) {
  std::set<std::string> all;
  for (std::string_view text : {ours, theirs}) {
    while (!text.empty()) {
      const auto word = text.substr(0, text.find(' '));
      if (!word.empty()) all.emplace(word);
      text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
  }
  return {all.begin(), all.end()};
}

std::vector<Challenge> challenges_of(const Response& response) {
  std::vector<Challenge> out;
  for (const auto value : response.headers.all("www-authenticate")) {
    auto some = parse_challenges(value);
    std::move(some.begin(), some.end(), std::back_inserter(out));
  }
  return out;
}

const Challenge* find_scheme(const std::vector<Challenge>& all, std::string_view scheme) {
  const auto found = std::find_if(all.begin(), all.end(), [scheme](const Challenge& c) { return c.scheme == scheme; });
  return found == all.end() ? nullptr : &*found;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

bool is_bearer_value(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

/// One question to a token server.
struct Authorizer::Ask {
  const Endpoint& endpoint;
  const Credential& credential;
  Url realm;
  std::string service;
  std::vector<std::string> scopes;
};

std::string Authorizer::remembered(const Endpoint& endpoint, const std::string& scope) const {
  const auto origin = origin_of(endpoint.base);
  const std::lock_guard lock(mutex_);
  for (const auto& key : {scope, std::string()}) {
    const auto found = tokens_.find({origin, key});
    if (found != tokens_.end() && clock_.now() < found->second.expires) return found->second.value;
  }
  return {};
}

Result<std::string> Authorizer::answer(const Endpoint& endpoint, const std::string& scope, const Response& refused,
                                       const std::string& rejected, Transport& transport, const Bounds& bounds) {
  const auto all = challenges_of(refused);
  const auto credential = TRY(credential_for(options_, endpoint.domain, bounds), "credentials for {}", endpoint.domain);
  if (const auto* challenge = find_scheme(all, "bearer"))
    return bearer(endpoint, scope, *challenge, credential, rejected, transport, bounds);
  if (find_scheme(all, "basic") != nullptr) return basic(endpoint, credential, rejected);
  if (all.empty()) return fail(Code::unauthenticated, "{} refuses access, and names no way to log in", endpoint.domain);
  return fail(Code::unimplemented, "{} asks for authentication by \"{}\"; Basic and Bearer are supported", endpoint.domain,
              printable(all.front().scheme, 40));
}

Result<std::string> Authorizer::basic(const Endpoint& endpoint, const Credential& credential, const std::string& rejected) {
  if (credential.username.empty()) return fail(Code::unauthenticated, "{} needs a user name and password", endpoint.domain);
  if (!endpoint.base.is_secure() && !hosts_.may_use_plain_http(endpoint.base)) {
    return fail(Code::permission_denied, "{} wants a password over plain http", endpoint.domain);
  }
  const auto value = "Basic " + encode_base64(credential.username + ":" + credential.password);
  const std::lock_guard lock(mutex_);
  const auto key = std::pair(origin_of(endpoint.base), std::string());
  if (value == rejected) {
    tokens_.erase(key);
    return fail(Code::unauthenticated, "{} refuses the user name or password of {}", endpoint.domain, printable(credential.username, 60));
  }
  tokens_[key] = {value, Time::max()};
  return value;
}

Result<std::string> Authorizer::bearer(const Endpoint& endpoint, const std::string& scope, const Challenge& challenge,
                                       const Credential& credential, const std::string& rejected, Transport& transport,
                                       const Bounds& bounds) {
  if (!credential.registry_token.empty()) {
    auto value = "Bearer " + credential.registry_token;
    if (value == rejected) return fail(Code::unauthenticated, "{} refuses the registry token", endpoint.domain);
    return value;
  }
  Ask ask{.endpoint = endpoint,
          .credential = credential,
          .realm = TRY(Url::parse(challenge.parameter("realm")), "the token server of {}", endpoint.domain)};
  if (!ask.realm.is_secure() && (endpoint.base.is_secure() || !hosts_.may_use_plain_http(ask.realm))) {
    return fail(Code::permission_denied, "{} names a token server without TLS, {}", endpoint.domain, ask.realm.authority());
  }
  ask.service = challenge.parameter("service");
  ask.scopes = merged_scopes(scope, challenge.parameter("scope"));
  auto token = TRY(fetch(ask, transport, bounds), "token for {}", endpoint.domain);
  const std::lock_guard lock(mutex_);
  std::erase_if(tokens_, [now = clock_.now()](const auto& known) { return known.second.expires <= now; });
  tokens_[{origin_of(endpoint.base), scope}] = token;
  return token.value;
}

Result<Response> Authorizer::exchange(const Ask& ask, bool oauth, Transport& transport, const Bounds& bounds) {
  const auto tls = TRY(hosts_.tls(ask.realm));
  Request request{.url = ask.realm.text, .body_limit = kMaxToken, .timeouts = options_.timeouts, .tls = tls.get()};
  if (oauth) {
    request.method = "POST";
    request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
    request.body = "grant_type=refresh_token&service=" + escape_query(ask.service) + "&client_id=" + std::string(kClient) +
                   "&scope=" + escape_query(joined(ask.scopes)) + "&refresh_token=" + escape_query(ask.credential.identity_token);
    return transport.perform(request, bounds);
  }
  if (!ask.service.empty()) request.url = with_query(request.url, "service", ask.service);
  for (const auto& scope : ask.scopes) request.url = with_query(request.url, "scope", scope);
  if (!ask.credential.username.empty()) {
    request.url = with_query(request.url, "account", ask.credential.username);
    request.headers.push_back("Authorization: Basic " + encode_base64(ask.credential.username + ":" + ask.credential.password));
  }
  return transport.perform(request, bounds);
}

Result<Authorizer::Token> Authorizer::fetch(const Ask& ask, Transport& transport, const Bounds& bounds) {
  const auto asked = clock_.now();
  const auto response = TRY(exchange(ask, !ask.credential.identity_token.empty(), transport, bounds));
  if (response.status == 401 || response.status == 403) {
    auto error = error_from(response, "log in at " + ask.realm.authority());
    error.code = Code::unauthenticated;
    return std::unexpected(std::move(error));
  }
  if (!response.ok()) return std::unexpected(error_from(response, "log in at " + ask.realm.authority()));
  json::error_code bad;
  const auto value = json::parse(response.body, bad);
  const auto* object = bad ? nullptr : value.if_object();
  if (object == nullptr) return fail(Code::unknown, "the answer of {} is not a JSON object", ask.realm.authority());
  std::string token;
  for (const std::string_view name : {"token", "access_token"}) {
    const auto* member = object->if_contains(name);
    if (token.empty() && member != nullptr && member->is_string()) token = std::string(member->get_string());
  }
  if (!is_bearer_value(token)) return fail(Code::unknown, "the answer of {} has no usable token", ask.realm.authority());
  std::chrono::seconds lifetime = kDefaultLifetime;
  if (const auto* member = object->if_contains("expires_in"); member != nullptr && member->is_int64()) {
    lifetime = std::chrono::seconds(std::clamp<std::int64_t>(member->get_int64(), 1, 24 * 3600));
  }
  return Token{"Bearer " + token, asked + std::max<std::chrono::seconds>(lifetime - kMargin, lifetime / 2)};
}

}  // namespace fulcrum::image::registry
