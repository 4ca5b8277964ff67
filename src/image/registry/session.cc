#include "image/registry/session.h"

#include <utility>

#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

constexpr int kMaxRedirects = 10;

bool is_redirect(const Response& response) {
  const auto s = response.status;
  return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) && !response.headers.get("location").empty();
}

}  // namespace

std::string pull_scope(const std::string& repository) { return "repository:" + repository + ":pull"; }
std::string push_scope(const std::string& repository) { return "repository:" + repository + ":pull,push"; }

Result<Response> Session::follow(const Endpoint& endpoint, Request& request, const std::string& authorization, const Bounds& bounds) {
  auto url = TRY(Url::parse(request.url));
  const auto headers = request.headers;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const auto tls = TRY(shared_.hosts.tls(url));
    request.url = url.text;
    request.tls = tls.get();
    request.headers = headers;
    if (!authorization.empty() && url.same_origin(endpoint.base)) request.headers.push_back("Authorization: " + authorization);
    auto response = TRY(transport_.perform(request, bounds));
    shared_.hosts.set_reached();
    // Others than GET and HEAD are not repeated elsewhere: no registry redirects them.
    if (!is_redirect(response) || (request.method != "GET" && request.method != "HEAD")) return response;
    auto target = TRY(url.resolve(response.headers.get("location")), "redirect from {}", url.authority());
    if (!target.is_secure() && (url.is_secure() || !shared_.hosts.may_use_plain_http(target))) {
      return fail(Code::permission_denied, "{} redirects to {} without TLS", url.authority(), target.authority());
    }
    url = std::move(target);
  }
  return fail(Code::failed_precondition, "{} redirects more than {} times", endpoint.base.authority(), kMaxRedirects);
}

Result<Response> Session::try_once(const Endpoint& endpoint, Request request, const std::string& scope, const Bounds& bounds) {
  auto& authorizer = shared_.authorizer;
  const auto address = request.url;
  const auto headers = request.headers;
  auto authorization = authorizer.remembered(endpoint, scope);
  auto response = TRY(follow(endpoint, request, authorization, bounds));
  // The question comes from the endpoint itself, not from where it redirected to.
  if (response.status != 401 || !TRY(Url::parse(request.url)).same_origin(endpoint.base)) return response;
  authorization = TRY(authorizer.answer(endpoint, scope, response, authorization, transport_, bounds));
  request.url = address;
  request.headers = headers;
  return follow(endpoint, request, authorization, bounds);
}

Result<Response> Session::send(const Endpoint& endpoint, const Request& request, const std::string& scope, const std::string& what,
                               const Bounds& bounds) {
  Retry retry(shared_.options.retry);
  while (true) {
    auto response = try_once(endpoint, request, scope, bounds);
    if (response && response->ok()) return response;
    auto failure = response ? failure_from(*response, what) : failure_from(with_context(response.error(), what), shared_.hosts.reached());
    TRY(retry.again(failure, bounds));
  }
}

}  // namespace fulcrum::image::registry
