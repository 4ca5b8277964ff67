// The WWW-Authenticate header (RFC 9110 section 11.6.1): what a registry asks for before it answers.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fulcrum::image::registry {

/// One challenge: `Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull"`.
struct Challenge {
  std::string scheme;                             ///< lower case: "bearer", "basic"
  std::string token68;                            ///< the bare credential form (`Negotiate YII=`); empty with parameters
  std::map<std::string, std::string> parameters;  ///< names in lower case; the first of a repeated name counts

  /// The parameter, or "" when it is absent.
  std::string_view parameter(const std::string& name) const;
};

/// The challenges of one header value, in order. Text that is no challenge is skipped, never an error: a registry's odd
/// extra scheme must not hide the one that we can answer. At most 16 challenges of 16 parameters are read.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace fulcrum::image::registry
