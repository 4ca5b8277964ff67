#include "image/registry/hosts.h"

#include <algorithm>
#include <utility>

#include "base/sys.h"
#include "image/reference.h"

namespace fulcrum::image::registry {
namespace {

/// Where the default domain's registry really listens.
constexpr std::string_view kDockerHubHost = "registry-1.docker.io";
constexpr std::size_t kMaxPem = 1 << 20;
constexpr auto kProbeTimeout = std::chrono::seconds(10);

/// Whether a configured "host" or "host:port" means this address; without a port, every port.
bool names(std::string_view configured, const Url& url) { return configured == url.host || configured == url.authority(); }

Result<Tls> read_certs(const std::string& folder) {
  Tls out;
  const auto files = sys::list_directory(folder);
  if (!files && files.error().code == Code::not_found) return out;
  if (!files) return std::unexpected(files.error());
  for (const auto& file : *files) {
    const auto path = folder + "/" + file;
    if (file.ends_with(".crt")) out.extra_roots += TRY(sys::read_file(path, kMaxPem)) + "\n";
    if (!file.ends_with(".cert")) continue;
    if (!out.certificate.empty()) return fail(Code::failed_precondition, "{} holds more than one client certificate (*.cert)", folder);
    out.certificate = path;
    out.key = folder + "/" + file.substr(0, file.size() - 5) + ".key";
    if (!sys::exists(out.key)) return fail(Code::failed_precondition, "client certificate {} has no key {}", path, out.key);
  }
  return out;
}

}  // namespace

std::string Endpoint::address(std::string_view rest) const { return base.scheme + "://" + base.authority() + "/v2/" + std::string(rest); }

bool Hosts::listed_insecure(const Url& url) const {
  return std::any_of(options_.insecure_registries.begin(), options_.insecure_registries.end(), [&](std::string_view entry) {
    if (entry.starts_with("http://")) entry.remove_prefix(7);
    return names(entry, url);
  });
}

bool Hosts::may_use_plain_http(const Url& url) const { return is_loopback_host(url.host) || listed_insecure(url); }

Result<std::shared_ptr<const Tls>> Hosts::tls(const Url& url) {
  const auto authority = url.authority();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = tls_.find(authority); found != tls_.end()) return found->second;
  }
  Tls made;
  // A redirect may lead to any name: what is no host name is no folder of ours either.
  if (!options_.certs_dir.empty() && is_domain(authority)) {
    made = TRY(read_certs(options_.certs_dir + "/" + authority));
    if (made.extra_roots.empty() && made.certificate.empty()) made = TRY(read_certs(options_.certs_dir + "/" + url.host));
  }
  made.verify = !listed_insecure(url);
  auto shared = std::make_shared<const Tls>(std::move(made));
  const std::lock_guard lock(mutex_);
  return tls_.try_emplace(authority, std::move(shared)).first->second;
}

Result<Url> Hosts::ask(const std::string& host, Transport& transport, const Bounds& bounds) {
  const auto secure = TRY(Url::parse("https://" + host));
  const auto plain = TRY(Url::parse("http://" + host));
  const auto& list = options_.insecure_registries;
  if (std::find(list.begin(), list.end(), "http://" + host) != list.end()) return plain;
  if (!may_use_plain_http(secure)) return secure;
  const auto settings = TRY(tls(secure));
  Request request{.url = secure.text + "v2/", .timeouts = options_.timeouts, .tls = settings.get()};
  if (!secure.text.ends_with('/')) request.url = secure.text + "/v2/";
  request.timeouts.connect = std::min(request.timeouts.connect, std::chrono::duration_cast<std::chrono::seconds>(kProbeTimeout));
  request.timeouts.stall = std::min(request.timeouts.stall, std::chrono::duration_cast<std::chrono::seconds>(kProbeTimeout));
  const auto answer = transport.perform(request, bounds);
  if (answer) return secure;
  const bool ended = answer.error().code == Code::cancelled || answer.error().code == Code::deadline_exceeded;
  if (ended || answer.error().sys_errno == ECONNREFUSED) return std::unexpected(answer.error());
  // A certificate that we do not trust is no reason to speak without any.
  if (answer.error().message.find("certificate") != std::string::npos) return std::unexpected(answer.error());
  return plain;
}

Result<Url> Hosts::base_of(const std::string& host, Transport& transport, const Bounds& bounds) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = bases_.find(host); found != bases_.end()) return found->second;
  }
  auto base = TRY(ask(host, transport, bounds), "reach registry {}", host);
  const std::lock_guard lock(mutex_);
  return bases_.try_emplace(host, std::move(base)).first->second;
}

Result<Endpoint> Hosts::registry(const std::string& domain, Transport& transport, const Bounds& bounds) {
  const std::string host(domain == kDefaultDomain ? kDockerHubHost : std::string_view(domain));
  return Endpoint{.base = TRY(base_of(host, transport, bounds)), .domain = domain};
}

Result<Endpoint> Hosts::mirror(const std::string& text, Transport& transport, const Bounds& bounds) {
  if (text.find("://") == std::string::npos) {
    if (!is_domain(text)) return fail(Code::invalid_argument, "mirror \"{}\" is not a host or an address", text);
    return Endpoint{.base = TRY(base_of(text, transport, bounds)), .domain = text, .mirror = true};
  }
  auto url = TRY(Url::parse(text), "mirror");
  const auto path = text.find('/', text.find("://") + 3);
  if (path != std::string::npos && path + 1 != text.size()) return fail(Code::invalid_argument, "mirror \"{}\" has a path", text);
  if (!url.is_secure() && !may_use_plain_http(url)) {
    return fail(Code::invalid_argument, "mirror \"{}\" is plain http, but its host is not among the insecure registries", text);
  }
  const bool standard = url.port == (url.is_secure() ? 443 : 80);
  auto domain = standard ? url.host : url.authority();
  return Endpoint{.base = std::move(url), .domain = std::move(domain), .mirror = true};
}

Result<std::vector<Endpoint>> Hosts::endpoints(const std::string& domain, Transport& transport, const Bounds& bounds) {
  std::vector<Endpoint> out;
  if (const auto found = options_.mirrors.find(domain); found != options_.mirrors.end()) {
    for (const auto& text : found->second) {
      auto made = mirror(text, transport, bounds);
      if (!made && made.error().code != Code::unavailable) return std::unexpected(made.error());
      if (made) out.push_back(*std::move(made));
    }
  }
  auto own = registry(domain, transport, bounds);
  if (!own && (out.empty() || own.error().code != Code::unavailable)) return std::unexpected(own.error());
  if (own) out.push_back(*std::move(own));
  return out;
}

}  // namespace fulcrum::image::registry
