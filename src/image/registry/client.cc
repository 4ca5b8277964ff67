#include "image/registry/client.h"

#include <boost/json.hpp>
#include <string_view>
#include <utility>

#include "image/registry/download.h"
#include "image/registry/failure.h"
#include "image/registry/pull.h"
#include "image/registry/push.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxNames = 100'000;
constexpr std::size_t kMaxPage = 8 << 20;
constexpr std::string_view kPageSize = "?n=1000";

/// The target of `Link: </v2/…>; rel="next"`, or "".
std::string_view next_page(std::string_view link) {
  const auto open = link.find('<');
  const auto close = link.find('>');
  if (open != 0 || close == std::string_view::npos || link.find("next", close) == std::string_view::npos) return {};
  return link.substr(1, close - 1);
}

Result<> append_names(const std::string& body, std::string_view member, std::vector<std::string>& out) {
  json::error_code error;
  const auto value = json::parse(body, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* names = object == nullptr ? nullptr : object->if_contains(member);
  if (object == nullptr || names == nullptr) return fail(Code::unknown, "the registry's answer has no \"{}\"", member);
  if (names->is_null()) return {};  // a repository without tags
  if (!names->is_array()) return fail(Code::unknown, "the registry's answer: \"{}\" is no list", member);
  for (const auto& name : names->get_array()) {
    if (!name.is_string()) return fail(Code::unknown, "the registry's answer: \"{}\" holds something else than names", member);
    if (out.size() >= kMaxNames) return fail(Code::resource_exhausted, "more than {} names", kMaxNames);
    out.push_back(printable(std::string_view(name.get_string()), 512));
  }
  return {};
}

/// Every page of a list.
Result<std::vector<std::string>> pages(Shared& shared, const std::string& domain, const std::string& path, std::string_view member,
                                       const std::string& scope, const Bounds& bounds) {
  Session session(shared);
  const auto endpoint = TRY(shared.hosts.registry(domain, session.transport(), bounds));
  std::vector<std::string> out;
  auto url = TRY(Url::parse(endpoint.address(path) + std::string(kPageSize)));
  while (true) {
    const Request request{.url = url.text, .body_limit = kMaxPage, .timeouts = shared.options.timeouts};
    const auto before = out.size();
    const auto response = TRY(session.send(endpoint, request, scope, path, bounds));
    TRY(append_names(response.body, member, out));
    const auto next = next_page(response.headers.get("link"));
    // A page that brings nothing new would repeat for ever.
    if (next.empty() || out.size() == before) return out;
    url = TRY(url.resolve(next), "next page");
    if (!url.same_origin(endpoint.base)) return fail(Code::permission_denied, "the next page of {} is at another host", path);
  }
}

}  // namespace

struct Client::State {
  State(Options options, std::shared_ptr<InFlight> transfers) : shared(std::move(options)), in_flight(std::move(transfers)) {}
  Shared shared;
  std::shared_ptr<InFlight> in_flight;  ///< shared by siblings
};

Client::Client(Options options) : Client(std::make_unique<State>(std::move(options), std::make_shared<InFlight>())) {}
Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client Client::sibling(Options options) const { return Client(std::make_unique<State>(std::move(options), state_->in_flight)); }
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<PulledImage> Client::pull(const Reference& reference, const ContentStore& store, const PullOptions& options,
                                 const ProgressSink& progress, const StopSource& stop) {
  return pull_image(state_->shared, *state_->in_flight, reference, store, options, progress, stop);
}

Result<Digest> Client::push(const Reference& reference, const Digest& target, const ContentStore& store, const PushOptions& options,
                            const ProgressSink& progress, const StopSource& stop) {
  return push_image(state_->shared, reference, target, store, options, progress, stop);
}

Result<oci::Descriptor> Client::resolve(const Reference& reference, const StopSource& stop, const Deadline& deadline) {
  return TRY(resolve_reference(state_->shared, reference, {.stop = stop, .deadline = deadline}), "resolve {}", reference.familiar());
}

Result<RemoteImage> Client::describe(const Reference& reference, const StopSource& stop, const Deadline& deadline) {
  return TRY(describe_reference(state_->shared, reference, {.stop = stop, .deadline = deadline}), "inspect {}", reference.familiar());
}

Result<std::vector<std::string>> Client::tags(const Reference& repository, const StopSource& stop, const Deadline& deadline) {
  return TRY(pages(state_->shared, repository.domain, repository.path + "/tags/list", "tags", pull_scope(repository.path),
                   {.stop = stop, .deadline = deadline}),
             "tags of {}", repository.familiar_name());
}

Result<std::vector<std::string>> Client::catalog(const std::string& domain, const StopSource& stop, const Deadline& deadline) {
  return TRY(pages(state_->shared, domain, "_catalog", "repositories", "registry:catalog:*", {.stop = stop, .deadline = deadline}),
             "catalog of {}", domain);
}

Result<> Client::remove(const Reference& reference, const StopSource& stop, const Deadline& deadline) {
  if (reference.digest.empty()) {
    return fail(Code::invalid_argument, "delete {}: a digest is needed (other tags may name the same image)", reference.familiar());
  }
  const Bounds bounds{.stop = stop, .deadline = deadline};
  Session session(state_->shared);
  const auto endpoint = TRY(state_->shared.hosts.registry(reference.domain, session.transport(), bounds));
  const Request request{.method = "DELETE",
                        .url = endpoint.address(reference.path + "/manifests/" + reference.digest.str()),
                        .timeouts = state_->shared.options.timeouts};
  const auto scope = "repository:" + reference.path + ":delete";
  TRY(session.send(endpoint, request, scope, "manifest " + reference.digest.str(), bounds), "delete {}", reference.familiar());
  return {};
}

Result<> Client::login(const std::string& domain, const Credential& credential, const StopSource& stop, const Deadline& deadline) {
  if (credential.empty()) return fail(Code::invalid_argument, "log in to {}: no user name and no token given", domain);
  auto options = state_->shared.options;
  options.credentials[domain] = credential;
  Shared shared(std::move(options));
  const Bounds bounds{.stop = stop, .deadline = deadline};
  Session session(shared);
  const auto endpoint = TRY(shared.hosts.registry(domain, session.transport(), bounds));
  const Request request{.url = endpoint.address(""), .timeouts = shared.options.timeouts};
  TRY(session.send(endpoint, request, "", "credentials", bounds), "log in to {}", domain);
  return {};
}

}  // namespace fulcrum::image::registry
