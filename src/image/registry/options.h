// How registries are reached: what an operator configures.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "image/registry/transport.h"

namespace fulcrum::image::registry {

/// Who we are to a registry. All empty: anonymous.
struct Credential {
  std::string username, password;
  std::string identity_token;  ///< an OAuth2 refresh token, exchanged for access tokens
  std::string registry_token;  ///< an access token to present as it is
  bool empty() const { return username.empty() && identity_token.empty() && registry_token.empty(); }
  friend bool operator==(const Credential&, const Credential&) = default;
};

/// How often and how fast a failed request is tried again: base, 2 × base, 4 × base … up to cap, each with jitter.
struct RetryPolicy {
  unsigned tries = 5;
  std::chrono::milliseconds base{500};
  std::chrono::milliseconds cap{30'000};
  std::chrono::seconds max_retry_after{120};  ///< a registry that asks for more is an error at once
};

/// What a registry may make us hold.
struct Limits {
  std::size_t manifest_bytes = 4 << 20;
  std::size_t layers = 512;      ///< of one image
  std::size_t manifests = 1024;  ///< of one index
  std::uint64_t blob_bytes = std::uint64_t{64} << 30;
  std::uint64_t image_bytes = std::uint64_t{256} << 30;  ///< all layers of one image, as they travel
};

struct Options {
  /// "host[:port]": TLS is not verified, and plain http is used when the host does not speak TLS. "http://host[:port]": plain http, no
  /// question asked. Loopback hosts may always use plain http.
  std::vector<std::string> insecure_registries;
  /// Domain ("docker.io") → mirrors in order ("https://mirror.example", "mirror.example:5000"), asked before the registry itself when
  /// pulling.
  std::map<std::string, std::vector<std::string>> mirrors;
  /// <certs_dir>/<host[:port]>/ holds *.crt (roots beside the system's) and at most one pair X.cert, X.key (client certificate). Empty:
  /// none.
  std::string certs_dir;
  /// A docker config.json with auths, credHelpers, credsStore; read at each look-up, absence is no error. Empty: none.
  std::string docker_config;
  /// Domain → credential; before docker_config.
  std::map<std::string, Credential> credentials;
  unsigned connections = 4;  ///< blobs in flight per pull or push
  Timeouts timeouts;
  RetryPolicy retry;
  Limits limits;
  std::uint64_t upload_chunk = 64 << 20;  ///< blobs over this go up in chunks, which can be resumed
};

}  // namespace fulcrum::image::registry
