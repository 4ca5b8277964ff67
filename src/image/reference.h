// Image references: what people type after `run` and `pull`, taken apart by Docker's rules.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/id.h"

namespace fulcrum::image {

/// The registry that a name without one belongs to.
inline constexpr std::string_view kDefaultDomain = "docker.io";
/// The tag that a name without tag and digest means.
inline constexpr std::string_view kDefaultTag = "latest";
/// The longest repository path (without the domain) and the longest tag, in bytes.
inline constexpr std::size_t kMaxRepositoryLength = 255;
inline constexpr std::size_t kMaxTagLength = 128;

/// A normalised image reference: `nginx` is docker.io/library/nginx:latest, as Docker, containerd and skopeo read it.
///
///     reference := [domain "/"] path [":" tag] ["@" digest]
///     domain    := (dns-name | IPv4 | "[" IPv6 "]") [":" port]      known by a "." or ":" or an upper-case letter in it, or "localhost"
///     path      := component ("/" component)*                        component := [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)*
///     tag       := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
///     digest    := ("sha256:" hex{64}) | ("sha384:" hex{96}) | ("sha512:" hex{128})
struct Reference {
  std::string domain;  ///< "docker.io", "localhost:5000"; never empty after parse()
  std::string path;    ///< "library/nginx"
  std::string tag;     ///< "latest"; empty only when there is a digest
  Digest digest;       ///< "sha256:…"; empty when none was given. With both, the digest decides and the tag is a label

  /// Parses and normalises. Error: invalid_argument that quotes the text and names what is wrong with it.
  [[nodiscard]] static Result<Reference> parse(std::string_view text);

  /// "docker.io/library/nginx"
  std::string repository() const;
  /// The canonical form: "docker.io/library/nginx:latest", "localhost:5000/x@sha256:…", "docker.io/library/nginx:1.22@sha256:…".
  std::string str() const;
  /// The shortest form that parses to the same reference, as `docker images` prints it: "nginx:latest".
  std::string familiar() const;
  /// The familiar repository: "nginx", "localhost:5000/x".
  std::string familiar_name() const;
  /// What a registry is asked for: the digest when there is one, else the tag.
  const std::string& selector() const { return digest.empty() ? tag : digest.str(); }

  friend bool operator==(const Reference&, const Reference&) = default;
};

/// Whether the text is a digest of a known algorithm: lower-case hex of exactly its length.
bool is_digest(std::string_view text);
/// Whether the text is a valid tag.
bool is_tag(std::string_view text);
/// Whether the text is a valid repository path (without domain), within its length limit.
bool is_repository_path(std::string_view text);
/// Whether the text is host[:port] of a registry.
bool is_domain(std::string_view text);

}  // namespace fulcrum::image
